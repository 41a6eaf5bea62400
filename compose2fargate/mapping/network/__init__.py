"""Ports, names, load balancers and security groups."""
