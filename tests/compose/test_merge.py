from __future__ import annotations

from typing import Any

import pytest
import yaml

from compose2fargate.compose.merge import enforce_unique, merge_trees, reset
from compose2fargate.compose.passes import Findings
from compose2fargate.compose.rules import merge_rules, unique_rules
from compose2fargate.compose.sources.source_files import Marks, locate, parse_documents
from compose2fargate.diagnostics import Path

CASES: dict[str, tuple[str, str, str]] = {
    "single values are replaced": ("image: a", "image: b", "image: b"),
    "mappings are merged": ("deploy: {a: 1, b: 2}", "deploy: {b: 3, c: 4}", "deploy: {a: 1, b: 3, c: 4}"),
    "lists are joined": ("security_opt: [a]", "security_opt: [b]", "security_opt: [a, b]"),
    "null keeps what is below": ("image: a", "image: ", "image: a"),
    "null is filled from above": ("healthcheck: ", "healthcheck: {test: a}", "healthcheck: {test: a}"),
    "command is replaced": ("command: [a, b]", "command: [c]", "command: [c]"),
    "command is cleared by null": ("command: a", "command: ", "command: "),
    "entrypoint is replaced by another kind of value": (
        "entrypoint: a",
        "entrypoint: [b]",
        "entrypoint: [b]",
    ),
    "health check tests are replaced": (
        "healthcheck: {test: [CMD, a], interval: 1s}",
        "healthcheck: {test: b}",
        "healthcheck: {test: b, interval: 1s}",
    ),
    "environment of both kinds becomes one list": (
        "environment: {B: 1, A: }",
        "environment: [C=2]",
        "environment: [A, B=1, C=2]",
    ),
    "values are written as text when a mapping becomes a list": (
        "labels: {a: true, b: 1.50, c: 10000000.0}",
        "labels: [d]",
        "labels: [a=true, b=1.5, c=1e+07, d]",
    ),
    "env_file of both kinds becomes one list": ("env_file: a", "env_file: [b]", "env_file: [a, b]"),
    "a build context in short form is merged": (
        "build: .",
        "build: {target: x}",
        "build: {context: ., target: x}",
    ),
    "depends_on of both kinds becomes one mapping": (
        "depends_on: [a]",
        "depends_on: {a: {restart: true}, b: {condition: service_healthy}}",
        """depends_on:
             a: {condition: service_started, required: true, restart: true}
             b: {condition: service_healthy}""",
    ),
    "networks of both kinds become one mapping": (
        "networks: [a]",
        "networks: {b: {priority: 1}}",
        "networks: {a: , b: {priority: 1}}",
    ),
    "logging options of the same driver are merged": (
        "logging: {driver: x, options: {a: 1}}",
        "logging: {options: {b: 2}}",
        "logging: {driver: x, options: {a: 1, b: 2}}",
    ),
    "logging of another driver is replaced": (
        "logging: {driver: x, options: {a: 1}}",
        "logging: {driver: y}",
        "logging: {driver: y}",
    ),
    "an ulimit is replaced as a whole": (
        "ulimits: {nofile: {soft: 1, hard: 2}}",
        "ulimits: {nofile: 3}",
        "ulimits: {nofile: 3}",
    ),
    "an extra host that is there already is not added": (
        "extra_hosts: [a=1, b=2]",
        "extra_hosts: {b: 2, c: 3}",
        "extra_hosts: [a=1, b=2, c=3]",
    ),
    "extensions are merged": ("x-a: {b: 1}", "x-a: {c: 2}", "x-a: {b: 1, c: 2}"),
}


def in_service(text: str, file: str) -> tuple[dict[str, Any], Marks, tuple[Path, ...]]:
    body = "\n".join(f"    {line}" for line in text.splitlines())
    document = parse_documents(f"services:\n  web:\n{body}\n", file)[0]
    return document.tree, document.marks, document.resets


