"""Commands as typer makes them: what the help shows, and that it is the same options that are taken."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from rich.markup import render

from compose2fargate.cli.application import COMMANDS, application
from compose2fargate.cli.deploy_options import DIAGNOSTIC_FORMATS
from compose2fargate.diagnostics.text_report import RENDERERS
from compose2fargate.settings import OPTIONS, Panel
from tests.cli.test_application import ONE_SERVICE, start, words
from tests.conftest import Program

PANELS = [title for name, title in vars(Panel).items() if name.isupper()]
TITLE = re.compile(r"^╭─ (.+?) ─+╮$", re.MULTILINE)


def found(*names: str) -> click.Command:
    context: click.Context = click.Context(application)
    command: click.Command = application
    for name in names:
        assert isinstance(command, click.Group)
        below = command.get_command(context, name)
        assert below is not None
        command = below
    return command


def every_command() -> Iterator[tuple[str, ...]]:
    for name in COMMANDS:
        yield (name,)
        command = found(name)
        if isinstance(command, click.Group):
            yield from ((name, below) for below in command.commands)


ALL = pytest.mark.parametrize("names", [(), *every_command()], ids=" ".join)


def shown_params(command: click.Command) -> list[click.Parameter]:
    params = command.get_params(click.Context(command))
    return [param for param in params if not getattr(param, "hidden", False)]


@ALL
def test_the_help_names_every_option_in_full_on_a_narrow_terminal(
    names: tuple[str, ...], program: Program, tmp_path: Path
) -> None:
    shown = words(program(*names, "--help", cwd=tmp_path, env={"COLUMNS": "80"}).out).split()
    options = [param for param in shown_params(found(*names)) if isinstance(param, click.Option)]
    assert {flag for option in options for flag in (*option.opts, *option.secondary_opts)} <= set(shown)


@ALL
def test_options_stand_in_the_panels_in_one_order(
    names: tuple[str, ...], program: Program, tmp_path: Path
) -> None:
    titles = TITLE.findall(program(*names, "--help", cwd=tmp_path).out)
    of_options = [title for title in titles if title in PANELS]
    assert of_options == sorted(of_options, key=PANELS.index)
    assert of_options[-1] == Panel.DISPLAY
    assert "Options" not in titles


def test_convert_has_options_in_every_panel(program: Program, tmp_path: Path) -> None:
    assert TITLE.findall(program("convert", "--help", cwd=tmp_path).out) == PANELS
    assert {setting.panel for setting in OPTIONS} <= set(PANELS)


@ALL
def test_no_text_of_the_help_is_taken_for_markup(names: tuple[str, ...]) -> None:
    command = found(*names)
    texts = [command.help, *(getattr(param, "help", None) for param in command.params)]
    assert [text for text in texts if text and render(text).plain != text] == []


@ALL
def test_the_examples_are_command_lines_that_are_read(names: tuple[str, ...]) -> None:
    examples = re.findall(r"^\$ (?:eval \"\$\()?compose2fargate(.*)$", found(*names).help or "", re.MULTILINE)
    for line in examples:
        arguments = without_shell(line)
        if arguments[0].startswith("--install"):
            continue
        context = application.make_context("compose2fargate", arguments)
        _, command, rest = application.resolve_command(context, [*context._protected_args, *context.args])
        assert command is not None
        command.make_context(command.name, rest, parent=context)
    assert examples or names[:1] == ("sandbox",)


def without_shell(line: str) -> list[str]:
    return shlex.split(line.partition(" > ")[0].rstrip(')"'), comments=True)


DAY_TWO = ("destroy", "exec", "logs", "rollback", "run", "secrets", "status")


@pytest.mark.parametrize("name", DAY_TWO)
def test_a_command_shows_the_settings_that_it_uses_and_takes_all(name: str) -> None:
    command = found(name)
    flags = {flag for param in shown_params(command) for flag in param.opts}
    assert {"--region", "--environment", "--cluster", "--without"} <= flags
    assert not flags & {"--certificate", "--load-balancer", "--files", "--prices", "--insights"}
    taken = {flag for param in command.params for flag in param.opts}
    assert {setting.flag for setting in OPTIONS} <= taken


def test_an_error_says_what_was_typed_and_obeys_none_of_it(program: Program, tmp_path: Path) -> None:
    result = program("config", "--format", "[bold red]x[/]\x1b]0;title\x07\u202e", cwd=tmp_path)
    assert result.status == 2
    assert "[bold red]x[/]\\x1b]0;title\\x07" in result.err.replace("\\\\", "\\")
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", result.err)


@pytest.mark.parametrize("arguments", [["config", "--nope"], ["confg"], ["--version"], ["targets"]])
def test_rich_is_loaded_to_show_help_and_for_nothing_else(arguments: list[str], tmp_path: Path) -> None:
    program = (
        "import sys\nfrom compose2fargate.__main__ import run\n"
        f"run({arguments!r})\nprint('rich' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "False", done.stderr


def test_a_group_that_is_told_no_command_shows_its_help_as_an_error(program: Program, tmp_path: Path) -> None:
    for names in ((), ("sandbox",)):
        result = program(*names, cwd=tmp_path)
        assert (result.status, result.out) == (2, "")
        assert "Usage: compose2fargate" in result.err


def test_the_reader_of_the_help_may_leave_early(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(ONE_SERVICE)
    with start("convert", "--help", cwd=tmp_path) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_the_formats_of_diagnostics_are_those_that_can_be_rendered() -> None:
    assert tuple(RENDERERS) == DIAGNOSTIC_FORMATS
