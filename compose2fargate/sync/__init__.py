"""Whether generated files still agree with their compose files, and what made them differ: values in, values out."""
