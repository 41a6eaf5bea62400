from __future__ import annotations

from typing import Any

import pytest

from compose2fargate.compose.sources.source_files import locate
from compose2fargate.diagnostics import LoadError, Severity
from tests.compose.conftest import LoadFiles

FINAL: dict[str, tuple[str, Any]] = {
    "environment: [B=1, A, C=]": ("environment", {"A": None, "B": "1", "C": ""}),
    "environment: {B: 1.50, A: true, C: }": ("environment", {"A": "true", "B": "1.5", "C": None}),
    "labels: [b=x=y, a]": ("labels", {"a": "", "b": "x=y"}),
    "labels: {b: 1e7, a: }": ("labels", {"a": "", "b": "1e+07"}),
    "command: a 'b c'": ("command", ["a", "b c"]),
    "command: ''": ("command", []),
    "command: [a, '']": ("command", ["a", ""]),
    "user: root": ("command", None),
    "healthcheck: {test: a b}": ("healthcheck", {"test": ["CMD-SHELL", "a b"]}),
    "healthcheck: {interval: 90s, test: [NONE]}": ("healthcheck", {"test": ["NONE"], "interval": "1m30s"}),
    "mem_limit: 1.5g": ("mem_limit", "1610612736"),
    "memswap_limit: -1": ("memswap_limit", "-1"),
    "mem_limit: 0": ("mem_limit", None),
    "cpus: '0.50'": ("cpus", 0.5),
    "cpus: 2.0": ("cpus", 2),
    "privileged: false": ("privileged", None),
    "init: false": ("init", False),
    "scale: 0": ("scale", 0),
    "ulimits: {b: 3, a: {soft: 0, hard: 1}}": ("ulimits", {"a": {"soft": 0, "hard": 1}, "b": 3}),
    "expose: [80, '81-82']": ("expose", ["80", "81-82"]),
    "extra_hosts: {b: '[::1]', a: [1.1.1.1, 2.2.2.2]}": ("extra_hosts", ["a=1.1.1.1", "a=2.2.2.2", "b=::1"]),
    "extra_hosts: ['a:1.1.1.1,2.2.2.2']": ("extra_hosts", ["a=1.1.1.1", "a=2.2.2.2"]),
    "stop_grace_period: '0'": ("stop_grace_period", "0s"),
    "provider: {type: x, options: {a: 1, b: [y]}}": (
        "provider",
        {"type": "x", "options": {"a": ["1"], "b": ["y"]}},
    ),
    "deploy: {labels: [a=b]}": ("deploy", {"labels": {"a": "b"}, "resources": {}, "placement": {}}),
    "x-mine: {b: 1, a: null}": ("x-mine", {"b": 1, "a": None}),
    "tmpfs: /a": ("tmpfs", ["/a"]),
    "group_add: [a, 1]": ("group_add", ["a", "1"]),
    "volumes: [{type: tmpfs, target: /t, tmpfs: {size: 1m, mode: 0755}}]": (
        "volumes",
        [{"type": "tmpfs", "target": "/t", "tmpfs": {"size": "1048576", "mode": 493}}],
    ),
    "volumes: [{type: bind, source: /a, target: //b/../c/}]": (
        "volumes",
        [{"type": "bind", "source": "/a", "target": "/c"}],
    ),
}


@pytest.mark.parametrize("text", FINAL)
def test_values_have_one_form(text: str, load_files: LoadFiles) -> None:
    key, expected = FINAL[text]
    service = load_files(f"services:\n  web:\n    image: i\n    {text}\n").tree["services"]["web"]
    assert repr(service.get(key)) == repr(expected)


def test_keys_are_in_the_order_in_which_they_are_printed(load_files: LoadFiles) -> None:
    service = load_files(
        "services: {web: {x-b: 1, user: u, image: i, command: a, x-a: 2, cap_add: [A]}}"
    ).tree
    keys = list(service["services"]["web"])
    assert keys == ["cap_add", "command", "entrypoint", "image", "networks", "user", "x-a", "x-b"]


REFUSED = [
    "environment: ['A =1']",
    "command: (a",
    "mem_limit: 1q",
    "stop_grace_period: 30x",
    "healthcheck: {test: a, retries: -1}",
    "extra_hosts: [a]",
    "extra_hosts: ['=1.1.1.1']",
    "gpus: [{count: some}]",
    "configs: [{source: c, mode: '0999'}]",
    "ports: [{target: 80, host_ip: a.b}]",
]


@pytest.mark.parametrize("text", REFUSED)
def test_values_that_cannot_be_read_are_located(text: str, load_files: LoadFiles) -> None:
    with pytest.raises(LoadError) as caught:
        load_files(f"services:\n  web:\n    image: i\n    {text}\nconfigs: {{c: {{external: true}}}}\n")
    (found,) = caught.value.diagnostics
    assert found.code in {"C2F153", "C2F154"}
    assert found.location is not None
    assert found.location.line == 4


def test_all_values_that_cannot_be_read_are_reported_at_once(load_files: LoadFiles) -> None:
    with pytest.raises(LoadError) as caught:
        load_files("services:\n  a: {image: i, mem_limit: x}\n  b: {image: i, stop_grace_period: y}\n")
    assert [d.path for d in caught.value.diagnostics] == [
        ("services", "a", "mem_limit"),
        ("services", "b", "stop_grace_period"),
    ]


def test_a_command_cut_off_at_an_operator_is_a_warning(load_files: LoadFiles) -> None:
    loaded = load_files("services:\n  web:\n    image: i\n    command: a && b\n")
    assert loaded.tree["services"]["web"]["command"] == ["a"]
    (found,) = loaded.diagnostics
    assert (found.code, found.severity) == ("C2F161", Severity.WARNING)
    assert "'&& b'" in found.message


@pytest.mark.parametrize(
    ("text", "path", "place"),
    [
        ("environment: [B=1, A=2]", ("environment", "A"), "compose.yaml:4:24"),
        ("labels: [b, a]", ("labels", "b"), "compose.yaml:4:14"),
        ("extra_hosts: {b: 1.1.1.1, a: 2.2.2.2}", ("extra_hosts", 0), "compose.yaml:4:31"),
        ("depends_on: [db]", ("depends_on", "db", "condition"), "compose.yaml:4:18"),
        ("links: [db]", ("depends_on", "db"), "compose.yaml:4:13"),
        ("pid: service:db", ("depends_on", "db"), "compose.yaml:4:5"),
        ("volumes: [/a, /b]", ("volumes", 1, "target"), "compose.yaml:4:19"),
    ],
)
def test_values_in_final_form_still_point_to_what_was_written(
    text: str, path: tuple[str | int, ...], place: str, load_files: LoadFiles
) -> None:
    loaded = load_files(f"services:\n  web:\n    image: i\n    {text}\n  db: {{image: i}}\n")
    assert str(locate(loaded.marks, ("services", "web", *path))) == place


def test_keys_without_effect_are_recorded(load_files: LoadFiles) -> None:
    loaded = load_files("services:\n  web:\n    image: i\n    privileged: false\n")
    assert [(d.path, str(d.location)) for d in loaded.dropped] == [
        (("services", "web", "privileged"), "compose.yaml:4:5")
    ]
