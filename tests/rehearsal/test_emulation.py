"""The parts of AWS that stand beside a task, and what a rehearsal does when it is ended, killed, or not alone."""

from __future__ import annotations

import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, HTTPSHandler, build_opener

import pytest

from compose2fargate.rehearsal import provisioning, task_network
from compose2fargate.rehearsal.engine import LABEL, Engine, EngineError
from compose2fargate.workflows import rehearsing
from tests.rehearsal.bed import HELPER, Kept, Project, document, told

pytestmark = [pytest.mark.rehearsal, pytest.mark.timeout(240)]

# -- load balancers ------------------------------------------------------------------------------------------

SECURE = """\
x-fargate: {certificate: "arn:aws:acm:us-east-1:123456789012:certificate/12345678-1234-1234-1234-123456789012"}
services:
  web: {image: "nginx:1.27", ports: ["80:80"]}
"""


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def get(url: str) -> tuple[int, str, str]:
    """Ask whoever answers, with whatever certificate; give status, Location and body."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with build_opener(_Stay, HTTPSHandler(context=context)).open(url, timeout=10) as answer:
            return answer.status, "", answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.headers.get("Location", ""), ""


def test_a_listener_with_a_certificate_speaks_tls_and_port_80_redirects_to_it(kept: Kept) -> None:
    running = kept(SECURE)
    assert running.report.well, told(running.report)
    urls = {address.url.partition(":")[0]: address.url for address in running.report.result.addresses}
    assert get(urls["https"]) == (200, "", "welcome\n")
    code, location, _ = get(urls["http"] + "a/b?c=d")
    assert (code, location) == (301, "https://localhost/a/b?c=d")
    with pytest.raises(OSError, match=r"(?i)reset|closed"):
        get(urls["https"].replace("https:", "http:"))


def test_a_network_load_balancer_passes_connections_on(kept: Kept) -> None:
    running = kept(
        """\
        services:
          cache: {image: "redis:7", x-fargate: {ingress: [{port: 6379, load_balancer: network}]}}
        """
    )
    assert running.report.well, told(running.report)
    (address,) = running.report.result.addresses
    assert address.url.startswith("tcp://localhost:")
    with socket.create_connection(("127.0.0.1", address.port), 5) as connected:
        connected.sendall(b"PING\r\n")
        assert connected.recv(16) == b"+PONG\r\n"


# -- Service Connect -----------------------------------------------------------------------------------------

SLOW = """\
import http.server, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(float(self.path[1:] or 0)); self.send_response(200); self.end_headers(); self.wfile.write(b"late")
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()
"""
TIMED = """\
services:
  web: {{image: "python:3.12", command: [sleep, infinity], environment: {{API: "http://api:8000"}}, depends_on: [api]}}
  api:
    image: python:3.12
    command: [python3, /app/app.py]
    volumes: ["./app.py:/app/app.py:ro"]
    ports: [{{target: 8000, {protocol}}}]
    x-fargate: {{ingress: false, service_connect: {{{timeout}}}}}
"""


def test_service_connect_ends_an_http_request_that_takes_longer_than_allowed(kept: Kept) -> None:
    running = kept(
        TIMED.format(protocol="app_protocol: http", timeout="request_timeout: 2"), {"app.py": SLOW}
    )
    assert running.report.well, told(running.report)
    ask = "curl -s -o /dev/null -w '%{http_code} ' http://api:8000/"
    assert running.execute("web", ask + "0.5").startswith("200")
    assert running.execute("web", ask + "5").startswith("504")


def test_service_connect_cuts_an_idle_connection_and_0_means_never(kept: Kept) -> None:
    idle = (
        "import socket, time; s = socket.create_connection(('api', 8000)); s.settimeout(6); began = time.monotonic()\n"
        "try: print('cut' if s.recv(1) == b'' and 1 < time.monotonic() - began < 5 else 'odd')\n"
        "except TimeoutError: print('open')"
    )
    for timeout, expected in (("idle_timeout: 2", "cut"), ("idle_timeout: 0", "open")):
        running = kept(TIMED.format(protocol="protocol: tcp", timeout=timeout), {"app.py": SLOW})
        assert running.report.well, told(running.report)
        assert running.execute("web", f'python3 -c "{idle}"').startswith(expected)


# -- containers of a task ------------------------------------------------------------------------------------

RESTARTS = """\
services:
  app:
    image: python:3.12
    command: [sh, -c, "echo begins; [ -f /tmp/first ] && touch /tmp/second && exec sleep infinity; touch /tmp/first; sleep {runs}; exit 1"]
    restart: on-failure
    deploy: {{restart_policy: {{condition: on-failure, window: 60s}}}}
    healthcheck: {{test: [CMD, test, -f, /tmp/second], interval: 5s, retries: 10, start_period: 300s}}
