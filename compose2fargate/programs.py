"""Finds the programs that are run: on the PATH, and never in the current directory, which is the project's.

An empty or relative entry of the PATH means the current directory, or one below it. There a checkout could hold a
`docker` or a `git` of its own.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

_VARIABLE = "PATH"


def find_program(name: str, environment: Mapping[str, str] | None = None) -> str | None:
    """Give the path of a program; None when the PATH of `environment` (by default: the process's) has none."""
    import shutil

    given = os.environ if environment is None else environment
    return shutil.which(name, path=absolute_path(given.get(_VARIABLE, os.defpath)))


def environment_of_programs(environment: Mapping[str, str]) -> dict[str, str]:
    """Give the environment for a program, which may look for others in its turn."""
    if _VARIABLE not in environment:
        return dict(environment)
    return {**environment, _VARIABLE: absolute_path(environment[_VARIABLE])}


def look_nowhere_in_the_project() -> None:
    """Let libraries that run programs of the user's configuration (credential helpers) find none in the current directory."""
    if _VARIABLE in os.environ:
        os.environ[_VARIABLE] = absolute_path(os.environ[_VARIABLE])


def absolute_path(path: str) -> str:
    """Leave out of a PATH what depends on the current directory."""
    return os.pathsep.join(entry for entry in path.split(os.pathsep) if os.path.isabs(entry))
