"""What shells complete, and how completion gets into them.

Completion runs at each press of a key, in a folder that may be anybody's: it reads compose files as `config --services` does,
fetches nothing, runs nothing of the project, says nothing where something is wrong, and gives plain names only.

The scripts and what they are answered are click's. Typer has others: its script for zsh evaluates what the program prints,
and its answers to zsh and fish import rich.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete, shell_complete

from compose2fargate.diagnostics import Compose2FargateError, Diagnostic, Severity, UsageError
from compose2fargate.records import NamedTuple
from compose2fargate.settings import Panel

if TYPE_CHECKING:
    from click.shell_completion import ShellComplete

PROGRAM: Final = "compose2fargate"
VARIABLE: Final = "_COMPOSE2FARGATE_COMPLETE"
"""Set by the script in a shell: https://click.palletsprojects.com/en/stable/shell-completion/"""

PLAIN: Final = r"[A-Za-z0-9][A-Za-z0-9._-]*"
"""What is given to a shell: it may evaluate the words, and show them on a terminal."""


def services(ctx: click.Context, args: list[str], incomplete: str) -> list[str]:  # noqa: ARG001 - typer's signature
    """Name the services of the project that the options before the cursor name."""
    from compose2fargate.cli.options import load_options
    from compose2fargate.compose.listings import list_services
    from compose2fargate.compose.loader import load_project
    from compose2fargate.compose.sources.environment_files import EnvFilesFor

    try:
        options = load_options(ctx, finish=False, env_files_for=EnvFilesFor.NAMES, container_names=False)
        if "-" in options.files:
            return []
        found = list_services(load_project(options._replace(allow_remote=False)))
    except (Compose2FargateError, click.ClickException, OSError):
        return []
    return [name for name in found if re.fullmatch(PLAIN, name)]


def targets(ctx: click.Context, args: list[str], incomplete: str) -> list[str]:  # noqa: ARG001 - as above
    """Name the output formats; those of other distributions are not loaded for it."""
    from compose2fargate.emitters.emitter import BUILT_IN

    return list(BUILT_IN)


def _codes(ctx: click.Context, args: list[str], incomplete: str) -> list[tuple[str, str]]:  # noqa: ARG001 - as above
    from compose2fargate.diagnostics.codes import CODES

    return list(CODES.items())


def regions(ctx: click.Context, args: list[str], incomplete: str) -> list[str]:  # noqa: ARG001 - as above
    """Name the regions of AWS."""
    from compose2fargate.aws.regions import REGIONS

    return list(REGIONS)


def _environments(ctx: click.Context, args: list[str], incomplete: str) -> list[str]:  # noqa: ARG001 - as above
    """Name the environments that have a folder in `fargate/` or a lock file here."""
    from compose2fargate.disk.listing import names_in

    found = {
        *(
            match[1]
            for name in names_in(".")
            if (match := re.fullmatch(rf"compose2fargate\.({PLAIN})\.lock", name))
        ),
        *(
            name
            for target in names_in("fargate")
            for name in names_in(os.path.join("fargate", target))
            if os.path.lexists(os.path.join("fargate", target, name, "compose2fargate.json"))
        ),
    }
    return sorted(name for name in found if re.fullmatch(PLAIN, name))


COMPLETIONS: Final[Mapping[str, Callable[..., object]]] = {
    "region": regions,
    "environment": _environments,
    "allow": _codes,
    "without": services,
}
"""Settings whose values are completed, besides those that have choices."""


# -- shells --------------------------------------------------------------------------------------------------


class _Shell(NamedTuple):
    """How completion gets into a shell: a script at `file`, and in `startup` the line that finds it."""

    kind: type[ShellComplete]
    file: str
    startup: str = ""
    line: str = ""


_SHELLS: Final[Mapping[str, _Shell]] = {
    "bash": _Shell(
        BashComplete, f".bash_completions/{PROGRAM}.sh", ".bashrc", f". ~/.bash_completions/{PROGRAM}.sh"
    ),
    "zsh": _Shell(
        ZshComplete, f".zfunc/_{PROGRAM}", ".zshrc", "fpath+=~/.zfunc; autoload -Uz compinit; compinit"
    ),
    "fish": _Shell(FishComplete, f".config/fish/completions/{PROGRAM}.fish"),
}


