"""A fake AWS of its own for each module, and a real Terraform that takes the module through its life there."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.emitters.conftest import Terraform
from tests.sandbox_server import Server

REGION = "us-east-1"
PROVIDER = """provider "aws" {
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  max_retries                 = 1
}
"""


class Account:
    """A fake AWS of its own, in a process of its own."""

    def __init__(self) -> None:
        self._server = Server()
        self.env = {**self._server.env, "AWS_REGION": REGION}

    def client(self, service: str) -> Any:
        return self._server.session(REGION).client(service, endpoint_url=self._server.url)

    def close(self) -> None:
        self._server.close()

    def demand_inputs(self) -> None:
        """Start no task from here on without its image and the values of its secrets."""
        self._server.post("inputs")

    def failures(self, of: str = "") -> list[str]:
        """Give why services are not as they should be: all, or those of one cluster."""
        ecs = self.client("ecs")
        found = []
        for cluster in ecs.list_clusters()["clusterArns"]:
            if of and not cluster.endswith(f"/{of}"):
                continue
            names = ecs.list_services(cluster=cluster, maxResults=100)["serviceArns"]
            for at in range(0, len(names), 10):
                services = ecs.describe_services(cluster=cluster, services=names[at : at + 10])["services"]
                found += [
                    f"{s['serviceName']}: {s['events'][0]['message']}"
                    for s in services
                    if s["runningCount"] != s["desiredCount"]
                ]
        return found

    def network(self) -> tuple[dict[str, str], str]:
        """Give variables that place a module in the account's default VPC, and a security group there."""
        ec2 = self.client("ec2")
        found = ec2.describe_subnets()["Subnets"][:2]
        group = ec2.create_security_group(GroupName="guest", Description="guest")["GroupId"]
        subnets = json.dumps([subnet["SubnetId"] for subnet in found])
        return {"vpc_id": found[0]["VpcId"], "subnet_ids": subnets}, group

    def holds(self) -> frozenset[str]:
        """Everything that is there, of the types that a module makes."""
        return frozenset(self._found())

    def _found(self) -> Iterator[str]:
        ecs = self.client("ecs")
        clusters = ecs.describe_clusters(clusters=ecs.list_clusters()["clusterArns"] or ["none"])["clusters"]
        yield from (f"cluster {c['clusterName']}" for c in clusters if c["status"] == "ACTIVE")
        for service, call, answer, name in _LISTS:
            for found in getattr(self.client(service), call)()[answer]:
                yield f"{answer} {found[name] if name else found}"


_LISTS = (
    ("elbv2", "describe_load_balancers", "LoadBalancers", "LoadBalancerName"),
    ("elbv2", "describe_target_groups", "TargetGroups", "TargetGroupName"),
    ("logs", "describe_log_groups", "logGroups", "logGroupName"),
    ("efs", "describe_file_systems", "FileSystems", "FileSystemId"),
    ("ecr", "describe_repositories", "repositories", "repositoryName"),
    ("ssm", "describe_parameters", "Parameters", "Name"),
    ("secretsmanager", "list_secrets", "SecretList", "Name"),
    ("scheduler", "list_schedules", "Schedules", "Name"),
    ("servicediscovery", "list_namespaces", "Namespaces", "Name"),
    ("servicediscovery", "list_services", "Services", "Name"),
    ("iam", "list_roles", "Roles", "RoleName"),
    ("ec2", "describe_security_groups", "SecurityGroups", "GroupId"),
)


class Module:
    """One module on its way through life."""

    def __init__(
        self, terraform: Terraform, folder: Path, account: Account, variables: Mapping[str, str]
    ) -> None:
        self._terraform = terraform
        self._folder = folder
        self._account = account
        self._variables = [f"-var={name}={value}" for name, value in variables.items()]
        (folder / "provider_override.tf").write_text(PROVIDER)
        terraform.init(folder)

    def run(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = self._once(command, *arguments)
        # The provider is a process of its own, which a starved machine may let answer too late.
        return (
            self._once(command, *arguments)
            if done.returncode == 1 and "plugin" in done.stderr.lower()
            else done
        )

    def _once(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        plain = (command, "-input=false", "-no-color", *arguments)
        return self._terraform(*plain, *self._variables, cwd=self._folder, env=self._account.env, timeout=600)

    def apply(self) -> None:
        done = self.run("apply", "-auto-approve")
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr

    def outputs(self) -> Any:
        done = self._terraform("output", "-json", cwd=self._folder, env=self._account.env)
        return {name: output["value"] for name, output in json.loads(done.stdout).items()}

    def plan(self) -> str:
        done = self.run("plan", "-detailed-exitcode")
        return "No changes" if done.returncode == 0 else done.stdout + done.stderr

    def changes(self) -> Mapping[str, list[str]]:
        done = self.run("plan", "-out=plan.bin")
        assert done.returncode == 0, done.stderr
        shown = self._terraform("show", "-json", "plan.bin", cwd=self._folder, env=self._account.env)
        planned = json.loads(shown.stdout)["resource_changes"]
        return {
            c["address"]: c["change"]["actions"]
            for c in planned
            if c["change"]["actions"] not in (["no-op"], ["read"])
        }

    def destroy(self) -> str:
        done = self.run("destroy", "-auto-approve")
        complete = re.search(r"Destroy complete! Resources: \d+", done.stdout)
        return str(complete[0]) if complete else f"not destroyed: {done.stderr}"
