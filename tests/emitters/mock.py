"""A provider that answers from memory, for `terraform test`: whole modules are evaluated without a server."""

from __future__ import annotations

from compose2fargate.emitters.terraform.terraform_names import TYPES

ACCOUNT = "123456789012"
IDS = {
    "aws_service_discovery_service": "srv-0a1b2c3d4e5f6071",
    "aws_security_group": "sg-0abc1234",
    "aws_efs_file_system": "fs-0abc1234",
    "aws_efs_access_point": "fsap-0abc1234",
}
DATA = {
    "aws_caller_identity": f'account_id = "{ACCOUNT}"',
    "aws_partition": 'partition = "aws"',
    "aws_region": 'id = "us-east-1"',
    "aws_vpc": 'id = "vpc-0abc1234"',
    "aws_subnet": 'vpc_id = "vpc-0abc1234"',
    "aws_ecr_repository": (
        f'arn = "arn:aws:mock:us-east-1:{ACCOUNT}:repository/x", repository_url = "{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/mocked"'
    ),
    "aws_secretsmanager_secret": f'arn = "arn:aws:mock:us-east-1:{ACCOUNT}:secret/x"',
    "aws_secretsmanager_secret_versions": 'versions = [{ version_stages = ["AWSCURRENT"] }]',
    "aws_subnets": 'ids = ["subnet-0a000000", "subnet-0b000000"]',
    "aws_iam_policy_document": 'json = "{\\"Version\\":\\"2012-10-17\\",\\"Statement\\":[]}"',
    **{
        f"aws_{kind}": f'arn = "arn:aws:mock:us-east-1:{ACCOUNT}:{kind}/x"'
        for kind in ("iam_role", "ecs_cluster")
    },
}
_ONLY_ID = {"aws_efs_mount_target", "aws_appautoscaling_policy"}


def provider() -> str:
    """Give the `mock_provider` block: every ARN has the form of one, since the provider checks that."""
    lines = ['mock_provider "aws" {']
    for kind in sorted(set(TYPES.values()) - _ONLY_ID):
        arn = f"arn:aws:mock:us-east-1:{ACCOUNT}:{kind}/x"
        defaults = {"id": IDS.get(kind, arn)} | ({} if kind == "aws_ecs_service" else {"arn": arn})
        members = ", ".join(f'{name} = "{value}"' for name, value in defaults.items())
        lines.append(f'  mock_resource "{kind}" {{\n    defaults = {{ {members} }}\n  }}')
    for kind, members in DATA.items():
        lines.append(f'  mock_data "{kind}" {{\n    defaults = {{ {members} }}\n  }}')
    return "\n".join([*lines, "}\n"])
