"""Volumes, EFS file systems and bind mounts."""
