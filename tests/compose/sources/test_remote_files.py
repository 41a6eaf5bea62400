"""Files of git repositories: real repositories, fetched by the real git."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from compose2fargate.compose.loader import LoadedProject, LoadOptions, load_project
from compose2fargate.compose.sources import git_fetch
from compose2fargate.compose.sources.remote_files import (
    FOLDER,
    LOCK,
    PROTOCOLS_VARIABLE,
    RemoteFileError,
    parse_reference,
)
from compose2fargate.diagnostics import Diagnostic, LoadError, Severity
from tests.conftest import Program

Load = Callable[..., LoadedProject]
IDENTITY = {
    f"GIT_{who}_{what}": "test@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
}
ASKED = {PROTOCOLS_VARIABLE: "file"}


class Repository:
    """A repository beside the project, to fetch from."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"file://{folder}"
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")

    def git(self, *arguments: str) -> str:
        surroundings = {**os.environ, **IDENTITY, "GIT_CONFIG_GLOBAL": "/dev/null"}
        command = ["git", "-c", "protocol.file.allow=always", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=surroundings, check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self, **files: str) -> str:
        for name, text in files.items():
            file = self.folder / name.replace("__", "/").replace("_yaml", ".yaml")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message=x")
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def run(text: str, env: dict[str, str] = ASKED, **options: Any) -> LoadedProject:
        project = tmp_path / "project"
        project.mkdir(exist_ok=True)
        (project / "compose.yaml").write_text(text)
        given = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **env}
        return load_project(LoadOptions(cwd=str(project), environment=given, **options))

    return run


def refused(load: Load, text: str, **options: Any) -> Diagnostic:
    with pytest.raises(LoadError) as error:
        load(text, **options)
    return next(d for d in error.value.diagnostics if d.severity is Severity.ERROR)


SERVICE = "services: {web: {image: 'web:1', build: ./app}}"


def test_an_included_file_is_fetched_once_and_read_from_its_copy(
    repository: Repository, load: Load, tmp_path: Path
) -> None:
    commit = repository.commit(deploy__compose_yaml=SERVICE)
    text = f"include: ['{repository.url}#main:deploy']"
    made = load(text, allow_remote=True)
    copy = tmp_path / "project" / FOLDER / commit / "deploy"
    assert made.tree["services"]["web"]["build"]["context"] == str(copy / "app")
    assert [d.code for d in made.diagnostics] == ["C2F167"]
    assert commit in made.diagnostics[0].message
    lock = json.loads((tmp_path / "project" / LOCK).read_text())
    assert lock["sources"][f"{repository.url}#main"]["commit"] == commit
    repository.commit(deploy__compose_yaml="services: {other: {image: 'web:2'}}")
    again = load(text, allow_remote=True)
    assert (again.tree, again.diagnostics) == (made.tree, ())
    repository.folder.rename(tmp_path / "gone")
    assert load(text, env={}).tree == made.tree
    assert {LOCK, f"{FOLDER}/{commit}/deploy/compose.yaml"} <= set(again.files)


def test_a_service_of_a_repository_is_extended(repository: Repository, load: Load) -> None:
    repository.commit(base_yaml="services: {base: {image: 'base:1', labels: {a: b}}}")
    made = load(
        f"services: {{web: {{image: 'web:1', extends: {{file: '{repository.url}#:base.yaml', service: base}}}}}}",
        allow_remote=True,
    )
    assert made.tree["services"]["web"]["image"] == "web:1"
    assert made.tree["services"]["web"]["labels"] == {"a": "b"}


@pytest.mark.parametrize("include", [False, True])
def test_paths_of_an_extended_remote_file_start_from_the_top_of_its_repository(
    include: bool, repository: Repository, load: Load, tmp_path: Path
) -> None:
    own = "services: {base: {build: ./app, extends: {file: deploy/more.yaml, service: more}}}"
    more = "services: {more: {image: i, volumes: ['./data:/data']}}"
    outer = (
        f"services: {{web: {{extends: {{file: '{repository.url}#main:deploy/base.yaml', service: base}}}}}}"
    )
    commit = repository.commit(deploy__base_yaml=own, deploy__more_yaml=more, elsewhere__compose_yaml=outer)
    text = f"include: ['{repository.url}#main:elsewhere']" if include else outer
    web = load(text, allow_remote=True).tree["services"]["web"]
    top = tmp_path / "project" / FOLDER / commit
    assert web["build"]["context"] == str(top / "app")
    assert web["volumes"][0]["source"] == str(top / "deploy" / "data")


@pytest.mark.parametrize("ref", ["main", "v1", "HEAD", "", "COMMIT"])
def test_a_branch_a_tag_or_a_commit_is_named(ref: str, repository: Repository, load: Load) -> None:
    commit = repository.commit(compose_yaml=SERVICE)
    repository.git("tag", "v1")
    given = commit if ref == "COMMIT" else ref
    assert (
        load(f"include: ['{repository.url}#{given}']", allow_remote=True).tree["services"]["web"]["image"]
        == "web:1"
    )


