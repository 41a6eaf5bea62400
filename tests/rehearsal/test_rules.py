"""Fargate's rules, each with what Docker Compose does instead: the definitions' containers, looked at from inside."""

from __future__ import annotations

import io
import json
import os
import re
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

import pytest

from tests.rehearsal.bed import Kept, Project, document, told

pytestmark = [pytest.mark.rehearsal, pytest.mark.timeout(240)]

PAIR = """\
services:
  web:
    image: python:3.12
    command: [sleep, infinity]
    environment: {API: "http://api:8000", OTHER: "x"}
    depends_on: [api]
  api:
    image: python:3.12
    command: [sh, -c, "python3 -m http.server 9000 & exec python3 -m http.server 8000"]
    expose: ["8000"]
"""


def test_a_task_is_one_network_with_fargates_names_and_without_dockers(kept: Kept) -> None:
    running = kept(PAIR)
    assert running.report.well, told(running.report)
    hosts = running.execute("web", "cat /etc/hosts")
    assert "127.255.0.1 api" in hosts
    assert "127.0.0.11" not in running.execute("web", "cat /etc/resolv.conf")
    name = running.execute("web", "echo $HOSTNAME; hostname").splitlines()
    assert name[0] == name[1]
    assert name[0].startswith("ip-172-")
    assert name[0].endswith(".ec2.internal")
    # Compose's names of containers and services do not exist, nor does Docker's resolver answer.
    assert running.execute("api", "getent hosts web").endswith("2")
    resolver = (
        "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(2)\n"
        "s.connect(('127.0.0.11', 53)); s.send(b'x' * 20); s.recv(9)"
    )
    assert "Connection refused" in running.execute("api", f'python3 -c "{resolver}" 2>&1')


def test_the_metadata_endpoint_answers(kept: Kept) -> None:
    running = kept(PAIR)
    task = json.loads(
        running.execute("web", "curl -s $ECS_CONTAINER_METADATA_URI_V4/task && echo").splitlines()[0]
    )
    assert task["LaunchType"] == "FARGATE"
    assert [container["Name"] for container in task["Containers"]] == ["web"]
    own = json.loads(running.execute("web", "curl -s $ECS_CONTAINER_METADATA_URI_V4 && echo").splitlines()[0])
    assert own["Networks"][0]["NetworkMode"] == "awsvpc"


def test_declared_ports_answer_and_others_do_not(kept: Kept) -> None:
    running = kept(PAIR)
    assert running.execute("web", "curl -s -o /dev/null -w '%{http_code}' http://api:8000/").startswith("200")
    assert running.execute("web", "curl -s -m 3 http://api:9000/").endswith(("7", "56"))
    # Past Service Connect the security group shuts what no rule opens: the connection gets no answer.
    address = running.execute("api", "hostname -i | cut -d' ' -f1").splitlines()[0]
    assert running.execute("web", f"curl -s -m 2 http://{address}:9000/").endswith("28")
    assert running.execute("web", f"curl -s -m 2 -o /dev/null http://{address}:8000/").endswith("0")


def test_by_dns_services_find_each_other_at_all_ports(kept: Kept) -> None:
    running = kept(
        """\
        x-fargate: {names: dns}
        services:
          a:
            image: python:3.12
            command: [python3, -m, http.server, "7000"]
            environment: {B: "http://b:7001"}
          b:
            image: python:3.12
            command: [sh, -c, "python3 -m http.server 9000 & exec python3 -m http.server 7001"]
            environment: {A: "http://a:7000"}
        """
    )
    assert running.report.well, told(running.report)
    answers = "curl -s -o /dev/null -w '%{http_code}' "
    assert running.execute("a", f"{answers} http://b:7001/").startswith("200")
    assert running.execute("a", f"{answers} http://b:9000/").startswith("200")
    assert running.execute("b", f"{answers} http://a.{running.project}.internal:7000/").startswith("200")
    assert " b" not in running.execute("a", "cat /etc/hosts")


