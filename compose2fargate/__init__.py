"""Compile docker-compose files to AWS ECS on Fargate."""

__version__ = "0.1.0"