def test_nothing_is_fetched_unasked(repository: Repository, load: Load, tmp_path: Path) -> None:
    repository.commit(compose_yaml=SERVICE)
    found = refused(load, f"include: ['{repository.url}']")
    assert (found.code, "--allow-remote" in found.hint) == ("C2F163", True)
    assert found.location
    assert not (tmp_path / "project" / FOLDER).exists()


def test_file_is_no_protocol_unless_it_is_asked_for(
    repository: Repository, load: Load, tmp_path: Path
) -> None:
    repository.commit(compose_yaml=SERVICE)
    config = tmp_path / "gitconfig"
    config.write_text(f'[url "{repository.url}"]\n\tinsteadOf = https://example.invalid/x\n')
    text, env = "include: ['https://example.invalid/x']", {"GIT_CONFIG_GLOBAL": str(config)}
    found = refused(load, text, env=env, allow_remote=True)
    assert (found.code, "file" in found.message) == ("C2F168", True)
    both = {**env, PROTOCOLS_VARIABLE: "https,file"}
    assert load(text, env=both, allow_remote=True).tree["services"]["web"]["image"] == "web:1"
    refused(load, f"include: ['{repository.url}']", env={}, allow_remote=True)


def test_links_submodules_and_settings_of_git_are_not_taken(
    repository: Repository, load: Load, tmp_path: Path
) -> None:
    (repository.folder / "link.yaml").symlink_to("/etc/passwd")
    other = Repository(tmp_path / "other")
    other.commit(compose_yaml=SERVICE)
    repository.git("submodule", "--quiet", "add", other.url, "inner")
    (repository.folder / ".gitattributes").write_text("* filter=evil\n")
    commit = repository.commit(compose_yaml=SERVICE)
    load(f"include: ['{repository.url}']", allow_remote=True)
    copies = tmp_path / "project" / FOLDER / commit
    assert [str(file.relative_to(copies)) for file in copies.rglob("*")] == ["compose.yaml"]
    assert refused(load, f"include: ['{repository.url}#:link.yaml']", allow_remote=True).code == "C2F168"


@pytest.mark.parametrize(
    "address",
    [
        "oci://registry.example.com/app:1",
        "http://example.com/x.git",
        "git://example.com/x.git",
        "https://user:word@example.com/x.git",
        "https://example.com/x.git#--upload-pack=touch",
        "https://example.com/x.git#a..b",
        "https://example.com/x.git#main:../../etc/passwd",
        "https://example.com/x.git#main:.git/config",
        "https://-oProxyCommand=x/y",
        "ssh://-oProxyCommand=x/y",
        "git@-oProxyCommand=x:y",
        "git@example.com:--upload-pack=x",
        "git@example.com:a\nb",
    ],
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(RemoteFileError) as error:
        parse_reference(address)
    assert "word" not in error.value.message.replace("password", "")
    assert "remote" in error.value.message


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("https://example.com/a/b.git", ("https://example.com/a/b.git", "HEAD", "", "https")),
        ("https://example.com/a.git#v1:x/y.yaml", ("https://example.com/a.git", "v1", "x/y.yaml", "https")),
        ("github.com/a/b#f/x", ("https://github.com/a/b", "f/x", "", "https")),
        ("git@example.com:a/b.git#:x", ("git@example.com:a/b.git", "HEAD", "x", "ssh")),
        ("ssh://git@example.com:22/a.git", ("ssh://git@example.com:22/a.git", "HEAD", "", "ssh")),
    ],
)
def test_an_address_has_a_repository_a_ref_and_a_path(address: str, found: tuple[str, ...]) -> None:
    assert parse_reference(address) == found


@pytest.mark.parametrize("change", ["other", "more", "gone", "link"])
def test_a_copy_that_was_changed_is_not_read(
    change: str, repository: Repository, load: Load, tmp_path: Path
) -> None:
    commit = repository.commit(compose_yaml=SERVICE)
    text = f"include: ['{repository.url}']"
    load(text, allow_remote=True)
    file = tmp_path / "project" / FOLDER / commit / "compose.yaml"
    if change == "other":
        file.write_text(SERVICE.replace("web:1", "web:2"))
    elif change == "more":
        (file.parent / "more.yaml").write_text(SERVICE)
    elif change == "gone":
        file.unlink()
    else:
        file.unlink()
        file.symlink_to("/etc/passwd")
    found = refused(load, text, allow_remote=True)
    assert (found.code, repository.url in found.message) == ("C2F169", True)


