"""Databases and caches that AWS runs in place of a container: chosen, set up, and named to their clients."""
