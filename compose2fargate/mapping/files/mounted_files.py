"""Files that compose puts into a container: secrets, configs, and files of the project that are bind-mounted.

Fargate mounts directories only, and has no way to hand a file to a task. There are two ways to keep the exact path.
An image that derives from the service's own and has the files copied in takes any file and leaves the directory
around it alone; it is built and pushed with the others, and is the default. With `files: init` a small container
runs first and writes small text files into a volume that both containers mount: nothing to build, but one more
container in the user's task, and a volume that hides what the image has in that directory.

A secret never goes into an image, and never into a task definition: an init container gets it from SSM Parameter
Store or Secrets Manager. It is asked for (`secret_files: init`), never added unasked.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator

from compose2fargate.compose.model import FileSource, Grant, Mount, Project, Service
from compose2fargate.diagnostics import Path, Severity
from compose2fargate.mapping.access.secrets import secret_reference
from compose2fargate.mapping.coverage_table import CoverageRow, KeyOutcome
from compose2fargate.mapping.files.copy_rules import (
    COPY_URL,
    STORAGE_URL,
    is_secretive,
    leave,
    may_be_copied,
    secret_paths,
    settle,
)
from compose2fargate.mapping.files.file_plan import FilePlan, FilePlans, MountedFile
from compose2fargate.mapping.files.host_files import MAX_TEXT, MISSING, HostFile, project_path
from compose2fargate.mapping.images.image_contents import emptying_user
from compose2fargate.mapping.images.image_references import own_repository, platform_of
from compose2fargate.mapping.names import ecs_name
from compose2fargate.mapping.storage.bind_mounts import COPIED, DATA, mount_verdict, refused_type
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput, options_of
from compose2fargate.settings import Settings

MAX_BYTES = MAX_TEXT
"""What the files of one service may hold together: they stand in the task definition, which has 64 KiB."""
FULL_DIRECTORIES = frozenset(
    {"/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib64", "/opt", "/proc", "/root", "/run", "/sbin", "/sys"}
    | {"/tmp", "/usr", "/usr/bin", "/usr/lib", "/usr/local", "/usr/local/bin", "/var", "/var/lib", "/var/run"}
    | {"/etc/ssl", "/usr/share", "/app", "/srv"}
)  # fmt: skip
"""Directories in which an image has files of its own, so that a volume there would hide them."""

_WRITTEN = CoverageRow(KeyOutcome.APPROXIMATED, "written by an init container before the service starts")


def plan_files(ctx: TranslationInput, findings: TranslationFindings) -> FilePlans:
    """Decide for each file of each service how it gets into the container, and say so."""
    plans: dict[str, FilePlan] = {}
    twins: dict[str, str] = {}
    for service in ctx.project.services.values():
        planned = _plan(ctx, findings, service)
        twin = _twin(ctx, service, planned.copied, FilePlans(plans, twins))
        if twin:
            twins[service.name] = twin
        for file in planned.copied:
            _explain_copy(ctx, findings, service, file, twin or service.name)
        hook = ctx.hooks.get(service.name)
        # The image of the service has the files that are copied into it.
        plans[service.name] = planned._replace(copied=()) if hook and hook.inherits_image else planned
    return FilePlans(plans, twins)


def _plan(ctx: TranslationInput, findings: TranslationFindings, service: Service) -> FilePlan:
    data: dict[int, tuple[str, str]] = {}
    files: list[MountedFile] = []
    for index, mount in enumerate(service.mounts):
        path: Path = ("services", service.name, "volumes", index)
        refused = refused_type(mount)
        if refused:
            findings.outcomes[path] = refused
        elif mount.type == "image":
            files.append(
                MountedFile(
                    path, mount.target, image=mount.source, subpath=str(mount.options.get("subpath") or "")
                )
            )
        elif mount.type == "bind":
            judged = mount_verdict(ctx, service, mount)
            findings.outcomes[path] = judged.row
            if judged.fate == DATA:
                data[index] = _kept_as(ctx, mount)
            elif judged.fate == COPIED:
                files.append(_bound(ctx, service, mount, path))
    files.extend(_configs(ctx, findings, service))
    written, copied = _ways(ctx, findings, service, sorted(files, key=_by_target))
    return FilePlan(
        tuple(sorted((*_secrets(ctx, findings, service), *written), key=_by_target)),
        tuple(copied),
        data,
    )


def _twin(ctx: TranslationInput, service: Service, copied: Iterable[MountedFile], earlier: FilePlans) -> str:
    """Give an earlier service whose derived image is the same: from the same image, with the same files."""

    def derived_from(one: Service) -> tuple[object, ...] | None:
        return None if own_repository(ctx, one) else (one.image, platform_of(ctx, one))

    files = [file._replace(path=()) for file in copied]
    base = derived_from(service)
    if not files or base is None:
        return ""
    same = (
        name
        for name, plan in earlier.plans.items()
        if name not in earlier.twins
        and derived_from(ctx.project.services[name]) == base
        and [file._replace(path=()) for file in plan.copied] == files
    )
    return next(same, "")


def _by_target(file: MountedFile) -> str:
    """Where a file goes: the order in which the compose file lists them means nothing."""
    return file.target


def _kept_as(ctx: TranslationInput, mount: Mount) -> tuple[str, str]:
    """Give the volume that a folder of data becomes, named after its path, and the path in it.

    A folder inside another one that is written to, by whichever service, is a path in that one's volume.
    """
    source = posixpath.normpath(mount.source)
    above = [
        root
        for service in ctx.project.services.values()
        for other in service.mounts
        if other.type == "bind"
        and not other.read_only
        and source.startswith(f"{(root := posixpath.normpath(other.source))}/")
        if mount_verdict(ctx, service, other).fate == DATA
    ]
    root = min(above, default=source, key=len)
    shown = project_path(ctx.project, root) or root
    key = ecs_name(re.sub(r"[^A-Za-z0-9_]+", "-", shown).strip("-") or "project", 64)
    return (f"{key}-bind" if key in ctx.project.volumes else key), source.removeprefix(root).strip("/")


def _delivery_of(settings: Settings, service: Service) -> str:
    """Give how files get into a service: `image`, `init` or `none`."""
    return str(options_of(service).get("files") or settings.files or "image")


def _secret_way(settings: Settings, service: Service) -> str:
    own = options_of(service)
    files = own.get("files") or settings.files
    return str(own.get("secret_files") or settings.secret_files or ("init" if files == "init" else "none"))


def _ways(
    ctx: TranslationInput, findings: TranslationFindings, service: Service, files: Iterable[MountedFile]
) -> tuple[list[MountedFile], list[MountedFile]]:
    """Sort files by the way that they take; those that take none are reported."""
    how = _delivery_of(ctx.settings, service)
    written: list[MountedFile] = []
    copied: list[MountedFile] = []
    for file in files:
        if how == "none":
            leave(
                findings,
                file,
                f"{file.target} is left out, as x-fargate.files says",
                "write files: image to copy it into the image",
                "C2F289",
            )
        elif service.name in ctx.settings.images:
            row = f"{file.target} is assumed to be in the image that --image names"
            settle(
                findings,
                file.path,
                CoverageRow(KeyOutcome.IGNORED, row, "", Severity.INFO, "C2F272", COPY_URL),
            )
        elif file.value is not None:
            written.extend([file] if _is_possible(findings, service, file) else [])
        elif may_be_copied(ctx.project, findings, file) and not _is_hidden(ctx, findings, service, file):
            shown = _shown(ctx, service, file)
            fits = (
                how == "init" and _fits(findings, written, shown) and _is_possible(findings, service, shown)
            )
            (written if fits else copied).append(shown)
            if fits:
                settle(findings, file.path, _WRITTEN)
    return written, copied


def _covering(ctx: TranslationInput, service: Service, file: MountedFile) -> Mount | None:
    """The volume or tmpfs above a file's target, which hides what an image has there."""
    for index, mount in enumerate(service.mounts):
        kept = mount.type == "tmpfs" or (mount.type == "volume" and (mount.source or service.read_only))
        inside = f"{file.target.rstrip('/')}/".startswith(f"{mount.target.rstrip('/')}/")
        if inside and (kept or (mount.type == "bind" and _is_data(ctx, service, index))):
            return mount
    return None


