"""The json target: API inputs as files, and commands.sh."""
