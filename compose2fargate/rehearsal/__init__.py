"""Runs the tasks of a stack on a local engine by Fargate's rules."""
