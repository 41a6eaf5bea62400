"""Counts, percentages, Spot, autoscaling and order."""

from __future__ import annotations

import json
from math import ceil, floor
from pathlib import Path
from typing import Any

import pytest

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import (
    Cluster,
    EcsService,
    RunTask,
    ScalableTarget,
    ScalingPolicy,
    TaskDefinition,
)
from compose2fargate.aws.stack import DeploymentDependencies
from compose2fargate.aws.stack_rules import dangling_refs
from compose2fargate.diagnostics import Severity
from compose2fargate.mapping.deployment.rolling_updates import grace_period
from compose2fargate.workflows.translating import Translated
from tests.mapping.conftest import Translate


def get(made: Translated, logical_id: str) -> Any:
    return made.translation.stack.resources[logical_id]


def codes(made: Translated) -> set[str]:
    return {found.code for found in made.diagnostics}


@pytest.mark.parametrize(
    ("capacity", "strategy"),
    [
        ("spot", [("FARGATE_SPOT", 1, 0)]),
        ("{spot: 3, on_demand: 1, base: 2}", [("FARGATE", 1, 2), ("FARGATE_SPOT", 3, 0)]),
        ("{spot: 1, base: 1}", [("FARGATE", 0, 1), ("FARGATE_SPOT", 1, 0)]),
    ],
)
def test_spot_is_a_strategy_in_place_of_a_launch_type(
    capacity: str, strategy: list[tuple[str, int, int]], translated: Translate
) -> None:
    made = translated(f"services: {{web: {{image: a, x-fargate: {{capacity: {capacity}}}}}}}")
    service: EcsService = get(made, "service/web")
    assert service.launch_type is None
    assert [tuple(item) for item in service.capacity_provider_strategy] == strategy
    assert get(made, "cluster").capacity_providers == ("FARGATE", "FARGATE_SPOT")
    assert "C2F247" in codes(made)


def test_spot_can_be_had_for_everything_and_refused_by_one(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: a}, job: {image: b, x-fargate: {job: true}}, db: {image: c, x-fargate: {capacity: on-demand}}}",
        capacity="spot",
    )
    assert get(made, "service/web").launch_type is None
    run: RunTask = get(made, "run-task/job")
    assert run.launch_type is None
    assert run.capacity_provider_strategy
    assert get(made, "service/db").launch_type == "FARGATE"


def test_without_spot_nothing_is_said_of_it(translated: Translate) -> None:
    made = translated("services: {web: {image: a}}")
    cluster: Cluster = get(made, "cluster")
    assert (cluster.capacity_providers, cluster.settings) == ((), ())
    assert get(made, "service/web").launch_type == "FARGATE"


def test_autoscaling_gives_bounds_and_a_policy_for_each_metric(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: a, x-fargate: {autoscaling: {min: 2, max: 6, cpu: 50, memory: 80}}}}"
    )
    assert get(made, "scalable-target/web") == ScalableTarget(Ref("service/web", "name"), 2, 6)
    policies = dict(made.translation.stack.of_type(ScalingPolicy))
    assert {key: (p.metric, p.target_value) for key, p in policies.items()} == {
        "scaling-policy/web-cpu": ("ECSServiceAverageCPUUtilization", 50),
        "scaling-policy/web-memory": ("ECSServiceAverageMemoryUtilization", 80),
    }
    assert get(made, "service/web").desired_count == 2
    assert "C2F256" in codes(made)


@pytest.mark.parametrize(("replicas", "begins"), [(1, 2), (3, 3), (9, 6)])
def test_the_number_to_begin_with_is_within_the_bounds(
    replicas: int, begins: int, translated: Translate
) -> None:
    made = translated(
        f"services: {{web: {{image: a, deploy: {{replicas: {replicas}}}, x-fargate: {{autoscaling: {{min: 2, max: 6}}}}}}}}"
    )
    assert get(made, "service/web").desired_count == begins


def test_bounds_alone_keep_the_cpu_at_70_percent(translated: Translate) -> None:
    made = translated("services: {web: {image: a, x-fargate: {autoscaling: {max: 6}}}}")
    assert get(made, "scaling-policy/web-cpu").target_value == 70


def test_bounds_the_wrong_way_round_and_requests_without_a_balancer_are_refused(
    translated: Translate,
) -> None:
    made = translated("services: {web: {image: a, x-fargate: {autoscaling: {min: 5, max: 2}}}}")
    assert [d.code for d in made.diagnostics if d.severity is Severity.ERROR] == ["C2F256"]
    made = translated("services: {web: {image: a, x-fargate: {autoscaling: {max: 2, requests: 100}}}}")
    assert [d.code for d in made.diagnostics if d.severity is Severity.ERROR] == ["C2F505"]


