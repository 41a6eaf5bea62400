"""Real `secrets:` of a compose file through a whole life: their values reach the store, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compose2fargate.apply.aws_client.account import AwsAccount
from compose2fargate.apply.sandbox.server import Sandbox
from tests.cli.conftest import Operate, change
from tests.conftest import Result

WORD = "canary"
IN_FILE = f"-----{WORD} of a file\nits second {WORD} line\n"
IN_VARIABLE = f'{WORD}-"of"-a-variable'
COMPOSE = """\
name: shop
x-fargate: {secret_files: init, secrets_store: STORE}
services:
  web:
    image: nginx:1.27
    environment: {DATABASE_PASSWORD_FILE: /run/secrets/certificate}
    secrets: [certificate, license]
secrets:
  certificate: {file: ./certificate.pem}
  license: {environment: LICENSE}
"""


class Life:
    """Runs commands with the secrets' values at hand, and keeps all that they say and write."""

    def __init__(self, operate: Operate, folder: Path) -> None:
        self._operate, self._folder = operate, folder
        self.said: dict[str, str] = {}

    def __call__(self, *words: str) -> Result:
        result = self._operate(*words, LICENSE=IN_VARIABLE)
        self.said[" ".join(words)] = result.out + result.err
        return result

    def leaks(self) -> list[str]:
        """Name the commands and files in which a value is."""
        files = [
            path for path in self._folder.rglob("*") if path.is_file() and path.name != "certificate.pem"
        ]
        return [words for words, text in self.said.items() if WORD in text] + [
            path.name for path in files if WORD in path.read_text("utf-8")
        ]


@pytest.fixture(params=["ssm", "secretsmanager"])
def store(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(tmp_path: Path, store: str) -> Path:
    (tmp_path / "compose.yaml").write_text(COMPOSE.replace("STORE", store))
    (tmp_path / "certificate.pem").write_text(IN_FILE)
    return tmp_path


@pytest.fixture
def life(operate: Operate, folder: Path) -> Iterator[Life]:
    made = Life(operate, folder)
    yield made
    assert made.leaks() == []


def stored(account: AwsAccount, store: str) -> dict[str, str]:
    if store == "ssm":
        ssm = account.client("ssm")
        names = [one["Name"] for one in ssm.describe_parameters()["Parameters"]]
        found = ssm.get_parameters(Names=names, WithDecryption=True)["Parameters"] if names else []
        assert {one["Type"] for one in found} <= {"SecureString"}
        return {one["Name"]: one["Value"] for one in found}
    manager = account.client("secretsmanager")
    names = [one["Name"] for one in manager.list_secrets()["SecretList"]]
    return {f"/{name.lstrip('/')}": manager.get_secret_value(SecretId=name)["SecretString"] for name in names}


def all_of_ecs(account: AwsAccount) -> str:
    """Everything that ECS and CloudWatch Logs know, as text."""
    ecs, logs = account.client("ecs"), account.client("logs")
    definitions = [
        ecs.describe_task_definition(taskDefinition=arn)
        for arn in ecs.list_task_definitions()["taskDefinitionArns"]
    ]
    services = ecs.describe_services(cluster="shop", services=["web"])
    tasks = ecs.describe_tasks(cluster="shop", tasks=ecs.list_tasks(cluster="shop")["taskArns"])
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    lines = [logs.filter_log_events(logGroupName=name)["events"] for name in groups]
    return json.dumps([definitions, services, tasks, lines], default=str)


EXPECTED = {"/shop/certificate": IN_FILE, "/shop/license": IN_VARIABLE}


def test_values_are_in_the_store_and_nowhere_else(
    life: Life, account: AwsAccount, sandbox: Sandbox, folder: Path, store: str
) -> None:
    assert life("plan").status == 0
    assert life("plan", "--format", "json", "--all").status == 0
    assert life("plan", "--out", "plan.json").status == 0
    assert stored(account, store) == {}
    assert life("apply", "plan.json", "--debug").status == 0
    assert stored(account, store) == EXPECTED

    assert life("apply", "--yes", "--no-verify-first", "--debug", "--format", "json").status == 0
    assert "nothing to do" in life("plan").out
    change(folder, "nginx:1.27", "nginx:1.28")
    assert life("apply", "--yes", "--no-verify-first").status == 0
    for words in (["status"], ["logs"], ["secrets"], ["run", "web"], ["permissions"]):
        life(*words)
    assert WORD not in all_of_ecs(account)
    assert WORD not in repr(sandbox.calls)

    assert life("destroy", "--yes", "--debug").status == 0
    assert stored(account, store) == {}


def test_a_refusal_that_repeats_the_value_does_not_show_it(
    life: Life, account: AwsAccount, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    """AWS may put what it does not take into its message: `Value 'x' at 'value' failed to satisfy constraint`."""
    from moto.core.exceptions import JsonRESTError
    from moto.secretsmanager.models import SecretsManagerBackend
    from moto.ssm.models import SimpleSystemManagerBackend

    def refuse(_: Any, *given: Any, **named: Any) -> None:
        what = [one for one in (*given, *named.values()) if isinstance(one, str)]
        raise JsonRESTError("ValidationException", f"Value '{what}' at 'value' failed to satisfy constraint")

    with monkeypatch.context() as patched:
        patched.setattr(SimpleSystemManagerBackend, "put_parameter", refuse)
        patched.setattr(SecretsManagerBackend, "create_secret", refuse)
        done = life("apply", "--yes", "--no-verify-first", "--debug", "--format", "json")
    assert done.status == 3
    assert "failed to satisfy constraint" in done.err
    assert "(hidden)" in done.err


def test_a_value_that_nobody_has_is_told_by_name(operate: Operate, account: AwsAccount, store: str) -> None:
    refused = operate("apply", "--yes", "--no-verify-first")
    assert refused.status == 1
    assert "C2F415" in refused.err
    assert "license" in refused.err
    assert WORD not in refused.out + refused.err
    assert list(stored(account, store)) == ["/shop/certificate"]
