"""Services that are there for the Docker host: refused once each, left out on request, with Traefik's routes kept."""

from __future__ import annotations

from typing import Any

from compose2fargate.diagnostics import Severity
from compose2fargate.workflows.translating import Translated
from tests.mapping.conftest import Translate
from tests.mapping.containers.test_task_definitions import codes

SOCKET = "/var/run/docker.sock:/var/run/docker.sock"
MONITORED = f"""
services:
  web: {{image: nginx, depends_on: [node-exporter]}}
  node-exporter: {{image: prom/node-exporter, pid: host, volumes: ['/proc:/host/proc:ro', '/:/rootfs:ro']}}
  cadvisor: {{image: gcr.io/cadvisor/cadvisor, privileged: true, devices: [/dev/kmsg], volumes: ['/sys:/sys:ro']}}
  edge: {{image: traefik:v3, command: [--providers.file.filename=/etc/traefik.yaml]}}
  viewer: {{image: example/viewer, volumes: ['{SOCKET}']}}
"""


def errors(made: Translated) -> list[tuple[Any, ...]]:
    return [(d.code, d.path[1]) for d in made.diagnostics if d.severity is Severity.ERROR]


def test_a_tool_is_refused_once_with_every_way_on(translated: Translate) -> None:
    made = translated(MONITORED)
    assert sorted(name for _, name in errors(made)) == ["cadvisor", "node-exporter", "viewer"]
    found = next(
        d for d in made.diagnostics if d.path[:2] == ("services", "cadvisor") and d.severity is Severity.ERROR
    )
    assert all(key in found.message for key in ("privileged", "devices", "volumes.0"))
    for way in (
        "Container Insights",
        "--without cadvisor",
        "--without-host-tools",
        "--allow C2F205 --allow C2F208 --allow C2F266",
    ):
        assert way in found.hint


def test_what_is_allowed_is_no_longer_refused(translated: Translate) -> None:
    made = translated(MONITORED, allow=("C2F205", "C2F208", "C2F266", "C2F282"))
    assert errors(made) == [("C2F211", "viewer")]


def test_tools_are_left_out_on_request_and_nothing_else_is(translated: Translate) -> None:
    made = translated(MONITORED, without_host_tools=True)
    assert errors(made) == [("C2F211", "viewer")]
    assert [d.path[1] for d in made.diagnostics if d.code == "C2F295"] == ["node-exporter", "cadvisor"]
    names = {name for name in made.translation.stack.resources if name.startswith("service/")}
    assert names == {"service/web", "service/edge", "service/viewer"}


def test_the_file_can_ask_for_it(translated: Translate) -> None:
    assert "C2F295" in codes(translated("x-fargate: {without_host_tools: true}" + MONITORED))
