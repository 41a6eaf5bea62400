"""`compose2fargate explain`: every key of the compose files, and what becomes of it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import click

from compose2fargate import api
from compose2fargate.cli.console import standard_input, table, write
from compose2fargate.cli.options import (
    COMPOSE_OPTIONS,
    OUTPUT_OPTIONS,
    format_option,
    load_options,
)
from compose2fargate.cli.settings_options import SETTINGS_OPTIONS, settings_flags
from compose2fargate.diagnostics import Diagnostic, LoadError, Severity, UsageError
from compose2fargate.report import as_dict, mask_credentials

NO_COMPOSE_FILE = "C2F100"
COST = "C2F249"

Row = tuple[str, str, str, str]
"""Key, place, outcome, and what happens on Fargate."""

_OPTIONS = (
    click.Argument(["selection"], required=False, metavar="[SERVICE[.KEY]]"),
    format_option("the list", "text", "json", "markdown"),
)


@click.command("explain", params=[*_OPTIONS, *SETTINGS_OPTIONS, *COMPOSE_OPTIONS, *OUTPUT_OPTIONS])
@click.pass_context
def command(ctx: click.Context, /, selection: str | None, format: str, **values: Any) -> None:  # noqa: A002 - the option's name
    """Say what becomes of each key of a compose file.

    Each key is mapped, approximated, ignored or refused. The argument narrows the list to a service, or a key of it,
    and SERVICE.KEY tells the whole story of that key: what it became, and every decision about it.
    Where there is no compose file, every key there is.
    """
    try:
        translated = api.translate(load_options(ctx), settings_flags(values), stdin=standard_input())
    except LoadError as error:
        if not any(found.code == NO_COMPOSE_FILE for found in error.diagnostics):
            raise
        write(_LISTS[format](_selected(api.table(), selection), ""))
        return
    if format == "json" or "." in (selection or ""):
        stories = api.tell(translated)
        chosen = {key.path for key in _selected(translated.accounted, selection)}
        write(_STORIES[format](sorted((s for s in stories if s.accounted.path in chosen), key=_place)))
        return
    cost = "" if selection else next((d.message for d in translated.diagnostics if d.code == COST), "")
    write(_LISTS[format](_selected(translated.accounted, selection), cost))


# -- lists of keys -------------------------------------------------------------------------------------------


def _text(accounted: Sequence[api.Accounted], cost: str) -> str:
    rows = [("KEY", "PLACE", "OUTCOME", "ON FARGATE"), *map(_row, accounted)]
    if not cost:
        return table(rows)
    ways = "SERVICE.KEY tells more of one, --format markdown what to do about each"
    return table([*rows, ("(keys)", "", "", f"{_counts(accounted)}; {ways}"), ("(stack)", "", "", cost)])


def _counts(accounted: Sequence[api.Accounted]) -> str:
    """Say how many keys have which outcome."""
    found = Counter(key.row.outcome.value for key in accounted)
    return ", ".join(f"{found[each]} {each}" for each in _OUTCOMES if found[each])


_OUTCOMES = ("mapped", "approximated", "ignored", "refused")


def _row(key: api.Accounted) -> Row:
    return (_dotted(key), str(key.location or ""), key.row.outcome.value, key.row.what)


def _markdown(accounted: Sequence[api.Accounted], cost: str) -> str:
    rows = [("key", "outcome", "on Fargate", "what to do"), ("---",) * 4, *map(_markdown_row, accounted)]
    return _markdown_table(rows) + (f"\n{_counts(accounted)}.\n\n{_sentence(cost)}\n" if cost else "")


def _markdown_table(rows: Iterable[tuple[str, ...]]) -> str:
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in rows)


def _markdown_row(key: api.Accounted) -> Row:
    place = f" ({key.location})" if key.location else ""
    link = f"[documentation]({key.row.url})" if key.row.url else ""
    return (
        f"`{_dotted(key)}`{place}",
        _outcome(key),
        key.row.what,
        " ".join(filter(None, (key.row.hint, link))),
    )


def _outcome(key: api.Accounted) -> str:
    return f"{key.row.outcome.value} (`{key.row.code}`)" if key.row.code else key.row.outcome.value


def _json(accounted: Sequence[api.Accounted], _: str) -> str:
    return json.dumps([_as_dict(key) for key in accounted], indent=2, ensure_ascii=False) + "\n"


def _as_dict(key: api.Accounted) -> dict[str, Any]:
    return {
        "path": list(key.path),
        "location": key.location and key.location._asdict(),
        "outcome": key.row.outcome.value,
        "what": key.row.what,
        "hint": key.row.hint,
        "url": key.row.url,
    }


_LISTS: Final[Mapping[str, Callable[[Sequence[api.Accounted], str], str]]] = {
    "text": _text,
    "json": _json,
    "markdown": _markdown,
}


# -- stories of keys -----------------------------------------------------------------------------------------


def _text_stories(stories: Sequence[api.Story]) -> str:
    return "\n".join("\n".join(_text_story(story)) + "\n" for story in stories)


def _text_story(story: api.Story) -> Iterator[str]:
    key = story.accounted
    yield f"{_dotted(key)}  {key.location or ''}".rstrip()
    yield f"  {key.row.outcome.value}: {key.row.what}"
    if key.row.hint:
        yield f"  what to do: {key.row.hint}"
    if key.row.url:
        yield f"  see {key.row.url}"
    if story.became:
        yield "  it became:"
    for logical_id, member, value in story.became:
        yield f"    {' '.join(filter(None, (logical_id, member)))}: {_value(value)}"
    if story.decisions:
        yield "  decisions:"
    for found in story.decisions:
        yield f"    {found.severity.value} {found.code}: {found.message}"
        yield from (
            f"      {word} {text}" for word, text in (("hint:", found.hint), ("see", found.url)) if text
        )


def _value(value: Any) -> str:
    return json.dumps(_hidden(value), ensure_ascii=False)


MASK: Final = "********"


def _hidden(value: Any) -> Any:
    """A value with everything masked that looks like a credential: what is explained is pasted into tickets."""
    if isinstance(value, dict):
        return {key: _hidden_member(key, item, value) for key, item in value.items()}
    if isinstance(value, list):
        return [_hidden_word(before, item) for before, item in zip(["", *value], value, strict=False)]
    return _hidden_word("", value)


def _hidden_member(key: str, item: Any, beside: Mapping[str, Any]) -> Any:
    """A member of an object: the value of a variable is judged by the variable's name."""
    name = str(beside.get("name", key)) if key == "value" else key
    if isinstance(item, str) and mask_credentials(f"{name}: {item}") != f"{name}: {item}":
        return MASK
    return _hidden(item)


