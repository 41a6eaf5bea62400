"""The image configuration that BuildKit records for a stage, and how a service's command combines with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from compose2fargate.diagnostics import Location
from compose2fargate.records import NamedTuple

MAX_SIZE = 4 * 1024 * 1024
"""Characters that a Dockerfile may have."""


class ImageHealthCheck(NamedTuple):
    """A HEALTHCHECK.

    Attributes:
        test: `("CMD", arg, ...)`, `("CMD-SHELL", text)` or `("NONE",)`.
        interval: Seconds, as `timeout`, `start_period` and `start_interval`; None leaves Docker's default.
        retries: Failures in a row that make a container unhealthy; None leaves Docker's default.
    """

    test: tuple[str, ...]
    interval: float | None = None
    timeout: float | None = None
    start_period: float | None = None
    start_interval: float | None = None
    retries: int | None = None


class ImageCopy(NamedTuple):
    """A COPY or ADD: what it takes, where that goes (absolute; ends in `/` where the Dockerfile says so), and from which stage.

    `stage` is "" for the build context.
    """

    sources: tuple[str, ...]
    target: str
    stage: str = ""


class ImageText(NamedTuple):
    """A file of the build context that an image has: its absolute path there, its place in the container, and its text."""

    source: str
    target: str
    text: str


class ImageConfig(NamedTuple):
    """What an image says about the containers made from it.

    Attributes:
        entrypoint: Arguments, the shell form wrapped in SHELL; `()` after `ENTRYPOINT []`, None when unset.
        cmd: As `entrypoint`.
        env: Variables with known values; one that is built from the base image's variables is left out.
        exposed: Ports with `tcp`, `udp` or `sctp`, in the order of the file, ranges expanded.
        volumes: Paths, in the order of the file.
        healthcheck: None when unset.
        user: The text of USER, such as `node` or `1000:1000`.
        working_dir: The path of WORKDIR, joined where it is relative.
        stop_signal: A signal's name or number.
        labels: LABELs with known values.
        shell: What wraps the shell form.
        base: The image that the chain of stages starts from; None for scratch.
        platform: The platform which the chain's first FROM asks for; None is the default one.
        locations: Where the instruction stands that decided an attribute; `base` and `stage` are the
            FROM lines of the chain's first and last stage.
        inherits: Attributes to which the base image may still contribute.
        copies: What COPY and ADD bring, where it can be told.
        runs: The texts of RUN, without those of heredocs.
        texts: Files of configuration that COPY brings, where somebody looked.
    """

    entrypoint: tuple[str, ...] | None
    cmd: tuple[str, ...] | None
    env: Mapping[str, str]
    exposed: tuple[tuple[int, str], ...]
    volumes: tuple[str, ...]
    healthcheck: ImageHealthCheck | None
    user: str | None
    working_dir: str | None
    stop_signal: str | None
    labels: Mapping[str, str]
    shell: tuple[str, ...]
    base: str | None
    platform: str | None
    locations: Mapping[str, Location]
    inherits: tuple[str, ...]
    copies: tuple[ImageCopy, ...] = ()
    runs: tuple[str, ...] = ()
    texts: tuple[ImageText, ...] = ()


def runtime_command(
    image: ImageConfig | None, entrypoint: Sequence[str] | None, command: Sequence[str] | None
) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Combine a service's `entrypoint` and `command` with those of its image, as Docker Engine does.

    An entrypoint with arguments makes the engine forget the image's CMD. An empty one takes the image's
    ENTRYPOINT away and keeps its CMD, and an empty command is no command; the Compose specification says
    otherwise in both cases, the engine decides: https://github.com/docker/compose/issues/5272

    Returns:
        Entrypoint and command. `()` is none at all; None is whatever the image has, which is not known here.
    """
    given = tuple(command or ())
    if entrypoint is not None and list(entrypoint) == [""]:  # what `--entrypoint ""` sends: forget both
        return (), given
    if entrypoint:
        return tuple(entrypoint), given
    inherited = image.cmd if image else None
    effective = given or inherited
    if entrypoint is not None:
        return (), effective
    return (image.entrypoint if image else None), effective
