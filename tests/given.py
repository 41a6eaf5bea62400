"""What a compose file says that its user has already, made in a fake AWS."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {
                    "Service": ["ecs-tasks.amazonaws.com", "scheduler.amazonaws.com", "ecs.amazonaws.com"]
                },
                "Action": "sts:AssumeRole",
            }
        ],
    }
)
"""Who may take a role that the account has already."""

_ARN = r"arn:aws:{}:[a-z0-9-]+:\d+:{}"
ARNS = {
    "cluster": rf"{_ARN.format('ecs', 'cluster')}/([\w-]+)",
    "certificate": rf"{_ARN.format('acm', 'certificate')}/()[\w-]+",
    "balancer": rf"{_ARN.format('elasticloadbalancing', 'loadbalancer')}/app/([\w-]+)/\w+",
    "listener": rf"{_ARN.format('elasticloadbalancing', 'listener')}/app/([\w-]+)/\w+/\w+",
}
"""How files name what only AWS gives an ARN, with its name as the group; the keys are methods of `Given`."""
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_POLICY = json.dumps(
    {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "*"}]}
)


class Given:
    """Makes things of a name in an account, and gives the ARNs that AWS gave."""

    def __init__(
        self, client: Callable[[str], Any], subnets: Sequence[str], groups: Sequence[str] = ()
    ) -> None:
        self.client, self.subnets, self._groups = client, list(subnets), list(groups)

    def cluster(self, name: str) -> str:
        return str(self.client("ecs").create_cluster(clusterName=name)["cluster"]["clusterArn"])

    def certificate(self, _: str) -> str:
        return str(self.client("acm").request_certificate(DomainName="example.com")["CertificateArn"])

    def balancer(self, name: str) -> str:
        given = {"SecurityGroups": self._groups} if self._groups else {}
        made = self.client("elbv2").create_load_balancer(Name=name, Subnets=self.subnets, **given)
        return str(made["LoadBalancers"][0]["LoadBalancerArn"])

    def listener(self, name: str) -> str:
        answer = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
        made = self.client("elbv2").create_listener(
            LoadBalancerArn=self.balancer(name), Port=80, Protocol="HTTP", DefaultActions=[answer]
        )
        return str(made["Listeners"][0]["ListenerArn"])

    def policy(self, name: str) -> None:
        self.client("iam").create_policy(PolicyName=name, PolicyDocument=_POLICY)

    def image(self, repository: str, tag: str) -> None:
        """Put an image where `push` puts it; the repository may be there."""
        ecr = self.client("ecr")
        with suppress(ecr.exceptions.RepositoryAlreadyExistsException):
            ecr.create_repository(repositoryName=repository)
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": {"digest": "sha256:0"},
            "layers": [],
        }
        text = json.dumps({**manifest, "annotations": {"of": f"{repository}:{tag}"}})
        ecr.put_image(repositoryName=repository, imageManifest=text, imageTag=tag)

    def parameter(self, name: str) -> None:
        self.client("ssm").put_parameter(Name=name, Value="s3cret", Type="SecureString")

    def secret(self, name: str) -> None:
        self.client("secretsmanager").create_secret(Name=name, SecretString="s3cret")

    def role(self, name: str) -> None:
        self.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
