"""YAML text to trees with marks, and trees to YAML text."""