def test_jobs_come_before_what_waits_for_them(translated: Translate) -> None:
    made = translated(
        """services:
  api: {image: a, depends_on: {db: {condition: service_healthy}, migrate: {condition: service_completed_successfully}}}
  migrate: {image: b, depends_on: {db: {condition: service_healthy}}}
  db: {image: postgres, healthcheck: {test: pg_isready}}
  web: {image: c, depends_on: [api]}
  nightly: {image: d, x-fargate: {schedule: rate(1 day)}}
  after: {image: e, depends_on: [nightly]}
"""
    )
    stack = made.translation.stack
    assert stack.after == {
        "service/api": (
            DeploymentDependencies("run-task/migrate", "completed"),
            DeploymentDependencies("service/db", "healthy"),
        ),
        "run-task/migrate": (DeploymentDependencies("service/db", "healthy"),),
        "service/web": (DeploymentDependencies("service/api", "started"),),
    }
    order = [key for key in stack.resources if key.startswith(("service/", "run-task/"))]
    assert (
        order.index("service/db")
        < order.index("run-task/migrate")
        < order.index("service/api")
        < order.index("service/web")
    )


def test_the_strictest_condition_of_a_task_s_containers_counts(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: a, depends_on: [db]}, side: {image: b, x-fargate: {sidecar_of: web}, depends_on:"
        " {db: {condition: service_healthy}}}, db: {image: postgres}}"
    )
    assert made.translation.stack.after == {"service/web": (DeploymentDependencies("service/db", "healthy"),)}


def test_what_an_init_container_waits_for_its_task_waits_for(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: a, depends_on: {seed: {condition: service_completed_successfully}}},"
        " seed: {image: b, x-fargate: {job: init}, depends_on: [db]}, db: {image: postgres}}"
    )
    assert made.translation.stack.after == {"service/web": (DeploymentDependencies("service/db", "started"),)}


def test_a_circle_between_tasks_is_broken_and_reported(translated: Translate) -> None:
    made = translated(
        "services: {a: {image: a, depends_on: [b]}, c: {image: c, x-fargate: {sidecar_of: a}}, b: {image: b, depends_on: [c]}}"
    )
    assert made.translation.stack.after == {"service/a": (DeploymentDependencies("service/b", "started"),)}
    assert "C2F506" in codes(made)


def test_a_container_that_starts_longer_than_ecs_waits_is_reported(translated: Translate) -> None:
    text = (
        "services: {web: {image: a, depends_on: {db: {condition: service_healthy}}}, db: {image: b, x-fargate:"
        " {sidecar_of: web}, healthcheck: {test: x, start_period: %ds}}}"
    )
    assert "C2F507" in codes(translated(text % 181))
    assert "C2F507" not in codes(translated(text % 180))


def test_a_chain_of_a_thousand_services_has_an_order(translated: Translate) -> None:
    text = (
        "".join(f"  s{n}: {{image: a, depends_on: [s{n + 1}]}}\n" for n in range(300))
        + "  s300: {image: a}\n"
    )
    made = translated("services:\n" + text)
    order = [key for key in made.translation.stack.resources if key.startswith("service/")]
    assert order == [f"service/s{n}" for n in range(300, -1, -1)]


@pytest.mark.parametrize(
    ("body", "seconds"),
    [("image: nginx", 60), ("image: keycloak", 180),
     ("image: nginx\n    healthcheck: {test: x, start_period: 90s}", 90)],
)  # fmt: skip
def test_a_load_balancer_waits_until_the_service_can_have_started(
    body: str, seconds: int, translated: Translate
) -> None:
    service = translated(f"services:\n  web:\n    {body}\n").project.services["web"]
    assert grace_period(service, behind_load_balancer=True) == seconds
    assert grace_period(service, behind_load_balancer=False) is None


@pytest.mark.parametrize(
    ("body", "gib"),
    [("storage_opt: {size: 20G}", None), ("storage_opt: {size: 20.5G}", 21), ("storage_opt: {size: 60000M}", 59),
     ("x-fargate: {ephemeral_storage: 100}", 100), ("x-fargate: {ephemeral_storage: 10}", None)],
)  # fmt: skip
def test_task_storage_beyond_the_free_20_gib(body: str, gib: int | None, translated: Translate) -> None:
    made: TaskDefinition = get(translated(f"services: {{web: {{image: a, {body}}}}}"), "task-definition/web")
    assert (made.ephemeral_storage and made.ephemeral_storage.size_in_gib) == gib


def test_more_storage_than_there_is_is_refused(translated: Translate) -> None:
    assert "C2F254" in codes(translated("services: {web: {image: a, storage_opt: {size: 300G}}}"))


