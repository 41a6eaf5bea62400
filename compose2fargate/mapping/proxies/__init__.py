"""Reverse proxies and host tools that a load balancer replaces."""