"""


def test_a_container_that_ran_for_its_restart_period_is_restarted_in_its_task(kept: Kept) -> None:
    running = kept(RESTARTS.format(runs=12))  # 60 s on ECS are 3 s here, or more on a slow machine
    assert running.report.well, told(running.report)
    (unit,) = running.report.result.units
    assert not unit.ends
    assert running.engine.logs(running.id("app")) == ("begins", "begins")


def test_a_container_that_ended_before_its_restart_period_takes_the_task_with_it(project: Project) -> None:
    report = project.write(RESTARTS.format(runs=0.2)).rehearse()
    assert not report.well
    assert "ended with exit code 1, and so did the 3 tasks that were started" in told(report)


HOOK = """\
services:
  app:
    image: python:3.12
    command: [sh, -c, "test -f /data/prepared && exec sleep infinity"]
    volumes: ["data:/data"]
    pre_start: [{{command: [sh, -c, "{command}"]}}]
volumes: {{data: {{x-fargate: {{ephemeral: true}}}}}}
"""


def test_a_pre_start_hook_runs_before_its_service(kept: Kept) -> None:
    running = kept(HOOK.format(command="sleep 1; touch /data/prepared"))
    assert running.report.well, told(running.report)


def test_a_pre_start_hook_that_fails_keeps_its_service_from_starting(project: Project) -> None:
    report = project.write(HOOK.format(command="echo no luck; exit 4")).rehearse()
    assert not report.well
    assert "exit code 4" in told(report)
    assert "no luck" in told(report)


def test_containers_of_one_task_share_its_memory(project: Project) -> None:
    """Docker gives each the limit of the task; on Fargate they have it together."""
    hold = (
        "x = b'x' * (700 * 1024 * 1024); import time; time.sleep(3); open('/tmp/held', 'w'); time.sleep(60)"
    )
    held = "{test: [CMD, test, -f, /tmp/held], interval: 5s, start_period: 300s}"
    compose = f"""\
        services:
          app:
            image: nginx:1.27
            command: [python3, -c, "{hold}"]
            healthcheck: {held}
          side:
            image: redis:7
            command: [python3, -c, "{hold}"]
            network_mode: service:app
            healthcheck: {held}
        """
    report = project.write(compose).rehearse()
    assert not report.well
    (unit,) = report.result.units
    assert int(unit.unit.definition.memory) == 1024
    assert {end.kind for end in unit.ends} == {"memory"}
    assert "more than its 1024 MiB together" in told(report)
    assert "deploy.resources.limits.memory" in told(report)


# -- a rehearsal among others --------------------------------------------------------------------------------

STACK = """\
services:
  web: {image: "nginx:1.27", ports: ["8098:80"]}
  cache: {image: "redis:7", volumes: ["data:/data"]}
  slow: {image: "python:3.12", command: [sleep, infinity], healthcheck: {test: "false", retries: 10, interval: 300s}}
