"""What a service's image has in it: who it runs as, its files, and the programs that its health check may run.

Known are the Dockerfile of an image that is built here, and what the catalogue says of the others and of base images.
"""

from __future__ import annotations

import posixpath
import re

from compose2fargate.compose.dockerfile.image_config import ImageConfig, ImageCopy
from compose2fargate.compose.model import Service
from compose2fargate.mapping.images.image_catalogue import KnownImage, find_image, known_image
from compose2fargate.mapping.translation_input import TranslationInput
from compose2fargate.text.lazy_patterns import lazy_pattern

_ROOT = frozenset({"root", "0"})
_SYSTEM_FOLDERS = frozenset(
    {"/", "/bin", "/sbin", "/usr", "/usr/bin", "/usr/sbin", "/usr/local", "/usr/local/bin"}
)
_UNREADABLE_RUN = lazy_pattern(r"<<|\$|xargs|\bcat\b|@|\bapt-get .*(?:-f|--fix-broken)\b")
"""What makes it impossible to tell from a RUN which programs it installs."""
_INSTALLS = lazy_pattern(r"\b(apt|apt-get|apk|dnf|microdnf|yum|zypper|pacman|aptitude|nix-env)\b")


def user_of(ctx: TranslationInput, service: Service) -> str:
    """Give the user that a service runs as, as a name or a number with or without a group; "" where that is not known."""
    built = ctx.images.get(service.name)
    user = service.user or (built.user if built else None) or ""
    if user or service.name in ctx.settings.images:
        return user
    if built and built.base is None:
        return "root" if built.copies else ""
    known = known_image(service, ctx.images).user
    return "" if known is None else str(known)


def is_unprivileged(ctx: TranslationInput, service: Service) -> bool:
    """Whether a service certainly runs as another user than root."""
    user = user_of(ctx, service).partition(":")[0]
    return bool(user) and user not in _ROOT


def lacks_program(ctx: TranslationInput, service: Service, program: str) -> bool:
    """Whether the image certainly has no such program as health checks use: sh, curl or wget."""
    if service.name in ctx.settings.images:
        return False
    built = ctx.images.get(service.name)
    if built is None:
        return (
            not service.build
            and service.name not in ctx.builders
            and find_image(service.image or "").lacks(program)
        )
    return _base_image(built).lacks(program) and not _may_bring(built, program)


def _base_image(built: ImageConfig) -> KnownImage:
    """Give what is known of the image that a Dockerfile starts from, which may be `scratch` where something is copied to it."""
    return find_image(built.base or ("scratch" if built.copies else ""))


def _may_bring(built: ImageConfig, program: str) -> bool:
    """Whether an instruction of the Dockerfile installs the program, or may do so."""
    named = re.compile(rf"(?<![\w-]){program}(?![\w])")
    if any(
        named.search(text) or (_INSTALLS.search(text) and _UNREADABLE_RUN.search(text)) for text in built.runs
    ):
        return True
    return any(map(_is_system_copy, built.copies)) or any(
        program in posixpath.basename(path) for each in built.copies for path in (*each.sources, each.target)
    )


def _is_system_copy(copy: ImageCopy) -> bool:
    """Whether a COPY brings a folder of programs, or an archive that is one."""
    return posixpath.normpath(copy.target) in _SYSTEM_FOLDERS and not all(
        posixpath.basename(source).startswith("docker-")
        or "entrypoint" in source
        or source.endswith((".sh", ".py"))
        for source in copy.sources
    )


# -- files -----------------------------------------------------------------------------------------------------

_MADE_BY_RUN = (
    (lazy_pattern(r"(?:^|/)node_modules$"), lazy_pattern(r"\b(?:npm|yarn|pnpm|bun)\b")),
    (lazy_pattern(r"(?:^|/)vendor(?:/bundle)?$"), lazy_pattern(r"\b(?:composer|bundle|go mod)\b")),
    (lazy_pattern(r"(?:^|/)\.?venv$"), lazy_pattern(r"\b(?:python|pip|poetry|uv|pdm|virtualenv)\b")),
    (
        lazy_pattern(r"(?:^|/)(?:static|staticfiles|static_root|assets)$"),
        lazy_pattern(r"collectstatic|assets:precompile"),
    ),
    (
        lazy_pattern(r"(?:^|/)(?:dist|build|\.next|public/build|public/packs)$"),
        lazy_pattern(r"\b(?:run[ -])?build\b|webpack|vite"),
    ),
)
"""Folders that a build fills, by what their names are and what RUN runs."""
_EMPTY_FOLDER = lazy_pattern(
    r"^\s*(?:mkdir|chown|chmod|install\s+-d|touch|rm|adduser|useradd|groupadd|addgroup)\b"
)


