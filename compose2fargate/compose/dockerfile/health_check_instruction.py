"""The instruction HEALTHCHECK."""

from __future__ import annotations

import re
from collections.abc import Mapping

from compose2fargate.compose.dockerfile.dockerfile_lines import (
    DockerfileError,
    Instruction,
)
from compose2fargate.compose.dockerfile.image_config import ImageHealthCheck


def health_check(instruction: Instruction) -> ImageHealthCheck:
    """Read the instruction; raise DockerfileError where Docker would refuse it."""
    line, flags = instruction.line, instruction.flags
    kind, arguments = "".join(instruction.words[:1]), instruction.words[1:]
    if kind == "NONE" and arguments:
        raise DockerfileError(line, "HEALTHCHECK NONE takes no arguments")
    if kind == "NONE":
        return ImageHealthCheck(("NONE",))
    if kind != "CMD" or not arguments:
        raise DockerfileError(
            line, "HEALTHCHECK needs CMD and a command, or NONE", "write HEALTHCHECK CMD <command>"
        )
    return ImageHealthCheck(
        ("CMD" if instruction.exec_form else "CMD-SHELL", *arguments),
        interval=_seconds(line, "interval", flags),
        timeout=_seconds(line, "timeout", flags),
        start_period=_seconds(line, "start-period", flags),
        start_interval=_seconds(line, "start-interval", flags),
        retries=_retries(line, flags.get("retries", "")),
    )


_NANOSECONDS = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,
    "\u03bcs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_DURATION = re.compile(r"([0-9]{0,19}(?:\.[0-9]{0,19})?)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)")


def _seconds(line: int, flag: str, flags: Mapping[str, str]) -> float | None:
    """Read a duration in Go's syntax, `1m30s`; zero is Docker's default."""
    text = flags.get(flag, "")
    if text in {"", "0", "+0", "-0"}:
        return None
    total, at = 0.0, int(text.startswith("+"))
    while (match := _DURATION.match(text, at)) is not None and match.group(1).strip("."):
        total += float(match.group(1)) * _NANOSECONDS[match.group(2)]
        at = match.end()
    if at != len(text) or text in {"+", "-"}:
        raise DockerfileError(
            line, f"--{flag}={text[:40]} is not a duration", f"write for example --{flag}=30s"
        )
    if total and not 1_000_000 <= total < 2**63:
        raise DockerfileError(line, f"--{flag}={text[:40]} is less than 1ms, or more than 290 years")
    return total / 1_000_000_000 or None


def _retries(line: int, text: str) -> int | None:
    if not text:
        return None
    if not re.match(r"\+?[0-9]{1,10}\Z", text) or int(text) >= 2**31:
        raise DockerfileError(
            line, f"--retries={text[:40]} is not a number of retries", "write for example --retries=3"
        )
    return int(text) or None
