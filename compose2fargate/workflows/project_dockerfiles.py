"""What the Dockerfiles of services built here say; each file is read once."""

from __future__ import annotations

import os.path

from compose2fargate.compose.dockerfile.dockerfile_reader import read_dockerfile
from compose2fargate.compose.dockerfile.image_config import ImageConfig
from compose2fargate.compose.loader import LoadedProject
from compose2fargate.compose.model import Build, Project
from compose2fargate.compose.sources.source_files import (
    locate,
    read_text,
)
from compose2fargate.diagnostics import (
    Diagnostic,
    LoadError,
    Path,
    Severity,
)
from compose2fargate.records import NamedTuple


class ProjectDockerfiles:
    """Reads the Dockerfiles of services that are built here; each file once."""

    def __init__(self, loaded: LoadedProject, cwd: str) -> None:
        self._loaded = loaded
        self._cwd = cwd
        self._texts: dict[str, str | None] = {}
        self.report: list[Diagnostic] = []
        self.files: list[str] = []

    def read_all(self, project: Project) -> dict[str, ImageConfig]:
        """Give what the Dockerfiles say, by service, for those that could be read."""
        return {
            name: config
            for name, service in project.services.items()
            if service.build and (config := self.read(name, service.build, service.platform)) is not None
        }

    def read(self, service: str, build: Build, platform: str) -> ImageConfig | None:
        """Give what the Dockerfile of `service` says, or None when it cannot be read; report why."""
        path: Path = ("services", service, "build")
        source = self._source(path, build)
        if source is None:
            return None
        try:
            config, found = read_dockerfile(
                source.text,
                file=source.file,
                target=build.target,
                args=build.args,
                platform=platform or "linux/amd64",
                first_line=source.first_line,
            )
        except LoadError as error:
            # The image may have been built long ago: what is wrong with its Dockerfile stops no translation.
            self.report.extend(
                finding._replace(path=path, severity=Severity.WARNING) for finding in error.diagnostics
            )
            return None
        self.report.extend(finding._replace(path=path) for finding in found)
        return config

    def _source(self, path: Path, build: Build) -> _Source | None:
        if build.dockerfile_inline is not None:
            at = locate(self._loaded.marks, (*path, "dockerfile_inline"))
            # The text of a block scalar begins on the line after its key.
            return _Source(
                at.file if at else "dockerfile_inline", build.dockerfile_inline, at.line + 1 if at else 1
            )
        if _is_remote(build.context):
            self._report(
                path,
                "C2F188",
                f"the Dockerfile in {build.context} is not fetched, so what it says is not known",
            )
            return None
        file = os.path.join(self._loaded.working_dir, build.context, build.dockerfile)
        text = self._text(file)
        if text is None:
            self._report(
                path,
                "C2F189",
                f"there is no readable Dockerfile at {self._shown(file)}, so what it says is not known",
            )
            return None
        return _Source(self._shown(file), text, 1)

    def _text(self, file: str) -> str | None:
        if file not in self._texts:
            try:
                self._texts[file] = read_text(file)
                self.files.append(file)
            except LoadError:
                self._texts[file] = None
        return self._texts[file]

    def _report(self, path: Path, code: str, message: str) -> None:
        self.report.append(
            Diagnostic(
                code,
                Severity.WARNING,
                message,
                path,
                locate(self._loaded.marks, path),
                "the image's own entrypoint and command run; write command: in the compose file to show them",
            )
        )

    def _shown(self, file: str) -> str:
        relative = os.path.relpath(file, self._cwd)
        return file if relative.startswith("..") else relative


class _Source(NamedTuple):
    file: str
    text: str
    first_line: int


def _is_remote(context: str) -> bool:
    return "://" in context or context.startswith(("git@", "github.com/"))
