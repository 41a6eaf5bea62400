"""What every part of the mapping looks at: the frozen input of one translation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from compose2fargate.aws.api_values import Tag
from compose2fargate.aws.image_build import PushedImage
from compose2fargate.compose.dockerfile.image_config import ImageConfig
from compose2fargate.compose.model import Project, Service
from compose2fargate.mapping.stores.managed_store import StorePasswords
from compose2fargate.records import NamedTuple
from compose2fargate.settings import Settings

if TYPE_CHECKING:
    from compose2fargate.mapping.containers.pre_start import ServiceHook
    from compose2fargate.mapping.containers.task_groups import TaskGroups
    from compose2fargate.mapping.files.file_plan import FilePlan
    from compose2fargate.mapping.files.host_files import HostFile
    from compose2fargate.mapping.references.reference_graph import ReferenceGraph
    from compose2fargate.mapping.stores.managed_store import ManagedStore


class TranslationInput(NamedTuple):
    """One translation: the project, the choices, the names, and what is known of all services at once.

    Attributes:
        project: The project without the services that are left out.
        settings: The user's choices.
        stack: Prefix of all names, and name of a cluster that is made: `<project>` or `<project>-<environment>`.
        region: The region of every ARN and log configuration.
        names: Compose service name to ECS name.
        images: Service name to what its Dockerfile says, where it is built here and could be read.
        jobs: Services that run to their end, with the reason.
        groups: Which services share a task.
        aliases: Service to its further names in the namespace.
        port_names: The names and further names of all services as names of ports.
        disk: What is at the paths that the project mounts, and in the variables (`$NAME`) that it reads.
        plans: Service name to how its files get into its container, once that is decided.
        needed: Services that others depend on.
        references: Who talks to whom.
        twins: Service to the one whose derived image it runs, since its own would be the same.
        tags: Service name to its tags: all of its resources have them.
        pushed: What the lock file says was pushed, by `ImageBuild.key`.
        builders: Service that runs an image which another one builds, to that one.
        hooks: Services that stand for `pre_start` hooks, and what they stand for.
        owners: Repository of a `build` section to the service whose resource it is.
        unnamed: Services whose image, built here, is named after them, in lower case.
        absent: Services that are not translated, since their profiles are not active or they are left out.
        passwords: Passwords that are found again by their text, to the variable that holds each.
        secrets: Service and variable that are kept as a secret, to those under whose names their value is kept.
        stores: Services in whose place AWS runs a database or a cache, which are not among the project's any more.
        store_passwords: The passwords of these.
    """

    project: Project
    settings: Settings
    stack: str
    region: str
    names: Mapping[str, str]
    images: Mapping[str, ImageConfig]
    jobs: Mapping[str, str]
    groups: TaskGroups
    aliases: Mapping[str, tuple[str, ...]]
    port_names: frozenset[str]
    disk: Mapping[str, HostFile]
    needed: frozenset[str]
    references: ReferenceGraph
    tags: Mapping[str, tuple[Tag, ...]]
    plans: Mapping[str, FilePlan] = {}
    twins: Mapping[str, str] = {}
    pushed: Mapping[str, PushedImage] = {}
    builders: Mapping[str, str] = {}
    owners: Mapping[str, str] = {}
    unnamed: frozenset[str] = frozenset()
    absent: frozenset[str] = frozenset()
    secrets: Mapping[tuple[str, str], tuple[str, str]] = {}
    passwords: Mapping[str, str] = {}
    hooks: Mapping[str, ServiceHook] = {}
    stores: Mapping[str, ManagedStore] = {}
    store_passwords: StorePasswords = StorePasswords()


def cluster_name(ctx: TranslationInput) -> str:
    """Give the name of the cluster: the stack's, or that of the user's own, which the settings give as an ARN."""
    given = ctx.settings.cluster
    return given.rpartition("/")[2] if given.startswith("arn:") else ctx.stack


def options_of(service: Service) -> Mapping[str, Any]:
    """Give the service's `x-fargate` mapping."""
    return service.extensions.get("x-fargate") or _NONE


_NONE: Mapping[str, Any] = {}
