"""Which image is based on which, and which of them are out of date: what `convert` asks, too, so it loads little."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from compose2fargate.aws.image_build import ImageBuild, PushedImage
from compose2fargate.diagnostics import Diagnostic, LoadError, Severity, UsageError
from compose2fargate.images.content_digest import ContentReader


def in_order(builds: Collection[ImageBuild]) -> list[ImageBuild]:
    """Sort images so that each comes after those it is based on.

    Raises:
        UsageError: Two of them are based on each other.
    """
    waiting = {build.key: build for build in builds}
    ordered: list[ImageBuild] = []
    while waiting:
        ready = [
            b for b in waiting.values() if not any(key in waiting and key != b.key for key in bases_of(b))
        ]
        if not ready:
            raise _circle(waiting)
        ordered.extend(waiting.pop(build.key) for build in sorted(ready, key=lambda b: b.key))
    return ordered


def bases_of(build: ImageBuild) -> Iterator[str]:
    """Yield the keys of the images that `build` is based on."""
    if build.base:
        yield build.base
    for value in build.additional_contexts.values():
        if value.startswith("service:"):
            yield value.removeprefix("service:")


def _circle(builds: Collection[str]) -> UsageError:
    names = ", ".join(sorted(builds))
    return UsageError(
        Diagnostic(
            "C2F458",
            Severity.ERROR,
            f"the images of {names} are based on each other",
            hint="remove a service: from additional_contexts",
        )
    )


def outdated_images(builds: Collection[ImageBuild], lock: Mapping[str, PushedImage]) -> Iterator[Diagnostic]:
    """Yield a warning for each image of the lock file that was built from other files than there are now."""
    reader = ContentReader()
    digests: dict[str, str] = {}
    for build in in_order(builds):
        try:
            digests[build.key] = reader.content(build, digests).digest
        except LoadError:  # it was built elsewhere, perhaps: nothing can be compared
            digests[build.key] = ""
        entry = lock.get(build.key)
        if entry and entry.content and digests[build.key] not in ("", entry.content):
            yield Diagnostic(
                "C2F445",
                Severity.WARNING,
                f"the files of the image of {build.key} have changed since it was built: {entry.tag} is what runs",
                ("services", build.service, "build"),
                hint=f"build it again: compose2fargate push {build.service}",
            )
