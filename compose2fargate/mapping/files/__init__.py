"""Files of the project that containers read, and how they get there."""
