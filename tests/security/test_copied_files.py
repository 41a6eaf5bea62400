"""What gets into a derived image's context: files of the project, and never what a link leads to outside of it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from compose2fargate.api import LoadOptions, convert
from compose2fargate.diagnostics import InputError
from compose2fargate.disk.scratch import BuildContextFolder
from compose2fargate.images.content_digest import ContentReader
from compose2fargate.images.workspace import BuildWorkspace
from compose2fargate.workflows.translating import Translated, translate

SECRET = "what-stands-outside-of-the-project"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root, outside = tmp_path / "a" / "project", tmp_path / "a" / "outside"
    (root / "conf" / "sub").mkdir(parents=True)
    (outside / "home").mkdir(parents=True)
    for file in (outside / "secret.txt", outside / "home" / "a.txt"):
        file.write_text(SECRET)
    (root / "conf" / "app.conf").write_text("listen 80\n")
    (root / "conf" / "sub" / "x.conf").write_text("x\n")
    (root / "compose.yaml").write_text(
        "name: shop\nservices: {web: {image: nginx, volumes: ['./conf:/etc/web:ro']}}\n"
    )
    return root


def translated(project: Path) -> Translated:
    return translate(LoadOptions(cwd=str(project)), {"region": "eu-central-1"})


def context(project: Path) -> dict[str, str]:
    """Stage the context of the derived image: what files hold, and links as `-> TARGET`."""
    (build,) = translated(project).translation.builds
    with BuildWorkspace() as workspace:
        root = Path(workspace.place(build, {}, {}).context)
        found = {}
        for path in sorted(root.rglob("*")):
            name = str(path.relative_to(root))
            if path.is_symlink():
                found[name] = f"-> {path.readlink()}"
            elif path.is_file():
                found[name] = path.read_text()
    return found


def test_links_that_lead_out_are_left_out_with_a_warning(project: Path) -> None:
    (project / "conf" / "abs").symlink_to("/etc/passwd")
    (project / "conf" / "link.txt").symlink_to("../../outside/secret.txt")
    (project / "conf" / "sub" / "there").symlink_to("../../../outside/home")
    (project / "conf" / "chain").symlink_to("link.txt")
    os.mkfifo(project / "conf" / "pipe")
    assert context(project) == {"conf/app.conf": "listen 80\n", "conf/sub/x.conf": "x\n"}
    (told,) = [d for d in translated(project).diagnostics if d.code == "C2F518"]
    assert "conf/abs, conf/chain, conf/link.txt … are left out" in told.message
    assert told.location is not None
    made = convert(LoadOptions(cwd=str(project)), {"region": "eu-central-1"})
    ignored = made.artifacts["images/web/Dockerfile.dockerignore"].splitlines()
    assert {"conf/abs", "conf/link.txt", "conf/chain", "conf/sub/there", "conf/pipe"} <= set(ignored)


def test_links_that_stay_in_the_project_are_copied_as_links(project: Path) -> None:
    (project / "conf" / "other.conf").symlink_to("app.conf")
    (project / "conf" / "folder").symlink_to("sub")
    whole = context(project)
    assert whole["conf/other.conf"] == "-> app.conf"
    assert whole["conf/folder"] == "-> sub"
    (project / "conf" / "out").symlink_to("/etc/passwd")  # file by file, as one is left out
    assert context(project) == whole


def test_a_mounted_link_to_a_file_of_the_project_is_that_file(project: Path) -> None:
    (project / "one.conf").symlink_to("conf/app.conf")
    (project / "compose.yaml").write_text(
        "name: shop\nservices: {web: {image: nginx, volumes: ['./one.conf:/etc/one.conf:ro']}}\n"
    )
    assert context(project) == {"conf/app.conf": "listen 80\n"}


def test_a_project_that_is_reached_through_a_link_is_no_different(project: Path, tmp_path: Path) -> None:
    (tmp_path / "way").symlink_to(project)
    (project / "conf" / "other.conf").symlink_to("app.conf")
    assert context(tmp_path / "way") == context(project)


def test_the_digest_of_what_is_copied_knows_links_by_their_text(project: Path, tmp_path: Path) -> None:
    link = project / "conf" / "other.conf"

    def digest(target: str) -> str:
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        (build,) = translated(project).translation.builds
        return ContentReader().content(build).digest

    assert digest("app.conf") != digest("sub/x.conf")


@pytest.mark.parametrize("late", ["link", "pipe"])
def test_what_is_exchanged_after_the_translation_is_not_followed(late: str, project: Path) -> None:
    (build,) = translated(project).translation.builds
    file = project / "conf" / "app.conf"
    file.unlink()
    file.symlink_to("../../outside/secret.txt") if late == "link" else os.mkfifo(file)
    with BuildWorkspace() as workspace:
        try:
            root = Path(workspace.place(build, {}, {}).context)
        except InputError as error:
            assert late == "pipe"
            assert error.diagnostics[0].code == "C2F458"  # noqa: PT017
        else:
            assert (root / "conf" / "app.conf").is_symlink()


def test_a_context_is_not_left_through_a_link_that_was_copied(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "a.txt").write_text("keep me")
    (tmp_path / "link").symlink_to(victim)
    (tmp_path / "file").write_text("mine")
    made = BuildContextFolder(str(tmp_path / "context"))
    made.copy(str(tmp_path / "link"), "sub", None)
    writes: tuple[Callable[[], None], ...] = (
        lambda: made.write("sub/a.txt", "text", None),
        lambda: made.copy(str(tmp_path / "file"), "sub/a.txt", None),
        lambda: made.write("../victim/a.txt", "text", None),
        lambda: made.copy(str(tmp_path / "file"), str(victim / "a.txt"), None),
    )
    for write in writes:
        with pytest.raises(OSError, match="it is "):
            write()
    assert (victim / "a.txt").read_text() == "keep me"


@pytest.mark.parametrize("end", ["EOF\n", "EOF\r\n", "EOF\r\r\n", "EOF", "EOF\r", "EOF_\r\nEOF\r\n"])
def test_no_line_of_a_file_ends_the_here_document_that_carries_it(end: str, project: Path) -> None:
    """BuildKit leaves line feeds and carriage returns at the end of a line out before it compares it."""
    run = "RUN touch /pwned"
    content = json.dumps(f"x\n{end}\n{run}\n" if not end.endswith("\n") else f"x\n{end}{run}\n")
    (project / "compose.yaml").write_text(
        f"name: shop\nservices: {{web: {{image: nginx, configs: [{{source: c, target: /c}}], x-fargate: {{files: image}}}}}}\n"
        f"configs: {{c: {{content: {content}}}}}\n"
    )
    (build,) = translated(project).translation.builds
    assert build.dockerfile_text
    assert run in build.dockerfile_text
    assert not [line for line in instructions(build.dockerfile_text) if line.startswith("RUN")]


def instructions(dockerfile: str) -> list[str]:
    """Give the lines of a Dockerfile that are in no here-document: `scanLines` and `trimNewline` of BuildKit's parser."""
    found: list[str] = []
    end = ""
    for line in dockerfile.split("\n"):
        if end:
            end = "" if line.rstrip("\r\n") == end else end
            continue
        found.append(line)
        named = re.search(r"<<'(\w+)'", line)
        end = named[1] if named else ""
    return found