def test_by_dns_nginx_looks_names_up_at_the_resolver_of_the_vpc(kept: Kept, project: Project) -> None:
    running = kept(
        """\
        x-fargate: {names: dns}
        services:
          nginx:
            image: nginx:alpine
            ports: ["80:80"]
            volumes: ["./n.conf:/etc/nginx/conf.d/default.conf:ro"]
          api: {image: "python:3.12", command: [python3, -m, http.server, "7000"]}
        """,
        {
            "n.conf": "server { listen 80; location / { resolver 169.254.169.253 ipv6=off valid=1s; "
            f"set $up http://api.{project.name}.internal:7000; proxy_pass $up; }} }}\n"
        },
    )
    assert running.report.well, told(running.report)
    assert running.execute("nginx", "curl -s -o /dev/null -w '%{http_code}' http://localhost/").startswith(
        "200"
    )


def test_containers_of_one_task_share_loopback(kept: Kept) -> None:
    running = kept(
        """\
        services:
          app: {image: "python:3.12", command: [python3, -m, http.server, "8000"]}
          side: {image: "python:3.12", command: [sleep, infinity], network_mode: "service:app"}
        """
    )
    assert running.execute("side", "curl -s -o /dev/null http://localhost:8000/").endswith("0")
    assert running.execute("side", "hostname") == running.execute("app", "hostname")


def test_the_platform_wins_over_the_images_hostname(project: Project, kept: Kept) -> None:
    # Of an image that nobody knows: where the translation knows what the image says, it repeats it, and the definition wins.
    unknown = f"acme/{project.name}:1"
    dockerfile = b"FROM python:3.12\nENV HOSTNAME=0.0.0.0 OWN=kept\n"
    list(project.engine.client.build(fileobj=io.BytesIO(dockerfile), tag=unknown, rm=True))
    running = kept(
        f"""\
        services:
          web: {{image: {unknown}, command: [sleep, infinity]}}
          told: {{image: {unknown}, command: [sleep, infinity], environment: {{HOSTNAME: "0.0.0.0"}}}}
        """
    )
    assert re.match(r"ip-172-\S+ kept\n", running.execute("web", "echo $HOSTNAME $OWN"))
    assert running.execute("told", "echo $HOSTNAME $OWN").startswith("0.0.0.0 kept")


def test_capabilities_limits_and_no_health_check_of_the_image(kept: Kept) -> None:
    running = kept(
        """\
        services:
          web:
            image: acme/checks-itself:1
            command: [sleep, infinity]
            x-fargate: {cpu: 0.25}
            cap_drop: [NET_RAW]
            read_only: true
            init: true
            tmpfs: ["/scratch:size=8m"]
            ulimits: {nofile: 1024}
        """
    )
    host = running.inspect("web")["HostConfig"]
    assert (
        host["Memory"]
        == host["MemorySwap"]
        == int(running.report.result.units[0].unit.definition.memory) * 1024 * 1024
    )
    assert host["NanoCpus"] == 250_000_000
    capabilities = {name.removeprefix("CAP_") for name in host["CapAdd"]}
    assert {"CHOWN", "NET_BIND_SERVICE"} <= capabilities
    assert not {"NET_RAW", "SYS_ADMIN"} & capabilities
    effective = int(running.execute("web", "sed -n 's/^CapEff:\\s*//p' /proc/1/status").splitlines()[0], 16)
    assert not effective & 1 << 13  # NET_RAW
    assert effective & 1  # CHOWN
    assert host["Init"]
    assert "Read-only" in running.execute("web", "touch /x 2>&1") or "read-only" in running.execute(
        "web", "touch /x 2>&1"
    )
    assert running.execute(
        "web", "touch /scratch/x && df -m /scratch | tail -1 | awk '{print $2}'"
    ).startswith("8")
    # Docker itself would have run it every second, and called the container unhealthy.
    assert running.inspect("web")["State"].get("Health", {}).get("Status", "none") == "none"


def test_a_user_other_than_root_cannot_listen_below_1024(kept: Kept) -> None:
    running = kept(
        """\
        services:
          web: {image: "acme/user-server:1", user: "1000", expose: ["8000"]}
          open: {image: "acme/user-server:1", user: "1000", sysctls: {net.ipv4.ip_unprivileged_port_start: 0}, expose: ["8000"]}
        """
    )
    listen = "timeout 1 python3 -m http.server 80 2>&1 | grep -c 'Permission denied'"
    assert running.execute("web", listen).startswith("1")
    assert running.execute("open", listen).startswith("0")


