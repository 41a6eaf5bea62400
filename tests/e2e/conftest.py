"""A fake AWS for the suite, and the real AWS CLI pointed at it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import boto3
import pytest
from moto.server import ThreadedMotoServer

AWS_CLI = Path(sys.executable).parent / "aws"
REGION = "eu-central-1"
ACCOUNT = "123456789012"


class Network(NamedTuple):
    """What a task is placed in: a subnet and a security group of the fake account's default VPC."""

    subnet: str
    security_group: str


class FakeAws(NamedTuple):
    """A running fake of AWS."""

    url: str

    @property
    def environment(self) -> dict[str, str]:
        """What makes the AWS CLI talk to the fake, and to nothing else."""
        return {
            "PATH": f"{AWS_CLI.parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": os.devnull,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
            "AWS_PAGER": "",
        }

    def client(self, service: str) -> Any:
        """Give a boto3 client of the fake."""
        make: Any = boto3.client  # its own type has an overload per service
        return make(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    def cli(self, *arguments: str, cwd: Path) -> Any:
        """Run the real AWS CLI in `cwd`; give what it prints, or fail with what it complains about."""
        done = subprocess.run(
            [sys.executable, AWS_CLI, *arguments, "--output", "json"],
            cwd=cwd,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"aws {' '.join(arguments)}\n{done.stderr}"
        return json.loads(done.stdout or "null")

    def network(self) -> Network:
        """Name a subnet and a security group of the default VPC."""
        ec2 = self.client("ec2")
        subnet: Mapping[str, str] = ec2.describe_subnets()["Subnets"][0]
        groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [subnet["VpcId"]]}])
        return Network(subnet["SubnetId"], groups["SecurityGroups"][0]["GroupId"])


@pytest.fixture(scope="session")
def _server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def fake_aws(_server: str) -> FakeAws:
    """Give a fake AWS account that holds nothing yet."""
    from urllib.request import Request, urlopen

    with urlopen(Request(f"{_server}/moto-api/reset", method="POST")):  # noqa: S310 - our own server
        return FakeAws(_server)