def files_at(ctx: TranslationInput, service: Service, path: str) -> str:
    """Say what of the service's image is known to be at a path, or below; "" where nothing is."""
    if service.name in ctx.settings.images:
        return ""
    folder = posixpath.normpath(path)
    built = ctx.images.get(service.name)
    if built is None:
        return "" if service.build else _of_catalogue(find_image(service.image or ""), folder)
    for copy in built.copies:
        if f"{posixpath.normpath(copy.target)}/".startswith(f"{folder.rstrip('/')}/"):
            return f"what the Dockerfile copies to {copy.target}"
    if folder in map(posixpath.normpath, built.volumes):
        return f"what the image has in its VOLUME {folder}"
    return _made_by_run(built, folder) or _of_catalogue(_base_image(built), folder)


def _of_catalogue(image: KnownImage, folder: str) -> str:
    return f"the files of {image.name}" if folder in image.files else ""


def _made_by_run(built: ImageConfig, folder: str) -> str:
    """What a RUN puts into the folder: it names the folder, or is known to fill one of that name."""
    named = re.compile(rf"(?<![\w./-]){re.escape(folder)}(?![\w.-])")
    for text in built.runs:
        parts = re.split(r"&&|;|\|\|", text)
        if any(named.search(part) and not _EMPTY_FOLDER.search(part) for part in parts):
            return f"what a RUN of the Dockerfile puts into {folder}"
        if any(where.search(folder) and program.search(text) for where, program in _MADE_BY_RUN):
            return f"what a RUN of the Dockerfile puts into {folder}"
    return ""


_MANIFEST = lazy_pattern(
    r"package[\w*.-]*|npm-shrinkwrap.*|yarn.*|\.yarn.*|\.npmrc|pnpm-.*|bun\.lock.*|requirements.*|Pipfile.*|pyproject\.toml|poetry.*"
    r"|uv\.lock|setup\..*|Gemfile.*|composer\..*|go\.(?:mod|sum|work).*|Cargo\..*|.*\.(?:csproj|sln|props)|pom\.xml|build\.gradle.*"
    r"|settings\.gradle.*|mix\..*|tsconfig.*|.*entrypoint.*|wait-for.*|.*\.(?:sh|ini|conf|cnf|cfg|env|crt|pem|txt)|Makefile|\.?docker.*",
    re.IGNORECASE,
)
"""What a Dockerfile for development copies though the code is mounted: lists of dependencies, and what starts the program."""


def copies_path(built: ImageConfig, inside: str, target: str) -> bool:
    """Whether a Dockerfile brings what is at `inside` of its context to `target`, or as much of it as it wants there.

    Another stage that leaves something at `target` has made it of the sources.
    """
    wanted, at = posixpath.normpath(inside), posixpath.normpath(target)
    return any(
        _lands(copy, posixpath.normpath(source.lstrip("/") or "."), wanted, at)
        for copy in built.copies
        for source in copy.sources
    )


def _lands(copy: ImageCopy, source: str, wanted: str, at: str) -> bool:
    goal = posixpath.normpath(copy.target)
    if copy.stage:
        return f"{goal}/".startswith(f"{at}/")
    if source in (".", wanted) or wanted.startswith(f"{source}/"):
        name = posixpath.basename(source)
        is_file = "." in name.lstrip(".") and copy.target.endswith(
            "/"
        )  # a folder's content goes to the target itself
        rest = name if is_file else posixpath.relpath(wanted, source)
        return at == posixpath.normpath(posixpath.join(goal, rest))
    part = source.removeprefix(f"{wanted}/") if wanted != "." else source
    if part == source and wanted != ".":
        return False
    placed = posixpath.normpath(posixpath.join(at, part))
    return not _MANIFEST.fullmatch(posixpath.basename(part)) and goal in (placed, posixpath.dirname(placed))


def emptying_user(ctx: TranslationInput, service: Service, folder: str) -> str | None:
    """Give the user of the image that a derived one returns to after it has emptied a folder; "" where it is root anyway.

    None where the folder is not emptied: nothing is known to be in it, or the image's user or its shell is not known.
    """
    if folder == "/" or not folder.isprintable() or not files_at(ctx, service, folder):
        return None
    built = ctx.images.get(service.name)
    image = _base_image(built) if built else find_image(service.image or "")
    if image.programs is None and not (built and built.runs):  # a RUN shows that there is a shell
        return None
    if lacks_program(ctx, service, "sh"):
        return None
    if built and built.user:
        return "" if built.user.partition(":")[0] in _ROOT else built.user
    return "" if image.user == 0 else None