def answer_shell(application: click.Command) -> int | None:
    """Answer the script in a shell; give the exit code, or None where no script asks."""
    asked = os.environ.get(VARIABLE)
    if not asked:
        return None
    shell, _, what = asked.partition("_")
    if what == "source" and shell in _SHELLS:
        _print(_script(shell))
        return 0
    try:
        return shell_complete(application, {}, PROGRAM, VARIABLE, asked)
    except Exception:  # noqa: BLE001 - who presses a key in the middle of a line is told nothing
        return 1


def _print(text: str) -> None:
    from compose2fargate.cli.console import write

    write(text)


def _script(shell: str) -> str:
    # Not `source()`: for bash that runs what `bash` is on the PATH, to look at its version.
    kind = _SHELLS[shell].kind(click.Command(PROGRAM), {}, PROGRAM, VARIABLE)
    return kind.source_template % kind.source_vars()


def _shell(value: str) -> str:
    """Give the shell that is meant: the one that is named, or the user's own."""
    shell = value or os.path.basename(os.environ.get("SHELL", ""))
    if shell not in _SHELLS:
        raise click.BadParameter(f"{shell!r} is not one of {', '.join(_SHELLS)}: name the shell.")
    return shell


def _show(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is None or ctx.resilient_parsing:
        return
    _print(_script(_shell(value)))
    ctx.exit()


def _install(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    if value is None or ctx.resilient_parsing:
        return
    from compose2fargate.cli.console import Console

    shell = _shell(value)
    try:
        file, startup = install_completion(shell, os.path.expanduser("~"))
    except UsageError as error:
        Console.of(ctx).report(error.diagnostics)
        ctx.exit(error.exit_code)
    begins = f", which {startup} reads" if startup else ""
    _print(f"completion for {shell}: {file}{begins}; it begins with the next shell\n")
    ctx.exit()


def install_completion(shell: str, home: str) -> tuple[str, str]:
    """Write the script of a shell into a home folder, and have it read when the shell starts.

    Returns:
        The script's file, and the startup file that reads it, if that is needed.

    Raises:
        UsageError: One of them cannot be read or written.
    """
    from compose2fargate.disk.folder import replace_file
    from compose2fargate.disk.reading import read_bytes

    found = _SHELLS[shell]
    line = found.line.encode()
    # A startup file may be a link into a folder of dotfiles: it is the user's own, and the link stays.
    file = os.path.realpath(os.path.join(home, found.file))
    startup = os.path.realpath(os.path.join(home, found.startup)) if found.startup else ""
    at = file
    try:
        replace_file(file, _script(shell).encode(), make=True)
        if at := startup:
            before = read_bytes(startup) if os.path.exists(startup) else b""
            if line not in before.splitlines():
                blank = b"\n" if before and not before.endswith(b"\n") else b""
                replace_file(startup, before + blank + line + b"\n")
    except OSError as error:
        raise UsageError(
            Diagnostic(
                "C2F191",
                Severity.ERROR,
                f"{at} cannot be written: {error.strerror or error}",
                hint=f"print the script: compose2fargate --show-completion {shell}",
            )
        ) from error
    return file, startup


class _ShellOption(click.Option):
    """An option whose value may be left out, which typer's own cannot."""

    rich_help_panel = Panel.DISPLAY


SHELL_OPTIONS: Final = (
    _ShellOption(
        ["--install-completion"], is_flag=False, flag_value="", expose_value=False, is_eager=True, callback=_install,
        metavar="[SHELL]", help="Complete commands and options in bash, zsh or fish (default: the one of $SHELL).",
    ),
    _ShellOption(
        ["--show-completion"], is_flag=False, flag_value="", expose_value=False, is_eager=True, callback=_show,
        metavar="[SHELL]", help="Print the script for that.",
    ),
)  # fmt: skip
