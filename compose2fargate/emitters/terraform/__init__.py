"""The terraform target."""
