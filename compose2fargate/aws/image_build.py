"""Images that have to be built for a stack: what `mapping` asks for and `push` carries out.

An image is built from a service's `build` section, or derived: `FROM` the image of a service, with files of the
project that compose bind-mounts copied in. Both are plain values, complete enough to be built without the
compose file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from compose2fargate.records import NamedTuple

BASE_ARG: Final = "COMPOSE2FARGATE_BASE"
"""The build argument that names the image a derived image is based on: `ARG` it before `FROM ${...}`."""


LOCK: Final = "compose2fargate.lock"
"""The name of the lock file, beside the compose file."""


def lock_name(environment: str) -> str:
    """Give the name of an environment's lock file: its images are in repositories of its own."""
    return f"compose2fargate.{environment}.lock" if environment else LOCK


def is_lock(name: str) -> bool:
    """Tell whether a file is called as a lock file of ours is, whatever the environment."""
    return name == LOCK or (name.startswith("compose2fargate.") and name.endswith(".lock"))


MANIFEST: Final = "compose2fargate.json"
"""The name of the manifest, by which a folder is known as one that `convert` wrote."""


class PushedImage(NamedTuple):
    """One entry of the lock file: an image as it was pushed last.

    Attributes:
        repository: The name of its repository, without the registry.
        tag: The tag it was pushed with.
        digest: `sha256:…` of its manifest: what a task definition names.
        platform: What it runs on.
        content: `sha256:…` of what it was built from; empty when that cannot be told.
    """

    repository: str
    tag: str
    digest: str
    platform: str
    content: str


class BuildSecret(NamedTuple):
    """A secret that the build may read: exactly one of `file` (absolute path) and `environment` is set."""

    id: str
    file: str | None = None
    environment: str | None = None


class ContextFile(NamedTuple):
    """One file or folder of a derived image's context.

    Attributes:
        source: The absolute path it is copied from; "" when `text` is its content.
        path: Where it stands in the context, relative, with `/`.
        text: Content that stands in no file, as that of an inline config.
        mode: Its permission bits; None keeps those of `source` (0644 for a text).
    """

    source: str
    path: str
    text: str | None = None
    mode: int | None = None


class ImageBuild(NamedTuple):
    """One image to build and push.

    A service that is built here *and* has files copied in has two of these: the first with `base` None, the second
    with `base` its own name and another tag (`TAG-files`) in the same repository. The second is the one that runs.

    Attributes:
        service: The service whose containers run it.
        repository: The name of the ECR repository, without the registry.
        tag: The tag it is pushed with; "" lets `push` choose: the git commit, and `-files` behind it for what derives
            from a service's own image.
        platform: What the task runs on: `linux/amd64` or `linux/arm64`.
        context: Absolute path or address of the build context; None when `files` is the whole of it.
        dockerfile: Path of the Dockerfile, relative to `context`, or absolute; None for `Dockerfile`.
        dockerfile_text: The Dockerfile itself, where it is inline or generated; wins over `dockerfile`.
        target: The stage to build; "" for the last.
        args: Build arguments; None means "as the environment has it".
        labels: Labels of the image.
        secrets: Files and variables that `RUN --mount=type=secret` may read.
        ssh: `default`, or `ID=PATH`, each.
        cache_from: Where layers may be taken from, as `docker buildx build` takes it.
        cache_to: Where layers are exported to, likewise.
        additional_contexts: Named contexts: paths, addresses, `docker-image://…`, or `service:NAME`.
        network: The network of `RUN`; "" for the builder's own.
        extra_hosts: `NAME=ADDRESS`, each.
        shm_size: Size of `/dev/shm` for `RUN` in bytes; 0 for the builder's own.
        ulimits: Name to `SOFT:HARD`.
        no_cache: Build every step again.
        no_cache_filter: Stages of which every step is built again.
        pull: Ask the registry for newer base images.
        privileged: Whether `RUN` may do everything.
        entitlements: What else `RUN` may do, as BuildKit names it.
        provenance: "" for none, else the value of BuildKit's option: an image that ECS runs needs none.
        sbom: Likewise.
        tags: Further references that the image is pushed to, as the file has them.
        base: The service whose own image this one derives from; its reference is the argument `BASE_ARG`.
        files: What a derived image copies in.
        ignore: The `.dockerignore` with which a derived image's context is all of its files' common folder.
    """

    service: str
    repository: str
    tag: str
    platform: str
    context: str | None = None
    dockerfile: str | None = None
    dockerfile_text: str | None = None
    target: str = ""
    args: Mapping[str, str | None] = {}
    labels: Mapping[str, str] = {}
    secrets: tuple[BuildSecret, ...] = ()
    ssh: tuple[str, ...] = ()
    cache_from: tuple[str, ...] = ()
    cache_to: tuple[str, ...] = ()
    additional_contexts: Mapping[str, str] = {}
    network: str = ""
    extra_hosts: tuple[str, ...] = ()
    shm_size: int = 0
    ulimits: Mapping[str, str] = {}
    no_cache: bool = False
    no_cache_filter: tuple[str, ...] = ()
    pull: bool = False
    privileged: bool = False
    entitlements: tuple[str, ...] = ()
    provenance: str = ""
    sbom: str = ""
    tags: tuple[str, ...] = ()
    base: str | None = None
    files: tuple[ContextFile, ...] = ()
    ignore: str = ""

    @property
    def key(self) -> str:
        """What tells the images of one run apart: the service, and `SERVICE+files` for what derives from its own build."""
        return f"{self.service}+files" if self.base == self.service else self.service
