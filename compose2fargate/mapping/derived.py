"""Images that derive from a service's own: the same image with files of the project where compose mounts them.

The Dockerfile is plain and short, and belongs to the user; the same text serves `push` and whoever builds it by hand.
"""

from __future__ import annotations

import json
import os.path
import posixpath
from collections.abc import Iterator

from compose2fargate.aws.builds import BASE_ARG, ContextFile, ImageBuild
from compose2fargate.compose.model import Service
from compose2fargate.mapping.context import Context
from compose2fargate.mapping.files import File
from compose2fargate.mapping.images import asked_tag, own_repository, platform_of, repository_name


def derived_image(ctx: Context, service: Service) -> ImageBuild:
    """Give the image of a service with its files copied in."""
    files = ctx.plans[service.name].copied
    base = _base(ctx, service)
    root = _root(ctx, files)
    return ImageBuild(
        service=service.name,
        repository=repository_name(ctx, service),
        tag=asked_tag(ctx, service),
        platform=platform_of(ctx, service),
        dockerfile_text=dockerfile(service.name, service.image or "", root, files),
        args={} if base else {BASE_ARG: service.image},
        base=base,
        files=tuple(each for file in files if file.source for each in _context_files(root, file)),
        ignore=_ignore(root, files),
    )


def _base(ctx: Context, service: Service) -> str | None:
    """The service that builds the image which this one derives from: itself, or one that gives it the same name."""
    if own_repository(ctx, service):
        return service.name
    builder = ctx.builders.get(service.name)
    return builder if builder and own_repository(ctx, ctx.project.services[builder]) else None


def _root(ctx: Context, files: tuple[File, ...]) -> str:
    """The directory that paths in the Dockerfile are relative to: the project's, or one that holds all files too."""
    sources = (
        file.source if file.found.kind == "folder" else posixpath.dirname(file.source)
        for file in files
        if file.source
    )
    return os.path.commonpath([ctx.project.working_dir, *sources])


def _inside(root: str, source: str) -> str:
    return posixpath.relpath(source, root)


def _context_files(root: str, file: File) -> Iterator[ContextFile]:
    path = _inside(root, file.source)
    if not file.left_out and not file.found.generated:
        yield ContextFile(file.source, path)
        return
    for entry in file.found.entries:
        if not any(f"{entry.path}/".startswith(f"{out.rstrip('/')}/") for out in file.left_out):
            yield ContextFile(f"{file.source}/{entry.path}", posixpath.normpath(f"{path}/{entry.path}"))


def _ignore(root: str, files: tuple[File, ...]) -> str:
    """Leave everything out of the context but what is copied, and what of that is not taken along."""
    copied = {_inside(root, file.source): file.left_out for file in files if file.source}
    lines = [] if "." in copied else ["**", *(f"!{path}" for path in sorted(copied))]
    lines += sorted(
        posixpath.normpath(f"{path}/{out}") for path, left_out in copied.items() for out in left_out
    )
    return "\n".join(dict.fromkeys(lines)) + "\n"


def dockerfile(service: str, image: str, root: str, files: tuple[File, ...]) -> str:
    """Write the Dockerfile of a derived image: files of a folder before what is mounted inside it."""
    lines = [
        f"# The image of {service}, with the files that its compose file mounts.",
        f"ARG {BASE_ARG}={image}" if image else f"ARG {BASE_ARG}",
        f"FROM ${{{BASE_ARG}}}",
    ]
    for file in sorted(files, key=lambda each: each.target):
        lines.extend(_instruction(root, file))
    shown = sorted(file.target for file in files if file.mounted)
    if shown:  # ECS fills a volume from the image where that declares one
        lines.append(f"VOLUME {json.dumps(shown, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def _instruction(root: str, file: File) -> Iterator[str]:
    flags = [f"--chown={file.owner}"] if file.owner else []
    flags += [f"--chmod={file.mode}"] if file.mode else []
    start = " ".join(["COPY", *flags])
    if file.image:
        yield f"COPY --from={file.image} {json.dumps([f'/{file.subpath}', file.target])}"
    elif file.source:
        slash = "/" if file.found.kind == "folder" else ""
        yield f"{start} {json.dumps([_inside(root, file.source) + slash, file.target + slash], ensure_ascii=False)}"
    else:
        yield from _here_document(start, file.target, file.text or "")


def _here_document(start: str, target: str, text: str) -> Iterator[str]:
    """Content that stands in no file. https://docs.docker.com/reference/dockerfile/#here-documents."""
    end = "EOF"
    while f"\n{end}\n" in f"\n{text}\n":
        end += "_"
    yield f"{start} <<'{end}' {target}"
    yield text.removesuffix("\n")
    yield end
