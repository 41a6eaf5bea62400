"""ECR: the login, and repositories that are there before something is pushed to them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from compose2fargate.aws.resources import Repository
from compose2fargate.diagnostics import AwsError, Diagnostic, Severity

_LOGIN_URL: Final = "https://docs.aws.amazon.com/AmazonECR/latest/userguide/registry_auth.html"
_PERMISSIONS_URL: Final = "https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html"
_BATCH: Final = 100
"""Names in one DescribeRepositories call: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeRepositories.html"""


class Login(NamedTuple):
    """The account's registry, and the login for it as HTTP has it. Good for twelve hours; never printed."""

    registry: str
    basic: str

    def __repr__(self) -> str:
        """Leave the token out: a value may end up in a message."""
        return f"Login(registry={self.registry!r})"


class Prepared(NamedTuple):
    """What `prepare` did: the login, which repositories it made, and which of the others let tags be overwritten."""

    login: Login
    created: tuple[str, ...]
    mutable: tuple[str, ...]


def prepare(
    repositories: Sequence[Repository], *, region: str, account: str = "", profile: str = ""
) -> Prepared:
    """Log in to ECR, and create the repositories that are missing; what is there is not changed.

    Args:
        repositories: The repositories that are going to be pushed to.
        region: The region; "" for the one of the credentials' configuration.
        account: The account, where it is not the one of the credentials.
        profile: The name of a profile of the AWS configuration; "" for the environment's.

    Raises:
        AwsError: AWS refuses, or cannot be reached.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client = _client(region, profile)
        login = _login(client, account)
        found = _describe(client, [r.repository_name for r in repositories], account)
        missing = [r for r in repositories if r.repository_name not in found]
        for repository in missing:
            _create(client, repository, account)
    except ClientError as error:
        raise _refused(error) from error
    except BotoCoreError as error:
        raise _unreachable(error) from error
    created = tuple(r.repository_name for r in missing)
    return Prepared(login, created, tuple(name for name, kind in found.items() if kind == "MUTABLE"))


def _client(region: str, profile: str) -> Any:
    import boto3

    session = boto3.Session(profile_name=profile or None, region_name=region or None)
    return session.client("ecr")


def _login(client: Any, account: str) -> Login:
    data = client.get_authorization_token()["authorizationData"][0]
    registry = data["proxyEndpoint"].partition("://")[2]
    if account:
        # The token is good for every registry that the caller may use; only the address names the account.
        registry = account + registry[registry.index(".") :] if "." in registry else registry
    return Login(registry, data["authorizationToken"])


def _describe(client: Any, names: Sequence[str], account: str) -> dict[str, str]:
    """Give the tag mutability of each repository that exists. AWS answers with an error if one of them does not."""
    found: dict[str, str] = {}
    for start in range(0, len(names), _BATCH):
        batch = names[start : start + _BATCH]
        try:
            found.update(_ask(client, batch, account))
        except client.exceptions.RepositoryNotFoundException:
            for name in batch:
                found.update(_ask_one(client, name, account))
    return found


def _ask_one(client: Any, name: str, account: str) -> dict[str, str]:
    try:
        return _ask(client, [name], account)
    except client.exceptions.RepositoryNotFoundException:
        return {}


def _ask(client: Any, names: Sequence[str], account: str) -> dict[str, str]:
    answer = client.describe_repositories(repositoryNames=list(names), **_registry(account))
    return {r["repositoryName"]: r.get("imageTagMutability", "MUTABLE") for r in answer["repositories"]}


def _registry(account: str) -> dict[str, str]:
    return {"registryId": account} if account else {}


def _create(client: Any, repository: Repository, account: str) -> None:
    try:
        client.create_repository(
            repositoryName=repository.repository_name,
            imageTagMutability=repository.image_tag_mutability,
            imageScanningConfiguration={"scanOnPush": repository.scan_on_push},
            tags=[{"Key": tag.key, "Value": tag.value} for tag in repository.tags],
            **_registry(account),
        )
    except client.exceptions.RepositoryAlreadyExistsException:  # somebody was faster
        return
    if repository.keep:
        client.put_lifecycle_policy(
            repositoryName=repository.repository_name,
            lifecyclePolicyText=lifecycle_policy(repository.keep),
            **_registry(account),
        )


def lifecycle_policy(keep: int) -> str:
    """Give the policy that keeps the `keep` newest images of a repository.

    https://docs.aws.amazon.com/AmazonECR/latest/userguide/lifecycle_policy_parameters.html
    """
    rule = {
        "rulePriority": 1,
        "description": f"keep the last {keep} images",
        "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": keep},
        "action": {"type": "expire"},
    }
    return json.dumps({"rules": [rule]})


_DENIED: Final = frozenset({"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"})
_EXPIRED: Final = frozenset(
    {"ExpiredTokenException", "ExpiredToken", "UnrecognizedClientException", "InvalidSignatureException"}
)


def _refused(error: Any) -> AwsError:
    code = error.response.get("Error", {}).get("Code", "")
    operation = error.operation_name
    hint = "try again"
    if code in _DENIED:
        hint = f"let the caller do it: a policy with ecr:{operation}; {_PERMISSIONS_URL} has the whole of it"
    elif code in _EXPIRED:
        hint = "renew the credentials: aws sso login, or export AWS_PROFILE"
    message = error.response.get("Error", {}).get("Message", code)
    return _error(f"ECR refuses {operation}: {code}: {message}", hint, _PERMISSIONS_URL)


_ADVICE: Final[tuple[tuple[str, str], ...]] = (
    ("NoCredentialsError", "log in (aws sso login, aws configure), or name a profile: --aws-profile NAME"),
    ("NoRegionError", "--region REGION, or AWS_REGION"),
    ("ProfileNotFound", "aws configure list-profiles shows which there are"),
)


def _unreachable(error: Any) -> AwsError:
    advice = dict(_ADVICE)
    names = [kind.__name__ for kind in type(error).__mro__]
    hint = next((advice[name] for name in names if name in advice), "check the network, and AWS_ENDPOINT_URL")
    return _error(f"ECR cannot be used: {error}", hint, _LOGIN_URL)


def _error(message: str, hint: str, url: str) -> AwsError:
    return AwsError(Diagnostic("C2F455", Severity.ERROR, message, hint=hint, url=url))
