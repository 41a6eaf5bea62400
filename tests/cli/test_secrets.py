"""`secrets`: what is listed, what is uploaded, and that no value is ever shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from compose2fargate.apply.aws_client.account import AwsAccount
from compose2fargate.apply.aws_client.hidden_texts import HIDDEN, hide_in_text
from compose2fargate.apply.sandbox.server import Sandbox
from tests.cli.conftest import Operate

FROM_FILE, FROM_ENVIRONMENT, FROM_COMPOSE = (
    "canary-of-a-file\nline two\n",
    "canary-of-a-variable",
    "canary-in-compose",
)
CANARIES = ("canary-of-a-file", "line two", FROM_ENVIRONMENT, FROM_COMPOSE)
COMPOSE = f"""\
name: shop
x-fargate: {{secrets: auto, secret_files: init}}
services:
  web:
    image: nginx:1.27
    environment:
      API_TOKEN: {FROM_COMPOSE}
    secrets: [certificate, license, database]
secrets:
  certificate: {{file: ./certificate.pem}}
  license: {{environment: LICENSE}}
  database:
    external: true
    name: /shared/database
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    (tmp_path / "certificate.pem").write_text(FROM_FILE)
    return tmp_path


def stored(account: AwsAccount) -> dict[str, str]:
    ssm = account.client("ssm")
    names = [one["Name"] for one in ssm.describe_parameters()["Parameters"]]
    found = ssm.get_parameters(Names=names, WithDecryption=True)["Parameters"] if names else []
    return {one["Name"]: one["Value"] for one in found}


ALL = {
    "/shop/certificate": FROM_FILE,
    "/shop/license": FROM_ENVIRONMENT,
    "/shop/web/API_TOKEN": FROM_COMPOSE,
}


def no_value_in(*texts: str) -> None:
    for text in texts:
        assert not [canary for canary in CANARIES if canary in text], text


def test_what_the_stack_reads_is_listed_with_its_origin(operate: Operate, folder: Path) -> None:
    done = operate("secrets", LICENSE=FROM_ENVIRONMENT)
    assert done.status == 0, done.err
    rows = {line.split()[0]: line for line in done.out.splitlines()}
    assert set(rows) == {"NAME", "/shared/database", *ALL}
    assert rows["/shop/certificate"].split()[1:4] == ["SSM", "no", "yes"]
    assert (
        rows["/shop/certificate"].endswith("file certificate.pem")
        or "certificate.pem" in rows["/shop/certificate"]
    )
    assert "variable LICENSE" in rows["/shop/license"]
    assert "you make it yourself" in rows["/shared/database"]
    no_value_in(done.out, done.err)


def test_what_is_missing_here_is_shown_before_anything_fails(operate: Operate, folder: Path) -> None:
    (folder / "certificate.pem").unlink()
    seen = {one["name"]: one for one in json.loads(operate("secrets", "--format", "json").out)}
    assert (seen["/shop/certificate"]["known"], seen["/shop/license"]["known"]) == (False, False)
    assert seen["/shared/database"]["known"] is None
    assert operate("secrets", "--exit-code").status == 1


def test_push_uploads_the_values_and_shows_none(operate: Operate, account: AwsAccount) -> None:
    done = operate("secrets", "push", LICENSE=FROM_ENVIRONMENT)
    assert done.status == 0, done.err
    assert stored(account) == ALL
    assert done.err.count("created") == 3
    no_value_in(done.out, done.err)
    parameters = account.client("ssm").describe_parameters()["Parameters"]
    assert {one["Type"] for one in parameters} == {"SecureString"}


def test_what_is_pushed_belongs_to_the_stack(operate: Operate, account: AwsAccount) -> None:
    operate("secrets", "push", LICENSE=FROM_ENVIRONMENT)
    tags = account.client("ssm").list_tags_for_resource(ResourceType="Parameter", ResourceId="/shop/license")
    assert {"Key": "compose2fargate:project", "Value": "shop"} in tags["TagList"]
    planned = operate("plan", "--format", "json", LICENSE=FROM_ENVIRONMENT)
    actions = {a["id"]: a["action"] for a in json.loads(planned.out)["actions"]}
    assert {a for node, a in actions.items() if node.startswith("secret/")} == {"unchanged"}


def test_a_value_that_is_there_is_kept_unless_asked(operate: Operate, account: AwsAccount) -> None:
    account.client("ssm").put_parameter(Name="/shop/license", Value="by hand", Type="SecureString")
    done = operate("secrets", "push", "license", LICENSE=FROM_ENVIRONMENT)
    assert done.status == 0
    assert "keeps it" in done.err
    assert stored(account) == {"/shop/license": "by hand"}
    done = operate("secrets", "push", "license", "--overwrite", LICENSE=FROM_ENVIRONMENT)
    assert done.status == 0, done.err
    assert stored(account) == {"/shop/license": FROM_ENVIRONMENT}
    assert "new-deployment" in done.err


