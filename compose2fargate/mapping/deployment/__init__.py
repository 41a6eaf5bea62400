"""How many tasks run, how one version follows another, and in which order."""
