"""Whether a compose file is valid: by schema, by value, and as a whole."""
