"""What stands at the paths that a project mounts and reads, within limits."""

from __future__ import annotations

import os.path
import stat
from collections.abc import Iterable, Mapping

from compose2fargate.compose.dockerfile.image_config import ImageConfig
from compose2fargate.compose.model import Project
from compose2fargate.compose.sources.source_files import read_text
from compose2fargate.diagnostics import LoadError
from compose2fargate.disk.listing import ProjectRoot, walk_folder
from compose2fargate.mapping.files.host_files import (
    MAX_ENTRIES,
    MAX_TEXT,
    MISSING,
    SKIPPED,
    FolderEntry,
    HostFile,
    HostFileRequest,
    project_path,
    wanted_files,
    wanted_in_folders,
)
from compose2fargate.workflows.output_folder import MANIFEST


class ProjectFiles:
    """Looks at what the project mounts and reads, within limits. Secrets are measured, not read."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._roots: dict[str, ProjectRoot] = {}
        self._seen: dict[str, HostFile] = {}
        self.files: list[str] = []

    def look(self, project: Project) -> dict[str, HostFile]:
        """Give what is at each path, and in each variable (`$NAME`), that the mapping wants to know about."""
        found = self._look_at(project, wanted_files(project))
        return {**self._look_at(project, wanted_in_folders(project, found)), **found}

    def copied(self, project: Project, configs: Mapping[str, ImageConfig]) -> dict[str, ImageConfig]:
        """Give what is known of images with the files of configuration that their Dockerfiles copy."""
        if not any(config.copies for config in configs.values()):
            return dict(configs)
        from compose2fargate.workflows.copied_texts import copied_texts

        return {
            name: config._replace(texts=tuple(copied_texts(project, project.services[name], config, self.at)))
            if config.copies
            else config
            for name, config in configs.items()
        }

    def at(self, path: str, project: Project) -> HostFile:
        """Give what is at a path of the project, with the text of a short file; nothing of what leads out of it."""
        if path not in self._seen:
            self._seen[path] = (
                self._found(path, project, text=True) if project_path(project, path) else MISSING
            )
        return self._seen[path]

    def _look_at(self, project: Project, wanted: Iterable[HostFileRequest]) -> dict[str, HostFile]:
        texts: dict[str, bool] = {}
        for path, text in wanted:
            texts[path] = texts.get(path, True) and text
        return {
            path: self._variable(path[1:], text=text)
            if path.startswith("$")
            else self._found(path, project, text=text)
            for path, text in texts.items()
        }

    def _variable(self, name: str, *, text: bool) -> HostFile:
        value = self._environment.get(name)
        if value is None:
            return MISSING
        return HostFile("variable", len(value.encode("utf-8", "surrogateescape")), value if text else None)

    def _found(self, path: str, project: Project, *, text: bool) -> HostFile:
        try:
            root = self._root(path, project) if text and project_path(project, path) else None
            real = root.resolve(path) if root else path
            if real is None:
                return HostFile("outside")
            if os.path.isdir(path):
                return _folder(real, root)._replace(real="" if real == path else real)
            if os.path.isfile(path):
                content = self._text(real) if text else None
                return HostFile("file", os.path.getsize(path), content, real="" if real == path else real)
            return HostFile("other") if os.path.lexists(path) else MISSING
        except (OSError, ValueError):
            return HostFile("other")

    def _root(self, path: str, project: Project) -> ProjectRoot:
        """The project's directory, or the one that holds it and what is mounted from beside it."""
        common = os.path.commonpath([project.working_dir, path])
        if common not in self._roots:
            self._roots[common] = ProjectRoot(common)
        return self._roots[common]

    def _text(self, path: str) -> str | None:
        if os.path.getsize(path) > MAX_TEXT:
            return None
        try:
            text = read_text(path)
        except LoadError:  # no text: a key store, a picture
            return None
        self.files.append(path)
        return text


def _folder(path: str, root: ProjectRoot | None) -> HostFile:
    """List the files of a folder in the order of their paths; a folder with more than the limit is not listed to its end."""
    entries: list[FolderEntry] = []
    pruned: list[str] = []
    unsafe: list[str] = []
    generated = False
    for inside, folders, names in walk_folder(path):
        if MANIFEST in names and inside:  # what an earlier run wrote is no input of this one
            generated, folders[:] = True, []
            continue
        prefix = f"{inside}/" if inside else ""
        pruned += [f"{prefix}{name}" for name in folders if name in SKIPPED]
        folders[:] = sorted(name for name in folders if name not in SKIPPED)
        links = [name for name in folders if os.path.islink(os.path.join(path, inside, name))]
        for name in sorted([*names, *links]):
            size = _size(os.path.join(path, inside, name), root)
            if size is None:
                unsafe.append(f"{prefix}{name}")
            else:
                entries.append(FolderEntry(f"{prefix}{name}", size))
        if len(entries) > MAX_ENTRIES:
            size = sum(e.size for e in entries)
            return HostFile("folder", size, None, tuple(entries[:MAX_ENTRIES]), complete=False)
    return HostFile(
        "folder",
        sum(e.size for e in entries),
        None,
        tuple(sorted(entries)),
        True,
        tuple(sorted(pruned)),
        generated,
        tuple(sorted(unsafe)),
    )


def _size(path: str, root: ProjectRoot | None) -> int | None:
    """Give the size of a file, or of a link that stays in the project; None for everything else."""
    about = os.lstat(path)
    if stat.S_ISLNK(about.st_mode):
        return about.st_size if root is None or root.resolve(path) is not None else None
    return about.st_size if stat.S_ISREG(about.st_mode) else None