@pytest.mark.parametrize(
    "lock",
    [
        "{",
        "[]",
        '{"format": 2, "sources": {}}',
        '{"format": 1, "sources": {"a": {"commit": "../..", "files": {}}}}',
        '{"format": 1, "sources": {"a": {"commit": "'
        + "a" * 40
        + '", "files": {"../x": "sha256:'
        + "0" * 64
        + '"}}}}',
    ],
)
def test_a_forged_lock_file_is_refused(lock: str, load: Load, tmp_path: Path) -> None:
    (tmp_path / "project" / FOLDER).mkdir(parents=True)
    (tmp_path / "project" / LOCK).write_text(lock)
    assert refused(load, "include: ['https://example.invalid/x']", allow_remote=True).code == "C2F169"


def test_copies_are_not_written_through_a_link(repository: Repository, load: Load, tmp_path: Path) -> None:
    repository.commit(compose_yaml=SERVICE)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / FOLDER).symlink_to(elsewhere)
    assert refused(load, f"include: ['{repository.url}']", allow_remote=True).code in {"C2F168", "C2F169"}
    assert list(elsewhere.iterdir()) == []


def test_what_cannot_be_fetched_says_what_git_says(
    load: Load, tmp_path: Path, repository: Repository
) -> None:
    found = refused(load, f"include: ['file://{tmp_path}/none']", allow_remote=True)
    assert (found.code, "git says" in found.message) == ("C2F168", True)
    repository.commit(compose_yaml=SERVICE)
    assert "git says" in refused(load, f"include: ['{repository.url}#none']", allow_remote=True).message
    assert (
        "no such file" in refused(load, f"include: ['{repository.url}#main:none']", allow_remote=True).message
    )


def test_git_asks_nobody_and_gets_addresses_as_data(load: Load, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    fake = tools / "git"
    fake.write_text(
        f"""#!/bin/sh
printf '%s\\n' "$@" >> {tmp_path}/said
env >> {tmp_path}/env
ps -o sid= -p $$ >> {tmp_path}/session
case "$*" in *' fetch '*) exit 1;; esac
"""
    )
    fake.chmod(0o755)
    env = {"PATH": f"{tools}:/usr/bin:/bin", "GIT_DIR": "/elsewhere", "SSH_ASKPASS": "x", "GIT_ASKPASS": "y"}
    refused(load, "include: ['https://example.invalid/x#main']", env=env, allow_remote=True)
    session = (tmp_path / "session").read_text().split()
    assert all(int(line) != os.getsid(0) for line in session)
    said = (tmp_path / "said").read_text().splitlines()
    assert said[-3:] == ["--", "https://example.invalid/x", "main"]
    assert {
        "core.hooksPath=/dev/null",
        "protocol.allow=never",
        "--no-recurse-submodules",
        "--template=",
    } <= set(said)
    seen = dict(line.partition("=")[::2] for line in (tmp_path / "env").read_text().splitlines())
    assert (seen["GIT_TERMINAL_PROMPT"], seen["GIT_ALLOW_PROTOCOL"]) == ("0", "https:ssh")
    assert not {"GIT_DIR", "SSH_ASKPASS", "GIT_ASKPASS"} & set(seen)


def test_a_git_that_does_not_answer_is_ended_with_what_it_started(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git_fetch, "_SECONDS", 1)
    fake = tmp_path / "git"
    fake.write_text(f"#!/bin/sh\nsleep 300 & echo $! > {tmp_path}/started; wait\n")
    fake.chmod(0o755)
    env = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    found = refused(load, "include: ['https://example.invalid/x']", env=env, allow_remote=True)
    assert "does not answer" in found.message
    status = Path(f"/proc/{(tmp_path / 'started').read_text().strip()}/status")
    until = time.monotonic() + 10  # a signal is on its way to each process for a moment
    while time.monotonic() < until and _runs(status):
        time.sleep(0.05)
    assert not _runs(status)


def _runs(status: Path) -> bool:
    try:
        return "zombie" not in status.read_text()
    except OSError:
        return False


def test_without_git_it_says_so(load: Load, tmp_path: Path) -> None:
    found = refused(
        load, "include: ['https://example.invalid/x']", env={"PATH": str(tmp_path)}, allow_remote=True
    )
    assert "git is not installed" in found.message


def test_the_command_line_allows_it(repository: Repository, program: Program, tmp_path: Path) -> None:
    repository.commit(compose_yaml=SERVICE)
    project = tmp_path / "project"
    project.mkdir()
    (project / "compose.yaml").write_text(f"include: ['{repository.url}']")
    assert program("config", "-q", cwd=project, env=ASKED).status == 2
    fetched = program("config", "--allow-remote", cwd=project, env=ASKED)
    assert (fetched.status, "web:1" in fetched.out) == (0, True)
    assert program("config", cwd=project).out == fetched.out
