"""What a `.dockerignore` file keeps out of a build context, by Docker's own rules.

They are neither those of `.gitignore` nor of the shell: patterns are anchored at the context's root, `*` stops at a
slash, `**` does not, a later `!pattern` takes back what an earlier one left out, and what lies in a matching folder
is matched with it. https://docs.docker.com/build/concepts/context/#dockerignore-files
"""

from __future__ import annotations

import os.path
import posixpath
import re
from collections.abc import Callable, Iterator
from typing import Final

from compose2fargate.images.glob_patterns import FOLDERS, GlobExpression
from compose2fargate.records import NamedTuple

Matches = Callable[[str], bool]


class IgnorePattern(NamedTuple):
    """One line: what it matches, and whether it takes back what earlier lines left out."""

    text: str
    takes_back: bool
    matches: Matches


class DockerIgnore(NamedTuple):
    """The patterns of one file, in its order, which decides."""

    patterns: tuple[IgnorePattern, ...]

    @property
    def takes_back(self) -> bool:
        """Whether something inside a folder that is left out may be part of the context nevertheless."""
        return any(pattern.takes_back for pattern in self.patterns)

    def check(self, path: str, parent: tuple[bool, ...] = ()) -> tuple[bool, tuple[bool, ...]]:
        """Tell whether `path` is left out, and which patterns matched it.

        Args:
            path: Relative to the context's root, with `/`.
            parent: What the second value was for the folder that holds it; empty at the root.
        """
        left_out = False
        matched = []
        for number, pattern in enumerate(self.patterns):
            hit = bool(parent) and parent[number]
            # A pattern is asked only where it could change something.
            if not hit and pattern.takes_back == left_out:
                hit = pattern.matches(path)
            matched.append(hit)
            if hit:
                left_out = not pattern.takes_back
        return left_out, tuple(matched)

    def leaves_out(self, path: str) -> bool:
        """Tell whether a path of the context, with `/`, is left out, by itself or with a folder above it."""
        left_out, at = False, ""
        matched: tuple[bool, ...] = ()
        for part in path.split("/"):
            at = f"{at}/{part}" if at else part
            left_out, matched = self.check(at, matched)
        return left_out


def ignore_file_of(context: str, dockerfile: str) -> str | None:
    """Find the ignore file of a context: the one named after the Dockerfile ("" for one without a file) comes first."""
    candidates = [
        *([f"{dockerfile}.dockerignore"] if dockerfile else []),
        os.path.join(context, ".dockerignore"),
    ]
    return next(filter(os.path.isfile, candidates), None)


def parse_dockerignore(text: str) -> DockerIgnore:
    """Read the text of a `.dockerignore` file.

    Raises:
        ValueError: A pattern that Docker refuses, too.
    """
    return DockerIgnore(tuple(map(_pattern, _lines(text))))


def _lines(text: str) -> Iterator[str]:
    """Yield the patterns, cleaned: comments start in the first column, blanks around a pattern do not count."""
    for line in text.removeprefix("\ufeff").splitlines():
        if line.startswith("#") or not line.strip():
            continue
        pattern = line.strip()
        mark = "!" if pattern.startswith("!") else ""
        pattern = pattern[len(mark) :].strip()
        if pattern:
            pattern = _clean(pattern)
        if len(pattern) > 1 and pattern.startswith("/"):
            pattern = pattern[1:]
        yield mark + pattern


def _clean(path: str) -> str:
    """Drop what does not count in a path (`./`, `a/../`, doubled and trailing slashes), as Go does."""
    cleaned = posixpath.normpath(path)
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def _pattern(line: str) -> IgnorePattern:
    takes_back = line.startswith("!")
    text = line[1:] if takes_back else line
    if not text or not _LEGAL.fullmatch(text):
        raise ValueError(line)
    return IgnorePattern(text, takes_back, _matcher(text))


_MEMBER: Final = r"(?:\\.|[^\\\-\]])"
_LEGAL: Final = re.compile(rf"(?:\\.|\[\^?(?:{_MEMBER}(?:-{_MEMBER})?)+\]|[^\[\\])*", re.DOTALL)
"""What Go's `filepath.Match` accepts: brackets that are closed and hold something, and escapes of something."""


_TOKEN: Final = re.compile(r"\*\*/?|\*|\?|\\.|.", re.DOTALL)
_EXPRESSIONS: Final = {"*": "[^/]*", "?": "[^/]"}
_ESCAPED: Final = frozenset(".+()|{}$")


def _matcher(pattern: str) -> Matches:
    """Make the test of one pattern.

    Three shapes are no expressions to Docker, and differ from what the expression would give: `**name` matches
    whatever ends in `name`, `name**` whatever begins with it, and a plain path itself only.
    """
    tokens = _TOKEN.findall(pattern)
    shape = "exact"
    for number, token in enumerate(tokens):
        shape = _shape(shape, token, number, len(tokens))
    if shape == "exact":
        return lambda path: path == pattern
    if shape == "prefix":
        start = pattern.removesuffix("**")
        return lambda path: path.startswith(start)
    if shape == "suffix":
        end = pattern[2:]
        return lambda path: path.endswith(end) or (end.startswith("/") and path == end[1:])
    expression = "".join(_expression(token, last=n == len(tokens) - 1) for n, token in enumerate(tokens))
    try:
        re.compile(expression, re.DOTALL)
        return GlobExpression(expression).matches
    except re.error:
        raise ValueError(pattern) from None


def _shape(shape: str, token: str, number: int, count: int) -> str:
    if token.startswith("**"):
        if number == 0:
            return "suffix"
        return "prefix" if number == count - 1 and shape == "exact" else "expression"
    if token in ("*", "?", "[", "]") or (token[0] == "\\" and len(token) == 2):
        return "expression"
    return shape


def _expression(token: str, *, last: bool) -> str:
    if token.startswith("**"):
        return ".*" if last else FOLDERS
    return _EXPRESSIONS.get(token) or (f"\\{token}" if token in _ESCAPED else token)
