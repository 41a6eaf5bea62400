"""Dockerfile text to the image configuration that BuildKit would record for one of its stages.

Nothing is read from disk and no image is looked up: what a base image outside the file contributes stays
open, and `ImageConfig.inherits` names it. Rules: https://docs.docker.com/reference/dockerfile/
"""

from __future__ import annotations

from collections.abc import Mapping

from compose2fargate.compose.dockerfile.image_config import ImageConfig
from compose2fargate.diagnostics import Diagnostic, Location


def read_dockerfile(
    text: str,
    *,
    file: str,
    target: str | None = None,
    args: Mapping[str, str | None] | None = None,
    platform: str = "linux/amd64",
    first_line: int = 1,
) -> tuple[ImageConfig, list[Diagnostic]]:
    """Read the image configuration of the last stage, or of `target`.

    Args:
        text: The Dockerfile.
        file: Its name in diagnostics.
        target: A stage's name, in any case, or its index.
        args: Build arguments; one with the value None is not set.
        platform: What the image is built for, as `os/architecture` with an optional `/variant`.
        first_line: The line of `file` on which `text` begins, for a Dockerfile inside another file.

    Raises:
        LoadError: with every problem found, when Docker would refuse the file.
    """
    # Projects that build nothing need not wait for the reader, most of which is tables.
    from compose2fargate.compose.dockerfile.final_stage import read_image_config

    given = {name: value for name, value in (args or {}).items() if value is not None}
    return read_image_config(
        text, lambda line: Location(file, first_line + line - 1, 1), target, given, platform
    )
