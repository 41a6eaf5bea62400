"""Images that derive from a service's own: the same image with files of the project where compose mounts them.

The Dockerfile is plain and short, and belongs to the user; the same text serves `push` and whoever builds it by hand.
"""

from __future__ import annotations

import json
import os.path
import posixpath
import re
from collections.abc import Iterator, Mapping

from compose2fargate.aws.image_build import BASE_ARG, ContextFile, ImageBuild
from compose2fargate.compose.model import Project, Service
from compose2fargate.mapping.files.file_plan import MountedFile
from compose2fargate.mapping.images.image_contents import emptying_user
from compose2fargate.mapping.images.image_references import (
    asked_tag,
    own_repository,
    platform_of,
    repository_name,
)
from compose2fargate.mapping.translation_input import TranslationInput
from compose2fargate.text.image_reference import is_reference
from compose2fargate.text.lazy_patterns import lazy_pattern
from compose2fargate.text.shell_text import quote


def derived_image(ctx: TranslationInput, service: Service) -> ImageBuild:
    """Give the image of a service with its files copied in."""
    files = ctx.plans[service.name].copied
    base = _base(ctx, service)
    root = _root(ctx.project, files)
    emptied = _emptied(ctx, service, files)
    return ImageBuild(
        service=service.name,
        repository=repository_name(ctx, service),
        tag=asked_tag(ctx, service),
        platform=platform_of(ctx, service),
        dockerfile_text=derived_dockerfile(service.name, service.image or "", root, files, emptied),
        network="none" if emptied else "",  # what is run removes files
        args={} if base else {BASE_ARG: service.image},
        base=base,
        files=tuple(each for file in files if file.source for each in _context_files(root, file)),
        ignore=_ignore(root, files),
    )


def _base(ctx: TranslationInput, service: Service) -> str | None:
    """The service that builds the image which this one derives from: itself, or one that gives it the same name."""
    if own_repository(ctx, service):
        return service.name
    builder = ctx.builders.get(service.name)
    return builder if builder and own_repository(ctx, ctx.project.services[builder]) else None


def _root(project: Project, files: tuple[MountedFile, ...]) -> str:
    """The directory that paths in the Dockerfile are relative to: the project's, or one that holds all files too."""
    sources = (
        file.source if file.found.kind == "folder" else posixpath.dirname(file.source)
        for file in files
        if file.source
    )
    return os.path.commonpath([project.working_dir, *sources])


def _inside(root: str, source: str) -> str:
    return posixpath.relpath(source, root)


def _context_files(root: str, file: MountedFile) -> Iterator[ContextFile]:
    path = _inside(root, file.source)
    if not file.left_out and not file.found.generated:
        yield ContextFile(file.source, path)
        return
    for entry in file.found.entries:
        if not any(f"{entry.path}/".startswith(f"{out.rstrip('/')}/") for out in file.left_out):
            yield ContextFile(f"{file.source}/{entry.path}", posixpath.normpath(f"{path}/{entry.path}"))


def _ignore(root: str, files: tuple[MountedFile, ...]) -> str:
    """Leave everything out of the context but what is copied, and what of that is not taken along."""
    copied = {_inside(root, file.source): file.left_out for file in files if file.source}
    lines = [] if "." in copied else ["**", *(f"!{path}" for path in sorted(copied))]
    lines += sorted(
        posixpath.normpath(f"{path}/{out}") for path, left_out in copied.items() for out in left_out
    )
    return "\n".join(dict.fromkeys(lines)) + "\n"


def _emptied(ctx: TranslationInput, service: Service, files: tuple[MountedFile, ...]) -> Mapping[str, str]:
    """Give the folders to empty first, since a mount hides what the image has there, with the user to return to."""
    found = {
        file.target: emptying_user(ctx, service, file.target)
        for file in files
        if file.found.kind == "folder" and not file.mounted
    }
    return {target: user for target, user in found.items() if user is not None}


def derived_dockerfile(
    service: str, image: str, root: str, files: tuple[MountedFile, ...], emptied: Mapping[str, str]
) -> str:
    """Write the Dockerfile of a derived image: files of a folder before what is mounted inside it."""
    lines = [
        f"# The image of {service}, with the files that its compose file mounts.",
        f"ARG {BASE_ARG}={image}" if is_reference(image) else f"ARG {BASE_ARG}",
        f"FROM ${{{BASE_ARG}}}",
    ]
    for file in sorted(files, key=lambda each: each.target):
        if file.target in emptied:
            lines.extend(_emptying(file.target, emptied[file.target]))
        lines.extend(_instruction(root, file))
    shown = sorted(file.target for file in files if file.mounted)
    if shown:  # ECS fills a volume from the image where that declares one
        lines.append(f"VOLUME {_paths(*shown)}")
    return "\n".join(lines) + "\n"


def _emptying(folder: str, user: str) -> Iterator[str]:
    """Remove a folder of the image, which needs root."""
    removal = f"RUN rm -rf -- {quote(folder)}"
    yield from ("USER root", removal, f"USER {user}") if user else (removal,)


def _instruction(root: str, file: MountedFile) -> Iterator[str]:
    flags = [f"--chown={file.owner}"] if file.owner and _OWNER.fullmatch(file.owner) else []
    flags += [f"--chmod={file.mode}"] if _MODE.fullmatch(file.mode) else []
    start = " ".join(["COPY", *flags])
    if file.image:
        if is_reference(file.image):
            yield f"COPY --from={file.image} {_paths(_exact(f'/{file.subpath}'), file.target)}"
    elif file.source:
        slash = "/" if file.found.kind == "folder" else ""
        yield f"{start} {_paths(_exact(_inside(root, file.source)) + slash, file.target + slash)}"
    else:
        yield from _here_document(start, file.target, file.text or "")


_OWNER = lazy_pattern(r"[A-Za-z0-9_.-]*(?::[A-Za-z0-9_.-]+)?")
_MODE = lazy_pattern("[0-7]{3,4}")


def _paths(*paths: str) -> str:
    """Spell paths in JSON form, in which a builder reads each for variables and quotes all the same."""
    return json.dumps([_plain(path) for path in paths], ensure_ascii=_has_unseen(*paths))


def _plain(path: str) -> str:
    """Give a path in which nothing is a variable or a quote."""
    return re.sub(r"[\\$'\"]", r"\\\g<0>", path)


def _exact(source: str) -> str:
    """Give a source that stands for itself: COPY reads it as a pattern. https://pkg.go.dev/path/filepath#Match."""
    return re.sub(r"[\\*?\[]", r"\\\g<0>", source)


def _has_unseen(*texts: str) -> bool:
    return not all(text.isprintable() for text in texts)


def _here_document(start: str, target: str, text: str) -> Iterator[str]:
    """Content that stands in no file. https://docs.docker.com/reference/dockerfile/#here-documents."""
    end = "EOF"
    lines = {line.rstrip("\r") for line in text.split("\n")}  # as BuildKit reads them
    while end in lines:
        end += "_"
    yield f"{start} <<'{end}' {_plain(target)}"
    yield text.removesuffix("\n")
    yield end
