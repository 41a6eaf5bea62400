"""Clients of AWS: credentials, throttling, transient errors, the registry's login."""