@pytest.mark.parametrize(
    ("body", "architecture"),
    [("platform: linux/arm64", "ARM64"), ("x-fargate: {architecture: ARM64}", "ARM64"),
     ("deploy: {placement: {constraints: ['node.platform.arch == aarch64']}}", "ARM64"),
     ("deploy: {placement: {constraints: ['node.platform.arch==x86_64']}}", "X86_64"),
     ("platform: linux/amd64, x-fargate: {architecture: ARM64}", "X86_64"), ("init: true", "X86_64")],
)  # fmt: skip
def test_the_processor_comes_from_whatever_names_one(
    body: str, architecture: str, translated: Translate
) -> None:
    made: TaskDefinition = get(translated(f"services: {{web: {{image: a, {body}}}}}"), "task-definition/web")
    assert made.runtime_platform.cpu_architecture == architecture


def test_labels_become_tags_of_the_service_as_far_as_they_can(translated: Translate) -> None:
    made = translated("services: {web: {image: a, deploy: {labels: {team: shop, bad: '<x>', 'aws:y': z}}}}")
    assert {"team": "shop"}.items() <= {t.key: t.value for t in get(made, "service/web").tags}.items()
    (warning,) = [d for d in made.diagnostics if d.code == "C2F255"]
    assert warning.message.startswith("aws:y, bad cannot be used as a tag")
    assert "team" not in {t.key for t in get(made, "task-definition/web").tags}


def test_exec_and_a_read_only_file_system_exclude_each_other(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: a, read_only: true}, api: {image: b}, off: {image: c, x-fargate: {exec: false}}}",
        exec=True,
    )
    assert [get(made, f"service/{name}").enable_execute_command for name in ("api", "off")] == [True, None]
    assert [d.path for d in made.diagnostics if d.code == "C2F248"] == [("services", "web", "read_only")]


def test_a_price_list_of_one_s_own_counts(translated: Translate, tmp_path: Path) -> None:
    (tmp_path / "prices.json").write_text(json.dumps({"vcpu_hour": 1, "gb_hour": 0}))
    made = translated(
        "services: {web: {image: nginx, deploy: {replicas: 2}}}", prices="prices.json", subnets=("s",)
    )
    (whole,) = [d for d in made.diagnostics if d.code == "C2F249"]
    assert "about 365.00 USD a month" in whole.message
    assert "your own prices" in whole.message
    assert any(file.endswith("prices.json") for file in made.inputs)


def test_nothing_in_a_stack_links_to_what_is_not_there_or_comes_later(translated: Translate) -> None:
    made = translated(
        """services:
  web: {image: a, build: ., ports: ["80:80"], x-fargate: {exec: true, autoscaling: {max: 3}, secrets: {A: /a}}, depends_on: [db]}
  db: {image: postgres, volumes: ["data:/var/lib/postgresql/data"]}
  backup: {image: b, x-fargate: {schedule: rate(1 hour), capacity: spot}, logging: {driver: syslog, options: {syslog-address: "tcp://x.example.com"}}}
volumes: {data: {}}
""",
        environment="production",
    )
    assert dangling_refs(made.translation.stack) == []


def room(made: Translated, count: int) -> tuple[bool, bool]:
    """Whether ECS may start a task more, and stop one, of so many."""
    percents = get(made, "service/web").deployment_configuration
    more = floor(count * percents.maximum_percent / 100) > count
    less = ceil(count * percents.minimum_healthy_percent / 100) < count
    return more, less


@pytest.mark.parametrize("order", ["start-first", "stop-first"])
def test_a_deployment_moves_with_the_fewest_tasks_that_scaling_leaves(
    order: str, translated: Translate
) -> None:
    """Percentages for four tasks, of which one follows after the other, let one task neither start nor stop."""
    made = translated(
        f"services: {{web: {{image: a, deploy: {{replicas: 4, update_config: {{parallelism: 1, order: {order}}}}}, "
        "x-fargate: {autoscaling: {min: 1, max: 8}}}}"
    )
    assert room(made, 1) == (order == "start-first", order == "stop-first")


def test_percentages_that_let_nothing_move_are_told_and_replaced(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: a, deploy: {update_config: {x-aws-min_percent: 100, x-aws-max_percent: 150}}}}"
    )
    (said,) = [d for d in made.diagnostics if d.code == "C2F546"]
    assert said.severity is Severity.WARNING
    assert "with 1 task, 100 and 150 percent" in said.message
    assert room(made, 1) == (True, False)
    enough = translated(
        "services: {web: {image: a, deploy: {replicas: 2, update_config: {x-aws-min_percent: 100, x-aws-max_percent: 150}}}}"
    )
    assert "C2F546" not in codes(enough)
