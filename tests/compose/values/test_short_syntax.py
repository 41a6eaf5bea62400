from __future__ import annotations

from typing import Any

import pytest

from compose2fargate.compose.dialect import DIALECTS
from compose2fargate.compose.values.port_syntax import is_ip, parse_ports
from compose2fargate.compose.values.short_syntax import BadSyntaxError, go_text, parse_mount
from compose2fargate.diagnostics import LoadError
from tests.compose.conftest import LoadFiles

INGRESS = {"mode": "ingress", "protocol": "tcp"}
CREATED = {"create_host_path": True}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("80", [{"target": 80}]),
        ("80:81", [{"target": 81, "published": "80"}]),
        (":80", [{"target": 80}]),
        (
            "127.0.0.1:80:81/udp",
            [{"host_ip": "127.0.0.1", "target": 81, "published": "80", "protocol": "udp"}],
        ),
        ("127.0.0.1::81", [{"host_ip": "127.0.0.1", "target": 81}]),
        ("[::1]:80:81", [{"host_ip": "::1", "target": 81, "published": "80"}]),
        ("80-90:80", [{"target": 80, "published": "80-90"}]),
        ("80-81:90-91", [{"target": 90, "published": "80"}, {"target": 91, "published": "81"}]),
        ("9-10", [{"target": 10}, {"target": 9}]),
        ("0:80", [{"target": 80, "published": "0"}]),
        ("080:80/TCP", [{"target": 80, "published": "80"}]),
        ("80:80/", [{"target": 80, "published": "80"}]),
    ],
)
def test_short_ports_are_expanded(spec: str, expected: list[dict[str, Any]]) -> None:
    assert parse_ports(spec) == [INGRESS | port for port in expected]


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "80:",
        "a",
        "70000",
        "70000:80",
        "81-80",
        "80-81:80-82",
        "80:80-81",
        "localhost:80:80",
        "::1%eth0:80:80",
        "80/tcp/udp",
        "80-81-82:80",
        "80-:80",
        "[::1%eth0]:80:80",
        "01.2.3.4:80:80",
        "80/x",
        " 80",
        "-80",
        "/tcp",
        "1:2:3:4",
    ],
)
def test_ports_that_docker_refuses_are_refused(spec: str) -> None:
    with pytest.raises(BadSyntaxError):
        parse_ports(spec)


@pytest.mark.parametrize("spec", ["::1:80:80", "+80:80", "80-+81:80"])
def test_ports_that_older_releases_refuse_are_read(spec: str) -> None:
    assert parse_ports(spec)
    with pytest.raises(BadSyntaxError):
        parse_ports(spec, DIALECTS["2.40"])


@pytest.mark.parametrize("spec", ["80/tcp/udp", "80-81-82:80"])
def test_ports_that_older_releases_read_are_refused(spec: str) -> None:
    assert parse_ports(spec, DIALECTS["2.40"])


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("v:/x", {"type": "volume", "target": "v:/x", "volume": {}}),  # a drive of Windows
        ("vol:/x", {"type": "volume", "source": "vol", "target": "/x", "volume": {}}),
        ("vol:/x:ro,nocopy", {"type": "volume", "source": "vol", "target": "/x", "read_only": True}),
        ("./a:/b", {"type": "bind", "source": "./a", "target": "/b", "bind": CREATED}),
        ("~:/b:z", {"type": "bind", "source": "~", "target": "/b", "bind": {"selinux": "z", **CREATED}}),
        ("/a:/b:rshared", {"type": "bind", "source": "/a", "bind": {"propagation": "rshared", **CREATED}}),
        ("C:\\a:/b:ro", {"type": "bind", "source": "C:\\a", "target": "/b", "read_only": True}),
        ("/anonymous", {"type": "volume", "target": "/anonymous", "volume": {}}),
        ("ab", {"type": "volume", "target": "ab"}),
        ("${A:-x}:/b", {"type": "volume", "source": "${A:-x}", "target": "/b"}),
    ],
)
def test_short_mounts_are_expanded(spec: str, expected: dict[str, Any]) -> None:
    found = parse_mount(spec)
    assert {key: found.get(key) for key in expected} == expected


