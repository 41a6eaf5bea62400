"""The program's entry: runs the command line and turns whatever happens into an exit code.

Exit codes: 0 done; 1 findings (`--strict` with warnings); 2 bad usage or invalid input; 3 AWS refused or could
not be reached; 70 an error of the program itself; 130 interrupted.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

INTERNAL_ERROR = 70
INTERRUPTED = 130
COMPLETE = "_COMPOSE2FARGATE_COMPLETE"
"""Set by the completion script of a shell: https://click.palletsprojects.com/en/stable/shell-completion/"""


def main() -> NoReturn:
    """Run the command line on `sys.argv` and exit."""
    # A run only builds trees and then ends, so there is nothing for the cyclic collector to find; it would walk
    # the growing tree again and again (libyaml builds a large one in half the time without it).
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

    if asked := os.environ.get(COMPLETE):
        from click.shell_completion import shell_complete

        return shell_complete(application, {}, "compose2fargate", COMPLETE, asked)
    # Not click's own `main`: that exits with 1 on a closed pipe and on an interrupt, codes that mean something else here.
    try:
        with application.make_context("compose2fargate", list(arguments)) as context:
            application.invoke(context)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return 2
    return 0


def _internal_error(error: Exception, *, debug: bool) -> int:
    if debug:
        from traceback import print_exception

        print_exception(type(error), error, error.__traceback__)
    advice = "" if debug else ", with what the same command prints with --debug"
    sys.stderr.write(f"internal error: {type(error).__name__}: {error}. Please report this{advice}.\n")
    return INTERNAL_ERROR


if __name__ == "__main__":
    main()
