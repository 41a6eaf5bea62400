"""`push` as functions: reads a project, and brings the images it needs to the registry.

pushed = push(LoadOptions(files=("compose.yaml",), environment=os.environ), {"region": "eu-central-1"})

The parts are put together here: what is built is read off the translation, who may push comes from ECR, and building
is done by a program of the user's.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TextIO

from compose2fargate.aws.image_build import ImageBuild, PushedImage
from compose2fargate.aws.resources import Repository
from compose2fargate.compose.loader import LoadOptions
from compose2fargate.diagnostics import BuildError, Diagnostic, EmitError, InputError, Severity, UsageError
from compose2fargate.disk.folder import read_own, replace_file
from compose2fargate.disk.reading import UnsafeFileError, is_stream
from compose2fargate.images.build_checks import check_build, check_builder
from compose2fargate.images.build_order import bases_of
from compose2fargate.images.builders import find_builder
from compose2fargate.images.lock_file import read_lock, write_lock
from compose2fargate.images.push_images import (
    BuildSettings,
    PushEvent,
    RegistryAccess,
    Tell,
    WantedImage,
    build_and_push,
    match_registry,
    prepare_images,
    unchanged_entry,
)
from compose2fargate.images.workspace import missing_secrets, own_login
from compose2fargate.records import NamedTuple
from compose2fargate.workflows.output_folder import unsafe
from compose2fargate.workflows.translating import Translated, lock_path, translate

_ECR_HOST: Final = re.compile(r"\d{12}\.dkr[.-]ecr[.-]")
"""https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html"""
DEFAULT_JOBS: Final = 4


class PushOptions(NamedTuple):
    """How images are pushed.

    Attributes:
        services: Those whose images are meant; () for all.
        builder: docker, podman or buildah; "" for the first of them that there is.
        jobs: How many images are built at a time.
        rebuild: Build everything, changed or not.
        insecure: Whether the registry may be without TLS.
        login: `ecr` or `none`; "" decides by the registry.
        profile: The AWS profile.
        sandbox: The folder whose sandbox stands in for AWS; "" for AWS itself.
        dry_run: Only tell what would be done: no builder, no registry, no AWS.
    """

    services: tuple[str, ...] = ()
    builder: str = ""
    jobs: int = DEFAULT_JOBS
    rebuild: bool = False
    insecure: bool = False
    login: str = ""
    profile: str = ""
    sandbox: str = ""
    dry_run: bool = False


class Pushed(NamedTuple):
    """What a push did.

    Attributes:
        images: Every image that was wanted, by key, as it is in the registry now.
        built: The keys of those that were built, or would be.
        lock_file: Where that is written down.
        lock_changed: Whether it says something else than before.
    """

    images: Mapping[str, PushedImage]
    built: tuple[str, ...]
    lock_file: str
    lock_changed: bool


Report = Callable[[Iterable[Diagnostic]], None]


class _PushRun(NamedTuple):
    """What the steps of one push share."""

    options: PushOptions
    environment: Mapping[str, str]
    tell: Tell
    report: Report


def push(
    load_options: LoadOptions,
    flags: Mapping[str, Any] | None = None,
    options: PushOptions = PushOptions(),  # noqa: B008 - it is immutable
    *,
    stdin: TextIO | None = None,
    tell: Tell = lambda _event: None,
    report: Report = lambda _diagnostics: None,
) -> Pushed:
    """Build and push the images that have changed, and write the lock file.

    Args:
        load_options: Which files to read, and how.
        flags: Settings by name, see `settings.OPTIONS`.
        options: How to push.
        stdin: What the file `-` reads.
        tell: Called with what happens, from several threads.
        report: Called with what there is to say before anything is built.

    Raises:
        InputError: The project cannot be read, or something that an image is built from is missing.
        AwsError: AWS refuses, or cannot be reached.
        BuildError: An image could not be built or pushed. The others were; the lock file is as it was.
    """
    translated, wanted = _find_wanted_images(load_options, flags, options.services, stdin=stdin)
    root = translated.project.working_dir
    lock_file = lock_path(root, translated.settings)
    lock = read_lock(lock_file, root)
    own = _located(translated, [finding for image in wanted for finding in check_build(image)])
    report([*filter(_concerns_images, translated.diagnostics), *own])
    if options.dry_run:
        return _dry_run(wanted, {} if options.rebuild else lock, lock_file)
    run = _PushRun(options, load_options.environment, tell, report)
    # What somebody asked for by name is done; a tag that is only the commit does not move to an unchanged image.
    asked = {b.key: bool(b.tag) for b in translated.translation.builds}
    images, done = _push_changed(translated, wanted, lock, asked, run)
    kept = {key: entry for key, entry in lock.items() if key in asked} if options.services else {}
    return Pushed(images, done, lock_file, write_lock(lock_file, {**kept, **images}, root))


def _push_changed(
    translated: Translated,
    wanted: tuple[WantedImage, ...],
    lock: Mapping[str, PushedImage],
    asked: Mapping[str, bool],
    run: _PushRun,
) -> tuple[dict[str, PushedImage], tuple[str, ...]]:
    """Build and push what the registry does not have; give all images, and the keys of those that were pushed."""
    rebuild = run.options.rebuild
    if rebuild or any(image.key not in lock for image in wanted):
        # Something is sure to be built: know that it can be before anything is made.
        find_builder(run.options.builder)
    access, mutable = _access(translated, wanted, run)
    if rebuild:  # base images may have moved
        wanted = tuple(image._replace(build=image.build._replace(pull=True)) for image in wanted)
    settled = {} if rebuild else match_registry(wanted, lock, access, asked)
    for key in settled:
        run.tell(PushEvent(key, "unchanged", settled[key].digest))
    built_for = {image.build.repository for image in wanted if image.key not in settled}
    if built_for.intersection(mutable):
        run.report([_mutable(sorted(built_for.intersection(mutable)))])
    done = _build(translated, wanted, settled, access, run)
    return {**settled, **done}, tuple(done)


def _find_wanted_images(
    load_options: LoadOptions,
    flags: Mapping[str, Any] | None,
    services: Sequence[str],
    *,
    stdin: TextIO | None = None,
) -> tuple[Translated, tuple[WantedImage, ...]]:
    """Read a project, and the images that `services` (all of them when empty) need, with what those are based on.

    Raises:
        InputError: It cannot be read, or there is no such image. What cannot be *translated* stops no image.
    """
    translated, builds = _chosen(load_options, flags, services, stdin=stdin)
    try:
        return translated, prepare_images(builds, translated.project.working_dir)
    except InputError as error:
        raise UsageError(_located(translated, error.diagnostics)) from error


def _chosen(
    load_options: LoadOptions,
    flags: Mapping[str, Any] | None,
    services: Sequence[str],
    *,
    stdin: TextIO | None,
) -> tuple[Translated, tuple[ImageBuild, ...]]:
    translated = translate(load_options, flags, stdin=stdin)
    builds = {b.key: b for b in translated.translation.builds}
    _check_services(translated, builds, services)
    chosen: dict[str, ImageBuild] = {}
    waiting = [key for key, b in builds.items() if not services or b.service in services]
    while waiting:
        key = waiting.pop()
        if key in builds and key not in chosen:
            chosen[key] = builds[key]
            waiting.extend(bases_of(builds[key]))
    return translated, tuple(chosen.values())


def push_script(
    load_options: LoadOptions,
    flags: Mapping[str, Any] | None,
    options: PushOptions,
    target: str,
    *,
    stdin: TextIO | None = None,
) -> tuple[str, str]:
    """Give the text that does the same with plain commands, and the file in which `target` looks for it.

    Args:
        load_options: Which files to read, and how.
        flags: Settings by name.
        options: The services and the builder.
        target: `codebuild`, `github`, or "" for a shell script.
        stdin: What the file `-` reads.
    """
    from compose2fargate.images.push_scripts import SCRIPTS, PushScriptPlan, shell_script

    translated, builds = _chosen(load_options, flags, options.services, stdin=stdin)
    settings = translated.settings
    registry = settings.registry.rstrip("/")
    plan = PushScriptPlan(
        project=translated.project.name,
        folder=translated.project.working_dir,
        builds=builds,
        repositories=_repositories(translated, builds),
        region=settings.region,
        account=settings.account,
        registry="" if _ECR_HOST.match(registry) else registry,
        builder=options.builder,
    )
    file, make = SCRIPTS[target] if target else ("", shell_script)
    return make(plan), file


def write_user_file(text: str, file: str, *, force: bool, inside: str = "") -> None:
    """Write a file that becomes the user's; one that is there and says something else is not replaced without `force`.

    Args:
        text: What it is to say.
        file: Where it goes; `/dev/stdout` and the like are written to.
        force: Whether it may replace another one.
        inside: The folder from which no link is followed on the way to it; its own folder where empty.

    Raises:
        UsageError: There is such a file.
        EmitError: It cannot be written, or is a link.
    """
    try:
        if not force and _says_something_else(file, text, inside):
            raise UsageError(
                Diagnostic(
                    "C2F457",
                    Severity.ERROR,
                    f"{file} already exists with other content",
                    hint="replace it with --force, or write elsewhere: -o FILE, or -o - for stdout",
                )
            )
        replace_file(file, text.encode("utf-8", "surrogateescape"), inside=inside, make=True)
    except UnsafeFileError as error:
        raise EmitError(unsafe(error)) from error
    except OSError as error:
        raise EmitError(
            Diagnostic("C2F310", Severity.ERROR, f"{file} cannot be written: {error.strerror or error}")
        ) from error


def _says_something_else(file: str, text: str, inside: str) -> bool:
    if is_stream(file):
        return False
    try:
        return read_own(file, inside=inside).decode("utf-8", "replace") != text
    except FileNotFoundError:
        return False


def _check_services(
    translated: Translated, builds: Mapping[str, ImageBuild], services: Sequence[str]
) -> None:
    built = sorted({b.service for b in builds.values()})
    if not builds:
        raise _nothing(
            "no service of the project has an image that is built here", "write build: in the compose file"
        )
    for name in services:
        if name not in built:
            there = name in translated.project.services
            reason = f"the image of {name} is not built here" if there else f"there is no service {name}"
            raise _nothing(reason, f"services with an image to push: {', '.join(built)}")


def _nothing(message: str, hint: str) -> UsageError:
    return UsageError(Diagnostic("C2F453", Severity.ERROR, message, hint=hint))


def _located(translated: Translated, findings: Iterable[Diagnostic]) -> list[Diagnostic]:
    return [finding._replace(location=translated.project.at(*finding.path)) for finding in findings]


def _concerns_images(finding: Diagnostic) -> bool:
    """Whether a finding of the translation is about reading the project or about its images."""
    return finding.code.startswith("C2F1") or finding.code in ("C2F448", "C2F451")


def _dry_run(wanted: Sequence[WantedImage], lock: Mapping[str, PushedImage], lock_file: str) -> Pushed:
    known = {image.key: unchanged_entry(image, lock) for image in wanted}
    images = {key: entry for key, entry in known.items() if entry}
    return Pushed(images, tuple(key for key in known if key not in images), lock_file, lock_changed=False)


def _access(
    translated: Translated, wanted: Sequence[WantedImage], run: _PushRun
) -> tuple[RegistryAccess, tuple[str, ...]]:
    """Find out where the images go; log in and create repositories where that is ECR.

    Returns:
        Where they go, and the repositories that let a tag be overwritten.
    """
    settings = translated.settings
    registry = settings.registry.rstrip("/")
    elsewhere = bool(registry) and not _ECR_HOST.match(registry)
    if (run.options.login or ("none" if elsewhere else "ecr")) == "none":
        return RegistryAccess(registry, _own_login(registry, run), run.options.insecure, own=True), ()
    if run.options.sandbox and not registry:
        raise _no_registry()
    from compose2fargate.apply.aws_client import ecr_login

    opened = ecr_login.open_registry(settings.region, run.options.profile, run.options.sandbox)
    repositories = _repositories(translated, [image.build for image in wanted])
    prepared = ecr_login.prepare_registry(repositories, opened, account=settings.account)
    for name in prepared.created:
        run.tell(PushEvent("", "created", name))
    made = RegistryAccess(registry or prepared.login.registry, prepared.login.basic, run.options.insecure)
    return made, prepared.mutable


def _no_registry() -> UsageError:
    return UsageError(
        Diagnostic(
            "C2F459",
            Severity.ERROR,
            "the sandbox has repositories, but stores no images",
            hint="push to a registry on this machine: docker run -d -p 5000:5000 registry:2, then "
            "--registry localhost:5000 --login none --insecure-registry",
        )
    )


def _own_login(registry: str, run: _PushRun) -> str:
    """Find the user's login for asking the registry: that of the builder, or whichever there is."""
    host = registry.partition("/")[0]
    builders = (run.options.builder,) if run.options.builder else ("docker", "podman")
    return next(filter(None, (own_login(builder, host, run.environment) for builder in builders)), "")


