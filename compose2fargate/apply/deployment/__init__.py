"""Reading what exists, planning, executing and waiting."""
