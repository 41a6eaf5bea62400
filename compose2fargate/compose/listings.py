"""Short lists about a loaded project: what the listing options of `docker compose config` print."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from compose2fargate.compose.dialect import DIALECTS, Change
from compose2fargate.compose.loader import LoadedProject
from compose2fargate.compose.values.interpolation import REFERENCE, TemplateError, closing_brace
from compose2fargate.compose.yaml.yaml_output import to_json
from compose2fargate.diagnostics import Diagnostic, LoadError, Severity
from compose2fargate.records import NamedTuple

_DEEPEST: Final = 50

# What makes no difference to a container of the service.
_NOT_HASHED: Final = frozenset({"build", "depends_on", "profiles", "pull_policy", "scale"})
# What Go escapes in JSON.
_ESCAPED: Final = str.maketrans({c: f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"} | {"\udcff": "\\ufffd"})


class MentionedVariable(NamedTuple):
    """A variable that the files mention: `${NAME:-default}`, `${NAME:+alternate}`, `${NAME:?}` (required)."""

    name: str
    default: str = ""
    alternate: str = ""
    required: bool = False


def list_services(loaded: LoadedProject) -> list[str]:
    """Name the services, each after those it depends on."""
    return list(_in_order(_services(loaded)))


def list_section(loaded: LoadedProject, name: str) -> list[str]:
    """Name the entries of a top-level section, such as `volumes`."""
    return sorted(loaded.tree.get(name) or ())


def list_models(loaded: LoadedProject) -> list[str]:
    """Give what the models of the project are, such as `ai/smollm2`."""
    return sorted(
        model["model"] for model in (loaded.tree.get("models") or {}).values() if model.get("model")
    )


def list_images(loaded: LoadedProject) -> list[str]:
    """Give each service's image, and those of its `pre_start` that are others, in the order of the services' names."""
    hooks_too = DIALECTS[loaded.compose_version].has(Change.HOOK_IMAGES)
    found = []
    for name, service in sorted(_services(loaded).items()):
        own = service.get("image") or f"{loaded.name}-{name}"
        hooks = service.get("pre_start") or () if hooks_too else ()
        found += [own, *(h["image"] for h in hooks if h.get("image") and h["image"] != own)]
    return found


def list_profiles(loaded: LoadedProject) -> list[str]:
    """Name the profiles that any service has, whether it is enabled or not."""
    every = [*_services(loaded).values(), *loaded.disabled.values()]
    return sorted({profile for service in every for profile in service.get("profiles") or ()})


def named_services(names: str) -> tuple[str, ...]:
    """Give the services that `config --hash` names, with commas between them; () for all of them, which `*` stands for."""
    return () if names == "*" else tuple(names.split(","))


def list_hashes(loaded: LoadedProject, names: str) -> list[str]:
    """Give `SERVICE HASH` for each of the comma-separated `names`, or for all services when it is `*`.

    Raises:
        LoadError: One of them is no enabled service.
    """
    known = _services(loaded)
    wanted = sorted(named_services(names) or known)
    if DIALECTS[loaded.compose_version].has(Change.HASHED_ENV_FILES):
        wanted = list(dict.fromkeys(wanted))
    missing = [name for name in wanted if name not in known]
    if missing:
        raise LoadError(Diagnostic("C2F193", Severity.ERROR, f"no such service: {missing[0]}"))
    return [f"{name} {_hash(known[name])}" for name in wanted]


def _hash(service: Mapping[str, Any]) -> str:
    """Hash a service as Docker Compose does: its JSON, in the order of the canonical tree, without blanks.

    https://github.com/docker/compose/blob/main/pkg/compose/hash.go
    """
    from hashlib import sha256

    kept = {key: value for key, value in service.items() if key not in _NOT_HASHED}
    if "deploy" in kept:
        kept["deploy"] = {key: value for key, value in kept["deploy"].items() if key != "replicas"}
    # What is not UTF-8 stays told from a replacement character that is really there.
    rendered = to_json({"services": {"": kept}})
    marked = re.sub(r"\\(ufffd|.)", lambda found: "\\udcff" if found[1] == "ufffd" else found[0], rendered)
    text = json.dumps(
        json.loads(marked)["services"][""], separators=(",", ":"), ensure_ascii=False
    ).translate(_ESCAPED)
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def list_variables(loaded: LoadedProject) -> list[MentionedVariable]:
    """List the variables in the values of a tree that was loaded without interpolation.

    Where a variable is mentioned more than once, the last value that mentions it counts.
    """
    found = {variable.name: variable for text in _texts(loaded.tree) for variable in _mentions(text)}
    return sorted(found.values())


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if "$" in value:
            yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _mentions(text: str, depth: int = 0) -> Iterator[MentionedVariable]:
    """Find the variables in `text`, and in defaults and alternates, such that the one that counts comes last.

    For Docker Compose a reference with an operator reaches to the last brace of its line, and what follows its
    own brace comes before it. What is no reference counts as a variable without a name.
    """
    end = until = 0
    waiting: list[tuple[str, str, str]] = []
    while (match := REFERENCE.search(text, end)) is not None:
        end = match.end()
        if end > until:
            yield from _with_operands(waiting, depth)
        operator = match["operator"]
        if operator is None or operator == "}":
            if not match["escaped"]:
                yield MentionedVariable(match["named"] or match["braced"] or "")
            continue
        try:
            closing = closing_brace(text, match.start())
        except TemplateError:
            yield MentionedVariable("")
            continue
        waiting.append((match["braced"], operator[-1], text[end:closing]))
        line_end = text.find("\n", closing)
        until = text.rfind("}", closing, len(text) if line_end < 0 else line_end)
        end = closing + 1
    yield from _with_operands(waiting, depth)


def _with_operands(waiting: list[tuple[str, str, str]], depth: int) -> Iterator[MentionedVariable]:
    while waiting:
        name, operator, operand = waiting.pop()
        yield _variable(name, operator, operand)
        if operator != "?" and depth < _DEEPEST:
            yield from _mentions(operand, depth + 1)


def _variable(name: str, operator: str, operand: str) -> MentionedVariable:
    return MentionedVariable(
        name,
        default=operand if operator == "-" else "",
        alternate=operand if operator == "+" else "",
        required=operator == "?",
    )


def _services(loaded: LoadedProject) -> Mapping[str, Any]:
    found: Mapping[str, Any] = loaded.tree.get("services") or {}
    return found


def _in_order(known: Mapping[str, Any]) -> Iterator[str]:
    met: set[str] = set()
    waiting = [(name, False) for name in sorted(known, reverse=True)]
    while waiting:
        name, complete = waiting.pop()
        if complete:
            yield name
        elif name not in met:
            met.add(name)
            waiting.append((name, True))
            needed = (known[name] or {}).get("depends_on") or ()
            waiting.extend((other, False) for other in sorted(needed, reverse=True) if other in known)
