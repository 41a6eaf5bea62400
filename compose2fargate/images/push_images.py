"""Builds what has changed, pushes it, and says what was pushed.

`prepare` reads what each image is made from and names it; `settle` asks the registry which of them are there
already; `build` does the rest, side by side. None of them writes the lock file: that is for the caller, when all of
it has succeeded.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Final

from compose2fargate.aws.image_build import ImageBuild, PushedImage
from compose2fargate.diagnostics import (
    Compose2FargateError,
    Diagnostic,
    InputError,
    Severity,
    UsageError,
)
from compose2fargate.disk.reading import read_text
from compose2fargate.images.build_order import bases_of, in_order
from compose2fargate.images.builder_processes import BuilderProcesses
from compose2fargate.images.builders import Builder, BuildStep, build_steps
from compose2fargate.images.content_digest import ContentReader, ImageContent, is_remote
from compose2fargate.images.image_tags import commit_tag
from compose2fargate.images.registry import Registry
from compose2fargate.images.workspace import BuildWorkspace, read_digest
from compose2fargate.records import NamedTuple
from compose2fargate.text.image_reference import is_image_tag

CONTENT_LABEL: Final = "compose2fargate.content"
"""The label by which an image in the registry is known as built from certain files, without a lock file."""
_ASKING: Final = 8
_STEP: Final = re.compile(r"(?:#\d+ \[[^\]]*\d+/\d+\]|STEP \d+/\d+:) .+")
_SECRET_LINE: Final = 8


class WantedImage(NamedTuple):
    """An image that is wanted: how it is built, with its final tag, and what it is made from."""

    build: ImageBuild
    content: ImageContent

    @property
    def key(self) -> str:
        """What the lock file calls it."""
        return self.build.key


class PushEvent(NamedTuple):
    """Something that happened to an image: `unchanged`, `building`, `step` or `pushed`, with its particulars."""

    key: str
    what: str
    text: str = ""


Tell = Callable[[PushEvent], None]


class RegistryAccess(NamedTuple):
    """Where images go.

    Attributes:
        registry: The host, and a path where there is one.
        basic: The login as HTTP has it, base64 of `user:password`.
        insecure: Whether the registry may be without TLS.
        own: Whether the login is the user's own, which builders find by themselves.
    """

    registry: str
    basic: str = ""
    insecure: bool = False
    own: bool = False

    @property
    def host(self) -> str:
        """The registry without a path."""
        return self.registry.partition("/")[0]

    def client(self) -> Registry:
        """Give what asks the registry."""
        return Registry(self.host, self.basic, insecure=self.insecure, strict=not self.own)

    def repository(self, name: str) -> str:
        """The repository as the registry's protocol names it."""
        _, slash, prefix = self.registry.partition("/")
        return f"{prefix}{slash}{name}"


# -- what is wanted ------------------------------------------------------------------------------------------


def prepare_images(builds: Collection[ImageBuild], folder: str) -> tuple[WantedImage, ...]:
    """Read what each image is made from, and give it its tag.

    Args:
        builds: The images.
        folder: The project's folder, where git is asked for the commit.

    Raises:
        InputError: Something is not there, or a tag is not legal.
    """
    reader = ContentReader()
    digests: dict[str, str] = {}
    wanted: dict[str, WantedImage] = {}
    problems: list[Diagnostic] = []
    for build in in_order(builds):
        try:
            content = reader.content(build, digests)
            tag = _tag(build, folder, content, wanted.get(build.base or ""))
        except InputError as error:  # all problems are told in one run
            problems.extend(error.diagnostics)
            continue
        digests[build.key] = content.digest
        wanted[build.key] = WantedImage(build._replace(tag=tag), content)
    if problems:
        raise UsageError(problems)
    return tuple(wanted.values())


def _tag(build: ImageBuild, folder: str, content: ImageContent, base: WantedImage | None) -> str:
    tag = build.tag
    if not tag and base and build.base == build.service:
        tag = f"{base.build.tag}-files"
    if not tag:
        tag = commit_tag(folder, list(_paths(build)), content.digest)
    if not is_image_tag(tag):
        raise UsageError(
            Diagnostic(
                "C2F452",
                Severity.ERROR,
                f"{build.service}: {tag!r} is not a valid tag: use at most 128 letters, digits, `_`, `.` and `-`; begin with none of `.-`"
                if tag
                else f"{build.service}: no tag can be made: there is no git commit, and the context is not on this machine",
                ("services", build.service, "build"),
                hint="name a tag: --tag TAG",
            )
        )
    return tag


def _paths(build: ImageBuild) -> Iterator[str]:
    """Everything on this machine that the image is made from."""
    if build.context and not is_remote(build.context):
        yield build.context
        if build.dockerfile and os.path.isabs(build.dockerfile):
            yield build.dockerfile
    yield from (value for value in build.additional_contexts.values() if os.path.isabs(value))
    yield from (copied.source for copied in build.files if copied.source)


# -- what is there already -----------------------------------------------------------------------------------


