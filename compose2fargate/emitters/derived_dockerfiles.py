"""Dockerfiles of derived images: the user's own, in every target's folder, so that any builder can use them.

`images/<service>/Dockerfile` copies files of the project over a base image. `Dockerfile.dockerignore` beside it keeps
everything else, secrets included, out of the build context:
https://docs.docker.com/build/concepts/context/#filename-and-location
"""

from __future__ import annotations

import os.path
from collections.abc import Iterable

from compose2fargate.aws.image_build import BASE_ARG, ImageBuild
from compose2fargate.emitters import Artifacts

FOLDER = "images"


def derived_dockerfiles(builds: Iterable[ImageBuild], folder: str) -> Artifacts:
    """Give the files of each derived image.

    Args:
        builds: The images of a stack; those with a Dockerfile of the user's own need nothing written.
        folder: The absolute path of the folder that the artefacts go to: the build context is named as seen from there.
    """
    files: dict[str, str] = {}
    for build in builds:
        if build.context is None and build.dockerfile_text is not None:
            place = f"{FOLDER}/{build.service}"
            files[f"{place}/Dockerfile"] = _header(build, folder, place) + build.dockerfile_text
            files[f"{place}/Dockerfile.dockerignore"] = build.ignore
    return files


def _header(build: ImageBuild, folder: str, place: str) -> str:
    context = os.path.relpath(_context(build), folder).replace(os.sep, "/") if build.files else place
    base = f" --build-arg {BASE_ARG}=REPOSITORY:TAG" if build.base else ""
    # What the task definition names as long as nothing was pushed and no tag was asked for.
    tag = build.tag or ("latest-files" if build.base == build.service else "latest")
    command = f"docker build --platform {build.platform}{base} -t {build.repository}:{tag} -f {place}/Dockerfile {context}"
    return f"# compose2fargate push builds it; by hand, in the folder that holds images/:\n#   {command}\n"


def _context(build: ImageBuild) -> str:
    """The directory that all files of the build are in: what is left of a source without its path in the context."""
    first = build.files[0]
    return first.source if first.path == "." else first.source.removesuffix(first.path).rstrip("/") or "/"