def test_memory_beyond_the_tasks_kills_it(project: Project) -> None:
    report = project.write(
        """\
        services:
          web:
            image: python:3.12
            mem_limit: 512m
            command: [python3, -c, "x = b'x' * (1500 * 1024 * 1024); open('/tmp/held', 'w')"]
            healthcheck: {test: [CMD, test, -f, /tmp/held], interval: 5s, start_period: 300s}
        """
    ).rehearse()
    assert not report.well
    assert "killed for using more than its" in told(report)
    assert "deploy.resources.limits.memory" in told(report)


VOLUMES = """\
services:
  app:
    image: acme/user-server:1
    user: "1000"
    command: [sleep, infinity]
    volumes: [{volume}]
volumes: {{data: {{x-fargate: {settings}}}}}
"""


def test_task_storage_is_empty_and_roots(kept: Kept) -> None:
    # Of a service that runs as root: to others, a container gives the volume before.
    running = kept(
        VOLUMES.replace('    user: "1000"\n', "    user: root\n").format(
            volume='"data:/srv/www"', settings="{ephemeral: true}"
        )
    )
    assert running.execute("app", "ls -A /srv/www; stat -c '%u %g %a' /srv/www").splitlines() == [
        "0 0 755",
        "0",
    ]


def test_task_storage_where_the_image_declares_a_volume_has_its_files(kept: Kept) -> None:
    running = kept(
        "services: {app: {build: ., command: [sleep, infinity], volumes: ['data:/srv/data']}}\n"
        "volumes: {data: {x-fargate: {ephemeral: true}}}\n",
        {
            "Dockerfile": "FROM acme/user-server:1\nCOPY --chown=1000:1000 seed /srv/data/seed\nVOLUME /srv/data\n",
            "seed": "s",
        },
    )
    assert running.execute("app", "cat /srv/data/seed").startswith("s")


def test_efs_is_empty_and_belongs_to_the_access_points_user(kept: Kept) -> None:
    running = kept(VOLUMES.format(volume='"data:/srv/www"', settings="null"))
    assert running.execute("app", "ls -A /srv/www; stat -c '%u' /srv/www").splitlines()[0] == "1000"
    assert running.execute("app", "touch /srv/www/x").endswith("0")


def test_ebs_with_ext4_has_lost_and_found(kept: Kept) -> None:
    running = kept(VOLUMES.format(volume='"data:/data"', settings="{ebs: 5}"))
    kind = next(iter(running.report.result.units[0].unit.ebs.values())).filesystem_type
    listed = running.execute("app", "ls -A /data").splitlines()
    assert ("lost+found" in listed) == (kind == "ext4")


def test_containers_start_in_the_order_of_depends_on_and_by_condition(project: Project) -> None:
    report = project.write(
        """\
        services:
          app:
            image: python:3.12
            command: [sh, -c, "test -f /shared/ready && exec sleep infinity"]
            volumes: ["shared:/shared"]
            depends_on: {prepare: {condition: service_completed_successfully}}
          prepare:
            image: python:3.12
            command: [sh, -c, "sleep 1; touch /shared/ready"]
            volumes: ["shared:/shared"]
            x-fargate: {job: init}
        volumes: {shared: {x-fargate: {ephemeral: true}}}
        """
    ).rehearse()
    assert report.well, told(report)


def test_an_init_container_that_fails_ends_the_task(project: Project) -> None:
    report = project.write(
        """\
        services:
          app:
            image: python:3.12
            command: [sleep, infinity]
            depends_on: {prepare: {condition: service_completed_successfully}}
          prepare: {image: "python:3.12", command: [sh, -c, "echo no luck; exit 7"], x-fargate: {job: init}}
        """
    ).rehearse()
    assert not report.well
    assert "no luck" in told(report)
    assert "exit code 7" in told(report)


def test_what_waits_for_a_failed_job_is_not_started(project: Project) -> None:
    report = project.write(
        """\
        services:
          app:
            image: python:3.12
            command: [sleep, infinity]
            depends_on: {migrate: {condition: service_completed_successfully}}
          migrate: {image: "python:3.12", command: [sh, -c, "echo no table; exit 3"]}
        """
    ).rehearse()
    states = {one["name"]: one["state"] for one in document(report)["services"]}
    assert states["app"] == "not started"
    assert "no table" in told(report)


