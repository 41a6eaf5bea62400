"""The login, and the repositories, of a fake ECR."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from compose2fargate.apply.aws_client.ecr_login import EcrLogin, open_registry, prepare_registry
from compose2fargate.aws.api_values import Tag
from compose2fargate.aws.resources import Repository
from compose2fargate.diagnostics import AwsError

REGION = "eu-central-1"
WEB = Repository("shop/web", tags=(Tag("team", "blue"),))
API = Repository("shop/api", "IMMUTABLE", scan_on_push=False, keep=5)


@pytest.fixture
def ecr(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        make: Any = boto3.client
        yield make("ecr", region_name=REGION)


def test_the_login_is_that_of_the_account(ecr: Any) -> None:
    login = prepare_registry([], open_registry(REGION)).login
    assert login.registry == f"123456789012.dkr.ecr.{REGION}.amazonaws.com"
    assert b64decode(login.basic) == b"AWS:123456789012-auth-token"


def test_a_login_does_not_show_its_token() -> None:
    assert "c2VjcmV0" not in repr(EcrLogin("registry", "c2VjcmV0"))
    assert "c2VjcmV0" not in f"{EcrLogin('registry', 'c2VjcmV0')}"


def test_another_account_is_named_by_the_address(ecr: Any) -> None:
    assert prepare_registry([], open_registry(REGION), account="210987654321").login.registry.startswith(
        "210987654321.dkr.ecr."
    )


def test_what_is_missing_is_created_as_it_is_described(ecr: Any) -> None:
    done = prepare_registry([WEB, API], open_registry(REGION))
    assert done.created == ("shop/web", "shop/api")
    assert done.mutable == ()
    made = {r["repositoryName"]: r for r in ecr.describe_repositories()["repositories"]}
    assert made["shop/web"]["imageScanningConfiguration"] == {"scanOnPush": True}
    assert made["shop/api"]["imageScanningConfiguration"] == {"scanOnPush": False}
    assert made["shop/api"]["imageTagMutability"] == "IMMUTABLE"
    tags = ecr.list_tags_for_resource(resourceArn=made["shop/web"]["repositoryArn"])["tags"]
    assert tags == [{"Key": "team", "Value": "blue"}]
    for name, keep in (("shop/web", 30), ("shop/api", 5)):
        policy = json.loads(ecr.get_lifecycle_policy(repositoryName=name)["lifecyclePolicyText"])
        (rule,) = policy["rules"]
        assert rule["selection"] == {
            "tagStatus": "any",
            "countType": "imageCountMoreThan",
            "countNumber": keep,
        }


def test_what_is_there_is_not_changed(ecr: Any) -> None:
    ecr.create_repository(repositoryName="shop/web", imageScanningConfiguration={"scanOnPush": False})
    done = prepare_registry([WEB, API], open_registry(REGION))
    assert done.created == ("shop/api",)
    assert done.mutable == ("shop/web",)
    (web,) = ecr.describe_repositories(repositoryNames=["shop/web"])["repositories"]
    assert web["imageScanningConfiguration"] == {"scanOnPush": False}
    assert prepare_registry([WEB, API], open_registry(REGION)).created == ()


def test_a_hundred_and_one_repositories_are_asked_for_in_two_calls(ecr: Any) -> None:
    many = [Repository(f"shop/s{n}", keep=1) for n in range(101)]
    assert len(prepare_registry(many, open_registry(REGION)).created) == 101
    assert prepare_registry(many, open_registry(REGION)).created == ()


def fail(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    from botocore.client import BaseClient
    from botocore.exceptions import ClientError

    def refuse(_client: object, operation: str, _arguments: object) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, operation)

    monkeypatch.setattr(BaseClient, "_make_api_call", refuse)


@pytest.mark.parametrize(
    ("refusal", "code"), [("AccessDeniedException", "C2F404"), ("ExpiredTokenException", "C2F400")]
)
def test_what_aws_refuses_is_told_with_a_way_on(
    refusal: str, code: str, ecr: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail(monkeypatch, refusal)
    with pytest.raises(AwsError) as caught:
        prepare_registry([WEB], open_registry(REGION))
    (found,) = caught.value.diagnostics
    assert found.code == code
    assert "preparing ECR: AWS refused GetAuthorizationToken" in found.message
    assert found.hint
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("arguments", "code"), [({"region": ""}, "C2F401"), ({"region": REGION, "profile": "nobody"}, "C2F402")]
)
def test_what_is_missing_is_asked_for(
    arguments: dict[str, str], code: str, ecr: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(AwsError) as caught:
        open_registry(**arguments)
    assert caught.value.diagnostics[0].code == code


def test_no_credentials_are_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    with pytest.raises(AwsError) as caught:
        prepare_registry([], open_registry(REGION))
    assert caught.value.diagnostics[0].code == "C2F400"
