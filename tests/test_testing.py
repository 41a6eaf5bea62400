"""`compose2fargate.testing`: what it lets pass, and that it says what is wrong with the rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from compose2fargate.aws.stack import Stack
from compose2fargate.emitters import BUILT_IN, load_emitter
from compose2fargate.sample_stack import sample_stack
from compose2fargate.settings import Settings
from compose2fargate.testing import check_emitter

Emit = Callable[[Stack, Settings], Any]


def emitter(emit: Emit, name: Any = "mine", summary: Any = "what it writes") -> Any:
    def method(_: Any, stack: Stack, settings: Settings) -> Any:
        return emit(stack, settings)

    return type("Mine", (), {"name": name, "summary": summary, "emit": method})()


def good(stack: Stack, _: Settings) -> Mapping[str, str]:
    return {"folder/file.txt": f"{stack.name}\n"}


def test_a_good_emitter_passes_and_its_files_are_given_back() -> None:
    assert check_emitter(emitter(good)) == {"folder/file.txt": "shop\n"}


def test_it_is_checked_on_another_stack_if_that_is_wanted() -> None:
    assert check_emitter(emitter(good), sample_stack("other")) == {"folder/file.txt": "other\n"}


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_built_in_targets_pass(name: str) -> None:
    check_emitter(load_emitter(name))


def changing(stack: Stack, _: Settings) -> Mapping[str, str]:
    stack.resources.clear()  # type: ignore[attr-defined]
    return {"a": "b\n"}


def writing(_: Stack, __: Settings) -> Mapping[str, str]:
    Path("left-behind").write_text("x")
    return {"a": "b\n"}


@pytest.mark.parametrize(
    ("emit", "says"),
    [
        (lambda _, __: [("a", "b")], "path to text"),
        (lambda _, __: {}, "no files"),
        (lambda _, __: {"/etc/passwd": "x\n"}, "not relative"),
        (lambda _, __: {"../x": "x\n"}, "not relative"),
        (lambda _, __: {"a\\b": "x\n"}, "not relative"),
        (lambda _, __: {"C:/x": "x\n"}, "not relative"),
        (lambda _, __: {"": "x\n"}, "not relative"),
        (lambda _, __: {"compose2fargate.json": "{}\n"}, "manifest"),
        (lambda _, __: {"A": "x\n", "a": "x\n"}, "cannot tell apart"),
        (lambda _, __: {"a": b"x\n"}, "artefacts are text"),
        (lambda _, __: {"a": "x"}, "end with a line break"),
        (lambda _, __: {"a": "x\r\n"}, "Windows"),
        (lambda _, __: {"a": "\ud800\n"}, "UTF-8"),
        (lambda _, __: {"a": f"{time.perf_counter_ns()}\n"}, "the second time"),
        (lambda _, __: {"a": f"{Path.cwd()}\n"}, "the second time"),
        (changing, "changed the stack"),
        (writing, "wrote to the disk"),
    ],
)
def test_what_breaks_the_rules_is_named(
    emit: Emit, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssertionError, match=says):
        check_emitter(emitter(emit))


@pytest.mark.parametrize(
    ("name", "summary", "says"), [("My Target", "x", "name is"), (None, "x", "name is"), ("x", "", "summary")]
)
def test_a_name_is_one_to_type_and_a_summary_one_line(name: Any, summary: Any, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        check_emitter(emitter(good, name, summary))
