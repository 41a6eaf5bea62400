"""The program's entry: runs the command line and turns whatever happens into an exit code.

Exit codes: 0 done; 1 findings (`--strict` with warnings); 2 bad usage or invalid input; 3 AWS refused or could
not be reached; 70 an error of the program itself; 130 interrupted.
"""

from __future__ import annotations

import os
import sys


def _look_nowhere_in_the_project() -> None:
    """Import nothing from the current directory, where a project may have a `typer.py` or a `queue.py` of its own.

    `python -m` looks there first, and an empty entry in PYTHONPATH means the same. What holds this package stays: who
    can write there needs no other way. The package itself has been found by then, so for a folder that is not trusted
    there is `python -I -m`, or the program that the installation made.
    """
    home = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    try:
        here = os.path.realpath(os.getcwd())
    except OSError:  # the directory is gone, and nothing can be imported from it
        here = home
    sys.path[:] = [
        entry
        for entry in sys.path
        if os.path.isabs(entry) and (os.path.realpath(entry) != here or here == home)
    ]


if __name__ == "__main__":
    _look_nowhere_in_the_project()

import gc  # noqa: E402 - not before it is known where from
import threading  # noqa: E402
from collections.abc import Sequence  # noqa: E402
from contextlib import suppress  # noqa: E402
from typing import TYPE_CHECKING, NoReturn  # noqa: E402

if TYPE_CHECKING:
    import click

INTERNAL_ERROR = 70
INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command line on `sys.argv` and exit."""
    # A run only builds trees and then ends, so there is nothing for the cyclic collector to find; it would walk
    # the growing tree again and again (libyaml builds a large one in half the time without it).
    _look_nowhere_in_the_project()
    gc.disable()
    _open_missing_streams()
    _leave(run(sys.argv[1:]))


def _leave(status: int) -> NoReturn:
    """End the process at once: everything is written, and to free it object by object, module by module, only takes time.

    Where a thread is left, the interpreter ends as usual, by waiting for it.
    """
    if threading.active_count() > 1:
        sys.exit(status)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    os._exit(status)


def _open_missing_streams() -> None:
    """Give a program that was started with a closed stream (`2>&-`) one that leads nowhere.

    Otherwise the next file that is opened would take its place, and get what is meant for the terminal.
    """
    for descriptor, mode, name in ((0, "r", "stdin"), (1, "w", "stdout"), (2, "w", "stderr")):
        if getattr(sys, name) is None:
            os.open(
                os.devnull, os.O_RDONLY if mode == "r" else os.O_WRONLY
            )  # takes the lowest free descriptor
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", errors="backslashreplace"))


def run(arguments: Sequence[str]) -> int:
    """Run the command line on `arguments` and give the exit code; no exception comes out."""
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader (`| head`) has what it wanted
        from compose2fargate.cli.console import silence

        silence(sys.stdout)
        return 0
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001 - whatever was not foreseen must not reach the user as a traceback
        return _internal_error(error, debug="--debug" in arguments)
    return status


def _run(arguments: Sequence[str]) -> int:
    import click

    from compose2fargate.cli.application import application
    from compose2fargate.cli.completion import answer_shell

    if (answered := answer_shell(application)) is not None:
        return answered
    # Not typer's own `main`: that exits with 1 on a closed pipe and on an interrupt, codes that mean something else here.
    try:
        with application.make_context("compose2fargate", list(arguments)) as context:
            application.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.Abort:
        return INTERRUPTED
    except click.exceptions.NoArgsIsHelpError:  # the help has been shown
        return 2
    except click.ClickException as error:
        _show(error)
        return 2
    return 0


def _show(error: click.ClickException) -> None:
    """Print what click says about an argument, which it quotes."""
    from io import StringIO

    from compose2fargate.cli.console import complain

    said = StringIO()
    error.show(said)
    complain(said.getvalue())


def _internal_error(error: Exception, *, debug: bool) -> int:
    from compose2fargate.cli.console import complain

    if debug:
        from traceback import format_exception

        complain("".join(format_exception(type(error), error, error.__traceback__)))
    advice = "" if debug else ", with what the same command prints with --debug"
    complain(f"internal error: {type(error).__name__}: {error}. Please report this{advice}.\n")
    return INTERNAL_ERROR


if __name__ == "__main__":
    main()
