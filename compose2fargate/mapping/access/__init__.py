"""IAM roles and secrets."""
