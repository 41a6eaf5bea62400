"""Where images are, what is known about them, and which are built here."""
