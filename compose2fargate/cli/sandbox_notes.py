"""What the sandbox says about itself: what it did not try, what is scripted in it, and when that ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compose2fargate.cli.console import Console
from compose2fargate.text.escaping import one_line

_SHOWN = 3


def say_untried(console: Console, prepared: Any) -> None:
    """Say what a deployment in the sandbox says nothing about."""
    from compose2fargate.workflows.deploying import untried_parts

    parts = [
        f"{len(names)} {what}{'s' * (len(names) != 1)} ({_listed(names)})"
        for what, names in untried_parts(prepared).items()
        if names
    ]
    if parts:
        console.say(
            one_line(
                f"the sandbox did not try {', '.join(parts)}; `rehearse` runs the containers on this machine"
            )
        )


def _listed(names: tuple[str, ...]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def scripted(folder: str) -> Mapping[str, str]:
    """Give what is scripted in the sandbox of a folder: the service or family, and what its tasks do."""
    from compose2fargate.apply.sandbox.sandbox_session import call_sandbox, find_sandbox

    session = find_sandbox(folder)
    found = call_sandbox(session, "behaviours") if session else {}
    return {
        str(name): f"exit with {one['exit_code']}"
        if one["kind"] == "exit"
        else _KINDS.get(one["kind"], one["kind"])
        for name, one in found.items()
        if one["kind"] != "run"
    }


_KINDS = {
    "pull": "find no image",
    "secret": "find no value of a secret",
    "unhealthy": "fail their health check",
    "target": "fail the load balancer's check",
    "stuck": "never get ready",
}


def scripted_lines(folder: str) -> list[str]:
    """Say what is scripted, a line for each."""
    return [
        one_line(f"{name}: scripted by `sandbox behave`: its tasks {what}")
        for name, what in scripted(folder).items()
    ]


def end_scripts(console: Console, folder: str, why: str) -> None:
    """Forget what is scripted, and say so."""
    from compose2fargate.apply.sandbox.sandbox_session import call_sandbox, find_sandbox

    names = scripted(folder)
    session = find_sandbox(folder) if names else None
    if session:
        call_sandbox(session, "forget", {})
        console.say(one_line(f"what was scripted for {', '.join(names)} {why}: its tasks run from here on"))
