"""The workflows behind the commands: check, push, deploy, operate, and writing an output folder."""
