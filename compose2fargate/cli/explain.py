"""`compose2fargate explain`: every key of the compose files, and what becomes of it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Final

import typer

from compose2fargate import api
from compose2fargate.cli.commands import argument
from compose2fargate.cli.commands import command as make_command
from compose2fargate.cli.completion import services
from compose2fargate.cli.console import standard_input, write
from compose2fargate.cli.decisions import (
    code_as_json,
    code_as_markdown,
    code_as_text,
    counted,
    decision_as_markdown,
    decision_as_text,
    ledger_as_text,
    paragraph,
)
from compose2fargate.cli.options import (
    COMPOSE_OPTIONS,
    OUTPUT_OPTIONS,
    chosen_settings,
    format_option,
    load_options,
)
from compose2fargate.cli.settings_options import settings_options
from compose2fargate.credentials import mask_value
from compose2fargate.diagnostics import Diagnostic, LoadError, Severity, UsageError
from compose2fargate.diagnostics.text_report import as_dict
from compose2fargate.mapping.explanation import KeyExplanation
from compose2fargate.text.escaping import code_span, link, markdown, one_line
from compose2fargate.text.nearest import nearest
from compose2fargate.workflows.decision import decisions_of

NO_COMPOSE_FILE = "C2F100"
COST = "C2F249"

Row = tuple[str, str, str, str]
"""Key, place, outcome, and what happens on Fargate."""


@make_command(
    "explain",
    *settings_options(),
    *COMPOSE_OPTIONS,
    *OUTPUT_OPTIONS,
    examples=(
        "compose2fargate explain",
        "compose2fargate explain web            # one service",
        "compose2fargate explain web.ports      # all about one key",
        "compose2fargate explain C2F230         # what a code means",
    ),
)
def command(
    ctx: typer.Context,
    *,
    selection: Annotated[str | None, argument("[SERVICE[.KEY]|CODE]",
        "A service, a key of it, or the code of a finding.", autocompletion=services)] = None,
    format: Annotated[str, format_option("the list", "text", "json", "markdown")] = "text",
) -> None:  # fmt: skip
    """Say what a project becomes: what to decide, what is lost, risks and cost, then each key.

    Each key is mapped, approximated, ignored or refused. The argument narrows this to a service, or a key of it:
    SERVICE.KEY tells the whole story of that key, what it became and every decision about it. CODE explains a finding.
    Where there is no compose file, every key there is.
    """
    if (code := _code(selection)) is not None:
        write(_CODES[format](code))
        return
    try:
        translated = api.translate(load_options(ctx), chosen_settings(ctx), stdin=standard_input())
    except LoadError as error:
        if not any(found.code == NO_COMPOSE_FILE for found in error.diagnostics):
            raise
        images = _images() if format == "markdown" and not selection else ""
        if format == "text":
            write("There is no compose file here. This is what becomes of every key that there is.\n\n")
        write(_LISTS[format](_selected(api.coverage_table(), selection), "") + images)
        return
    if format == "json" or "." in (selection or ""):
        part = _part(translated, selection or "")
        chosen = [part] if part else _selected(translated.accounted, selection)
        write(_STORIES[format](sorted(api.explain_keys(translated, chosen), key=_place)))
        return
    keys = _selected(translated.accounted, selection)
    cost = "" if selection else next((d.message for d in translated.diagnostics if d.code == COST), "")
    decisions = [
        one
        for one in decisions_of(translated)
        if not selection or one.name == selection.removeprefix("services.")
    ]
    if format == "text":
        stories = sorted(api.explain_keys(translated, keys), key=_place)
        ways = "" if selection else paragraph(_WAYS)
        write(f"{decision_as_text(decisions, cost)}\n{ledger_as_text(stories)}{ways}")
        return
    decided = "" if selection else f"{decision_as_markdown(decisions)}## What became of each key\n\n"
    write(decided + _markdown(keys, cost))


_WAYS: Final = "explain SERVICE.KEY tells all of a key, explain CODE of a code; --format markdown has what to do about each"


def _code(selection: str | None) -> api.CodeExplanation | None:
    """Give what is asked for where that is a code.

    Raises:
        UsageError: It looks like one and is none.
    """
    asked = (selection or "").upper()
    if not (len(asked) == _CODE_LENGTH and asked.startswith("C2F") and asked[3:].isdecimal()):
        return None
    found = api.explain_code(asked)
    if found is None:
        hint = "the code of a finding is C2F and three digits, as it stands before the message"
        raise UsageError(Diagnostic("C2F192", Severity.ERROR, f"there is no code {asked}", hint=hint))
    return found


_CODE_LENGTH: Final = 6
_CODES: Final[Mapping[str, Callable[[api.CodeExplanation], str]]] = {
    "text": code_as_text,
    "json": code_as_json,
    "markdown": code_as_markdown,
}


# -- lists of keys -------------------------------------------------------------------------------------------


def _text(accounted: Sequence[api.AccountedKey], _: str) -> str:
    return ledger_as_text([KeyExplanation(key, (), ()) for key in accounted])


def _markdown(accounted: Sequence[api.AccountedKey], cost: str) -> str:
    rows = [("key", "outcome", "on Fargate", "what to do"), ("---",) * 4, *map(_markdown_row, accounted)]
    return _markdown_table(rows) + (
        f"\n{counted(accounted)}.\n\n{markdown(_sentence(cost))}\n" if cost else ""
    )


def _markdown_table(rows: Iterable[tuple[str, ...]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _markdown_row(key: api.AccountedKey) -> Row:
    documented = link("documentation", key.row.url) if key.row.url else ""
    return (
        f"{code_span(_dotted(key))}{_markdown_place(key)}",
        _outcome(key),
        markdown(key.row.what),
        " ".join(filter(None, (markdown(key.row.hint), documented))),
    )


def _markdown_place(key: api.AccountedKey) -> str:
    return f" ({markdown(str(key.location))})" if key.location else ""


def _images() -> str:
    """Give the images that are known, as a section of the same page."""
    head = ("image", "kind", "listens on", "keeps data in", "in place of it, and what else there is to know")
    rows = [head, ("---",) * len(head), *map(_image_row, api.known_images())]
    return f"\n## Images that are known\n\n{_IMAGES}\n\n{_markdown_table(rows)}"


_IMAGES = """An image counts by the name of its repository, whatever registry or owner stands in front and
whatever its tag says; the base image of a Dockerfile counts like an image.
Ports are those that are opened where the file names none, with what they speak."""


def _image_row(image: api.KnownImage) -> tuple[str, ...]:
    ports = ", ".join(f"{number} {protocol}" for number, protocol in image.ports.items())
    facts = (
        image.private,
        "one task at a time on its data" if image.single_writer else "",
        "runs to its end" if image.ends else "",
        image.managed,
        image.tool.instead if image.tool else image.instead,
        image.without_engine,
        image.host_name,
        *image.sysctls.values(),
        *image.notes,
    )
    data = ", ".join(f"`{path}`" for path in image.data)
    return (f"`{image.name}`", image.kind, ports, data, "; ".join(filter(None, facts)))


def _outcome(key: api.AccountedKey) -> str:
    return f"{key.row.outcome.value} (`{key.row.code}`)" if key.row.code else key.row.outcome.value


def _json(accounted: Sequence[api.AccountedKey], _: str) -> str:
    return json.dumps([_as_dict(key) for key in accounted], indent=2, ensure_ascii=False) + "\n"


def _as_dict(key: api.AccountedKey) -> dict[str, Any]:
    return {
        "path": list(key.path),
        "location": key.location and key.location._asdict(),
        "outcome": key.row.outcome.value,
        "what": key.row.what,
        "hint": key.row.hint,
        "url": key.row.url,
    }


_LISTS: Final[Mapping[str, Callable[[Sequence[api.AccountedKey], str], str]]] = {
    "text": _text,
    "json": _json,
    "markdown": _markdown,
}


# -- stories of keys -----------------------------------------------------------------------------------------


def _text_stories(stories: Sequence[api.KeyExplanation]) -> str:
    return "\n".join("\n".join(_text_story(story)) + "\n" for story in stories)


def _text_story(story: api.KeyExplanation) -> Iterator[str]:
    key = story.accounted
    yield one_line(f"{_dotted(key)}  {key.location or ''}".rstrip())
    yield f"  {key.row.outcome.value}: {one_line(key.row.what)}"
    if key.row.hint:
        yield f"  what to do: {one_line(key.row.hint)}"
    if key.row.url:
        yield f"  see {key.row.url}"
    if story.became:
        yield "  it became:"
    for logical_id, member, value in story.became:
        yield f"    {one_line(' '.join(filter(None, (logical_id, member))))}: {_value(value)}"
    if story.references:
        yield "  it leads to:"
    for shown in story.references:
        yield f"    {one_line(shown)}"
    if story.decisions:
        yield "  decisions:"
    for found in story.decisions:
        yield f"    {found.severity.value} {found.code}: {one_line(found.message)}"
        yield from (
            f"      {word} {one_line(text)}"
            for word, text in (("hint:", found.hint), ("see", found.url))
            if text
        )


def _value(value: Any) -> str:
    return json.dumps(mask_value(value), ensure_ascii=False)


def _markdown_stories(stories: Sequence[api.KeyExplanation]) -> str:
    return "\n".join("\n".join(_markdown_story(story)) + "\n" for story in stories)


def _markdown_story(story: api.KeyExplanation) -> Iterator[str]:
    key = story.accounted
    yield f"### {code_span(_dotted(key))}{_markdown_place(key)}"
    yield ""
    documented = f" ({link('documentation', key.row.url)})" if key.row.url else ""
    yield f"**{key.row.outcome.value}**: {markdown(key.row.what)}{documented}"
    if key.row.hint:
        yield ""
        yield f"What to do: {markdown(key.row.hint)}"
    if story.became:
        yield ""
        yield from _markdown_table(
            [("where", "value"), ("---", "---"), *map(_markdown_value, story.became)]
        ).splitlines()
    if story.references:
        yield ""
        yield from (f"- leads to {markdown(shown)}" for shown in story.references)
    if story.decisions:
        yield ""
    for found in story.decisions:
        after = "".join(
            (
                f" {markdown(_sentence(found.hint))}" if found.hint else "",
                f" {link('documentation', found.url)}" if found.url else "",
            )
        )
        yield f"- {found.severity.value} `{found.code}`: {markdown(_sentence(found.message))}{after}"


def _markdown_value(place: tuple[str, str, Any]) -> tuple[str, str]:
    logical_id, member, value = place
    return f"{code_span(logical_id)} {markdown(member)}".strip(), code_span(_value(value))


def _sentence(text: str) -> str:
    """A finding as it stands in running text."""
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _json_stories(stories: Sequence[api.KeyExplanation]) -> str:
    return json.dumps([_story_as_dict(story) for story in stories], indent=2, ensure_ascii=False) + "\n"


def _story_as_dict(story: api.KeyExplanation) -> dict[str, Any]:
    return {
        **_as_dict(story.accounted),
        "became": [
            {"resource": i, "member": member, "value": mask_value(value)} for i, member, value in story.became
        ],
        "decisions": [as_dict(found) for found in story.decisions],
        "references": list(story.references),
    }


_STORIES: Final[Mapping[str, Callable[[Sequence[api.KeyExplanation]], str]]] = {
    "text": _text_stories,
    "json": _json_stories,
    "markdown": _markdown_stories,
}


# -- selection -----------------------------------------------------------------------------------------------


def _order(key: api.AccountedKey) -> tuple[Any, str]:
    return (key.location or ("",), _dotted(key))


def _place(story: api.KeyExplanation) -> tuple[Any, str]:
    return _order(story.accounted)


def _selected(accounted: Iterable[api.AccountedKey], selection: str | None) -> list[api.AccountedKey]:
    keys = sorted(accounted, key=_order)
    if not selection:
        return keys
    starts = (f"services.{selection}.", f"{selection}.")
    selected = [key for key in keys if f"{_dotted(key)}.".startswith(starts)]
    if not selected:
        raise UsageError(_unknown(selection, keys))
    return selected


def _part(translated: api.Translated, selection: str) -> api.AccountedKey | None:
    """Give what stands below a key that is accounted for as a whole, as one variable of `environment`."""
    for key in translated.accounted:
        shown = f"{_dotted(key)}.".removeprefix("services.")
        name = selection.removeprefix("services.").removeprefix(shown)
        below = translated.project.tree
        for step in key.path if name and f"{shown}{name}" == selection.removeprefix("services.") else ():
            below = below[step] if isinstance(below, (dict, list)) else {}
        if isinstance(below, dict) and below is not translated.project.tree and name in below:
            path = (*key.path, name)
            return key._replace(path=path, location=translated.project.at(*path))
    return None


def _unknown(selection: str, keys: Iterable[api.AccountedKey]) -> Diagnostic:
    known = [_dotted(key).removeprefix("services.") for key in keys]
    services = [name.partition(".")[0] for name in known]
    near = nearest(selection, dict.fromkeys([*services, *known]))
    return Diagnostic(
        "C2F192",
        Severity.ERROR,
        f"the compose files have no service or key {selection!r}",
        hint=f"compose2fargate explain {shlex.quote(near)}"
        if near
        else "compose2fargate explain lists every key",
    )


def _dotted(key: api.AccountedKey) -> str:
    return ".".join(map(str, key.path))