def test_the_stop_signal_comes_first_and_a_kill_after_the_stop_timeout(project: Project) -> None:
    project.write(
        """\
        services:
          app: {image: "python:3.12", command: [sh, -c, "sleep 1; exit 1"], stop_grace_period: 40s}
          polite:
            image: python:3.12
            command: [sh, -c, "trap 'echo got it; exit 0' TERM; while :; do sleep 0.1; done"]
            network_mode: service:app
            stop_grace_period: 40s
        """
    )
    report = project.rehearse(keep=True, allow_errors=True)
    assert not report.well
    listed = project.engine.listed(project.name)
    polite = [one["Id"] for one in listed if one["Labels"].get("compose2fargate.container") == "polite"]
    assert len(polite) == 3
    assert project.engine.logs(polite[0]) == ("got it",)
    assert project.engine.state(polite[0]).exit_code == 0


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def ask(url: str, host: str = "") -> tuple[int, str, str]:
    """Ask, and give status, body and Location."""
    request = Request(url, headers={"Host": host} if host else {})  # noqa: S310 - an address of ours
    try:
        with build_opener(_Stay).open(request, timeout=10) as answer:
            return answer.status, answer.read().decode(), ""
    except HTTPError as error:
        with error:
            return error.code, error.read().decode(), error.headers.get("Location", "")


def test_the_load_balancer_answers_on_localhost_by_host_and_path(kept: Kept) -> None:
    running = kept(
        """\
        services:
          shop: {image: "nginx:1.27", ports: ["8081:80"], x-fargate: {ingress: [{port: 80, published: 8081, host: shop.example.org}]}}
          api:
            image: python:3.12
            command: [python3, -m, http.server, "8000", --directory, /usr/share/nginx/html]
            expose: ["8000"]
            x-fargate: {ingress: [{port: 8000, published: 8081, path: "/index*"}]}
        """
    )
    assert running.report.well, told(running.report)
    (address,) = running.report.result.addresses
    assert ask(address.url, "shop.example.org")[:2] == (200, "welcome\n")
    assert ask(address.url + "other", "elsewhere.example.org")[0] in (404, 503)
    bound = running.engine.client.containers(
        filters={"label": f"compose2fargate.rehearsal={running.project}"}
    )
    ports = [port for one in bound for port in one["Ports"] if "PublicPort" in port]
    assert {port["IP"] for port in ports} == {"127.0.0.1"}


def test_a_job_finds_services_by_the_private_dns(project: Project) -> None:
    report = project.write(
        """\
        services:
          cache: {image: "redis:7"}
          fill: {image: "redis:7", command: [redis-cli, -h, cache, set, a, b], depends_on: [cache], restart: "no", x-fargate: {job: true}}
        """
    ).rehearse()
    assert report.well, told(report)


def test_secrets_reach_the_container_and_never_the_report(project: Project) -> None:
    project.write(
        """\
        services:
          app:
            image: python:3.12
            command: [sh, -c, 'echo "token is $$TOKEN"; exit 1']
            environment: {TOKEN: "${TOKEN}"}
            x-fargate: {secrets: auto}
        """
    )
    report = project.rehearse(env={"TOKEN": "canary-5f1c0de5"}, allow_errors=True)
    assert "token is ********" in told(report)
    assert "canary" not in told(report) + json.dumps(document(report))


def test_a_secret_without_a_value_is_asked_for_by_name(project: Project, tmp_path: object) -> None:
    project.write(
        """\
        services:
          app: {image: "python:3.12", command: [sh, -c, 'test "$$KEY" = v && exec sleep infinity'], x-fargate: {secrets: {KEY: shop-key}}}
        """
    )
    report = project.rehearse()
    assert "the value of its secret KEY is not known here" in told(report)
    assert project.rehearse(secrets={"KEY": "v"}).well


def test_no_engine_is_exit_code_3(project: Project) -> None:
    import subprocess
    import sys

    project.write("services: {web: {image: 'redis:7'}}")
    done = subprocess.run(
        [sys.executable, "-m", "compose2fargate", "rehearse"],
        cwd=project.folder,
        env={**os.environ, "DOCKER_HOST": "unix:///nowhere/socket"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 3
    assert "C2F550" in done.stderr
