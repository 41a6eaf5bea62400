"""ECR: the login, and repositories that are there before something is pushed to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from compose2fargate.apply.aws_client.account import AwsAccount, open_account, translated_errors
from compose2fargate.aws.policies import lifecycle_policy
from compose2fargate.aws.resources import Repository
from compose2fargate.records import NamedTuple

_BATCH: Final = 100
"""Names in one DescribeRepositories call: https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_DescribeRepositories.html"""


class EcrLogin(NamedTuple):
    """The account's registry, and the login for it as HTTP has it. Good for twelve hours; never printed."""

    registry: str
    basic: str

    def __repr__(self) -> str:
        """Leave the token out: a value may end up in a message."""
        return f"Login(registry={self.registry!r})"


class PreparedRegistry(NamedTuple):
    """What `prepare` did: the login, which repositories it made, and which of the others let tags be overwritten."""

    login: EcrLogin
    created: tuple[str, ...]
    mutable: tuple[str, ...]


def open_registry(region: str = "", profile: str = "", sandbox: str = "") -> AwsAccount:
    """Give the account whose ECR is meant.

    Args:
        region: The region; "" for the one that the profile or the environment names.
        profile: A profile of the AWS configuration; "" for the default.
        sandbox: The folder whose sandbox is meant; "" for AWS itself.

    Raises:
        AwsError: There is no region or no such profile, or the sandbox does not start.
        UsageError: The sandbox needs something that is not installed.
    """
    if sandbox:
        from compose2fargate.apply.sandbox.sandbox_session import open_sandbox

        return open_sandbox(sandbox, region)
    return open_account(region, profile, check=False)


def prepare_registry(
    repositories: Sequence[Repository], opened: AwsAccount, *, account: str = ""
) -> PreparedRegistry:
    """Log in to ECR, and create the repositories that are missing; what is there is not changed.

    Args:
        repositories: The repositories that are going to be pushed to.
        opened: The account whose credentials are used.
        account: The account that the repositories are in, where it is another one.

    Raises:
        AwsError: AWS refuses, or cannot be reached.
    """
    with translated_errors("preparing ECR"):
        client = opened.client("ecr")
        login = _login(client, account)
        found = _describe(client, [r.repository_name for r in repositories], account)
        missing = [r for r in repositories if r.repository_name not in found]
        for repository in missing:
            _create(client, repository, account)
    created = tuple(r.repository_name for r in missing)
    return PreparedRegistry(login, created, tuple(name for name, kind in found.items() if kind == "MUTABLE"))


def _login(client: Any, account: str) -> EcrLogin:
    data = client.get_authorization_token()["authorizationData"][0]
    registry = data["proxyEndpoint"].partition("://")[2]
    if account:
        # The token is good for every registry that the caller may use; only the address names the account.
        registry = account + registry[registry.index(".") :] if "." in registry else registry
    return EcrLogin(registry, data["authorizationToken"])


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
    client.put_lifecycle_policy(
        repositoryName=repository.repository_name,
        lifecyclePolicyText=lifecycle_policy(repository.keep),
        **_registry(account),
    )