def _is_data(ctx: TranslationInput, service: Service, index: int) -> bool:
    return mount_verdict(ctx, service, service.mounts[index]).fate == DATA


def _shown(ctx: TranslationInput, service: Service, file: MountedFile) -> MountedFile:
    """Give a folder inside a volume a volume of its own, which ECS fills from the image.

    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/bind-mounts.html
    """
    whole = file.found.kind == "folder" or bool(file.image)
    return file._replace(mounted=whole and _covering(ctx, service, file) is not None)


def _is_hidden(
    ctx: TranslationInput, findings: TranslationFindings, service: Service, file: MountedFile
) -> bool:
    """Whether a volume hides a single file, for which there is no volume; report it."""
    covering = None if file.found.kind == "folder" or file.image else _covering(ctx, service, file)
    if covering is None:
        return False
    leave(
        findings,
        file,
        f"{file.target} is left out: the volume at {covering.target} hides what an image has there",
        f"mount it outside {covering.target}, or put the file into the volume",
        "C2F286",
    )
    return True


def _fits(findings: TranslationFindings, written: Iterable[MountedFile], file: MountedFile) -> bool:
    """Whether a task definition has room for the file's text beside those that are written already."""
    size = sum(len((each.text or "").encode("utf-8", "surrogatepass")) for each in (*written, file))
    if size > MAX_BYTES:
        findings.info(
            "C2F284",
            file.path,
            f"{file.target} is copied into an image: with it the files of the service hold {size} bytes, "
            f"and {MAX_BYTES} fit into a task definition beside the rest",
        )
    return size <= MAX_BYTES


