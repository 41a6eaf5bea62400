"""The cloudformation target."""