def unchanged_entry(wanted: WantedImage, lock: Mapping[str, PushedImage]) -> PushedImage | None:
    """Give the entry of the lock file if the image would be built from the same files for the same place."""
    entry = lock.get(wanted.key)
    build = wanted.build
    same = (
        entry is not None
        and bool(wanted.content.digest)
        and (entry.content, entry.repository, entry.platform)
        == (wanted.content.digest, build.repository, build.platform)
    )
    return entry if same and not _builds_anyway(build) else None


def _builds_anyway(build: ImageBuild) -> bool:
    """Tell whether a build is to happen even if nothing has changed."""
    return bool(build.no_cache or build.no_cache_filter or build.pull)


def match_registry(
    wanted: Sequence[WantedImage],
    lock: Mapping[str, PushedImage],
    access: RegistryAccess,
    asked_tag: Mapping[str, bool],
) -> dict[str, PushedImage]:
    """Ask the registry which images are there as they are wanted: one request each where the lock file knows them.

    Args:
        wanted: The images.
        lock: What was pushed last.
        access: The registry.
        asked_tag: By key, whether the tag was asked for; then an unchanged image gets it, too.

    Returns:
        The images that need not be built.

    Raises:
        AwsError: The registry refuses, or cannot be reached.
    """
    registry = access.client()

    def ask(image: WantedImage) -> PushedImage | None:
        found = _find(image, lock, registry, access)
        if found and asked_tag.get(image.key) and found.tag != image.build.tag:
            registry.tag(access.repository(found.repository), found.digest, image.build.tag)
            return found._replace(tag=image.build.tag)
        return found

    with ThreadPoolExecutor(_ASKING) as pool:
        found = pool.map(ask, wanted)
        return {image.key: entry for image, entry in zip(wanted, found, strict=True) if entry}


def _find(
    image: WantedImage, lock: Mapping[str, PushedImage], registry: Registry, access: RegistryAccess
) -> PushedImage | None:
    build = image.build
    repository = access.repository(build.repository)
    entry = unchanged_entry(image, lock)
    if entry:
        return entry if registry.digest_of(repository, entry.digest) == entry.digest else None
    if not image.content.digest or _builds_anyway(build):
        return None
    digest, content = registry.label(repository, build.tag, CONTENT_LABEL)
    if not digest or content != image.content.digest:
        return None
    return PushedImage(build.repository, build.tag, digest, build.platform, content)


# -- the rest ------------------------------------------------------------------------------------------------


class PushOutcome(NamedTuple):
    """What was built and pushed, by key, and what went wrong."""

    pushed: Mapping[str, PushedImage]
    failures: tuple[Diagnostic, ...]


class BuildSettings(NamedTuple):
    """How images are built.

    Attributes:
        builder: Who builds.
        access: Where to.
        jobs: How many at a time.
        environment: The environment of the builder.
        variables: The project's variables, from which build secrets are taken.
    """

    builder: Builder
    access: RegistryAccess
    jobs: int
    environment: Mapping[str, str]
    variables: Mapping[str, str]


class _BuildRun(NamedTuple):
    how: BuildSettings
    environment: Mapping[str, str]
    workspace: BuildWorkspace
    processes: BuilderProcesses
    tell: Tell


class _Failed(Exception):  # noqa: N818 - it never leaves this module
    def __init__(self, *findings: Diagnostic) -> None:
        super().__init__()
        self.findings = findings


def build_and_push(
    wanted: Sequence[WantedImage], settled: Mapping[str, PushedImage], how: BuildSettings, tell: Tell
) -> PushOutcome:
    """Build and push what is not settled; where one fails, the others finish.

    Args:
        wanted: All images, each after those it is based on.
        settled: Those that need not be built.
        how: Who builds, where to, and with what.
        tell: Called with what happens, from several threads.
    """
    todo = [image for image in wanted if image.key not in settled]
    access = how.access
    processes = BuilderProcesses(tuple(_secrets(todo, access, how.variables)))
    with _terminating(), BuildWorkspace() as workspace:
        login = {}
        if access.basic and not access.own:
            login = workspace.log_in(how.builder.name, access.host, access.basic, how.environment)
        run = _BuildRun(how, {**how.environment, **login}, workspace, processes, tell)
        pool = ThreadPoolExecutor(how.jobs)
        results: dict[str, Future[PushedImage]] = {}
        try:
            for image in todo:
                results[image.key] = pool.submit(_one, run, image, settled, dict(results))
            failures = tuple(finding for future in results.values() for finding in _findings(future))
        except BaseException:
            processes.stop()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    done = {key: future.result() for key, future in results.items() if future.exception() is None}
    return PushOutcome(done, failures)


def _findings(future: Future[PushedImage]) -> tuple[Diagnostic, ...]:
    """Wait for an image, and give what went wrong with it."""
    error = future.exception()
    if error is None:
        return ()
    if isinstance(error, _Failed):
        return error.findings
    if isinstance(error, Compose2FargateError):
        return error.diagnostics
    raise error


