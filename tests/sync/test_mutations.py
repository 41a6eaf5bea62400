"""Every single change is caught and put down to its cause; what means nothing is not reported.

The default suite takes a sample of the changes, `-m slow` takes them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
import yaml

from compose2fargate import api
from compose2fargate.diagnostics import InputError
from compose2fargate.emitters import BUILT_IN
from compose2fargate.sync.change_causes import CauseKind
from compose2fargate.sync.check_result import FolderState
from compose2fargate.sync.comparison import FileStatus
from tests.emitters.cloudformation.test_cloudformation_template import Loader
from tests.sync.conftest import CONVERTING, ENVIRONMENT, Converted, Project
from tests.sync.mutations import (
    Edit,
    all_changes,
    commented,
    json_edits,
    line_edits,
    mutations,
    removals,
    reordered,
)
from tests.test_golden import arguments

T = TypeVar("T")

_ALL = [(case, target) for target in BUILT_IN for case in CONVERTING]
_FEW = [(case, target) for target in BUILT_IN for case in CONVERTING[:: 1 if target == "json" else 6]]

each_case = pytest.mark.parametrize(("case", "target"), _FEW)
sampled = pytest.mark.parametrize(
    ("case", "target", "most"),
    [
        *(pytest.param(*case, 3, id=f"{'-'.join(case)}-sample") for case in _FEW),
        *(
            pytest.param(
                *case, 80 if case[1] == "json" else 20, id=f"{'-'.join(case)}-all", marks=pytest.mark.slow
            )
            for case in _ALL
        ),
    ],
)
"""`most` is how many changes of one file are tried: they are spread over it."""


def sample(items: Iterable[T], most: int) -> list[T]:
    found = list(items)
    return found[:: max(1, len(found) // most)][-most:]


def generated(project: Project, target: str) -> dict[str, object] | None:
    """Convert again, from the beginning; None where that fails."""
    try:
        made = api.convert(
            api.LoadOptions(environment=ENVIRONMENT, cwd=str(project.root)),
            settings_of(arguments(project.root)),
            target=target,
            folder=project.folder,
        )
    except InputError:
        return None
    return {
        path: meant(path, text) for path, text in made.artifacts.items() if path != "compose2fargate.json"
    }


def meant(path: str, text: str) -> object:
    """Leave out comments, which may name lines of the compose file; a template has no order of its members."""
    if path == "template.yaml":
        return yaml.load(text, Loader)  # noqa: S506 - a SafeLoader with tags
    return "\n".join(line for line in text.split("\n") if not line.lstrip().startswith("#"))


def settings_of(flags: list[str]) -> dict[str, object]:
    """Read a fixture's arguments as the command line does."""
    import click

    from compose2fargate.cli.convert import command
    from compose2fargate.cli.options import settings_flags

    context = click.Context(command)
    parsed, _, _ = command.make_parser(context).parse_args(list(flags))
    values = {parameter.name: parsed.get(str(parameter.name)) for parameter in command.params}
    return settings_flags({str(name): value for name, value in values.items()})


def at_cause(state: FolderState, file: str, lines: frozenset[int]) -> list[str]:
    """Give the changes that are not put down to a line of `lines` in `file`."""
    return [
        f"{change.service}: {change.field} is put down to {change.cause}"
        for change in all_changes(state)
        if change.cause.kind is not CauseKind.COMPOSE
        or change.cause.location is None
        or (change.cause.location.file, change.cause.location.line in lines) != (file, True)
    ]


@sampled
def test_each_value_in_a_compose_file_is_caught_where_it_stands(
    case: str, target: str, most: int, converted: Converted
) -> None:
    project = converted(case, target)
    before = generated(project, target)
    wrong: list[str] = []
    for source in project.sources():
        text = source.read_text()
        name = source.relative_to(project.root).as_posix()
        for mutation in sample(mutations(text), most):
            source.write_text(mutation.text)
            after, state = generated(project, target), project.check()
            if after is None:
                wrong += [] if state.status == 2 and state.problems else [f"{mutation.path}: not refused"]
            elif after == before:
                wrong += [] if state.status == 0 else [f"{name} {mutation.path}: reported for nothing"]
            elif state.status != 1:
                wrong.append(f"{name} {mutation.path}: not caught")
            else:
                wrong += [f"{name} {mutation.path}: {said}" for said in at_cause(state, name, mutation.lines)]
        source.write_text(text)
    assert wrong == []


@sampled
def test_each_key_that_is_removed_is_caught(case: str, target: str, most: int, converted: Converted) -> None:
    project = converted(case, target)
    before = generated(project, target)
    source = project.root / "compose.yaml"
    text = source.read_text()
    wrong: list[str] = []
    for path, removed in sample(removals(text), most):
        source.write_text(removed)
        after, state = generated(project, target), project.check()
        expected = 2 if after is None else int(after != before)
        if state.status != expected:
            wrong.append(f"{path}: {state.status} instead of {expected}")
        wrong += [
            f"{path}: {change.field} is put down to {change.cause}"
            for change in all_changes(state)
            if change.cause.kind is not CauseKind.COMPOSE or change.cause.location is None
        ]
    assert wrong == []


@sampled
def test_each_edit_of_a_generated_file_is_caught(
    case: str, target: str, most: int, converted: Converted, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = converted(case, target)
    for step in ("_translate_again", "_regenerate"):  # the compose file stays as it is
        monkeypatch.setattr(api, step, once(getattr(api, step)))
    wrong: list[str] = []
    few = most if most > 3 or len(project.files) < 5 else 1
    for name, path in project.files.items():
        text = path.read_text()
        for what, edited in sample(edits(path, text), few):
            path.write_text(edited())
            wrong += [f"{name} {what}: {said}" for said in misjudged(project.check(), name)]
        path.write_text(text)
    assert wrong == []


def once(function: Callable[..., T]) -> Callable[..., T]:
    """Give a function that does its work at the first call, and gives the same ever after."""
    made: list[T] = []

    def wrapped(*given: object) -> T:
        if not made:
            made.append(function(*given))
        return made[0]

    return wrapped


def edits(path: Path, text: str) -> Iterator[tuple[object, Edit]]:
    return json_edits(text) if path.suffix == ".json" else line_edits(text)


def misjudged(state: FolderState, name: str) -> Iterator[str]:
    if state.status != 1:
        yield "not caught"
    for file in state.files:
        if (file.state is FileStatus.EDITED) is not (file.path == name):
            yield f"{file.path} is {file.state.value}"
    for change in all_changes(state):
        if change.cause.kind is not CauseKind.EDITED:
            yield f"{change.field} is put down to {change.cause}"


@each_case
@pytest.mark.parametrize("rewrite", [reordered, commented], ids=["order", "comments"])
def test_what_means_nothing_in_compose_is_not_reported(
    rewrite: object, case: str, target: str, converted: Converted
) -> None:
    project = converted(case, target)
    for source in project.sources():
        source.write_text(rewrite(source.read_text()))  # type: ignore[operator]
    state = project.check()
    assert (state.status, state.problems, state.different) == (0, (), ())


@each_case
def test_a_checkout_elsewhere_is_the_same(case: str, target: str, converted: Converted) -> None:
    project = converted(case, target)
    other = project.root.parent / "deep" / "checkout"
    other.parent.mkdir()
    project.root.rename(other)
    state = Project(other, target).check()
    assert (state.status, state.problems, state.different, state.notes) == (0, (), (), ())
