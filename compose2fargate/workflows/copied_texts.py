"""Reads the files of configuration that a Dockerfile copies into an image, as a build would find them."""

from __future__ import annotations

import os.path
from collections.abc import Callable, Iterator

from compose2fargate.compose.dockerfile.image_config import ImageConfig, ImageText
from compose2fargate.compose.model import Build, Project, Service
from compose2fargate.compose.sources.source_files import read_text
from compose2fargate.diagnostics import LoadError
from compose2fargate.images.dockerignore import DockerIgnore, ignore_file_of, parse_dockerignore
from compose2fargate.mapping.files.copied_files import copied_sources, files_of
from compose2fargate.mapping.files.host_files import HostFile

Look = Callable[[str, Project], HostFile]


def copied_texts(project: Project, service: Service, config: ImageConfig, look: Look) -> Iterator[ImageText]:
    """Yield the files that the image of a service has and that may say whom it talks to; a later COPY replaces an earlier one's.

    What `.dockerignore` leaves out is not there.
    """
    build = service.build
    if build is None or "://" in build.context or build.context.startswith(("git@", "github.com/")):
        return
    context = os.path.normpath(os.path.join(project.working_dir, build.context))
    ignore: DockerIgnore | None = None
    found: dict[str, ImageText] = {}
    for source in copied_sources(config):
        for path, target in files_of(
            source, look(os.path.normpath(os.path.join(context, source.path)), project)
        ):
            ignore = ignore or _ignored(context, build)
            file = os.path.join(context, path)
            text = None if ignore.leaves_out(path) else look(file, project).text
            if text:
                found[target] = ImageText(file, target, text)
    yield from found.values()


def _ignored(context: str, build: Build) -> DockerIgnore:
    """Read the patterns of what is no part of the context; none where they cannot be read, which a build tells."""
    dockerfile = "" if build.dockerfile_inline is not None else os.path.join(context, build.dockerfile)
    file = ignore_file_of(context, dockerfile)
    try:
        return parse_dockerignore(read_text(file, errors="surrogateescape") if file else "")
    except (LoadError, ValueError):
        return DockerIgnore(())
