"""Completion: what is offered, that it gets into the shells, and that pressing a key does no harm."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
import time
from pathlib import Path

import pytest

from compose2fargate.cli.completion import PLAIN, install_completion
from compose2fargate.diagnostics import UsageError
from tests.cli.test_application import start
from tests.conftest import Program

COMPOSE = "services: {web: {image: nginx}, worker: {image: busybox, command: sleep 1}}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    return tmp_path


def completed(typed: str, cwd: Path) -> list[str]:
    """Give what bash would offer for the last word of a line."""
    words = typed.split(" ")
    given = {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1)}
    with start(cwd=cwd, _COMPOSE2FARGATE_COMPLETE="bash_complete", **given) as process:
        out, err = process.communicate(timeout=60)
    assert err == ""
    assert not re.search("[^ -~\n]", out)
    return [line.partition(",")[2] for line in out.splitlines() if line.startswith("plain,")]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("compose2fargate rollback w", ["web", "worker"]),
        ("compose2fargate logs web wo", ["worker"]),
        ("compose2fargate -f other.yaml explain ", ["cache"]),
        ("compose2fargate convert --without wor", ["worker"]),
        ("compose2fargate convert --target t", ["terraform"]),
        ("compose2fargate convert --allow C2F26", ["C2F26"]),
        ("compose2fargate convert --region eu-c", ["eu-central-1", "eu-central-2"]),
        ("compose2fargate convert --capacity ", ["on-demand", "spot"]),
        ("compose2fargate apply --builder p", ["podman"]),
        ("compose2fargate --install", ["--install-completion"]),
        ("compose2fargate sandbox be", ["behave"]),
    ],
)
def test_names_are_completed_where_they_are_expected(typed: str, offered: list[str], project: Path) -> None:
    (project / "other.yaml").write_text("services: {cache: {image: redis}}\n")
    found = completed(typed, project)
    assert found
    if offered[0].startswith("C2F"):
        assert all(code.startswith(offered[0]) for code in found)
    else:
        assert sorted(found) == offered


def test_names_that_a_shell_might_obey_are_not_offered(project: Path) -> None:
    hostile = ["$(touch mark)", "`touch mark`", "a;b", "-rf", "a b", "\\e]0;x", "\\u202e", "*", "é"]
    services = "".join(f'  "{name}": {{image: x}}\n' for name in [*hostile, "plain.name_1"])
    (project / "compose.yaml").write_text(f"services:\n{services}")
    assert set(completed("compose2fargate rollback ", project)) <= {"plain.name_1"}
    assert not any(re.fullmatch(PLAIN, name) for name in hostile)


@pytest.mark.parametrize(
    "text",
    [
        "services: [",
        "services: {web: {imagee: x}}\n",
        "include: ['https://git.invalid/x.git']\nservices: {}\n",
        "services: {web: {image: '${X:?needed}'}}\n",
        "",
    ],
)
def test_nothing_is_said_where_there_is_nothing_to_offer(text: str, project: Path) -> None:
    (project / "compose.yaml").write_text(text)
    assert completed("compose2fargate --allow-remote rollback ", project) == []
    assert completed("compose2fargate -f - rollback ", project) == []
    assert completed("compose2fargate --dry-run apply --rer", project) == []


def test_completion_loads_no_rich_and_no_boto3(project: Path) -> None:
    (project / "sitecustomize.py").write_text(
        "import atexit, sys\n"
        "def tell():\n"
        "    with open('loaded', 'w') as file:\n"
        "        file.write(' '.join(sorted({'rich', 'boto3', 'jinja2'} & set(sys.modules))))\n"
        "import os\n"
        "leave = os._exit\n"
        "os._exit = lambda status: (tell(), leave(status))\n"
    )
    given = {"COMP_WORDS": "compose2fargate convert --", "COMP_CWORD": "2"}
    path = {"PYTHONPATH": f"{project}{os.pathsep}{Path(__file__).parents[2]}"}
    with start(cwd=project, _COMPOSE2FARGATE_COMPLETE="zsh_complete", **given, **path) as process:
        out, _ = process.communicate()
    assert "--target" in out
    assert (project / "loaded").read_text() == ""


# -- shells


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_shown_for_the_shell_that_is_named_or_used(
    shell: str, program: Program, tmp_path: Path
) -> None:
    named = program("--show-completion", shell, cwd=tmp_path)
    assert named.status == 0
    assert f"_COMPOSE2FARGATE_COMPLETE={shell}_complete" in named.out
    assert program("--show-completion", cwd=tmp_path, env={"SHELL": f"/usr/bin/{shell}"}) == named


@pytest.mark.parametrize("option", ["--show-completion", "--install-completion"])
def test_a_shell_that_is_not_known_is_refused(option: str, program: Program, tmp_path: Path) -> None:
    for arguments, variables in (
        ([option, "csh\x1b"], {}),
        ([option], {"SHELL": "/bin/csh"}),
        ([option], {}),
    ):
        result = program(*arguments, cwd=tmp_path, env=variables)
        assert (result.status, result.out) == (2, "")
        assert "bash, zsh, fish" in result.err
        assert "\x1b" not in result.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("shell", "file", "startup"),
    [
        ("bash", ".bash_completions/compose2fargate.sh", ".bashrc"),
        ("zsh", ".zfunc/_compose2fargate", ".zshrc"),
        ("fish", ".config/fish/completions/compose2fargate.fish", ""),
    ],
)
def test_installing_writes_the_script_and_has_it_read_once(
    shell: str, file: str, startup: str, program: Program, tmp_path: Path
) -> None:
    before = b"alias x='\xff'\r\nno newline at the end"
    if startup:
        (tmp_path / startup).write_bytes(before)
        (tmp_path / startup).chmod(0o600)
    for _ in range(2):
        result = program("--install-completion", shell, cwd=tmp_path)
        assert (result.status, result.err) == (0, "")
        assert file in result.out
    script = (tmp_path / file).read_text()
    assert script == program("--show-completion", shell, cwd=tmp_path).out
    if startup:
        after = (tmp_path / startup).read_bytes()
        assert after.startswith(before + b"\n")
        assert after.count(b"compose2fargate" if shell == "bash" else b".zfunc") == 1
        assert stat.S_IMODE((tmp_path / startup).stat().st_mode) == 0o600


def test_a_startup_file_that_is_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "dotfiles").mkdir()
    (tmp_path / "dotfiles" / "bashrc").write_text("# mine\n")
    (tmp_path / ".bashrc").symlink_to("dotfiles/bashrc")
    install_completion("bash", str(tmp_path))
    assert (tmp_path / ".bashrc").is_symlink()
    assert (tmp_path / "dotfiles" / "bashrc").read_text().startswith("# mine\n. ~/.bash_completions/")


def test_a_file_that_cannot_be_written_is_an_error_with_a_way_out(program: Program, tmp_path: Path) -> None:
    (tmp_path / ".bash_completions").write_text("a file where a folder is needed")
    with pytest.raises(UsageError, match="cannot be written"):
        install_completion("bash", str(tmp_path))
    result = program("--install-completion", "bash", cwd=tmp_path)
    assert (result.status, result.out) == (2, "")
    assert "--show-completion bash" in result.err


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_completes_what_is_typed_after_installing(project: Path) -> None:
    import pty

    program = Path(sys.executable).with_name("compose2fargate")
    if not program.exists():
        pytest.skip("the program is not installed beside this Python")
    install_completion("bash", str(project))
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(project)
        os.environ.update(
            HOME=str(project), PATH=f"{program.parent}:{os.environ['PATH']}", PS1="> ", TERM="dumb"
        )
        os.execvp("bash", ["bash", "--noprofile", "-i"])  # noqa: S606 - a shell is what is tested
    try:
        os.write(terminal, b"echo re''ady\n")
        read_until(terminal, "\nready")
        os.write(terminal, b"compose2fargate status --exi\t")
        assert "--exit-code" in read_until(terminal, "--exit-code")
        os.write(terminal, b"\x15compose2fargate rollback wor\t")
        assert "worker" in read_until(terminal, "rollback worker")
    finally:
        os.write(terminal, b"\x15exit\n")
        os.close(terminal)
        os.waitpid(child, 0)


def read_until(terminal: int, text: str) -> str:
    """Read what a terminal shows until `text` is there; a minute at most."""
    import select

    seen, end = "", time.monotonic() + 60
    while text not in seen.replace("\r", ""):
        assert time.monotonic() < end, seen
        if select.select([terminal], [], [], 1)[0]:
            seen += os.read(terminal, 4096).decode("utf-8", "replace")
    return seen