@contextmanager
def _terminating() -> Iterator[None]:
    """Make the signals that end a program interrupt it instead, so that it tidies up: its folder holds a login.

    What is ignored (`nohup`) stays so.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(*_arguments: object) -> None:
        raise KeyboardInterrupt

    before = {
        number: signal.signal(number, interrupt)
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _secrets(
    todo: Sequence[WantedImage], access: RegistryAccess, variables: Mapping[str, str]
) -> Iterator[str]:
    """Yield what is not to be shown should a builder print it."""
    if access.basic:
        from base64 import b64decode

        yield access.basic
        yield b64decode(access.basic).decode("utf-8", "replace").partition(":")[2]
    for image in todo:
        for secret in image.build.secrets:
            if secret.environment:
                yield from _lines(variables.get(secret.environment, ""))
            elif secret.file and os.path.isfile(secret.file):
                yield from _lines(read_text(secret.file, "replace"))


def _lines(text: str) -> Iterator[str]:
    """A secret of one line as it is; of several, the lines that are long enough to be no ordinary words."""
    lines = text.splitlines()
    yield from (line.strip() for line in lines if len(lines) == 1 or len(line.strip()) >= _SECRET_LINE)


def _one(
    run: _BuildRun,
    image: WantedImage,
    settled: Mapping[str, PushedImage],
    others: Mapping[str, Future[PushedImage]],
) -> PushedImage:
    """Build one image. What it is based on was submitted before it, so waiting for that cannot block for ever."""
    build = image.build
    access, builder = run.how.access, run.how.builder
    bases = {key: _base(image, key, settled, others) for key in bases_of(build)}
    references = {key: f"{access.registry}/{b.repository}@{b.digest}" for key, b in bases.items()}
    label = {CONTENT_LABEL: image.content.digest} if image.content.digest else {}
    labelled = build._replace(labels={**build.labels, **label})
    places = run.workspace.place(build, run.how.variables, references)
    reference = f"{access.registry}/{build.repository}:{build.tag}"
    run.tell(PushEvent(image.key, "building", f"{reference} for {build.platform}"))
    for step in build_steps(builder, labelled, (reference, *build.tags), places, insecure=access.insecure):
        _step(run, image, step)
    digest = read_digest(builder.name, places.digest) or _pushed_digest(access, build)
    if not digest:
        raise _Failed(_failure(image, f"{builder.name} does not report which digest was pushed"))
    run.tell(PushEvent(image.key, "pushed", f"{reference}@{digest}"))
    return PushedImage(build.repository, build.tag, digest, build.platform, image.content.digest)


def _pushed_digest(access: RegistryAccess, build: ImageBuild) -> str:
    return access.client().digest_of(access.repository(build.repository), build.tag)


def _base(
    image: WantedImage,
    key: str,
    settled: Mapping[str, PushedImage],
    others: Mapping[str, Future[PushedImage]],
) -> PushedImage:
    if key in settled:
        return settled[key]
    if key not in others:
        raise _Failed(_failure(image, f"it is based on the image of {key}, which is not built here"))
    if others[key].exception() is not None:
        raise _Failed(_failure(image, f"it is based on the image of {key}, which could not be built"))
    return others[key].result()


def _step(run: _BuildRun, image: WantedImage, step: BuildStep) -> None:
    def on_line(line: str) -> None:
        if _STEP.match(line):
            run.tell(PushEvent(image.key, "step", line))

    ended = run.processes.run(step.arguments, {**run.environment, **step.environment}, on_line)
    if ended.status:
        words = " ".join(word for word in step.arguments[:3] if not word.startswith("-"))
        program = os.path.basename(words.split(" ", maxsplit=1)[0])
        verb = "build" if "build" in step.arguments[1:3] else "push"
        raise _Failed(_failure(image, f"{program} {verb} failed with status {ended.status}", ended.tail))


_LOG_IN: Final = (
    "log in first, to the registry of the base image or to the one that is pushed to: docker login REGISTRY"
)
_HINTS: Final = (
    (
        "exec format error",
        "install the emulation for the other processor: docker run --privileged --rm tonistiigi/binfmt --install all",
    ),
    ("tag invalid", "the repository does not allow a tag to be overwritten: use another one, --tag TAG"),
    ("immutable", "the repository does not allow a tag to be overwritten: use another one, --tag TAG"),
    ("no basic auth credentials", _LOG_IN),
    ("unauthorized", _LOG_IN),
    ("authentication required", _LOG_IN),
    ("no space left", "free disk space: docker system prune, podman system prune or buildah prune"),
    ("Cannot connect to the Docker daemon", "start Docker, or choose another builder: --builder podman"),
)


def _failure(image: WantedImage, reason: str, tail: tuple[str, ...] = ()) -> Diagnostic:
    told = "\n".join(tail)
    hint = next((advice for words, advice in _HINTS if words in told), "")
    return Diagnostic(
        "C2F442",
        Severity.ERROR,
        f"{image.key}: {reason}; the lock file is unchanged",
        ("services", image.build.service, "build"),
        hint=hint
        or "fix the error in the last lines of its output, and push again: finished images are not built twice",
        trail=tail,
    )
