"""Diagnostics that say the same of the same place, said once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from compose2fargate.diagnostics.diagnostic import Diagnostic
from compose2fargate.records import NamedTuple


class GroupedDiagnostic(NamedTuple):
    """A diagnostic, and the other services for which the same place says the same, as with a YAML anchor.

    Attributes:
        diagnostic: The one of the first service, in whose words all of them are told.
        others: The names of the other services.
    """

    diagnostic: Diagnostic
    others: tuple[str, ...] = ()


def group_diagnostics(diagnostics: Iterable[Diagnostic]) -> list[GroupedDiagnostic]:
    """Tell once what one place of a file means for several services: an anchor, an extended service, an included file.

    Diagnostics are alike where nothing but the service's own name tells them apart.
    """
    listed = list(diagnostics)
    places = Counter(
        (d.code, d.location) for d in listed
    )  # nearly always one: then there is nothing to compare
    texts = Counter(text for d in listed if places[d.code, d.location] > 1 for text in (d.message, d.hint))
    alike: dict[tuple[object, ...], list[Diagnostic]] = {}
    for d in listed:
        several = places[d.code, d.location] > 1
        alike.setdefault(_likeness(d, texts) if several else d, []).append(d)
    return [GroupedDiagnostic(same[0], _services(same[1:], same[0])) for same in alike.values()]


def _services(others: Iterable[Diagnostic], first: Diagnostic) -> tuple[str, ...]:
    names = dict.fromkeys(str(d.path[1]) for d in others if len(d.path) > 1)
    return tuple(name for name in names if name != str(first.path[1]))


def _likeness(d: Diagnostic, met: Mapping[str, int]) -> tuple[object, ...]:
    """Give what diagnostics have in common that are told once; `met` says how often each text is there as it is."""
    if d.location is None or len(d.path) < 2 or d.path[0] != "services":
        return d
    name = str(d.path[1])
    texts = (text if met[text] > 1 else _without_name(text, name) for text in (d.message, d.hint))
    return (d.code, d.severity, d.location, d.path[2:], d.url, d.trail, *texts)


def _without_name(text: str, name: str) -> str:
    """Take a service's name out of a sentence about it, where it stands as a word."""
    if name not in text:
        return text
    import re  # few runs have such a finding

    return re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", "\0", text)
