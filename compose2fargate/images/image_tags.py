"""The tag that an image gets: the one that was asked for, or the git commit that it is built from."""

from __future__ import annotations

import os
import posixpath
import subprocess
from collections.abc import Sequence
from typing import Final

from compose2fargate.aws.image_build import MANIFEST, is_lock
from compose2fargate.programs import environment_of_programs, find_program

_SHORT: Final = 12
_GIT_TIMEOUT: Final = 60


def commit_tag(folder: str, paths: Sequence[str], content: str) -> str:
    """Give the tag for what lies in `paths`: the commit, marked where the work tree differs from it.

    The mark carries the beginning of the content's digest, so that two builds of different uncommitted states do not
    share a tag. Without git, the tag is made of the content alone.

    Args:
        folder: Where git is asked.
        paths: What the image is built from.
        content: The content's digest; empty when it is not known.
    """
    short = content.removeprefix("sha256:")[:_SHORT]
    commit = _git(folder, "rev-parse", f"--short={_SHORT}", "HEAD")
    if commit is None:
        return f"content-{short}" if short else ""
    if not _is_dirty(folder, paths):
        return commit.strip()
    return f"{commit.strip()}-dirty" + (f"-{short[:8]}" if short else "")


def _is_dirty(folder: str, paths: Sequence[str]) -> bool:
    """Whether git knows of changes in `paths` other than to what we wrote. Files that it ignores do not count."""
    root = _git(folder, "rev-parse", "--show-toplevel")
    changes = _git(
        folder, "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--", *paths
    )
    if root is None or changes is None:
        return True
    changed = (entry[3:] for entry in changes.split("\0") if entry)
    return not all(_is_ours(root.rstrip("\n"), path) for path in changed)


def _is_ours(root: str, path: str) -> bool:
    """Tell whether `path` below `root` is the lock file, or lies in a folder that `convert` wrote."""
    if is_lock(posixpath.basename(path)):
        return True
    folder = posixpath.dirname(path)
    while folder:
        if os.path.isfile(os.path.join(root, folder, MANIFEST)):
            return True
        folder = posixpath.dirname(folder)
    return False


_GIT_OPTIONS: Final = (
    "-c",
    "safe.bareRepository=explicit",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
)


def _git(folder: str, *arguments: str) -> str | None:
    """Run git; None when it is not installed or says no. `GIT_OPTIONAL_LOCKS` keeps it from writing its index.

    A checkout may hold a folder that looks like a repository itself, with a configuration that names programs:
    no such repository is taken, and no program of a configuration is run to look for changes.
    """
    program = find_program("git")
    if program is None:
        return None
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and paths come after `--`
            [program, *_GIT_OPTIONS, "-C", folder, *arguments],
            capture_output=True,
            text=True,
            errors="surrogateescape",
            timeout=_GIT_TIMEOUT,
            env={**environment_of_programs(os.environ), "GIT_OPTIONAL_LOCKS": "0"},
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None
