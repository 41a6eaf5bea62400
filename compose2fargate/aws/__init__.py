"""The vocabulary of ECS on Fargate: resources as frozen values, their limits as data. No I/O, no boto3."""
