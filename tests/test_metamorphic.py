"""What a change of the input must do to the result, for every fixture: a mapped key matters, an ignored one does not, order never.

The changes are made in the canonical tree, where every key has one form.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest

from compose2fargate.api import LoadOptions
from compose2fargate.aws.stack import Stack
from compose2fargate.aws.stack_rules import dangling_refs, stack_violations
from compose2fargate.compose.model import Project
from compose2fargate.compose.project_binding import bind_project
from compose2fargate.diagnostics import Compose2FargateError, Diagnostic, Severity
from compose2fargate.mapping.coverage import AccountedKey
from compose2fargate.mapping.coverage_table import ROWS, KeyOutcome
from compose2fargate.mapping.translation import Translation, map_project
from compose2fargate.settings import OPTIONS
from compose2fargate.workflows.translating import Translated, translate
from tests.test_golden import CASES, FIXTURES, arguments

READ_BEFORE = {
    "name",
    "x-fargate",
    "x-aws-cluster",
    "x-aws-logs_retention",
    "services.*.profiles",
}
"""Keys that count before the mapping begins: names, settings, and what is inside the image."""


ANYWAY = ("what Fargate does anyway", "an ECS service replaces every task that ends")
"""What is said of a key whose value asks for nothing beyond that."""


class Made(NamedTuple):
    """A fixture translated, and how to translate another tree in the same way."""

    translated: Translated
    again: Callable[[Mapping[str, Any]], Translation]


def flags_of(case: str) -> dict[str, Any] | None:
    """The settings that a fixture's arguments stand for; None where there are other options among them."""
    options = {option.flag: option for option in OPTIONS}
    given: dict[str, Any] = {}
    words = iter(arguments(FIXTURES / case))
    for word in words:
        option = options.get(word)
        if option is None:
            return None
        value = True if option.kind == "flag" else next(words)
        several = option.kind in ("list", "pairs")
        given[option.name] = [*given.get(option.name, []), value] if several else value
    return given


@cache
def made_of(case: str) -> Made | None:
    """Translate a fixture; None where it cannot be read."""
    flags = flags_of(case)
    calls: list[tuple[Any, ...]] = []

    def spy(project: Project, *rest: Any) -> Translation:
        calls.append(rest)
        return map_project(project, *rest)

    try:
        with patch("compose2fargate.workflows.translating.map_project", spy):
            made = translate(LoadOptions(environment={}, cwd=str(FIXTURES / case)), flags or {})
    except Compose2FargateError:
        return None
    first = made.project

    def again(tree: Mapping[str, Any]) -> Translation:
        return map_project(bind_project(first.name, first.working_dir, tree, first.marks), *calls[0])

    return Made(made, again)


def known(case: str) -> Made:
    made = made_of(case)
    if made is None:
        pytest.skip("the fixture is refused when it is read")
    return made


def without(tree: Any, path: tuple[Any, ...]) -> Any:
    """A copy of a tree without what stands at `path`."""
    head, *rest = path
    if isinstance(tree, list):
        return [
            without(item, tuple(rest)) if n == head else item
            for n, item in enumerate(tree)
            if rest or n != head
        ]
    return {k: without(v, tuple(rest)) if k == head else v for k, v in tree.items() if rest or k != head}


def plain(stack: Stack) -> Stack:
    """A stack without what only says where things come from."""
    return stack._replace(sources={}, files={}, origins={})


def row_of(key: AccountedKey) -> str:
    """The pattern of the table's row that answers for a key."""
    for length in range(len(key.path), 0, -1):
        path = [str(part) for part in key.path[:length]]
        for pattern in ROWS:
            parts = pattern.split(".")
            if len(parts) == length and all(a in ("*", b) for a, b in zip(parts, path, strict=True)):
                return pattern
    return ".".join(map(str, key.path))


def value_at(tree: Any, path: tuple[Any, ...]) -> Any:
    for part in path:
        keys = range(len(tree)) if isinstance(tree, list) else tree if isinstance(tree, dict) else ()
        if part not in keys:
            return None
        tree = tree[part]
    return tree


def present(tree: Any, path: tuple[Any, ...]) -> bool:
    return value_at(tree, path[:-1]) is not None and value_at(tree, path) is not None