def merged(base: str, over: str) -> tuple[dict[str, Any], Marks, Findings]:
    findings = Findings()
    below, above = in_service(base, "a.yaml"), in_service(over, "b.yaml")
    findings.marks = above[1]
    tree, marks = merge_trees((below[0], below[1]), (above[0], above[1]), merge_rules(), (), findings)
    return tree, marks or {}, findings


@pytest.mark.parametrize(("base", "over", "expected"), CASES.values(), ids=CASES)
def test_keys_merge_by_their_rules(base: str, over: str, expected: str) -> None:
    tree, _, findings = merged(base, over)
    assert tree["services"]["web"] == yaml.safe_load(expected)
    assert not findings.diagnostics


def test_merging_changes_neither_of_the_trees() -> None:
    below = in_service("labels: {a: 1}\nports: [1]", "a.yaml")
    above = in_service("labels: {b: 1}\nports: [2]", "b.yaml")
    before = repr((below, above))
    merge_trees((below[0], below[1]), (above[0], above[1]), merge_rules(), (), Findings())
    assert repr((below, above)) == before


@pytest.mark.parametrize(
    ("base", "over", "path", "place"),
    [
        ("image: a", "image: b", ("image",), "b.yaml:3:5"),
        ("image: a", "user: b", ("image",), "a.yaml:3:5"),
        ("ports: [1, 2]", "ports: [3]", ("ports", 2), "b.yaml:3:13"),
        ("ports: [1, 2]", "ports: [3]", ("ports", 1), "a.yaml:3:16"),
        ("environment: {B: 1}", "environment: [A=2]", ("environment", 0), "a.yaml:3:19"),
        ("environment: {B: 1}", "environment: [A=2]", ("environment", 1), "b.yaml:3:19"),
        ("depends_on: [x]", "depends_on: [y]", ("depends_on", "y"), "b.yaml:3:18"),
        ("deploy: {replicas: 1}", "deploy: {replicas: 2}", ("deploy", "replicas"), "b.yaml:3:14"),
    ],
)
def test_merged_keys_point_to_the_line_that_counts(base: str, over: str, path: Path, place: str) -> None:
    _, marks, _ = merged(base, over)
    assert str(locate(marks, ("services", "web", *path))) == place


def test_values_that_cannot_be_merged_are_reported_with_both_places() -> None:
    _, _, findings = merged("ports: [1]", "ports: {a: 1}")
    (found,) = findings.diagnostics
    assert (found.code, str(found.location), found.trail) == (
        "C2F150",
        "b.yaml:3:5",
        ("merged with a.yaml:3:5",),
    )
    assert "!override" in found.hint


def test_logging_cannot_be_cleared_with_null() -> None:
    _, _, findings = merged("logging: {driver: a}", "logging: ")
    assert [found.code for found in findings.diagnostics] == ["C2F150"]


def test_an_overridden_value_is_recorded() -> None:
    _, _, findings = merged("image: a", "image: b")
    (dropped,) = findings.dropped
    assert (dropped.path, str(dropped.location), dropped.reason) == (
        ("services", "web", "image"),
        "a.yaml:3:5",
        "overridden",
    )


@pytest.mark.parametrize(
    ("base", "over", "expected"),
    [
        ([{"subnet": "1"}], [{"subnet": "1", "gateway": "g"}], [{"subnet": "1", "gateway": "g"}]),
        ([{"subnet": "1"}], [{"subnet": "2"}], [{"subnet": "2"}]),
        (
            [{"subnet": "1"}],
            [{"subnet": "1", "gateway": "g"}, {"subnet": "2"}],
            [{"subnet": "1", "gateway": "g"}, {"subnet": "2"}],
        ),
        ([], [{"subnet": "1"}], []),
    ],
)
def test_address_pools_merge_by_subnet(base: list[Any], over: list[Any], expected: list[Any]) -> None:
    def tree(pools: list[Any]) -> dict[str, Any]:
        return {"networks": {"n": {"ipam": {"config": pools}}}}

    result, _ = merge_trees((tree(base), None), (tree(over), None), merge_rules(), (), Findings())
    assert result == tree(expected)