def _hidden_word(before: Any, item: Any) -> Any:
    """A word of a command: the one after `--password` is a password."""
    if not isinstance(item, str):
        return _hidden(item) if isinstance(item, (dict, list)) else item
    line = f"{before} {item}" if isinstance(before, str) and before.startswith("-") else item
    return item if mask_credentials(line) == line and mask_credentials(item) == item else MASK


def _markdown_stories(stories: Sequence[api.Story]) -> str:
    return "\n".join("\n".join(_markdown_story(story)) + "\n" for story in stories)


def _markdown_story(story: api.Story) -> Iterator[str]:
    key = story.accounted
    place = f" ({key.location})" if key.location else ""
    yield f"### `{_dotted(key)}`{place}"
    yield ""
    link = f" ([documentation]({key.row.url}))" if key.row.url else ""
    yield f"**{key.row.outcome.value}**: {key.row.what}{link}"
    if key.row.hint:
        yield ""
        yield f"What to do: {key.row.hint}"
    if story.became:
        yield ""
        yield from _markdown_table(
            [("where", "value"), ("---", "---"), *map(_markdown_value, story.became)]
        ).splitlines()
    if story.decisions:
        yield ""
    for found in story.decisions:
        after = "".join(
            (
                f" {_sentence(found.hint)}" if found.hint else "",
                f" [documentation]({found.url})" if found.url else "",
            )
        )
        yield f"- {found.severity.value} `{found.code}`: {_sentence(found.message)}{after}"


def _markdown_value(place: tuple[str, str, Any]) -> tuple[str, str]:
    logical_id, member, value = place
    return f"`{logical_id}` {member}".strip(), f"`{_value(value)}`"


def _sentence(text: str) -> str:
    """A finding as it stands in running text."""
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _json_stories(stories: Sequence[api.Story]) -> str:
    return json.dumps([_story_as_dict(story) for story in stories], indent=2, ensure_ascii=False) + "\n"


def _story_as_dict(story: api.Story) -> dict[str, Any]:
    return {
        **_as_dict(story.accounted),
        "became": [
            {"resource": i, "member": member, "value": _hidden(value)} for i, member, value in story.became
        ],
        "decisions": [as_dict(found) for found in story.decisions],
    }


_STORIES: Final[Mapping[str, Callable[[Sequence[api.Story]], str]]] = {
    "text": _text_stories,
    "json": _json_stories,
    "markdown": _markdown_stories,
}


# -- selection -----------------------------------------------------------------------------------------------


def _order(key: api.Accounted) -> tuple[Any, str]:
    return (key.location or ("",), _dotted(key))


def _place(story: api.Story) -> tuple[Any, str]:
    return _order(story.accounted)


def _selected(accounted: Iterable[api.Accounted], selection: str | None) -> list[api.Accounted]:
    keys = sorted(accounted, key=_order)
    if not selection:
        return keys
    starts = (f"services.{selection}.", f"{selection}.")
    selected = [key for key in keys if f"{_dotted(key)}.".startswith(starts)]
    if not selected:
        raise UsageError(_unknown(selection, keys))
    return selected


def _unknown(selection: str, keys: Iterable[api.Accounted]) -> Diagnostic:
    from difflib import get_close_matches

    known = [_dotted(key).removeprefix("services.") for key in keys]
    services = [name.partition(".")[0] for name in known]
    near = get_close_matches(selection, dict.fromkeys([*services, *known]), n=1)
    return Diagnostic(
        "C2F192",
        Severity.ERROR,
        f"the compose files have no service or key {selection!r}",
        hint=f"compose2fargate explain {near[0]}" if near else "compose2fargate explain lists every key",
    )


def _dotted(key: api.Accounted) -> str:
    return ".".join(map(str, key.path))