def test_a_placeholder_is_no_value(operate: Operate, account: AwsAccount) -> None:
    """A database that starts with it keeps it for good, so it is told, stops a deployment, and is replaced unasked."""
    account.client("ssm").put_parameter(Name="/shop/license", Value="REPLACE_ME", Type="SecureString")
    rows = {line.split()[0]: line for line in operate("secrets").out.splitlines()}
    assert "yes, without a value" in rows["/shop/license"]
    refused = operate("apply", "--yes", "--adopt", LICENSE=FROM_ENVIRONMENT)
    assert "--> the secret /shop/license has no value yet" in refused.err
    done = operate("secrets", "push", "license", LICENSE=FROM_ENVIRONMENT)
    assert "/shop/license: existed without a value, and has one now" in done.err
    assert stored(account) == {"/shop/license": FROM_ENVIRONMENT}
    assert "new-deployment" not in done.err


def test_another_stacks_secret_is_never_overwritten(operate: Operate, account: AwsAccount) -> None:
    tags = [{"Key": "compose2fargate:project", "Value": "other"}]
    account.client("ssm").put_parameter(Name="/shop/license", Value="theirs", Type="SecureString", Tags=tags)
    done = operate("secrets", "push", "--overwrite", LICENSE=FROM_ENVIRONMENT)
    assert done.status == 1
    assert "C2F489" in done.err
    assert stored(account)["/shop/license"] == "theirs"
    assert "of another stack" in operate("secrets").out


def test_a_value_that_is_not_known_stops_only_itself(operate: Operate, account: AwsAccount) -> None:
    done = operate("secrets", "push")
    assert done.status == 1
    assert "C2F488: the value of /shop/license is not known here" in done.err
    assert set(stored(account)) == {"/shop/certificate", "/shop/web/API_TOKEN"}


def test_an_empty_value_is_refused_by_name(operate: Operate, account: AwsAccount) -> None:
    done = operate("secrets", "push", "license", LICENSE="")
    assert done.status == 1
    assert "/shop/license is empty" in done.err


@pytest.mark.parametrize(
    ("name", "said"),
    [("nothing", "does not read a secret nothing"), ("/shared/database", "does not say where")],
)
def test_a_name_that_cannot_be_pushed_is_a_usage_error(operate: Operate, name: str, said: str) -> None:
    done = operate("secrets", "push", name)
    assert done.status == 2
    assert said in done.err


def test_secrets_manager_takes_values_too(operate: Operate, account: AwsAccount, folder: Path) -> None:
    file = folder / "compose.yaml"
    file.write_text(
        file.read_text().replace("secrets: auto,", "secrets: auto, secrets_store: secretsmanager,")
    )
    assert operate("secrets", "push", "license", LICENSE=FROM_ENVIRONMENT).status == 0
    client = account.client("secretsmanager")
    assert client.get_secret_value(SecretId="/shop/license")["SecretString"] == FROM_ENVIRONMENT
    done = operate("secrets", "push", "license", "--overwrite", LICENSE="canary-of-a-variable-2")
    assert done.status == 0, done.err
    assert client.get_secret_value(SecretId="/shop/license")["SecretString"] == "canary-of-a-variable-2"
    assert "yes" in operate("secrets").out


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_refusal_that_quotes_the_value_is_masked(
    operate: Operate, account: AwsAccount, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    from botocore.exceptions import ClientError

    if overwrite:
        account.client("ssm").put_parameter(Name="/shop/license", Value="old", Type="SecureString")

    def refuse(**given: Any) -> None:
        text = f"1 validation error detected: Value '{given['Value']}' at 'value' failed"
        raise ClientError({"Error": {"Code": "ValidationException", "Message": text}}, "PutParameter")

    monkeypatch.setattr(account.client("ssm"), "put_parameter", refuse)
    options = ["--overwrite"] if overwrite else []
    done = operate("secrets", "push", "license", "--debug", *options, LICENSE=FROM_ENVIRONMENT)
    assert done.status == 3
    assert HIDDEN in done.err
    no_value_in(done.out, done.err)


def test_what_may_not_be_looked_at_is_said(operate: Operate, sandbox: Sandbox) -> None:
    sandbox.fault(service="ssm", operation="DescribeParameters", code="AccessDeniedException", times=9)
    done = operate("secrets")
    assert done.status == 0, done.err
    assert "not allowed to look" in done.out


def test_options_work_before_and_after_push(
    operate: Operate, account: AwsAccount, program: Any, folder: Path
) -> None:
    done = program("secrets", "--sandbox", "push", "license", cwd=folder, env={"LICENSE": FROM_ENVIRONMENT})
    assert done.status == 0, done.err
    assert set(stored(account)) == {"/shop/license"}


def test_masking_finds_lines_and_quoted_forms() -> None:
    value = 'first "line"\nsecond <line>\n'
    assert "first" not in hide_in_text(f"Value '{json.dumps(value)}'", value)
    assert "second" not in hide_in_text("saw second &lt;line&gt; there", value)
