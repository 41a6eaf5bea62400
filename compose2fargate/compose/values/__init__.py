"""The forms of values: interpolation, short syntax, durations and sizes, canonical form."""