def _repositories(translated: Translated, builds: Iterable[ImageBuild]) -> list[Repository]:
    known = {r.repository_name: r for _, r in translated.translation.stack.of_type(Repository)}
    names = sorted({b.repository for b in builds})
    return [known.get(name) or Repository(name) for name in names]


def _mutable(repositories: Sequence[str]) -> Diagnostic:
    first, *rest = repositories
    names = f"{first} lets" if not rest else f"{', '.join(repositories)} let"
    return Diagnostic(
        "C2F454",
        Severity.INFO,
        f"{names} a tag be overwritten; task definitions name digests, so nothing changes under a running service",
        hint=f"aws ecr put-image-tag-mutability --repository-name {shlex.quote(first)} --image-tag-mutability IMMUTABLE",
        url="https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html",
    )


def _build(
    translated: Translated,
    wanted: Sequence[WantedImage],
    settled: Mapping[str, PushedImage],
    access: RegistryAccess,
    run: _PushRun,
) -> Mapping[str, PushedImage]:
    todo = [image for image in wanted if image.key not in settled]
    if not todo:
        return {}
    builder = find_builder(run.options.builder)
    missing = [f for image in todo for f in missing_secrets(image.build, translated.loaded.environment)]
    if missing:
        raise UsageError(_located(translated, missing))
    run.report(_located(translated, [f for image in todo for f in check_builder(image, builder.name)]))
    how = BuildSettings(
        builder, access, max(run.options.jobs, 1), run.environment, translated.loaded.environment
    )
    outcome = build_and_push(wanted, settled, how, run.tell)
    if outcome.failures:
        raise BuildError(_located(translated, outcome.failures))
    return outcome.pushed
