"""Arguments as Docker Compose spells them, rewritten to those that click reads.

Docker Compose parses its options as Go's pflag does, which knows two forms that click does not: a short option with an equals sign
(`-p=shop`, `-qf=compose.yaml`) and a switch with a value (`--quiet=false`). Everything else is left as it is, the values of options and
what follows `--` included.

Source: https://pkg.go.dev/github.com/spf13/pflag#readme-command-line-flag-syntax
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

import click

from compose2fargate.records import NamedTuple

_WORDS: Final = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}


class Spelled(NamedTuple):
    """Arguments in click's spelling."""

    options: list[str]
    """The options, and the arguments between them."""
    rest: list[str]
    """What is no option whatever it looks like: from `--` on, or from the first argument where that ends the options."""
    off: frozenset[str]
    """The names of parameters that were taken back: before these options they may have been given too."""


def as_click(params: Sequence[click.Parameter], args: Sequence[str], *, interspersed: bool) -> Spelled:
    """Give the arguments in click's spelling.

    Args:
        params: The options that are read.
        args: What the user wrote.
        interspersed: Whether options may follow arguments; else the first argument ends them.
    """
    switches = {
        name: isinstance(param, click.Option) and (param.is_flag or param.count)
        for param in params
        for name in (*param.opts, *param.secondary_opts)
        if name.startswith("-")
    }
    opposite = {
        name: others[0]
        for param in params
        for mine, others in ((param.opts, param.secondary_opts), (param.secondary_opts, param.opts))
        if others
        for name in mine
    }
    found: list[_Word] = []
    off: set[str] = set()
    waiting = iter(args)
    for word in _words(switches, waiting, interspersed=interspersed):
        if word.off and word.text in opposite:
            found.append(_Word(opposite[word.text]))
        elif word.off:
            param = next(param for param in params if word.text in param.opts)
            found = [one for one in found if one.text not in param.opts or one.is_value]
            off.add(param.name or "")
        else:
            found.append(word)
    ended = [word.text for word in found if word.is_end]
    return Spelled([word.text for word in found if not word.is_end], [*ended, *waiting], frozenset(off))


class _Word(NamedTuple):
    """An argument for click.

    `off` takes back the switches of that name before it, which click cannot be told; no option follows `is_end`.
    """

    text: str
    is_value: bool = False
    off: bool = False
    is_end: bool = False


def _words(switches: Mapping[str, bool], waiting: Iterator[str], *, interspersed: bool) -> Iterator[_Word]:
    """Yield what the arguments mean, and leave in `waiting` what follows the end of the options."""
    for arg in waiting:
        if arg == "--" or (not interspersed and not _is_option(arg)):
            yield _Word(arg, is_value=True, is_end=True)
            return
        said = list(_spoken(switches, arg)) if _is_option(arg) else [_Word(arg, is_value=True)]
        yield from said
        if not said[-1].is_value and switches.get(said[-1].text) is False:
            yield from (_Word(value, is_value=True) for value in islice(waiting, 1))


def _is_option(arg: str) -> bool:
    return len(arg) > 1 and arg.startswith("-")


def _spoken(switches: Mapping[str, bool], arg: str) -> Iterator[_Word]:
    """Yield what one argument means: a long option, or each of the short ones that stand together."""
    name, _, value = arg.partition("=")
    if arg.startswith("--"):
        spoken = switches.get(name) and value in _WORDS
        yield _Word(name, off=not _WORDS[value]) if spoken else _Word(arg)
        return
    for index, letter in enumerate(arg[1:], start=1):
        name, rest = f"-{letter}", arg[index + 1 :]
        if not switches.get(name):
            given = rest[1:] if rest.startswith("=") and len(rest) > 1 and name in switches else rest
            yield _Word(f"{name}{given}")  # click takes what follows the letter for its value
            return
        if rest[:1] == "=" and rest[1:] in _WORDS:
            yield _Word(name, off=not _WORDS[rest[1:]])
            return
        yield _Word(name)