def _explain_copy(
    ctx: TranslationInput, findings: TranslationFindings, service: Service, file: MountedFile, builder: str
) -> None:
    """Say that a file is copied into the image that is built for `builder`, and what follows from it."""
    source = project_path(ctx.project, file.source) if file.source else file.image
    shown = f"{source} is copied to {file.target}" if source else f"{file.target} is"
    what = f"{shown} in an image derived from the service's own, which must be built and pushed"
    hint = f"run compose2fargate push, which builds it from images/{builder}/Dockerfile"
    if file.text is not None and posixpath.dirname(file.target) not in FULL_DIRECTORIES:
        hint += "; or use --files init (x-fargate: {files: init}) to let an init container write it"
    if file.found.kind == "folder" and not file.mounted:
        emptied = emptying_user(ctx, service, file.target) is not None
        what += ", replacing what that has there" if emptied else ", beside what that has there"
    mount = _mount_of(service, file.path)
    severity, code = Severity.INFO, "C2F274"
    if mount and not mount.read_only and file.found.kind == "folder":
        what += "; what the service writes there is lost with its task"
        hint = f"mount it with :ro to accept this, or use a named volume for data that must last; {hint}"
        severity, code = Severity.WARNING, "C2F275"
    if file.text and not file.source and not file.text.endswith("\n"):
        what += ", with a line end added"
    settle(findings, file.path, CoverageRow(KeyOutcome.APPROXIMATED, what, hint, severity, code, COPY_URL))


def _mount_of(service: Service, path: Path) -> Mount | None:
    return service.mounts[int(path[3])] if len(path) > 3 and path[2] == "volumes" else None


def _bound(ctx: TranslationInput, service: Service, mount: Mount, path: Path) -> MountedFile:
    found = ctx.disk[mount.source]
    left_out = _left_out(ctx.project, service, mount, found)
    source = found.real or mount.source
    return MountedFile(path, mount.target, source, found.text, found=found, left_out=left_out)


def _left_out(project: Project, service: Service, mount: Mount, found: HostFile) -> tuple[str, ...]:
    """What of a folder is not taken along: what other mounts hide, and what is or looks like a secret."""
    own = secret_paths(project)
    hidden = [
        other.target.removeprefix(f"{mount.target.rstrip('/')}/")
        for other in service.mounts
        if other.target.startswith(f"{mount.target.rstrip('/')}/")
    ]
    secret = [
        entry.path
        for entry in found.entries
        if is_secretive(entry.path) or posixpath.normpath(f"{mount.source}/{entry.path}") in own
    ]
    return tuple(sorted({*hidden, *secret, *found.pruned, *found.unsafe}))


