"""The programs that build images, and how each is told what compose says: docker with buildx, podman, buildah.

An option is a line of `_options`; where a builder has no such option, its name stands in `_LACKS` and the user is told.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from compose2fargate.aws.image_build import BASE_ARG, ImageBuild
from compose2fargate.credentials import is_build_secret
from compose2fargate.diagnostics import Diagnostic, Severity, UsageError
from compose2fargate.images.content_digest import is_remote
from compose2fargate.programs import environment_of_programs, find_program
from compose2fargate.records import NamedTuple

NAMES: Final = ("docker", "podman", "buildah")
"""The builders, in the order in which they are looked for."""
_INSTALL_URL: Final = "https://docs.docker.com/engine/install/"
_PROBE_TIMEOUT: Final = 60


class Builder(NamedTuple):
    """A builder that is installed: its name, and the program."""

    name: str
    program: str


class BuilderPaths(NamedTuple):
    """Where the builder finds what it reads, and leaves what it says.

    Attributes:
        dockerfile: The Dockerfile; "" leaves it to the builder, for an address.
        context: The context: a folder or an address.
        digest: The file that the digest is written to; "" where nobody reads it.
        secrets: The option's value after `id=…,` for each secret by its id.
        contexts: Named contexts by name, none of them a service any more.
        base: The image that a derived image is based on.
        ignore: The ignore file that is not where every builder looks for it.
    """

    dockerfile: str
    context: str
    digest: str
    secrets: Mapping[str, str] = {}
    contexts: Mapping[str, str] = {}
    base: str = ""
    ignore: str = ""


class BuildStep(NamedTuple):
    """One command of a build, with what it needs in its environment beyond what we have in ours."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str] = {}


def find_builder(wanted: str = "") -> Builder:
    """Find the builder that was asked for, or the first one there is.

    Raises:
        UsageError: There is none, or it is not usable.
    """
    for name in (wanted,) if wanted else NAMES:
        program = find_program(name)
        if program and (name != "docker" or _has_buildx(program)):
            return Builder(name, program)
    raise _no_builder(wanted)


