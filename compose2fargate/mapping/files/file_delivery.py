"""The init container that writes files into volumes before a service starts."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping

from compose2fargate.aws.api_values import KeyValue
from compose2fargate.aws.resources import (
    ContainerDefinition,
    ContainerDependency,
    LogConfiguration,
    MountPoint,
    Secret,
    TaskVolume,
)
from compose2fargate.compose.model import Service
from compose2fargate.mapping.files.file_plan import MountedFile
from compose2fargate.mapping.names import ecs_name
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput
from compose2fargate.records import NamedTuple
from compose2fargate.settings import Settings
from compose2fargate.text.shell_text import quote


class FileDelivery(NamedTuple):
    """What brings a service's files: an init container, the volumes it fills, and where the service sees them."""

    container: ContainerDefinition
    volumes: tuple[TaskVolume, ...]
    mount_points: tuple[MountPoint, ...]

    @property
    def dependency(self) -> ContainerDependency:
        """What the service waits for."""
        return ContainerDependency(self.container.name, "SUCCESS")


def deliver_files(
    ctx: TranslationInput, findings: TranslationFindings, service: Service, log: LogConfiguration | None
) -> FileDelivery | None:
    """Give the init container that writes the service's files, or None where none is asked for or needed."""
    files = ctx.plans[service.name].written
    if not files:
        return None
    report_init_image(ctx.settings, findings, service)
    folders = {folder: number for number, folder in enumerate(_roots(files))}
    volumes = {
        folder: TaskVolume(ecs_name(f"files-{service.name}-{number}")) for folder, number in folders.items()
    }
    return FileDelivery(
        container=ContainerDefinition(
            name=ecs_name(f"{service.name}-files"),
            image=ctx.settings.init_image,
            essential=False,
            entry_point=("/bin/sh", "-ec"),
            command=(_script(files, folders),),
            environment=tuple(
                KeyValue(f"FILE_{n}", f.text) for n, f in enumerate(files) if f.text is not None
            ),
            secrets=tuple(Secret(f"FILE_{n}", f.value) for n, f in enumerate(files) if f.value is not None),
            mount_points=tuple(
                MountPoint(volumes[f].name, f"/files/{number}") for f, number in folders.items()
            ),
            log_configuration=log,
        ),
        volumes=tuple(volumes.values()),
        mount_points=tuple(MountPoint(volumes[folder].name, folder, read_only=True) for folder in folders),
    )


_PUBLIC_REGISTRIES = ("public.ecr.aws/", "docker.io/", "quay.io/", "ghcr.io/")


def report_init_image(settings: Settings, findings: TranslationFindings, service: Service) -> None:
    """Say what a public image of the init container means for tasks without a way to the internet."""
    image = settings.init_image
    public = image.startswith(_PUBLIC_REGISTRIES) or "." not in image.partition("/")[0]
    if public and settings.subnets and not settings.assign_public_ip:
        findings.info(
            "C2F269",
            ("services", service.name),
            f"the container that writes files runs {image}, which tasks in private subnets can pull only through a NAT gateway",
            hint="use --init-image to name a copy in your own registry, for example in an ECR pull-through cache",
            url="https://docs.aws.amazon.com/AmazonECR/latest/userguide/pull-through-cache.html",
        )


def _roots(files: Iterable[MountedFile]) -> list[str]:
    """The directories to mount: those of the files, but none inside another, where nothing could be mounted."""
    roots: list[str] = []
    for folder in sorted({posixpath.dirname(file.target) for file in files}):
        if not any(folder.startswith(f"{root}/") for root in roots):
            roots.append(folder)
    return roots


def _script(files: Iterable[MountedFile], folders: Mapping[str, int]) -> str:
    """A shell script that writes each file from its variable, byte for byte, and sets owner and mode."""
    lines = []
    for number, file in enumerate(files):
        root = next(r for r in folders if file.target.startswith(f"{r}/"))
        path = f"/files/{folders[root]}{file.target.removeprefix(root)}"
        if posixpath.dirname(file.target) != root:
            lines.append(f"mkdir -p {quote(posixpath.dirname(path))}")
        lines.append(f'printf %s "$FILE_{number}" > {quote(path)}')
        if file.owner:
            lines.append(f"chown -- {quote(file.owner)} {quote(path)}")
        lines.append(f"chmod -- {quote(file.mode or '0644')} {quote(path)}")
    return "\n".join(lines)
