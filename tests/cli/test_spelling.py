"""Options as Docker Compose spells them, before and after the command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import pytest

from compose2fargate.cli.options import COMPOSE_OPTIONS, OUTPUT_OPTIONS, engine_options
from compose2fargate.cli.spelling import as_click
from tests.conftest import Program

PARAMS = [*COMPOSE_OPTIONS, *engine_options(hidden=True), *OUTPUT_OPTIONS]
COMPOSE = "services: {web: {image: 'a:${V-unset}', profiles: [p]}, x: {image: b}}\nvolumes: {unused: {}}\n"


def words(params: Sequence[click.Parameter], *args: str, interspersed: bool = True) -> list[str]:
    options, rest, _ = as_click(params, args, interspersed=interspersed)
    return [*options, *rest]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in ("compose.yaml", "other.yaml"):
        (tmp_path / name).write_text(COMPOSE.replace("b}", f"{name}}}"))
    (tmp_path / "sub").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ("-p=x", "-px"), ("-px", "-px"), ("-p=a=b", "-pa=b"), ("-qp=x", "-q -px"), ("-qf x", "-q -f x"), ("-p=", "-p="),
        ("--quiet=false", ""), ("--quiet=1", "--quiet"), ("-q=T", "-q"), ("-qf=x", "-q -fx"), ("--quiet=maybe", "--quiet=maybe"),
        ("-f -p=x", "-f -p=x"), ("--file -q=false -q=false", "--file -q=false"), ("-- -p=x", "-- -p=x"), ("-", "-"), ("-x=1", "-x=1"),
        ("--quiet -q=false", ""), ("-q=0 -q", "-q"), ("-qq -q=false", ""), ("-q=x", "-q -=x"), ("-f --quiet --quiet=F", "-f --quiet"),
        ("--file=-p=x", "--file=-p=x"), ("a -p=x", "a -px"), ("--color=false", "--no-color"), ("--no-color=0", "--color"),
        ("--color=T", "--color"), ("--no-color=1", "--no-color"), ("--color --color=f -q=f", "--color --no-color"),
    ],
)  # fmt: skip
def test_go_s_spelling_becomes_click_s(given: str, read: str) -> None:
    assert words(PARAMS, *given.split()) == read.split()


def test_nothing_is_touched_after_the_first_argument_where_that_ends_the_options() -> None:
    assert words(PARAMS, "-p=x", "run", "-p=x", interspersed=False) == ["-px", "run", "-p=x"]
    assert words([click.Argument(["a"])], "a", "-p=x") == ["a", "-p=x"]


@pytest.mark.parametrize(
    ("before", "after", "shows"),
    [
        ("-p=shop", "", "name: shop"), ("", "-p=shop", "name: shop"), ("-f=other.yaml", "", "image: other.yaml"),
        ("", "-f=other.yaml", "image: other.yaml"), ("--workdir sub -f compose.yaml", "", "name: sub"),
        ("--project-directory=sub --workdir= -f compose.yaml", "", "name: sub"), ("--all-resources", "", "unused"),
        ("", "--all-resources", "unused"), ("--ansi=never --progress plain --parallel=-1 --verbose --no-ansi --dry-run", "", "services:"),
        ("", "--ansi never --progress quiet --parallel 0x10 --verbose --dry-run", "services:"), ("--progress=", "", "services:"),
        ("--ansi config", "", "services:"),
    ],
)  # fmt: skip
def test_config_takes_what_docker_compose_takes(
    before: str, after: str, shows: str, program: Program, project: Path
) -> None:
    result = program(*before.split(), "config", *after.split(), cwd=project)
    assert (result.status, shows in result.out) == (0, True), result.err


def test_compatibility_before_the_command_is_that_after_it(program: Program, project: Path) -> None:
    before, after, neither = (
        program(*words, cwd=project).out
        for words in (("--compatibility", "config"), ("config", "--compatibility"), ("config",))
    )
    assert before == after != neither
    assert program("--compatibility=false", "config", cwd=project).out == neither


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        ("--workdir=sub --project-directory=sub config", {}),
        ("--progress=bogus config", {}), ("--parallel=x config", {}), ("--parallel= config", {}), ("--quiet=maybe config", {}),
        ("--parallel -1 config -p=", {}), ("config", {"COMPOSE_PARALLEL_LIMIT": "x"}), ("config", {"COMPOSE_PROGRESS": "x"}),
    ],
)  # fmt: skip
def test_what_docker_compose_refuses_is_refused(
    arguments: str, variables: dict[str, str], program: Program, project: Path
) -> None:
    result = program(*arguments.split(), cwd=project, env={"PATH": "/usr/bin:/bin", **variables})
    assert (result.status, result.out) == (2, "")


@pytest.mark.parametrize("flag", ["--dry-run", "--all-resources", "--compatibility"])
@pytest.mark.parametrize("command", ["apply", "convert", "push"])
def test_a_switch_that_would_be_lost_is_refused(
    flag: str, command: str, program: Program, project: Path
) -> None:
    result = program(flag, command, cwd=project)
    assert result.status == 2
    assert f"{flag} stands before config only" in result.err


def test_ansi_says_when_diagnostics_are_coloured(program: Program, project: Path) -> None:
    (project / "compose.yaml").write_text("services: {web: {imag: a}}\n")
    assert "\x1b[" in program("--ansi=always", "config", cwd=project).err
    assert "\x1b[" not in program("--ansi=never", "config", cwd=project).err


def test_off_is_the_opposite_where_a_switch_has_one(program: Program, project: Path) -> None:
    (project / "compose.yaml").write_text("services: {web: {imag: a}}\n")
    assert "\x1b[" not in program("--color", "config", "--color=false", cwd=project).err
    assert "\x1b[" in program("config", "--no-color=false", cwd=project).err


@pytest.mark.parametrize(
    "arguments",
    [
        "-p=shop secrets push -q=false --overwrite=false --help=true", "secrets --exit-code=false push -p=x --overwrite=1 -h",
        "secrets -- push -p=x --help=T", "sandbox -p=x status -qf=compose.yaml --debug=false --help",
        "sandbox behave web -p=x --color=0 -h=1", "--help=true", "config --help=1", "secrets --help=t", "-h=1",
    ],
)  # fmt: skip
def test_subcommands_and_help_are_spelled_alike(arguments: str, program: Program, project: Path) -> None:
    result = program(*arguments.split(), cwd=project)
    assert (result.status, "Usage: compose2fargate" in result.out) == (0, True), result.err


def test_subcommands_read_what_is_spelled_like_docker_compose(program: Program, project: Path) -> None:
    result = program("sandbox", "-q=false", "status", "-p=x", "--verbose=false", cwd=project)
    assert (result.status, "--verbose" in result.err) == (2, True)  # it has no such option, and is told so
    result = program("sandbox", "-q=false", "status", "-p=x", "--debug=false", "--help=false", cwd=project)
    assert (result.status, result.out) == (1, "no sandbox runs for this folder\n"), result.err
    result = program("secrets", "-p=x", "push", "-f=nowhere.yaml", "--overwrite=false", cwd=project)
    assert (result.status, "nowhere.yaml" in result.err, "=nowhere.yaml" in result.err) == (2, True, False)


@pytest.mark.parametrize(
    ("arguments", "shows"),
    [
        ("--all-resources config --all-resources=false", False), ("--all-resources=false config --all-resources", True),
        ("--all-resources config --all-resources=false --all-resources", True), ("--all-resources config", True),
        ("--all-resources --all-resources=0 config", False), ("config --all-resources --all-resources=f", False),
    ],
)  # fmt: skip
def test_the_last_word_on_a_switch_counts(
    arguments: str, shows: bool, program: Program, project: Path
) -> None:
    result = program(*arguments.split(), cwd=project)
    assert (result.status, "unused" in result.out) == (0, shows), result.err


@pytest.mark.parametrize(
    ("arguments", "says"), [("-q sandbox stop", False), ("sandbox -q stop", False), ("sandbox -q stop -q=false", True),
    ("-q sandbox --quiet=false stop", True), ("sandbox -q=false stop -q", False)],
)  # fmt: skip
def test_the_last_word_counts_for_a_subcommand_too(
    arguments: str, says: bool, program: Program, project: Path
) -> None:
    result = program(*arguments.split(), cwd=project)
    assert (result.status, "no sandbox ran" in result.out + result.err) == (0, says)
