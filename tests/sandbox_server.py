"""The fake AWS as a server of its own, as other programs use it."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from compose2fargate.apply.sandbox.server import RecordedCall
from tests.conftest import ROOT

SERVICES = (
    "acm", "application-autoscaling", "ec2", "ecr", "ecs", "efs", "elasticache", "elbv2", "iam", "logs", "rds", "scheduler",
    "secretsmanager", "servicediscovery", "ssm", "sts",
)  # fmt: skip
COMMAND = (sys.executable, "-m", "compose2fargate.apply.sandbox", "0")


class Server:
    """A server, and the variables that it printed."""

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert self.process.stdout
        lines = [self.process.stdout.readline() for _ in range(5)]
        self.env = dict(line.removeprefix("export ").strip().split("=", 1) for line in lines)
        self.url = self.env["AWS_ENDPOINT_URL"]
        self.token = self.env["AWS_ACCESS_KEY_ID"]

    def __getstate__(self) -> dict[str, Any]:
        """Give what a child process needs to talk to the server; only the parent ends it."""
        return {name: value for name, value in vars(self).items() if name != "process"}

    def session(self, region: str) -> Any:
        """Give a boto3 session whose clients the server answers, when they are made with its address."""
        return _session(self.token, region)

    def post(self, what: str, **body: Any) -> Any:
        return self._call(Request(f"{self.url}/_sandbox/{what}", json.dumps(body).encode()))  # noqa: S310

    def calls(self) -> list[RecordedCall]:
        made = self._call(Request(f"{self.url}/_sandbox/calls"))  # noqa: S310
        return [RecordedCall(**call) for call in made]

    def _call(self, request: Request) -> Any:
        request.add_header("X-Sandbox-Token", self.token)
        with build_opener(ProxyHandler({})).open(request, timeout=30) as answer:
            return json.load(answer)

    def close(self) -> None:
        self.process.terminate()
        self.process.communicate()


@cache
def _models() -> Any:
    """What boto3 reads of its services' models, once in a process: that takes longer than all calls of an apply."""
    from botocore.loaders import create_loader

    return create_loader()


def _session(token: str, region: str) -> Any:
    import boto3
    from botocore.session import get_session

    session = get_session()
    session.register_component("data_loader", _models())
    return boto3.Session(token, "sandbox", region_name=region, botocore_session=session)


def read_models() -> None:
    """Read the models of all services that the program calls, for the processes that are forked from this one."""
    session = _session("token", "eu-central-1")
    for service in SERVICES:
        session.client(service, endpoint_url="http://127.0.0.1:1")
