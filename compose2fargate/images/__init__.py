"""From build sections to images in a registry: what has changed, how it is built, and what was pushed."""
