"""Projects that are run by the real Docker Compose, and rehearsed, on a Docker engine that can pull nothing."""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from compose2fargate.api import LoadOptions
from compose2fargate.rehearsal.engine import Engine
from compose2fargate.rehearsal.rehearsal_report import RehearsalReport
from compose2fargate.workflows import rehearsing

HERE = Path(__file__).parent
HELPER = "rehearsal-test-helper:1"
IMAGES = HERE.parents[1] / "build" / "images"


class Project:
    """A folder with a compose file, and what is done with it."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.folder, self.engine = folder, engine
        self.name = f"t{uuid4().hex[:8]}"

    def write(self, compose: str, files: Mapping[str, str] | None = None) -> Project:
        """Write the compose file, and others beside it; files that begin with `#!` can be executed."""
        for name, text in {"compose.yaml": compose, **(files or {})}.items():
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(textwrap.dedent(text))
            if text.lstrip().startswith("#!"):
                file.chmod(0o755)
        return self

    def options(self, env: Mapping[str, str] | None = None) -> LoadOptions:
        return LoadOptions(
            environment={**os.environ, **(env or {})}, cwd=str(self.folder), project_name=self.name
        )

    def rehearse(
        self, *services: str, env: Mapping[str, str] | None = None, **choices: Any
    ) -> RehearsalReport:
        """Rehearse it, with everything of the suite's: its helper image, and a pace at which tests can wait."""
        secrets = choices.pop("secrets", {})
        allow = choices.pop("allow_errors", False)
        chosen = rehearsing.RehearsalOptions(**{"pace": 20.0, "timeout": 60.0, "helper": HELPER, **choices})
        order = rehearsing.RehearsalOrder(services, chosen, secrets, allow_errors=allow)
        return rehearsing.rehearse(self.options(env), {}, order)

    def compose(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the real Docker Compose on it."""
        program = os.environ["COMPOSE_ORACLE"]
        return subprocess.run(
            [program, "--project-name", self.name, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def clean(self) -> None:
        if os.environ.get("COMPOSE_ORACLE"):
            self.compose("down", "--volumes", "--timeout", "0", "--rmi", "local")
        self.engine.down(self.name)
        for image in self.engine.client.images():
            for tag in image["RepoTags"] or ():
                if self.name in tag:
                    self.engine.client.remove_image(tag, force=True)


class Running(NamedTuple):
    """A rehearsal that still runs, and a way into its containers."""

    report: RehearsalReport
    engine: Engine
    project: str

    def execute(self, container: str, command: str, user: str = "") -> str:
        """Run a command with the shell of a container, and give what it writes, with its exit code in the last line."""
        done = self.engine.execute(self.id(container), ["/bin/sh", "-c", f"{command}; echo $?"], user)
        return done.output.strip()

    def id(self, container: str) -> str:
        found = [
            one["Id"]
            for one in self.engine.listed(self.project)
            if one["Labels"].get("compose2fargate.container") == container and one["State"] == "running"
        ]
        assert found, f"{container} does not run"
        return str(found[0])

    def inspect(self, container: str) -> dict[str, Any]:
        found: dict[str, Any] = self.engine.client.inspect_container(self.id(container))
        return found


Kept = Callable[..., Running]


def told(report: RehearsalReport) -> str:
    """Give all messages and hints of a report."""
    return rehearsing.render_report(report, "text")


def document(report: RehearsalReport) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(rehearsing.render_report(report, "json"))
    return found