UNIQUE = {
    "by the name before the equals sign": ("environment: [A=1, B=2, A=3]", "environment: [A=3, B=2]"),
    "by the place in the container": ("volumes: [/a:/x, /b:/y, /c:/x]", "volumes: [/c:/x, /b:/y]"),
    "by the device's place": ("devices: [/dev/a, /dev/b:/dev/a]", "devices: [/dev/b:/dev/a]"),
    "by path": ("env_file: [a, {path: a, required: false}]", "env_file: [{path: a, required: false}]"),
    "by the file a secret becomes": (
        "secrets: [s, {source: t, target: /run/secrets/s}]",
        "secrets: [{source: t, target: /run/secrets/s}]",
    ),
    "by a port's text": ("expose: [80, '80']", "expose: ['80']"),
    "by all that makes a port": (
        "ports: [{target: 80, published: '80'}, {target: 80, published: '80', protocol: tcp}]",
        "ports: [{target: 80, published: '80', protocol: tcp}]",
    ),
    "but a number and its text are two published ports": (
        "ports: [{target: 80, published: '80'}, {target: 80, published: 80}]",
        "ports: [{target: 80, published: '80'}, {target: 80, published: 80}]",
    ),
}


@pytest.mark.parametrize(("text", "expected"), UNIQUE.values(), ids=UNIQUE)
def test_the_last_of_equal_entries_takes_the_place_of_the_first(text: str, expected: str) -> None:
    tree, marks, _ = in_service(text, "a.yaml")
    unique, _ = enforce_unique(tree, marks, unique_rules(), Findings())
    assert unique["services"]["web"] == yaml.safe_load(expected)


def test_an_entry_given_twice_moves_its_mark_and_is_recorded() -> None:
    tree, marks, _ = in_service("cap_add: [A, B, A]", "a.yaml")
    findings = Findings()
    _, places = enforce_unique(tree, marks, unique_rules(), findings)
    assert str(locate(places, ("services", "web", "cap_add", 0))) == "a.yaml:3:21"
    assert [str(d.location) for d in findings.dropped] == ["a.yaml:3:15"]


@pytest.mark.parametrize(
    "text",
    [
        "environment: [1]",
        "volumes: [{type: volume}]",
        "volumes: [':/x']",
        "expose: [1.5]",
        "ports: [{published: 80}]",
        "env_file: [{required: true}]",
        "secrets: [1]",
        "devices: [{source: /dev/a}]",
    ],
)
def test_an_entry_that_says_not_what_it_is_for_is_an_error(text: str) -> None:
    tree, marks, _ = in_service(text, "a.yaml")
    findings = Findings()
    findings.marks = marks
    enforce_unique(tree, marks, unique_rules(), findings)
    (found,) = findings.diagnostics
    assert found.code == "C2F151"
    assert found.location is not None
    assert found.path[-1] == 0


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (("services", "web", "image"), {"labels": {"a": 1, "b": 2}}),
        (("services", "*", "labels", "a"), {"image": "i", "labels": {"b": 2}}),
        (("services", "other", "image"), {"image": "i", "labels": {"a": 1, "b": 2}}),
        (("services", "web", "image", "x"), {"image": "i", "labels": {"a": 1, "b": 2}}),
    ],
)
def test_what_is_reset_is_removed_with_its_mark(path: Path, expected: dict[str, Any]) -> None:
    tree, marks, _ = in_service("image: i\nlabels: {a: 1, b: 2}", "a.yaml")
    left, places = reset(tree, marks, (path,), Findings())
    assert left["services"]["web"] == expected
    assert set(places["services"][3]["web"][3] or {}) == set(expected)  # type: ignore[index]
