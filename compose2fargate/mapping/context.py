"""What every part of the mapping looks at, and how it reports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from compose2fargate.aws.builds import PushedImage
from compose2fargate.aws.values import Tag
from compose2fargate.compose.dockerfile import ImageConfig
from compose2fargate.compose.model import Project, Service
from compose2fargate.diagnostics import Diagnostic, Path, Severity
from compose2fargate.settings import Settings

if TYPE_CHECKING:
    from compose2fargate.mapping.coverage import Row
    from compose2fargate.mapping.disk import Found
    from compose2fargate.mapping.files import Plan
    from compose2fargate.mapping.grouping import Groups


class Context(NamedTuple):
    """One translation: the project, the choices, the names, and the list that findings are appended to.

    Attributes:
        project: The project without the services that are left out.
        settings: The user's choices.
        stack: Name of the cluster and prefix of all names: `<project>` or `<project>-<environment>`.
        region: The region of every ARN and log configuration.
        names: Compose service name to ECS name.
        images: Service name to what its Dockerfile says, where it is built here and could be read.
        jobs: Services that run to their end, with the reason.
        groups: Which services share a task.
        aliases: Service to its further names in the namespace.
        port_names: The names and further names of all services as names of ports.
        disk: What is at the paths that the project mounts, and in the variables (`$NAME`) that it reads.
        plans: Service name to how its files get into its container.
        outcomes: What a mapping function made of a key, where that is not what its row says.
        needed: Services that others depend on.
        report: Findings so far.
        tags: Service name to its tags, once they are known: all of its resources have them.
        pushed: What the lock file says was pushed, by `ImageBuild.key`.
        builders: Service that runs an image which another one builds, to that one.
        owners: Name of a repository to the service whose resource it is.
    """

    project: Project
    settings: Settings
    stack: str
    region: str
    names: Mapping[str, str]
    images: Mapping[str, ImageConfig]
    jobs: Mapping[str, str]
    groups: Groups
    aliases: Mapping[str, tuple[str, ...]]
    port_names: frozenset[str]
    disk: Mapping[str, Found]
    plans: dict[str, Plan]
    outcomes: dict[Path, Row]
    needed: frozenset[str]
    report: list[Diagnostic]
    tags: dict[str, tuple[Tag, ...]]
    pushed: Mapping[str, PushedImage] = {}
    builders: Mapping[str, str] = {}
    owners: Mapping[str, str] = {}

    def add(
        self, severity: Severity, code: str, path: Path, message: str, *, hint: str = "", url: str = ""
    ) -> None:
        """Report a finding about the key at `path`."""
        self.report.append(Diagnostic(code, severity, message, path, self.project.at(*path), hint, url))

    def info(self, code: str, path: Path, message: str, *, hint: str = "", url: str = "") -> None:
        """Report something good to know that changes nothing the user relies on."""
        self.add(Severity.INFO, code, path, message, hint=hint, url=url)

    def warn(self, code: str, path: Path, message: str, *, hint: str = "", url: str = "") -> None:
        """Report that something behaves differently on Fargate."""
        self.add(Severity.WARNING, code, path, message, hint=hint, url=url)

    def refuse(self, code: str, path: Path, message: str, *, hint: str = "", url: str = "") -> None:
        """Report that something cannot run on Fargate as it is."""
        self.add(Severity.ERROR, code, path, message, hint=hint, url=url)


def options_of(service: Service) -> Mapping[str, Any]:
    """Give the service's `x-fargate` mapping."""
    return service.extensions.get("x-fargate") or _NONE


_NONE: Mapping[str, Any] = {}
