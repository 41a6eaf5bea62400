"""The command line: options, printing and exit codes. What is done is done by `compose2fargate.api`."""
