"""The command line as a whole: finding commands, exit codes, colour, and never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from compose2fargate import __version__, api
from compose2fargate.__main__ import INTERRUPTED, run
from compose2fargate.cli.application import COMMANDS, application
from tests.conftest import ROOT, Program

ONE_SERVICE = "services:\n  web:\n    image: nginx:1.27\n"


def start(*arguments: str, cwd: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "compose2fargate", *arguments],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(cwd), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def words(shown: str) -> str:
    """What a help says, without the frames of its panels."""
    return " ".join(shown.replace("│", " ").split())


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "compose.yaml").write_text(ONE_SERVICE)
    return tmp_path


def test_help_names_every_command_without_importing_it(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom compose2fargate.__main__ import run\nstatus = run(['--help'])\n"
        "print(status, [m for m in sys.modules if m.startswith(('compose2fargate.api', 'yaml'))])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines()[-1] == "0 []", done.stderr
    for name, (_, line, panel) in COMMANDS.items():
        assert f"\n│ {name} " in done.stdout
        assert " ".join(line.split()) in words(done.stdout)
        assert f"─ {panel} ─" in done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_in_the_words_of_the_table(
    name: str, program: Program, tmp_path: Path
) -> None:
    context = click.Context(application)
    command = application.get_command(context, name)
    assert command is not None
    assert command.name == name
    assert command.get_short_help_str(limit=200) == COMMANDS[name][1]
    result = program(name, "--help", cwd=tmp_path)
    assert result.status == 0
    assert f"Usage: compose2fargate {name}" in result.out


def test_the_version_goes_to_stdout(program: Program, tmp_path: Path) -> None:
    assert program("--version", cwd=tmp_path) == (0, f"compose2fargate {__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["confg"], "Did you mean 'config'?"),
        (["deploy"], "Did you mean 'apply'?"),
        (["up"], "Did you mean 'apply'?"),
        (["down"], "Did you mean 'destroy'?"),
        (["ps"], "Did you mean 'status'?"),
        (["nothing-like-it"], "No such command 'nothing-like-it'."),
        (["config", "--servces"], "--services"),
        (["convert", "--targte", "json"], "--target"),
        (["config", "--format", "xml"], "xml"),
        (["--nope", "config"], "--nope"),
    ],
)
def test_a_usage_error_exits_with_2_and_says_what_was_meant(
    arguments: list[str], said: str, program: Program, project: Path
) -> None:
    result = program(*arguments, cwd=project)
    assert result.status == 2
    assert said in result.err
    assert result.out == ""


@pytest.mark.parametrize("name", ["deploy", "destry", "deestroy", "restroy"])
def test_nothing_but_its_compose_name_leads_to_destroy(name: str, program: Program, project: Path) -> None:
    assert "destroy" not in program(name, cwd=project).err


def test_compose_options_work_before_and_after_the_command(program: Program, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("services: {a: {image: one}}\n")
    (tmp_path / "b.yaml").write_text("services: {b: {image: two, profiles: [extra]}}\n")
    expected = "a\nb\n"
    options = ["-f", "a.yaml", "-f", "b.yaml", "--profile", "extra"]
    assert program(*options, "config", "--services", cwd=tmp_path).out == expected
    assert program("config", "--services", *options, cwd=tmp_path).out == expected
    assert program(*options[:2], "config", "--services", *options[2:], cwd=tmp_path).out == expected


def test_a_single_option_after_the_command_wins(program: Program, project: Path) -> None:
    result = program("-p", "first", "config", "-p", "second", cwd=project)
    assert result.out.startswith("name: second\n")


def test_a_finding_of_the_loader_exits_with_2_and_its_place(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services:\n  web:\n    imagee: nginx\n")
    result = program("config", cwd=tmp_path)
    assert result.status == 2
    assert "compose.yaml:3:5" in result.err
    assert "      |     ^^^^^^\n" in result.err
    assert result.out == ""


def test_quiet_hides_warnings_but_never_errors(program: Program, project: Path) -> None:
    (project / "compose.yaml").write_text("services: {web: {image: 'nginx:${UNSET_TAG}'}}\n")
    assert "UNSET_TAG" in program("config", cwd=project).err
    assert program("-q", "config", cwd=project).err == ""
    (project / "compose.yaml").write_text("services: {web: {imagee: nginx}}\n")
    assert "imagee" in program("--quiet", "config", cwd=project).err


@pytest.mark.parametrize(
    ("option", "env", "coloured"),
    [
        (["--color"], {}, True),
        (["--color"], {"NO_COLOR": "1"}, True),
        (["--no-color"], {}, False),
        ([], {}, False),
    ],
)
def test_colour_is_for_terminals_or_on_request(
    option: list[str], env: dict[str, str], *, coloured: bool, tmp_path: Path
) -> None:
    (tmp_path / "compose.yaml").write_text("services: {web: {imagee: nginx}}\n")
    with start(*option, "config", cwd=tmp_path, **env) as process:
        _, err = process.communicate()
    assert ("\x1b[" in err) is coloured


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals on Windows")
@pytest.mark.parametrize(
    ("env", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_a_terminal_gets_colour_unless_it_declines(
    env: dict[str, str], *, coloured: bool, tmp_path: Path
) -> None:
    import pty

    (tmp_path / "compose.yaml").write_text("services: {web: {imagee: nginx}}\n")
    ours, theirs = pty.openpty()
    subprocess.run(
        [sys.executable, "-m", "compose2fargate", "config"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TERM": "xterm", **env},
        stderr=theirs,
    )
    os.close(theirs)
    said = os.read(ours, 65536).decode()
    os.close(ours)
    assert "imagee" in said
    assert ("\x1b[" in said) is coloured


def test_the_reader_may_leave_early(tmp_path: Path) -> None:
    services = "".join(f"  s{n}: {{image: nginx}}\n" for n in range(3000))
    (tmp_path / "compose.yaml").write_text(f"services:\n{services}")
    with start("config", cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(1)
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_a_reader_of_diagnostics_that_leaves_early_does_not_stop_the_work(project: Path) -> None:
    with start("convert", cwd=project) as process:
        assert process.stderr is not None
        process.stderr.close()
    assert process.returncode == 0
    assert (project / "fargate" / "json" / "compose2fargate.json").is_file()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="the system has no /dev/full")
def test_a_full_disk_is_an_error_with_a_reason(project: Path) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, "-m", "compose2fargate", "config"],
            cwd=project,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("error C2F191: stdout cannot be written: No space left on device\n")


def test_a_current_directory_that_is_gone_is_an_error_with_a_reason(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    done = subprocess.run(
        ["sh", "-c", 'rmdir "$PWD" && exec "$0" -m compose2fargate config', sys.executable],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "C2F194" in done.stderr


def test_an_interrupt_exits_with_130_and_says_nothing(
    program: Program, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "convert", interrupted)
    assert program("convert", cwd=project) == (INTERRUPTED, "", "")


def test_an_unforeseen_error_is_one_line_and_debug_shows_the_traceback(
    program: Program, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("what nobody thought of")

    monkeypatch.setattr(api, "convert", broken)
    result = program("convert", cwd=project)
    assert result.status == 70
    assert result.err.startswith("internal error: ZeroDivisionError: what nobody thought of. ")
    assert result.err.count("\n") == 1
    assert "--debug" in result.err

    result = program("convert", "--debug", cwd=project)
    assert result.status == 70
    assert "Traceback (most recent call last)" in result.err


def test_output_is_utf_8_in_every_locale(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(
        "services: {web: {image: x, labels: {a: Grüße}}}\n", encoding="utf-8"
    )
    process = start("config", cwd=tmp_path, LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    with process:
        assert process.stdout is not None
        raw = process.stdout.buffer.read()  # type: ignore[attr-defined]  # a text pipe has a buffer
    assert "Grüße" in raw.decode("utf-8")


@pytest.mark.skipif(
    not os.path.exists("/proc/self/environ"), reason="the system does not tell the environment at the start"
)
def test_the_environment_is_what_was_given_and_not_what_python_adds(project: Path) -> None:
    with start("config", "--environment", cwd=project) as process:
        assert "LC_CTYPE" not in process.communicate()[0]
    with start("config", "--environment", cwd=project, LC_CTYPE="C.UTF-8") as process:
        assert "LC_CTYPE=C.UTF-8\n" in process.communicate()[0]


def test_running_gives_the_exit_code_and_raises_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["config"]) == 2


@pytest.mark.parametrize(
    ("command", "what", "default"),
    [
        ("apply", "the plan and the result", "text"),
        ("check", "the report on stdout", "text"),
        ("config", "the output", "yaml"),
        ("destroy", "the plan and the result", "text"),
        ("explain", "the list", "text"),
        ("permissions", "the policy", "json"),
        ("plan", "the plan", "text"),
        ("rollback", "the result", "text"),
        ("secrets", "the list", "text"),
        ("status", "the status", "text"),
        ("targets", "the list", "text"),
    ],
)
def test_help_says_what_each_format_is_of(
    command: str, what: str, default: str, program: Program, project: Path
) -> None:
    shown = words(program(command, "--help", cwd=project, env={"COLUMNS": "200"}).out)
    assert f"Format of {what} (default: {default})." in shown


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("compose2fargate pl", "plain,plan\n"),
        ("compose2fargate status --exit", "plain,--exit-code\n"),
        ("compose2fargate -p shop secrets pu", "plain,push\n"),
        ("compose2fargate nonsense --ex", "\n"),
    ],
)
def test_shells_complete_commands_and_options(words: str, expected: str, project: Path) -> None:
    given = {"COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    process = start(cwd=project, _COMPOSE2FARGATE_COMPLETE="bash_complete", **given)
    assert process.communicate() == (expected, "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_for_completion_is_printed(shell: str, project: Path) -> None:
    process = start(cwd=project, _COMPOSE2FARGATE_COMPLETE=f"{shell}_source")
    out, _ = process.communicate()
    assert f"_COMPOSE2FARGATE_COMPLETE={shell}_complete" in out
    assert process.returncode == 0
