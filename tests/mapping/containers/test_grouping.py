from __future__ import annotations

import pytest

from compose2fargate.aws.resources import EcsService, TaskDefinition
from compose2fargate.aws.task_definition_rules import violations
from compose2fargate.diagnostics import Severity
from tests.mapping.conftest import Translate
from tests.mapping.containers.test_task_definitions import codes, definition, ecs_service


def containers(made: TaskDefinition) -> dict[str, bool]:
    return {container.name: container.essential for container in made.container_definitions}


@pytest.mark.parametrize(
    "join",
    ["network_mode: service:web", "pid: service:web", "volumes_from: [web]", "x-fargate: {sidecar_of: web}",
     "network_mode: container:www", "volumes_from: ['container:www:ro']"],
)  # fmt: skip
def test_a_service_joins_the_task_of_another(join: str, translated: Translate) -> None:
    made = translated(
        f"services: {{web: {{image: a, container_name: www, ports: ['80:80']}}, proxy: {{image: b, {join}}}}}"
    )
    task = definition(made)
    assert containers(task) == {"www": True, "proxy": True}
    assert "service/proxy" not in made.translation.stack.resources
    assert task.pid_mode == ("task" if join.startswith("pid") else None)
    assert [tuple(source) for source in task.container_definitions[1].volumes_from] == (
        [("www", join.endswith("ro']"))] if join.startswith("volumes_from") else []
    )
    assert {"log-group/web", "log-group/proxy"} <= set(made.translation.stack.resources)
    assert violations(task) == []


def test_depends_on_inside_a_task_is_kept(translated: Translate) -> None:
    text = """
    services:
      web: {image: a, depends_on: {agent: {condition: service_healthy}, setup: {condition: service_completed_successfully}}}
      agent: {image: b, network_mode: "service:web", healthcheck: {test: ok}}
      setup: {image: c, network_mode: "service:web"}
    """
    # Docker Compose itself refuses the circle that network_mode and depends_on make here.
    text = text.replace('network_mode: "service:web"', "x-fargate: {sidecar_of: web}")
    made = translated(text)
    task = definition(made)
    assert containers(task) == {"web": True, "agent": True, "setup": False}
    assert sorted(map(tuple, task.container_definitions[0].depends_on)) == [
        ("agent", "HEALTHY"),
        ("setup", "SUCCESS"),
    ]
    assert "run-task/setup" not in made.translation.stack.resources
    assert violations(task) == []


def test_a_container_without_a_health_check_is_awaited_until_it_starts(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: a, depends_on: {agent: {condition: service_healthy}}},"
        " agent: {image: b, x-fargate: {sidecar_of: web}}}"
    )
    assert [tuple(d) for d in definition(made).container_definitions[0].depends_on] == [("agent", "START")]
    assert "C2F283" in codes(made, Severity.WARNING)
    assert violations(definition(made)) == []


def test_sizes_of_a_tasks_containers_add_up(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: a, cpus: 0.5, mem_limit: 1g}, db: {image: postgres, x-fargate: {sidecar_of: web}},"
        " log: {image: b, x-fargate: {sidecar_of: web}}}"
    )
    task = definition(made)
    assert (task.cpu, task.memory) == ("1024", "3072")  # 512 + 512 units; 1024 + 1024 + 128 MiB and the proxy


def test_every_service_of_a_task_keeps_its_name(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: a, expose: ['80']}, api: {image: b, expose: ['90'], x-fargate: {sidecar_of: web}}}"
    )
    connect = ecs_service(made).service_connect_configuration
    assert connect is not None
    assert [(s.discovery_name, s.client_aliases[0].port) for s in connect.services] == [
        ("web", 80),
        ("api", 90),
    ]


def test_an_init_container_runs_in_the_task_of_each_dependent(translated: Translate) -> None:
    made = translated(
        "services: {a: {image: a, depends_on: {seed: {condition: service_completed_successfully}}},"
        " b: {image: b, depends_on: {seed: {condition: service_completed_successfully}}},"
        " seed: {image: s, x-fargate: {job: init}}}"
    )
    for name in ("a", "b"):
        task = definition(made, name)
        assert containers(task) == {"seed": False, name: True}
        assert [tuple(d) for d in task.container_definitions[1].depends_on] == [("seed", "SUCCESS")]
        assert violations(task) == []
    assert not {key for key in made.translation.stack.resources if key.endswith("/seed")} - {"log-group/seed"}


@pytest.mark.parametrize("target", ["nowhere", "web"])
def test_joining_nobody_is_refused(target: str, translated: Translate) -> None:
    made = translated(f"services: {{web: {{image: a, x-fargate: {{sidecar_of: {target}}}}}}}")
    assert "C2F280" in codes(made, Severity.ERROR)


def test_two_services_of_a_task_cannot_listen_on_one_port(translated: Translate) -> None:
    made = translated(
        "services: {a: {image: a, expose: ['80']}, b: {image: b, expose: ['80'], x-fargate: {sidecar_of: a}}}"
    )
    assert "C2F294" in codes(made, Severity.ERROR)


@pytest.mark.parametrize(
    ("body", "code", "severity"),
    [("network_mode: none", "C2F281", Severity.ERROR), ("network_mode: host", "C2F201", Severity.WARNING),
     ("pid: host", "C2F282", Severity.ERROR)],
)  # fmt: skip
def test_what_a_task_cannot_share_with_its_host(
    body: str, code: str, severity: Severity, translated: Translate
) -> None:
    assert code in codes(translated(f"services: {{web: {{image: a, {body}}}}}"), severity)


def test_a_service_alone_has_no_trace_of_groups(translated: Translate) -> None:
    made = translated("services: {web: {image: a}}")
    assert isinstance(made.translation.stack.resources["service/web"], EcsService)
    assert definition(made).pid_mode is None


@pytest.mark.parametrize("key", ["schedule: '@daily'", "job: true"])
def test_a_sidecar_with_times_of_its_own_is_refused(key: str, translated: Translate) -> None:
    made = translated(
        f"services:\n  web: {{image: a}}\n  cron: {{image: b, volumes_from: [web], x-fargate: {{{key}}}}}\n"
    )
    (found,) = [d for d in made.diagnostics if d.code == "C2F514"]
    assert (found.severity, found.location and found.location.line) == (Severity.ERROR, 3)
    assert "in place of volumes_from" in found.hint
