"""Targets of other distributions: found by entry point, and each name is that of one."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from compose2fargate.diagnostics import EmitError
from compose2fargate.emitters import emitter_plugins
from compose2fargate.emitters.emitter import BUILT_IN
from compose2fargate.emitters.emitter_plugins import load_plugin, plugin_targets

JSON = "compose2fargate.emitters.json_files.json_target:JsonEmitter"


class Distribution:
    """What an entry point says of who brings it."""

    def __init__(self, name: str) -> None:
        self.name, self.version = name, "1.0"


class Point:
    """An entry point of somebody else, that gives one of our own emitters."""

    def __init__(self, name: str, distribution: str, value: str = "somebody.emitter:Emitter") -> None:
        self.name, self.value, self.dist = name, value, Distribution(distribution)

    def load(self) -> Any:
        return EntryPoint(self.name, JSON, emitter_plugins.GROUP).load()


def install(monkeypatch: pytest.MonkeyPatch, *points: Point) -> None:
    def entry_points(*, group: str) -> tuple[Point, ...]:
        assert group == emitter_plugins.GROUP
        return points

    monkeypatch.setattr(emitter_plugins, "entry_points", entry_points)


def refused() -> tuple[str, str]:
    with pytest.raises(EmitError) as error:
        plugin_targets()
    (found,) = error.value.diagnostics
    return found.code, found.message


def test_a_plugin_is_a_target_with_its_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, Point("nomad", "shop-nomad"), Point("helm", "shop-helm"))
    assert [(one.name, one.origin) for one in plugin_targets()] == [
        ("helm", "shop-helm 1.0"),
        ("nomad", "shop-nomad 1.0"),
    ]
    assert load_plugin("nomad").summary


def test_a_name_belongs_to_one_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, Point("nomad", "first"), Point("nomad", "second"))
    code, message = refused()
    assert code == "C2F302"
    assert "first 1.0 and second 1.0" in message


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_name_of_a_built_in_target_is_taken(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, Point(name, "other"))
    code, message = refused()
    assert code == "C2F302"
    assert "compose2fargate and other 1.0" in message


def test_our_own_entry_points_are_no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, Point("json", "compose2fargate", JSON))
    assert plugin_targets() == []
