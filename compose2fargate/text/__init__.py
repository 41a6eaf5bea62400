"""How text is written and shown: JSON, YAML, shell words, image references, and what is printed."""