volumes: {data: {}}
"""


def left(engine: Engine, project: str) -> list[str]:
    """Give everything on the engine that carries the label or the name of a project."""
    chosen = {"label": f"{LABEL}={project}"}
    client = engine.client
    named = [n["Name"] for n in client.networks() if project in n["Name"]]
    named += [name for one in client.containers(all=True) for name in one["Names"] if project in name]
    named += [v["Name"] for v in client.volumes()["Volumes"] or [] if project in v["Name"]]
    labelled = client.containers(all=True, filters=chosen) + client.networks(filters=chosen)
    return [*named, *(one["Id"] for one in labelled)]


@contextmanager
def rehearsing_elsewhere(project: Project) -> Iterator[subprocess.Popen[str]]:
    """Rehearse a project in a process of its own."""
    command = [sys.executable, "-m", "compose2fargate", "-p", project.name, "rehearse"]
    process = subprocess.Popen(
        [*command, "--helper-image", HELPER],
        cwd=project.folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for_containers(project: Project, count: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        networks = project.engine.client.networks(filters={"label": f"{LABEL}={project.name}"})
        if networks and len(project.engine.listed(project.name)) >= count:
            return
        time.sleep(0.02)
    raise AssertionError("it does not get that far")


@pytest.mark.parametrize("containers", [0, 1, 3, 7])
def test_after_a_kill_down_removes_everything(project: Project, containers: int) -> None:
    project.write(STACK)
    with rehearsing_elsewhere(project) as process:
        wait_for_containers(project, containers)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert left(project.engine, project.name)
    assert rehearsing.down(project.options()) > 0
    assert not left(project.engine, project.name)
    assert rehearsing.down(project.options()) == 0


@pytest.mark.parametrize("containers", [0, 2, 7])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_after_an_interrupt_nothing_is_left(project: Project, number: int, containers: int) -> None:
    project.write(STACK)
    with rehearsing_elsewhere(project) as process:
        wait_for_containers(project, containers)
        process.send_signal(number)
        process.wait(90)
    assert not left(project.engine, project.name)


def test_the_next_rehearsal_removes_what_a_killed_one_left(project: Project) -> None:
    project.write(STACK)
    with rehearsing_elsewhere(project) as process:
        wait_for_containers(project, 7)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    project.write('services: {cache: {image: "redis:7"}}')
    assert project.rehearse().well
    assert not left(project.engine, project.name)


def test_a_project_is_rehearsed_once_at_a_time(project: Project) -> None:
    project.write(STACK)
    with rehearsing_elsewhere(project) as process:
        wait_for_containers(project, 7)
        there = {one["Id"] for one in project.engine.listed(project.name)}
        for second in (project.rehearse, lambda: rehearsing.down(project.options())):
            with pytest.raises(EngineError) as refused:
                second()
            (found,) = refused.value.diagnostics
            assert found.code == "C2F557"
            assert f"{project.name} is being rehearsed by process {process.pid}" in found.message
        assert there <= {one["Id"] for one in project.engine.listed(project.name)}
        process.send_signal(signal.SIGINT)
        process.wait(90)
    assert rehearsing.down(project.options()) == 0


def listening() -> set[str]:
    """Give the addresses, as the kernel writes them, at which this machine listens."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if os.path.exists(table):
            rows = [line.split() for line in Path(table).read_text().splitlines()[1:]]
            found |= {row[1] for row in rows if row[3] == "0A"}
    return found


def test_nothing_but_loopback_is_opened(kept: Kept) -> None:
    before = listening()
    running = kept(
        SECURE.replace("services:\n", "services:\n  cache: {image: 'redis:7', ports: ['6380:6379']}\n")
    )
    assert running.report.well, told(running.report)
    opened = listening() - before
    assert {address.rpartition(":")[0] for address in opened} <= {"0100007F"}
    listed = running.engine.client.containers(filters={"label": f"{LABEL}={running.project}"})
    published = [port for one in listed for port in one["Ports"] if "PublicPort" in port]
    assert published
    assert {port["IP"] for port in published} == {"127.0.0.1"}
    for one in listed:
        about = running.engine.client.inspect_container(one["Id"])["HostConfig"]
        assert not about["Privileged"]
        assert not about["Binds"]
        assert about["NetworkMode"] != "host"


def test_a_network_that_carries_nothing_is_the_engines_fault_and_not_the_projects(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two engines of one machine may have the same network, and each drops what comes from the other's bridge."""
    made = task_network.task_files

    def task_files(*arguments: Any) -> dict[str, str]:
        files = made(*arguments)
        return {**files, "resolv.conf": re.sub(r"(nameserver \S+)\.\d+", r"\1.251", files["resolv.conf"])}

    monkeypatch.setattr(provisioning, "task_files", task_files)
    with pytest.raises(EngineError, match="carries nothing"):
        project.write('services: {cache: {image: "redis:7"}}').rehearse()


def test_many_checks_that_hang_do_not_keep_others_from_being_asked(project: Project) -> None:
    hangs = "".join(
        f"  hangs{n}:\n    image: python:3.12\n    command: [sleep, infinity]\n"
        '    healthcheck: {test: [CMD, sleep, "100"], interval: 5s, timeout: 2s, retries: 10}\n'
        for n in range(3)
    )
    report = project.write(
        "services:\n  fine:\n    image: python:3.12\n"
        '    command: [sh, -c, "sleep 12; touch /tmp/up; exec sleep infinity"]\n'
        "    healthcheck: {test: [CMD, test, -f, /tmp/up], interval: 5s, timeout: 2s, retries: 10, start_period: 300s}\n"
        + hangs
    ).rehearse(pace=2.0, timeout=25.0)
    states = {one["name"]: one["healthy"] for one in document(report)["services"]}
    assert states["fine"] is True


def test_two_rehearsals_at_once_do_not_meet(project: Project, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    other = Project(folder, project.engine)
    reports = {}

    def run(one: Project) -> None:
        reports[one.name] = one.rehearse()

    try:
        compose = 'services: {web: {image: "nginx:1.27", ports: ["8099:80"]}}'
        threads = [threading.Thread(target=run, args=(one.write(compose),)) for one in (project, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        other.clean()
    assert [report.well for report in reports.values()] == [True, True]
