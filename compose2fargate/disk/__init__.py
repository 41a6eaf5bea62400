"""The one part of the program that reads, writes and removes files; see docs/security.md for what it promises."""