@pytest.mark.parametrize("spec", ["", ":/x", "/x:", "vol:/x:", "aa:/b:ro:z"])
def test_mounts_that_docker_refuses_are_refused(spec: str) -> None:
    with pytest.raises(BadSyntaxError):
        parse_mount(spec)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, "true"),
        (None, "<nil>"),
        (5, "5"),
        (1.5, "1.5"),
        (1.0, "1"),
        (-0.0, "-0"),
        (123456.7, "123456.7"),
        (1234567.8, "1.2345678e+06"),
        (1e21, "1e+21"),
        (1e-5, "1e-05"),
        (0.0001, "0.0001"),
        (float("inf"), "+Inf"),
        (float("nan"), "NaN"),
        ([1, "a"], "[1 a]"),
        ({"b": 1, "a": False}, "map[a:false b:1]"),
    ],
)
def test_values_become_text_as_in_go(value: object, expected: str) -> None:
    assert go_text(value) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1.2.3.4", True),
        ("::1", True),
        ("1.2.3", False),
        ("256.0.0.1", False),
        ("", False),
        ("fe80::1%lo", False),
    ],
)
def test_addresses_are_recognised(text: str, expected: bool) -> None:
    assert is_ip(text) is expected


LONG_FORMS: dict[str, tuple[str, str, Any]] = {
    "a build context": ("build: ./x", "build", {"context": "${DIR}/x", "dockerfile": "Dockerfile"}),
    "devices": (
        "devices: [/dev/a, '/dev/b:/dev/c:r']",
        "devices",
        [
            {"source": "/dev/a", "target": "/dev/a", "permissions": "rwm"},
            {"source": "/dev/b", "target": "/dev/c", "permissions": "r"},
        ],
    ),
    "all GPUs": ("gpus: all", "gpus", [{"count": -1}]),
    "networks": ("networks: [default]", "networks", {"default": None}),
    "blank DNS servers": ("dns: ['', 1.1.1.1]", "dns", ["1.1.1.1"]),
    "one DNS server": ("dns: 1.1.1.1", "dns", ["1.1.1.1"]),
    "build contexts and keys": (
        "build: {context: ., additional_contexts: [a=./b], ssh: [default]}",
        "build",
        {
            "context": "${DIR}",
            "dockerfile": "Dockerfile",
            "ssh": ["default"],
            "additional_contexts": {"a": "${DIR}/b"},
        },
    ),
}


@pytest.mark.parametrize(("text", "key", "expected"), LONG_FORMS.values(), ids=LONG_FORMS)
def test_short_forms_are_expanded(text: str, key: str, expected: Any, load_files: LoadFiles) -> None:
    loaded = load_files(f"services:\n  web:\n    image: i\n    {text}\n")
    found = repr(loaded.tree["services"]["web"][key]).replace(loaded.working_dir, "${DIR}")
    assert found == repr(expected)


def test_each_port_of_a_range_points_to_the_line_of_the_range(load_files: LoadFiles) -> None:
    from compose2fargate.compose.sources.source_files import locate

    loaded = load_files("services:\n  web:\n    image: i\n    ports:\n      - 80-81\n      - 90\n")
    ports = loaded.tree["services"]["web"]["ports"]
    places = [str(locate(loaded.marks, ("services", "web", "ports", i, "target"))) for i in range(len(ports))]
    assert places == ["compose.yaml:5:9", "compose.yaml:5:9", "compose.yaml:6:9"]


LENIENT: dict[str, Any] = {
    "ports: ['${A}:80', x]": ["${A}:80", "x"],
    "ports: ['1:80']": [{"mode": "ingress", "target": 80, "published": "1", "protocol": "tcp"}],
    "devices: ['${A}:/b']": [{"source": "${A}", "target": "/b", "permissions": "rwm"}],
    "devices: ['${A:-x:y}:/b']": [{"source": "", "target": "", "permissions": "rwm"}],
    "volumes: ['${A:-x:y}:/b']": [
        {"type": "volume", "source": "${A:-x:y}", "target": "/b", "volume": {}},
    ],
}


@pytest.mark.parametrize("text", LENIENT)
def test_what_holds_variables_is_expanded_as_far_as_it_can_be(text: str, load_files: LoadFiles) -> None:
    loaded = load_files(f"services: {{web: {{image: i, {text}}}}}", interpolate=False)
    assert loaded.tree["services"]["web"][text.partition(":")[0]] == LENIENT[text]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("ports: [1.5]", {}),
        ("ports: [1.5]", {"interpolate": False}),
        ("ulimits: {a: '${B}'}", {"interpolate": False}),
        ("build: {context: ., ssh: [x]}", {}),
        ("build: {context: ., additional_contexts: [x]}", {}),
        ("devices: ['a:b:c:d']", {}),
    ],
)
def test_short_forms_that_docker_refuses_are_refused(
    text: str, options: dict[str, Any], load_files: LoadFiles
) -> None:
    with pytest.raises(LoadError) as caught:
        load_files(f"services:\n  web:\n    image: i\n    {text}\n", **options)
    (found,) = caught.value.diagnostics
    assert found.code in {"C2F152", "C2F153"}
    assert found.location is not None
    assert found.location.line == 4