def _has_buildx(program: str) -> bool:
    try:
        done = subprocess.run(  # noqa: S603 - a program found on the PATH
            [program, "buildx", "version"],
            capture_output=True,
            timeout=_PROBE_TIMEOUT,
            env=environment_of_programs(os.environ),
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def _no_builder(wanted: str) -> UsageError:
    if wanted == "docker" and find_program("docker"):
        message = "docker is installed, but its plugin buildx, which builds images, is not"
    elif wanted:
        message = f"{wanted} is not installed, or not on the PATH"
    else:
        message = "no program that builds images is installed: docker with buildx, podman or buildah"
    return UsageError(
        Diagnostic(
            "C2F440",
            Severity.ERROR,
            message,
            hint="install one (Debian, Ubuntu: apt-get install podman), or let CI build: compose2fargate push --target github",
            url=_INSTALL_URL,
        )
    )


# -- what the builder is told --------------------------------------------------------------------------------

_NO_BUILDKIT: Final = ("entitlements", "no_cache_filter", "privileged", "provenance", "sbom")
_LACKS: Final[Mapping[str, tuple[str, ...]]] = {"docker": (), "podman": _NO_BUILDKIT, "buildah": _NO_BUILDKIT}
"""The keys of compose for which a builder has no option."""


def unsupported_keys(builder: str, build: ImageBuild) -> Iterator[str]:
    """Yield the keys of the build section that `builder` cannot carry out."""
    for key in _LACKS[builder]:
        if getattr(build, key) not in ("", "false", False, ()):
            yield key
    if builder != "docker" and any(
        _repository_of(value) is None for value in (*build.cache_from, *build.cache_to)
    ):
        yield "cache_from" if build.cache_from else "cache_to"


def build_steps(
    builder: Builder,
    build: ImageBuild,
    references: Sequence[str],
    places: BuilderPaths,
    *,
    insecure: bool = False,
    push: bool = True,
) -> tuple[BuildStep, ...]:
    """Give the commands that build an image and push it under each of `references`; the first gives the digest.

    Args:
        builder: Who does it.
        build: The image.
        references: `REGISTRY/REPOSITORY:TAG`, each.
        places: Where things are.
        insecure: Whether the registry may be without TLS. Docker decides that in the configuration of its daemon.
        push: Whether it is pushed; otherwise it stays on this machine.
    """
    arguments, environment = _build_arguments(build)
    options = [*_options(builder.name, build, places), *arguments]
    tags = [item for reference in references for item in ("--tag", reference)]
    where = ["--file", places.dockerfile] if places.dockerfile else []
    if builder.name == "docker":
        told = ["--progress", "plain", "--metadata-file", places.digest] if places.digest else []
        output = ["--push" if push else "--load", *told]
        whole = (builder.program, "buildx", "build", *options, *tags, *output, *where, places.context)
        return (BuildStep(whole, environment),)
    tls = ["--tls-verify=false"] if insecure else []
    # In OCI's own format there is no place for HEALTHCHECK, SHELL and ONBUILD, and they would be dropped.
    form = ["--format", "docker"]
    whole = (builder.program, "build", *form, *options, *tags, *tls, *where, places.context)
    return (BuildStep(whole, environment), *(_pushes(builder, references, places, tls) if push else ()))


def _pushes(
    builder: Builder, references: Sequence[str], places: BuilderPaths, tls: Sequence[str]
) -> Iterator[BuildStep]:
    for number, reference in enumerate(references):
        written = ["--digestfile", places.digest] if places.digest and number == 0 else []
        yield BuildStep((builder.program, "push", *tls, *written, reference))


def _build_arguments(build: ImageBuild) -> tuple[list[str], dict[str, str]]:
    """Values that look like credentials go through the environment: a command line can be read by everybody."""
    options: list[str] = []
    environment: dict[str, str] = {}
    for name, value in build.args.items():
        if value is not None and not is_build_secret(name):
            options += ["--build-arg", f"{name}={value}"]
            continue
        options += ["--build-arg", name]
        if value is not None:
            environment[name] = value
    return options, environment


def _options(builder: str, build: ImageBuild, places: BuilderPaths) -> Iterator[str]:
    buildkit = builder == "docker"
    yield from ("--platform", build.platform)
    if build.target:
        yield from ("--target", build.target)
    if places.base:
        yield from ("--build-arg", f"{BASE_ARG}={places.base}")
    yield from _each("--label", (f"{name}={value}" for name, value in build.labels.items()))
    yield from _each("--secret", (f"id={name},{source}" for name, source in places.secrets.items()))
    yield from _each("--ssh", build.ssh)
    yield from _each("--build-context", (f"{name}={value}" for name, value in places.contexts.items()))
    yield from _each("--add-host", (host.replace("=", ":", 1) for host in build.extra_hosts))
    yield from _each("--ulimit", (f"{name}={limits}" for name, limits in build.ulimits.items()))
    if build.network:
        yield from ("--network", build.network)
    if build.shm_size:
        yield from ("--shm-size", str(build.shm_size))
    if build.no_cache:
        yield "--no-cache"
    if build.pull:
        yield "--pull"
    yield from _buildkit_options(build) if buildkit else _buildah_options(build, places)


def _buildkit_options(build: ImageBuild) -> Iterator[str]:
    yield from _each("--cache-from", build.cache_from)
    yield from _each("--cache-to", build.cache_to)
    yield from _each("--no-cache-filter", build.no_cache_filter)
    insecure = ("security.insecure",) if build.privileged else ()
    yield from _each("--allow", dict.fromkeys((*build.entitlements, *insecure)))
    # Without attestations the pushed digest is that of the image itself, and not of an index around it.
    yield f"--provenance={build.provenance or 'false'}"
    if build.sbom:
        yield f"--sbom={build.sbom}"


def _buildah_options(build: ImageBuild, places: BuilderPaths) -> Iterator[str]:
    if places.ignore:
        yield from ("--ignorefile", places.ignore)
    for option, values in (("--cache-from", build.cache_from), ("--cache-to", build.cache_to)):
        yield from _each(option, filter(None, map(_repository_of, values)))


def _repository_of(cache: str) -> str | None:
    """Give the repository of a cache, which is the only kind that podman and buildah know; they take no tag."""
    fields = dict(field.partition("=")[::2] for field in cache.split(",") if "=" in field)
    if fields and (fields.get("type") != "registry" or not fields.get("ref")):
        return None
    reference = fields.get("ref", cache).split("@", maxsplit=1)[0]
    path, colon, tag = reference.rpartition(":")
    return path if colon and "/" not in tag else reference


def _each(option: str, values: Iterable[str]) -> Iterator[str]:
    for value in values:
        yield from (option, value)


def context_of(build: ImageBuild) -> tuple[str, str]:
    """Give the context and the Dockerfile of an image that is built from the project as it stands."""
    context = build.context or "."
    if is_remote(context):
        return context, "" if build.dockerfile in (None, "Dockerfile") else str(build.dockerfile)
    return context, os.path.join(context, build.dockerfile or "Dockerfile")