def is_one(case: str, key: AccountedKey) -> bool:
    """Whether one thing stands at a key: a list's key may answer for several that end in different ways."""
    value = value_at(known(case).translated.project.tree, key.path)
    return not (isinstance(value, list) and len(value) > 1)


def cases(*outcomes: KeyOutcome) -> Iterator[Any]:
    for case in CASES:
        found = made_of(case)
        if found is None or any(d.severity is Severity.ERROR for d in found.translated.diagnostics):
            continue
        made = found.translated
        for key in made.translation.accounted:
            if key.row.outcome in outcomes and len(key.path) != 2 and present(made.project.tree, key.path):
                yield pytest.param(case, key, id=f"{case}:{'.'.join(map(str, key.path))}")


@pytest.mark.parametrize(("case", "key"), list(cases(KeyOutcome.IGNORED)))
def test_removing_an_ignored_key_changes_nothing_but_its_diagnostic(case: str, key: AccountedKey) -> None:
    if not is_one(case, key):
        pytest.skip("a list whose items end in different ways")
    made, again = known(case)
    result = again(without(made.project.tree, key.path))
    assert plain(result.stack) == plain(made.translation.stack)

    own = said(d for d in made.translation.diagnostics if d.path[: len(key.path)] == key.path)
    assert said(result.diagnostics) == said(made.translation.diagnostics) - own


def said(found: Iterable[Diagnostic]) -> Counter[str]:
    """What is said and how often; items of a list count without their number, which changes."""
    return Counter(re.sub(r"\[\d+\]", "[]", f"{d.code} {d.message}") for d in found)


def mapped_rows() -> dict[str, list[tuple[str, AccountedKey]]]:
    rows: dict[str, list[tuple[str, AccountedKey]]] = {}
    for case, key in (parameters.values for parameters in cases(KeyOutcome.MAPPED)):
        if key.row.what not in ANYWAY:
            rows.setdefault(row_of(key), []).append((case, key))
    return {
        row: keys
        for row, keys in sorted(rows.items())
        if row not in READ_BEFORE and not row.startswith("services.*.build.")
    }


@pytest.mark.parametrize(("row", "keys"), [pytest.param(r, k, id=r) for r, k in mapped_rows().items()])
def test_removing_a_mapped_key_changes_the_stack(row: str, keys: list[tuple[str, AccountedKey]]) -> None:
    """One place of all fixtures is enough: a value may well be what would be anyway."""
    for case, key in keys:
        made, again = known(case)
        if plain(again(without(made.project.tree, key.path)).stack) != plain(made.translation.stack):
            return
    pytest.fail(f"no fixture shows that {row} has an effect")


def reversed_tree(tree: Any, path: tuple[str, ...] = ()) -> Any:
    """A tree with every order turned round that has no meaning."""
    if isinstance(tree, dict):
        return {k: reversed_tree(v, (*path, k)) for k, v in reversed(tree.items())}
    if isinstance(tree, list):
        ordered = len(path) > 2 and path[-1] in ORDERED
        items = [reversed_tree(item, path) for item in tree]
        return items if ordered or path[0].startswith("x-") or "x-fargate" in path else items[::-1]
    return tree


ORDERED = (
    "command",
    "entrypoint",
    "test",
    "pre_start",
    "post_start",
    "pre_stop",
    "volumes_from",
)


@pytest.mark.parametrize("case", CASES)
def test_an_order_without_meaning_changes_nothing(case: str) -> None:
    made, again = known(case)
    result = again(reversed_tree(made.project.tree))
    assert plain(result.stack) == plain(made.translation.stack)
    assert list(result.stack.resources) == list(made.translation.stack.resources)


@pytest.mark.parametrize("case", CASES)
def test_a_stack_links_to_earlier_resources_only_and_breaks_no_rule(case: str) -> None:
    made = known(case).translated
    assert dangling_refs(made.translation.stack) == []
    if not any(d.severity is Severity.ERROR for d in made.diagnostics):
        assert list(stack_violations(made.translation.stack)) == []


def test_canaries_of_fixtures_are_in_no_expected_file() -> None:
    """A secret in a fixture is called canary-…; it may stand in the compose files and nowhere else."""
    for file in Path(FIXTURES).glob("*/expected/**/*"):
        if file.is_file() and file.suffix != ".txt":
            assert "canary-" not in file.read_text(encoding="utf-8", errors="replace"), file
