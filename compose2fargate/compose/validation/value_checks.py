"""Checks of single keys that the schema cannot express; they apply to unused resources, too."""

from __future__ import annotations

from typing import Any

from compose2fargate.compose.passes import Findings, Placed, Step
from compose2fargate.compose.sources.source_files import Marks
from compose2fargate.compose.values.port_syntax import is_ip
from compose2fargate.diagnostics import Path


def external_volume(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Refuse settings on a volume that somebody else manages."""
    if isinstance(value, dict) and value.get("external") is True:
        for key in value:
            if key not in ("name", "external") and not key.startswith("x-"):
                findings.error(
                    "C2F156",
                    (*path, key),
                    f"{_name(path)} is external, so {key!r} cannot be set here",
                    f"remove {key!r}, or remove `external: true`",
                )
    return value, marks


def one_source(*keys: str) -> Step:
    """Make the step that wants exactly one of `keys` to say where a secret or config comes from."""

    def step(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
        if not isinstance(value, dict):
            return value, marks
        given = [key for key in keys if key in value]
        wanted = ", ".join(f"`{key}`" for key in keys)
        if given == ["environment", "content"] and marks and "content" not in marks:
            # See include.with_values.
            findings.error(
                "C2F156",
                (*path, "environment"),
                f"{_name(path)} comes from a variable, which Docker Compose refuses in an included file",
                f'write `content: "${{{value["environment"]}}}"` instead',
            )
        elif len(given) > 1:
            findings.error(
                "C2F156", (*path, given[1]), f"{_name(path)} has several sources", f"keep one of {wanted}"
            )
        elif not given and "driver" not in value and "external" not in value:
            findings.error("C2F156", path, f"{_name(path)} has no source", f"add one of {wanted}")
        return value, marks

    return step


def not_blank(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Refuse an empty path."""
    if value == "":
        findings.error("C2F156", path, f"{_name(path)} must not be empty")
    return value, marks


def device_request(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Refuse to ask for devices by number and by name at once."""
    if isinstance(value, dict) and "count" in value and "device_ids" in value:
        findings.error(
            "C2F156",
            (*path, "device_ids"),
            f"{_name(path)} has both `count` and `device_ids`",
            "keep one of them",
        )
    return value, marks


def port_address(value: Any, marks: Marks | None, path: Path, findings: Findings) -> Placed:
    """Refuse a host address that is none."""
    if isinstance(value, dict) and isinstance(value.get("host_ip"), str) and not is_ip(value["host_ip"]):
        findings.error(
            "C2F153",
            (*path, "host_ip"),
            f"{_name(path)}: {value['host_ip']!r} is not an IP address",
            "use an IP address",
        )
    return value, marks


def _name(path: Path) -> str:
    return ".".join(map(str, path))
