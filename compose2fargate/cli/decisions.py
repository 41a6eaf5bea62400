"""How `explain` prints: the decision about a project, the ledger of its keys, and what a code means."""

from __future__ import annotations

import json
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from compose2fargate import api
from compose2fargate.credentials import mask_value
from compose2fargate.diagnostics import Diagnostic, Severity
from compose2fargate.text.escaping import code_span, markdown, one_line
from compose2fargate.workflows.decision import ServiceDecision

_WIDEST: Final = 100
_HEADINGS: Final = ("decide", "lost", "risks")
OUTCOMES: Final = ("mapped", "approximated", "ignored", "refused")


def width() -> int:
    """Give how many columns there are to write in."""
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDEST
    return max(40, min(columns, _WIDEST))


def _wrapped(text: str, first: str, rest: str) -> str:
    """Break a text at words, with its first line and the others begun as given; an address stays whole."""
    return textwrap.fill(
        one_line(text),
        width(),
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def paragraph(text: str) -> str:
    """Give a text broken at words."""
    return _wrapped(text, "", "") + "\n"


# -- the decision


def decision_as_text(decisions: Sequence[ServiceDecision], cost: str) -> str:
    """Write what somebody has to know who decides, a paragraph for each service."""
    blocks = ["\n".join(_decision(one)) for one in decisions if one.name or any(_told(one))]
    refused = sum(len(one.refused) for one in decisions)
    if refused:
        blocks.insert(0, paragraph(_refused(refused)).rstrip("\n"))
    elif cost:
        blocks.append(_wrapped(cost, "in all: ", "  "))
    return "\n\n".join(blocks) + "\n"


def _refused(number: int) -> str:
    return f"{number} refused: convert writes nothing before what is marked as blocking is answered"


def _told(one: ServiceDecision) -> Iterator[Diagnostic]:
    return (found for heading in _HEADINGS for found in getattr(one, heading))


def _decision(one: ServiceDecision) -> Iterator[str]:
    yield one_line(one.name) if one.name else "the stack"
    for heading in _HEADINGS:
        last = ""
        for found in getattr(one, heading):
            place = f" ({found.location})" if found.location else ""
            word = "blocks" if found.severity is Severity.ERROR else heading
            begin, last = f"  {'' if word == last else word:<8}", word
            yield _wrapped(f"{found.message}{place} [{found.code}]", begin, " " * 10)
            if found.hint:
                yield _wrapped(f"-> {found.hint}", " " * 10, " " * 13)
    if one.name:
        yield _wrapped(_cost(one), "  costs   ", " " * 10)


def _cost(one: ServiceDecision) -> str:
    if one.refused:
        return "nothing is said of it, as convert refuses the service"
    if one.store:
        month = (
            f"about {one.month:.2f} USD a month"
            if one.month is not None
            else "a price that is not known here"
        )
        return f"{month} for {one.store}, which AWS runs"
    size = one.size.rpartition(": ")[0] or one.size
    if one.month is not None:
        tasks = f"{one.tasks} task{'s' * (one.tasks != 1)}"
        return (
            f"about {one.month:.2f} USD a month for {tasks}; each {size}" if size else f"{one.month:.2f} USD"
        )
    return f"while it runs; {size}" if one.job else "in the task of another service"


def decision_as_markdown(decisions: Sequence[ServiceDecision]) -> str:
    """Write the same as a section of Markdown."""
    lines = ["## What to decide", ""]
    if refused := sum(len(one.refused) for one in decisions):
        lines += [f"**{_refused(refused)}.**", ""]
    for one in decisions:
        if not one.name and not any(_told(one)):
            continue
        lines += [f"### {code_span(one.name) if one.name else 'The stack'}", ""]
        for heading in _HEADINGS:
            for found in getattr(one, heading):
                place = f" ({found.location})" if found.location else ""
                hint = f" {found.hint[:1].upper()}{found.hint[1:]}." if found.hint else ""
                said = markdown(f"{found.message}{place}.{hint}")
                word = "blocks" if found.severity is Severity.ERROR else heading
                lines.append(f"- **{word}** `{found.code}` {said}")
        lines += [f"- **costs** {markdown(_cost(one))}"] if one.name else []
        lines.append("")
    return "\n".join(lines)


# -- the ledger


def ledger_as_text(stories: Sequence[api.KeyExplanation]) -> str:
    """Write what became of each key, the keys of a service together."""
    keys = [story.accounted for story in stories]
    blocks: dict[str, list[str]] = {}
    for story in stories:
        path = [str(part) for part in story.accounted.path]
        owner, rest = (".".join(path[:2]), path[2:]) if path[0] == "services" and path[2:] else ("", path)
        blocks.setdefault(owner, []).extend(_entry(story, ".".join(rest)))
    shown = [
        "\n".join([*([one_line(owner)] if owner else ["the project"]), *lines])
        for owner, lines in blocks.items()
    ]
    return "\n\n".join([*shown, counted(keys)]) + "\n"


def _entry(story: api.KeyExplanation, name: str) -> Iterator[str]:
    key = story.accounted
    yield one_line(f"  {name}  {key.row.outcome.value}{f'  {key.location}' if key.location else ''}")
    value = _value_of(story)
    said = f"{value[0]}: {value[1]}" if value and value[0] else key.row.what
    yield _wrapped(f"{said} (= {value[1]})" if value and not value[0] else said, "      ", "      ")


def _value_of(story: api.KeyExplanation) -> tuple[str, str] | None:
    """Give the member of the API that a key's value became, and the value, where both are short."""
    last = "".join(
        word if n == 0 else word.title() for n, word in enumerate(str(story.accounted.path[-1]).split("_"))
    )
    for _, member, value in story.became:
        if isinstance(value, Mapping) and last in value:
            return f"{member.rpartition('.')[2]}.{last}", _short(value[last])
    shown = [
        (member, _short(value)) for _, member, value in story.became if not isinstance(value, (Mapping, list))
    ]
    key = story.accounted
    if (
        key.row.outcome.value != "mapped"
        or not shown
        or not _WITH_VALUE.intersection(map(str, key.path[2:3]))
    ):
        return None
    return "", ", ".join(f"{member.rpartition('.')[2]} {value}" for member, value in shown)


_WITH_VALUE: Final = frozenset(
    {
        "image",
        "cpus",
        "deploy",
        "mem_limit",
        "mem_reservation",
        "scale",
        "stop_grace_period",
        "user",
        "working_dir",
    }
)
"""Keys of a service that become members with a value of their own, which says more than the sentence about the key."""


def _short(value: Any) -> str:
    text = json.dumps(mask_value(value), ensure_ascii=False).strip('"')
    return text if len(text) <= _WIDEST else f"{text[:_WIDEST]}…"


def counted(keys: Sequence[api.AccountedKey]) -> str:
    """Say how many keys have which outcome."""
    found = Counter(key.row.outcome.value for key in keys)
    return ", ".join(f"{found[each]} {each}" for each in OUTCOMES if found[each])


# -- a code


def code_as_text(code: api.CodeExplanation) -> str:
    """Write what a code means: cause, example, mend."""
    rows = (("cause", code.cause), ("example", code.example), ("mend", code.mend))
    lines = [_wrapped(f"{code.code}: {code.title}", "", "  ")]
    lines += [_wrapped(text, f"  {name:<9}", " " * 11) for name, text in rows]
    return "\n".join(lines) + "\n"


def code_as_markdown(code: api.CodeExplanation) -> str:
    """Write the same as Markdown."""
    return (
        f"### `{code.code}`: {markdown(code.title)}\n\n{markdown(code.cause)}\n\n"
        f"Example: {code_span(code.example)}\n\nWhat to do: {markdown(code.mend)}\n"
    )


def code_as_json(code: api.CodeExplanation) -> str:
    """Write the same as JSON."""
    return json.dumps(code._asdict(), indent=2, ensure_ascii=False) + "\n"
