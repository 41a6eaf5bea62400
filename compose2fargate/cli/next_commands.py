"""The commands that are named to the user: each means the same stack as the run that names it.

Who says `--region eu-west-1 --sandbox` and is told to run `compose2fargate status` looks at another stack. So every command that
is said comes from `next_command`, and those that stand in the hints of rooms which know no command line pass through `completed`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable
from typing import Any, Final

import click

from compose2fargate.cli.options import as_chosen, choose, chosen, chosen_settings
from compose2fargate.diagnostics import Diagnostic

_NAME: Final = "compose2fargate"
_OF_A_STACK: Final = (
    "apply", "convert", "destroy", "exec", "logs", "permissions", "plan", "push", "rollback", "run", "secrets push", "secrets", "status",
)  # fmt: skip
"""Commands that take the options of `given_options`; `check` takes what its folder was made with, and no others."""
_OF_A_PROJECT: Final = ("explain", "rehearse")
"""Commands that take them but for those about the account, which they do not look at."""
_COMMAND: Final = rf"\b{_NAME} ({'|'.join((*_OF_A_STACK, *_OF_A_PROJECT))})(?![\w-])( down| logs)?"


def given_options(ctx: click.Context, *, of_the_account: bool = True) -> str:
    """Give the options of this run that say which stack is meant and what belongs to it, for another command.

    Those of a folder's last run are among them where `convert` kept them; how things are printed and written is not.
    """
    from compose2fargate.workflows.kept_options import spelled_options

    values, settings = dict(chosen(ctx)), chosen_settings(ctx)
    values.setdefault("project_directory", values.get("workdir"))
    if version := values.get("compose_version"):
        settings["compose_version"] = version
    profile = values.get("profile") if of_the_account else ""
    account = (f"--aws-profile {shlex.quote(profile)}",) if profile else ()
    sandbox = of_the_account and values.get("sandbox")
    return f"{spelled_options(values, settings, *account)}{' --sandbox' if sandbox else ''}"


def _apply_options(ctx: click.Context) -> str:
    """Give what `apply` is to be told: `given_options`, and what the plan may do."""
    values = chosen(ctx)
    flags = [f"--{name}" for name in ("adopt", "prune", "volumes", "images") if values.get(name)]
    words = (*flags, *(f"--rerun {shlex.quote(job)}" for job in values.get("rerun", ())))
    return "".join((given_options(ctx), *(f" {word}" for word in words)))


def next_command(ctx: click.Context, name: str, *more: str) -> str:
    """Give a command of this program that means the same stack; `more` are words that it is told besides."""
    options = _apply_options(ctx) if name == "apply" else given_options(ctx)
    return "".join((f"{_NAME} {name}{options}", *(f" {word}" for word in more)))


def completed_text(ctx: click.Context, text: str) -> str:
    """Let the commands of this program in a text mean the same stack."""
    return _completion(ctx)(text) if f"{_NAME} " in text else text


def completed(ctx: click.Context, found: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Let the commands in the hints of findings mean the same stack."""
    every = tuple(found)
    if not any(f"{_NAME} " in one.hint for one in every):
        return every
    complete = _completion(ctx)
    return tuple(one._replace(hint=complete(one.hint)) if f"{_NAME} " in one.hint else one for one in every)


def _completion(ctx: click.Context) -> Callable[[str], str]:
    """Make the function that completes a text: a report may have thousands of hints, and the options are the same in all."""
    options, project = given_options(ctx), given_options(ctx, of_the_account=False)

    def complete(found: re.Match[str]) -> str:
        words = project if found[1] in _OF_A_PROJECT else options
        begun = bool(words) and found.string.startswith(words, found.end())  # it was made by `next_command`
        return found[0] if begun else f"{found[0]}{words}"

    return lambda text: re.sub(_COMMAND, complete, text)


def mean_stack_of(ctx: click.Context, prepared: Any) -> None:
    """Let a run that was told nothing, as it carries out a saved plan, mean the stack of that plan."""
    import os

    options, target = prepared.options, prepared.target
    here = os.path.realpath(options.cwd) == os.path.realpath(os.getcwd())
    directory = options.project_directory
    if not here and not options.files:  # compose files are looked for where the plan was made
        directory = directory or os.path.relpath(options.cwd)
    choose(ctx, {
        "files": tuple(name if name == "-" else os.path.relpath(name) for name in options.files),
        "project_name": options.project_name,
        "project_directory": directory,
        "profiles": options.profiles,
        "env_files": tuple(map(os.path.relpath, options.env_files)),
        "profile": target.profile,
        "sandbox": bool(target.sandbox),
        **as_chosen(prepared.translated.chosen),
    })  # fmt: skip
