"""Services to task definitions: grouping, container definitions, sizes, logs."""