def _configs(ctx: TranslationInput, findings: TranslationFindings, service: Service) -> Iterator[MountedFile]:
    for index, grant in enumerate(service.configs):
        path: Path = ("services", service.name, "configs", index)
        source = ctx.project.configs.get(grant.source)
        if source is None:
            continue
        target = posixpath.join("/", grant.target or grant.source)
        file = MountedFile(path, target, "", None, owner=_owner(grant), mode=grant.mode or "0444")
        if source.external:
            yield from _external(ctx.settings, findings, service, source, file)
        else:
            yield from _known(ctx, findings, source, file)


def _external(
    settings: Settings, findings: TranslationFindings, service: Service, source: FileSource, file: MountedFile
) -> Iterator[MountedFile]:
    """A config that exists elsewhere: read from the SSM parameter of its name when the task starts."""
    if _secret_way(settings, service) == "init":
        yield file._replace(value=source.name)
    else:
        leave(
            findings,
            file,
            f"the file {file.target} does not exist at run time: config {source.key} is external and known only to Docker Swarm",
            f"store it as the SSM parameter {source.name} and write x-fargate: {{secret_files: init}}, or give the config a file:",
            "C2F289",
        )


def _known(
    ctx: TranslationInput, findings: TranslationFindings, source: FileSource, file: MountedFile
) -> Iterator[MountedFile]:
    found = ctx.disk.get(source.file or f"${source.environment}", MISSING)
    if source.content is not None:
        yield file._replace(text=source.content)
    elif source.file and found.kind == "file":
        yield file._replace(source=found.real or source.file, text=found.text, found=found)
    elif found.text is not None:
        yield file._replace(text=found.text)
    else:
        origin = project_path(ctx.project, source.file or "") or source.file or f"${source.environment}"
        if found.kind == "outside":
            findings.refuse(
                "C2F518",
                file.path,
                f"{origin} of config {source.key} leads out of the project through a symbolic link, which is not followed",
                hint="put the file itself into the project",
            )
            return
        leave(
            findings,
            file,
            f"the file {file.target} does not exist at run time: {origin} of config {source.key} does not exist here",
            "create it, or remove the config",
            "C2F273",
        )


def _secrets(ctx: TranslationInput, findings: TranslationFindings, service: Service) -> Iterator[MountedFile]:
    init = _secret_way(ctx.settings, service) == "init"
    for index, grant in enumerate(service.secrets if init else ()):
        path: Path = ("services", service.name, "secrets", index)
        target = posixpath.join("/run/secrets", grant.target or grant.source)
        value = secret_reference(ctx, findings, grant.source, path)
        file = MountedFile(path, target, value=value, owner=_owner(grant), mode=grant.mode or "0444")
        if _is_possible(findings, service, file):
            settle(findings, path, _WRITTEN)
            yield file
        else:
            settle(
                findings,
                path,
                CoverageRow(KeyOutcome.IGNORED, "left out, since an init container cannot write it"),
            )


def _owner(grant: Grant) -> str:
    return (
        ":".join(filter(None, (grant.uid, grant.gid))) if grant.uid else f":{grant.gid}" if grant.gid else ""
    )


def _is_possible(findings: TranslationFindings, service: Service, file: MountedFile) -> bool:
    """Whether an init container can write the file, and a volume can stand where it goes; report it where not."""
    folder = posixpath.dirname(file.target)
    if file.text is None and file.value is None:
        return False
    if folder in FULL_DIRECTORIES or any(mount.target == folder for mount in service.mounts):
        instead = "it is left out" if file.value is not None else "it is copied into an image instead"
        findings.add(
            Severity.WARNING if file.value is not None else Severity.INFO,
            "C2F286",
            file.path,
            f"{file.target} cannot be written by an init container, since a volume at {folder} would hide what is there: {instead}",
            hint="give it a directory of its own with target:",
            url=STORAGE_URL,
        )
        return False
    if not f"{folder}/".startswith("/run/secrets/"):
        findings.info(
            "C2F287",
            file.path,
            f"{folder} contains only what is written there and hides what the image has in it",
        )
    return True
