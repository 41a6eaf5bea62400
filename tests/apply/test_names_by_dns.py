"""A project moves from Service Connect to names in the DNS, and back."""

from __future__ import annotations

from pathlib import Path

from compose2fargate.api import LoadOptions
from compose2fargate.apply.aws_client.account import AwsAccount
from compose2fargate.aws.stack import Stack
from compose2fargate.workflows.translating import translate
from tests.apply.world import World

TEXT = """\
name: shop
services:
  a: {image: "docker.io/acme/a:1", environment: {B: "http://b:7001"}}
  b: {image: "docker.io/acme/b:1", environment: {A: "http://a:7000"}}
"""


def stack_of(folder: Path, names: str) -> Stack:
    (folder / "compose.yaml").write_text(TEXT)
    made = translate(LoadOptions(environment={}, cwd=str(folder)), {"region": "eu-central-1", "names": names})
    return made.translation.stack


def test_a_project_moves_to_names_in_the_dns_and_back(account: AwsAccount, tmp_path: Path) -> None:
    for names, connected, registered in (
        ("service-connect", True, 0),
        ("dns", False, 1),
        ("service-connect", True, 0),
    ):
        world = World(account, stack_of(tmp_path, names))
        result = world.apply(prune=True)
        assert result.exit_code == 0, result.diagnostics
        assert world.kinds() == {}
        [service] = account.client("ecs").describe_services(cluster="shop", services=["a"])["services"]
        [deployed] = [one for one in service["deployments"] if one["status"] == "PRIMARY"]
        assert bool((deployed.get("serviceConnectConfiguration") or {}).get("enabled")) == connected
        assert len(service["serviceRegistries"]) == registered
    assert world.destroy().exit_code == 0
