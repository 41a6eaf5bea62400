"""A plan as text for people and as JSON for programs; what looks like a secret is hidden in both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Final

from compose2fargate.apply.deployment.differences import shown_sides
from compose2fargate.apply.deployment.planner import (
    CREATE,
    DELETE,
    FOREIGN,
    KEEP,
    LEFT,
    LOOKED_UP,
    REFUSED,
    REPLACE,
    RUN,
    UPDATE,
    Action,
    Plan,
)
from compose2fargate.apply.deployment.resource_words import NAMELESS, titled
from compose2fargate.apply.handlers.handler import FoundResource, Json
from compose2fargate.aws.prices import KEPT_MONTH, store_month
from compose2fargate.records import NamedTuple
from compose2fargate.text.escaping import one_line

_SIGNS: Mapping[str, str] = {
    CREATE: "+",
    UPDATE: "~",
    REPLACE: "±",
    DELETE: "-",
    RUN: ">",
    KEEP: " ",
    FOREIGN: "!",
    LEFT: "?",
    REFUSED: "!",
}


_FEW: Final = 8
_ALWAYS_NAMED: Final = frozenset({"EcsService", "RunTask", "Schedule"})
_HOLDS_DATA: Final = frozenset({"FileSystem", "Repository", "ManagedSecret", "SecretParameter"})


def plan_as_text(
    planned: Plan,
    *,
    unchanged: bool = False,
    counted: Collection[str] = (),
    names_all: str = "",
    paint: Callable[[str, str], str] = lambda text, _: text,
) -> str:
    """Write a plan for people: a line per resource, one per changed member, and the sum.

    Args:
        planned: The plan.
        unchanged: Whether to name what is unchanged, too.
        counted: The kinds of actions whose resources are counted by type, where there are many: services and jobs are named all
            the same, and so is what is deleted with the data on it.
        names_all: What prints every name, said where some are counted.
        paint: Colours a line by the kind of its action.
    """
    few = _counted_actions(planned, counted)
    lines = []
    for action in planned.actions:
        if action in few:
            continue
        if (action.kind == KEEP and not unchanged) or (action.kind == KEEP and action.type in _QUIET):
            continue
        name = "" if action.type in NAMELESS else action.name
        title = f"{_SIGNS[action.kind]} {action.kind:<9} {titled(action.logical_id, name, '  ')}"
        title = one_line(title + (f"  ({action.note})" if action.note else ""))
        lines.append(paint(title, action.kind))
        lines += [one_line(f"      {c.member}: {' -> '.join(shown_sides(c))}") for c in action.changes]
    for kind in dict.fromkeys(action.kind for action in few):
        words = Counter(action.logical_id.partition("/")[0] for action in few if action.kind == kind)
        text = ", ".join(f"{count} {_plural(word)}" if count > 1 else word for word, count in words.items())
        told = f"{_SIGNS[kind]} {kind:<9} {sum(words.values())} more: {text}"
        lines.append(paint(f"{told} ({names_all} names each)" if names_all else told, kind))
    return "\n".join([*lines, plan_summary(planned)]) + "\n"


def _counted_actions(planned: Plan, kinds: Collection[str]) -> list[Action]:
    """Give the actions that are counted; a note or a change is worth its line."""
    found = [
        action
        for action in planned.actions
        if action.kind in kinds
        and not (action.note or action.changes or action.type in _ALWAYS_NAMED)
        and not (action.kind == DELETE and action.type in _HOLDS_DATA)
    ]
    return found if len(found) > _FEW else []


def _plural(word: str) -> str:
    return word if word.endswith("s") else f"{word[:-1]}ies" if word.endswith("y") else f"{word}s"


_QUIET = frozenset(kind.__name__ for kind in LOOKED_UP)


class KeptResource(NamedTuple):
    """What is left when everything else of a stack is deleted.

    Attributes:
        title: Its id and its name.
        cost: What it goes on costing.
        option: The option of `destroy` that deletes it; "" where leaving one out does.
    """

    title: str
    cost: str
    option: str = ""


def what_stays(planned: Plan) -> tuple[KeptResource, ...]:
    """Give what a plan to destroy leaves, with what that costs."""
    return tuple(
        KeptResource(
            titled(action.logical_id, action.name),
            KEPT_MONTH.get(action.type) or _cost(planned.found[action.logical_id], action.note),
            next(
                (f"--{word}" for word in ("volumes", "images", "stores") if f"--{word} " in action.note), ""
            ),
        )
        for action in planned.actions
        if action.kind == LEFT
    )


def _cost(found: FoundResource, note: str) -> str:
    """Say what a database or a cache costs a month, as it is; what is only there for one costs nothing."""
    state = found.state
    size = state.get("dBInstanceClass") or state.get("cacheNodeType")
    if not size:
        return f"no charge ({note})"
    count = state.get("numCacheClusters") or (2 if state.get("multiAZ") else 1)
    month = store_month(size, count, state.get("allocatedStorage", 0))
    known = f"about {month:.2f} USD a month" if month is not None else "at the price of its class"
    return f"{size}, {known}"


def plan_summary(planned: Plan) -> str:
    """Say in one line how much there is to do."""
    counts = {
        kind: sum(action.kind == kind for action in planned.actions if action.type not in _QUIET)
        for kind in _SIGNS
    }
    if not planned.pending:
        kept = f"{counts[KEEP]} resources are as the compose file wants them"
        text = f"nothing to do: {kept if counts[KEEP] else 'there is nothing of this stack'}"
    else:
        parts = (
            (CREATE, "to create"),
            (UPDATE, "to update"),
            (REPLACE, "to replace"),
            (DELETE, "to delete"),
            (RUN, "to run"),
            (KEEP, "unchanged"),
        )
        text = ", ".join(f"{counts[kind]} {words}" for kind, words in parts if counts[kind])
    if counts[LEFT]:
        prunes = any("--prune" in action.note for action in planned.actions if action.kind == LEFT)
        text += (
            f"; {counts[LEFT]} {'left over (--prune)' if prunes else 'stay' if counts[LEFT] > 1 else 'stays'}"
        )
    text += f"; {counts[REFUSED]} refused" if counts[REFUSED] else ""
    return text + (f"; {counts[FOREIGN]} of other owners" if counts[FOREIGN] else "")


def plan_as_json(planned: Plan) -> Json:
    """Give a plan as plain JSON; what looks like a secret is hidden in it too."""
    return {
        "account": planned.account,
        "region": planned.region,
        "fingerprint": planned.fingerprint,
        "in_sync": not planned.pending,
        "actions": [
            {
                "action": action.kind,
                "id": action.logical_id,
                "type": action.type,
                "name": action.name,
                **({"note": action.note} if action.note else {}),
                **(
                    {
                        "changes": [
                            dict(zip(("member", "before", "after"), (c.member, *shown_sides(c)), strict=True))
                            for c in action.changes
                        ]
                    }
                    if action.changes
                    else {}
                ),
            }
            for action in planned.actions
        ],
    }
