"""From compose files to a frozen project. No AWS word is known here."""
