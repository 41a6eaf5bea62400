from __future__ import annotations

from typing import Any

import pytest

from compose2fargate.aws.fargate import DEFAULT_CAPABILITIES
from compose2fargate.aws.resources import ContainerDefinition, EcsService, RunTask, TaskDefinition
from compose2fargate.diagnostics import Severity
from compose2fargate.workflows.translating import Translated
from tests.mapping.conftest import Translate, spelled


def service(body: str, *, name: str = "web", image: str = "image: app") -> str:
    lines = "\n".join(f"    {line}" for line in [image, *body.splitlines()])
    return f"services:\n  {name}:\n{lines}\n"


def definition(made: Translated, name: str = "web") -> TaskDefinition:
    found = made.translation.stack.resources[f"task-definition/{name}"]
    assert isinstance(found, TaskDefinition)
    return found


def container(made: Translated, name: str = "web") -> ContainerDefinition:
    return definition(made, name).container_definitions[0]


def ecs_service(made: Translated, name: str = "web") -> EcsService:
    found = made.translation.stack.resources[f"service/{name}"]
    assert isinstance(found, EcsService)
    return found


def codes(made: Translated, severity: Severity | None = None) -> set[str]:
    return {d.code for d in made.diagnostics if severity in (None, d.severity)}


def test_a_string_command_becomes_an_argument_array(translated: Translate) -> None:
    made = translated(service("command: run --name 'two words' $$HOME"))
    assert container(made).command == ("run", "--name", "two words", "$HOME")


def test_without_a_command_the_image_decides(translated: Translate) -> None:
    assert (container(translated(service(""))).entry_point, container(translated(service(""))).command) == (
        (),
        (),
    )


def test_a_cleared_entrypoint_with_a_command_runs_just_the_command(translated: Translate) -> None:
    made = container(translated(service("entrypoint: []\ncommand: [run, it]")))
    assert (made.entry_point, made.command) == (("run", "it"), ())


def test_a_cleared_entrypoint_of_an_unknown_image_is_warned_about(translated: Translate) -> None:
    assert "C2F232" in codes(translated(service("entrypoint: []")), Severity.WARNING)


@pytest.mark.parametrize(
    ("asked", "size"),
    [
        ("cpus: 0.25\nmem_limit: 512m", ("256", "1024")),  # the Service Connect proxy needs memory beside it
        ("cpus: 0.25\nmem_limit: 448m", ("256", "512")),
        ("mem_limit: 4g", ("1024", "5120")),
        ("cpus: 3", ("4096", "8192")),
        ("deploy: {resources: {limits: {cpus: '0.3', memory: 900M}}}", ("512", "1024")),
        ("deploy: {resources: {reservations: {cpus: '1.5', memory: 10G}}}", ("2048", "11264")),
        ("cpu_quota: 150000", ("2048", "4096")),
        ("cpus: 16\nmem_limit: 100g", ("16384", "106496")),
        ("x-fargate: {cpu: 2, memory: 6gb}", ("2048", "7168")),
    ],
)
def test_the_task_is_the_smallest_legal_size_not_below_what_was_asked(
    asked: str, size: tuple[str, str], translated: Translate
) -> None:
    made = definition(translated(service(asked)))
    assert (made.cpu, made.memory) == size


def test_more_than_the_largest_size_is_refused(translated: Translate) -> None:
    assert "C2F251" in codes(translated(service("mem_limit: 121g")), Severity.ERROR)


@pytest.mark.parametrize(
    ("image", "size"),
    [("postgres:16", ("512", "1024")), ("docker.io/library/redis", ("256", "512")),
     ("docker.elastic.co/elasticsearch/elasticsearch:8.1.0", ("1024", "4096")),
     ("mcr.microsoft.com/mssql/server:2022-latest", ("1024", "2048")), ("me/app@sha256:" + "0" * 64, ("512", "1024"))],
)  # fmt: skip
def test_a_service_that_asks_for_nothing_gets_the_default_of_its_kind(
    image: str, size: tuple[str, str], translated: Translate
) -> None:
    made = definition(translated(service("", image=f"image: {image}")))
    assert (made.cpu, made.memory) == size


def test_limits_and_reservations_reach_the_container(translated: Translate) -> None:
    made = container(translated(service("cpus: 0.5\nmem_limit: 300m\nmem_reservation: 100m")))
    assert (made.cpu, made.memory, made.memory_reservation) == (512, 300, 100)


def test_a_reservation_that_equals_the_limit_is_left_out(translated: Translate) -> None:
    made = container(translated(service("mem_limit: 300m\nmem_reservation: 300m")))
    assert (made.memory, made.memory_reservation) == (300, None)


def test_an_unset_health_check_has_dockers_defaults_not_those_of_ecs(translated: Translate) -> None:
    check = container(translated(service("healthcheck: {test: curl -f http://localhost}"))).health_check
    assert check is not None
    assert check.command == ("CMD-SHELL", "curl -f http://localhost")
    assert (check.interval, check.timeout, check.retries, check.start_period) == (30, 30, 3, None)


def test_a_health_check_is_rounded_up_into_the_ranges_of_ecs(translated: Translate) -> None:
    made = translated(
        service(
            "healthcheck: {test: [CMD, ok], interval: 500ms, timeout: 2m, retries: 20, start_period: 10m}"
        )
    )
    check = container(made).health_check
    assert check is not None
    assert (check.interval, check.timeout, check.retries, check.start_period) == (5, 60, 10, 300)
    said = [d for d in made.diagnostics if d.code == "C2F234"]
    assert [d.path[-1] for d in said] == ["interval", "timeout", "retries", "start_period"]


@pytest.mark.parametrize("body", ["healthcheck: {disable: true}", 'healthcheck: {test: ["NONE"]}'])
def test_a_disabled_health_check_is_absent(body: str, translated: Translate) -> None:
    assert container(translated(service(body))).health_check is None


def test_environment_is_sorted_and_keeps_empty_values(translated: Translate) -> None:
    made = translated(service("environment:\n  - B=b=c\n  - A=\n  - HERE\n  - GONE"), env={"HERE": "x"})
    assert [tuple(pair) for pair in container(made).environment] == [("A", ""), ("B", "b=c"), ("HERE", "x")]
    assert "C2F233" in codes(made, Severity.INFO)


@pytest.mark.parametrize(
    ("variable", "flagged"),
    [("DB_PASSWORD: x", True), ("API_KEY: x", True), ("URL: postgres://u:p@db/x", True), ("PASSWORD_FILE: /run/x", False),
     ("TOKEN_TTL: '60'", False), ("KEYBOARD: de", False), ("SECRET: ''", False),
     ("MYSQL_ALLOW_EMPTY_PASSWORD: 'yes'", False), ("URL: http://db/x", False)],
)  # fmt: skip
def test_values_that_look_like_credentials_are_pointed_out(
    variable: str, flagged: bool, translated: Translate
) -> None:
    made = translated(service(f"environment:\n  {variable}"))
    assert ("C2F230" in codes(made, Severity.WARNING)) is flagged


def test_a_secret_replaces_the_variable_and_its_value_is_nowhere(translated: Translate) -> None:
    made = translated(
        service("environment: {TOKEN: canary-value}\nx-fargate: {secrets: {TOKEN: /shop/web/TOKEN}}")
    )
    assert [tuple(secret) for secret in container(made).secrets] == [("TOKEN", "/shop/web/TOKEN")]
    assert container(made).environment == ()
    assert "canary-value" not in repr(made.translation.stack)


@pytest.mark.parametrize(
    ("update", "expected"),
    [
        ("", (100, 200, True, True)),
        ("update_config: {parallelism: 1, order: start-first}", (100, 125, True, True)),
        ("update_config: {parallelism: 1}", (75, 100, True, True)),
        ("update_config: {parallelism: 0, order: stop-first, failure_action: pause}", (0, 100, True, False)),
        (
            "update_config: {parallelism: 3, order: start-first, failure_action: continue}",
            (100, 175, False, False),
        ),
    ],
)
def test_update_config_becomes_percentages_and_a_circuit_breaker(
    update: str, expected: tuple[int, int, bool, bool], translated: Translate
) -> None:
    made = ecs_service(translated(service("deploy:\n  replicas: 4\n  " + update))).deployment_configuration
    breaker = made.deployment_circuit_breaker
    assert (made.minimum_healthy_percent, made.maximum_percent, breaker.enable, breaker.rollback) == expected


def batch(order: str, replicas: int, parallelism: int, translated: Translate) -> int:
    """How many tasks the scheduler starts, or stops, at a time: it rounds the minimum up and the maximum down."""
    text = service(
        f"deploy: {{replicas: {replicas}, update_config: {{parallelism: {parallelism}, order: {order}}}}}"
    )
    made = ecs_service(translated(text)).deployment_configuration
    if order == "start-first":
        return made.maximum_percent * replicas // 100 - replicas
    return replicas - -(-made.minimum_healthy_percent * replicas // 100)


@pytest.mark.parametrize("order", ["start-first", "stop-first"])
def test_the_percentages_give_exactly_the_batch_size_that_was_asked(
    order: str, translated: Translate
) -> None:
    for replicas in (1, 2, 3, 7, 30, 99):
        for parallelism in {1, 2, replicas}:
            wanted = min(parallelism, replicas)
            assert batch(order, replicas, parallelism, translated) == wanted, (replicas, parallelism)


@pytest.mark.parametrize(("body", "count"), [("scale: 3", 3), ("deploy: {replicas: 0}", 0), ("", 1)])
def test_replicas_and_scale_are_the_desired_count(body: str, count: int, translated: Translate) -> None:
    assert ecs_service(translated(service(body))).desired_count == count


JOB = """
services:
  app: {image: app, depends_on: {migrate: {condition: service_completed_successfully}}}
  migrate: {image: app, command: [migrate], restart: always}
"""


def test_what_somebody_waits_for_to_complete_is_a_job_whatever_restart_says(translated: Translate) -> None:
    resources = translated(JOB).translation.stack.resources
    assert isinstance(resources["run-task/migrate"], RunTask)
    assert "service/migrate" not in resources
    assert "service/app" in resources


@pytest.mark.parametrize("body", ["deploy: {mode: replicated-job}", "x-fargate: {job: true}"])
def test_a_service_can_say_that_it_is_a_job(body: str, translated: Translate) -> None:
    assert "run-task/web" in translated(service(body)).translation.stack.resources


def test_a_service_that_must_not_restart_is_warned_about(translated: Translate) -> None:
    assert "C2F235" in codes(translated(service('restart: "no"')), Severity.WARNING)


def test_on_failure_restarts_the_container_in_its_task(translated: Translate) -> None:
    policy = container(translated(service("restart: on-failure:3"))).restart_policy
    assert policy is not None
    assert (policy.enabled, policy.ignored_exit_codes) == (True, (0,))


@pytest.mark.parametrize(
    ("period", "seconds", "warned"), [("1m30s", 90, False), ("500ms", 2, True), ("10m", 120, True)]
)
def test_the_stop_period_is_within_what_fargate_waits(
    period: str, seconds: int, warned: bool, translated: Translate
) -> None:
    made = translated(service(f"stop_grace_period: {period}"))
    assert container(made).stop_timeout == seconds
    assert ("C2F238" in codes(made)) is warned


@pytest.mark.parametrize(
    ("platform", "architecture"),
    [("linux/arm64", "ARM64"), ("linux/arm64/v8", "ARM64"), ("linux/amd64", "X86_64"), ("arm64", "ARM64")],
)
def test_the_platform_is_the_tasks_architecture(
    platform: str, architecture: str, translated: Translate
) -> None:
    made = definition(translated(service(f"platform: {platform}")))
    assert made.runtime_platform.cpu_architecture == architecture


@pytest.mark.parametrize("platform", ["windows/amd64", "linux/riscv64"])
def test_a_platform_that_is_not_on_fargate_is_refused(platform: str, translated: Translate) -> None:
    assert "C2F239" in codes(translated(service(f"platform: {platform}")), Severity.ERROR)


def test_linux_options_are_mapped(translated: Translate) -> None:
    made = container(
        translated(
            service(
                "init: true\nread_only: true\ntty: true\nstdin_open: true\nuser: '0'\nworking_dir: /srv\n"
                "cap_add: [SYS_PTRACE]\ncap_drop: [all]\nsysctls: {net.core.somaxconn: 1024}\n"
                "ulimits: {nofile: {soft: 10, hard: -1}, nproc: 5}\nlabels: {b: 1, a: x}"
            )
        )
    )
    linux = made.linux_parameters
    assert linux is not None
    assert linux.capabilities is not None
    assert (linux.init_process_enabled, linux.capabilities.add, linux.capabilities.drop) == (
        True,
        ("SYS_PTRACE",),
        ("ALL",),
    )
    assert (made.readonly_root_filesystem, made.pseudo_terminal, made.interactive) == (True, True, True)
    assert (made.user, made.working_directory) == ("root", "/srv")
    assert [tuple(control) for control in made.system_controls] == [("net.core.somaxconn", "1024")]
    assert [tuple(limit) for limit in made.ulimits] == [("nofile", 10, 1_048_576)]
    assert list(made.docker_labels.items()) == [("a", "x"), ("b", "1")]


def test_all_capabilities_but_some_are_dropped_one_by_one(translated: Translate) -> None:
    linux = container(translated(service("cap_add: [CAP_CHOWN]\ncap_drop: [ALL]"))).linux_parameters
    assert linux is not None
    assert linux.capabilities is not None
    assert linux.capabilities.add == ()
    assert set(linux.capabilities.drop) == DEFAULT_CAPABILITIES - {"CHOWN"}


@pytest.mark.parametrize(
    ("body", "code"),
    [("cap_add: [NET_ADMIN]", "C2F242"), ("sysctls: {vm.max_map_count: 262144}", "C2F244"), ("privileged: true", "C2F208"),
     ("devices: [/dev/fuse]", "C2F205"), ("volumes: [/var/run/docker.sock:/var/run/docker.sock]", "C2F211"),
     ("platform: windows/amd64", "C2F239")],
)  # fmt: skip
def test_what_fargate_cannot_do_is_refused_and_may_be_allowed(
    body: str, code: str, translated: Translate
) -> None:
    assert code in codes(translated(service(body)), Severity.ERROR)
    allowed = translated(service(body), allow=(code,))
    assert code in codes(allowed, Severity.WARNING)
    assert not codes(allowed, Severity.ERROR)


def test_a_port_of_two_protocols_is_named_for_the_first(translated: Translate) -> None:
    made = translated(service("ports: ['53:53', '53:53/udp']"))
    assert [(p.container_port, p.protocol) for p in container(made).port_mappings] == [(53, "tcp")]
    assert "C2F221" in codes(made, Severity.WARNING)


def test_logs_go_to_a_group_of_the_service_in_the_region(translated: Translate) -> None:
    made = translated(
        service("logging: {driver: json-file, options: {max-size: 10m}}"), environment="production"
    )
    log = container(made).log_configuration
    assert log is not None
    assert {key: spelled(made, value) for key, value in log.options.items()} == {
        "awslogs-group": "/ecs/shop-production/web",
        "awslogs-region": "eu-central-1",
        "awslogs-stream-prefix": "web",
        "mode": "non-blocking",
    }


def test_a_service_without_logs_has_no_log_group(translated: Translate) -> None:
    made = translated(service("logging: {driver: none}"))
    assert container(made).log_configuration is None
    assert "log-group/web" not in made.translation.stack.resources


@pytest.mark.parametrize(
    ("body", "flags", "image"),
    [
        ("build: .", {}, "ACCOUNT_ID.dkr.ecr.eu-central-1.amazonaws.com/shop/web:latest"),
        ("build: .", {"account": "123456789012", "tag": "v1"}, "123456789012.dkr.ecr.eu-central-1.amazonaws.com/shop/web:v1"),
        ("build: .\nimage: team/app:2", {"registry": "reg.example/x"}, "reg.example/x/shop/team/app:2"),
        ("build: .\nimage: ghcr.io/team/app:2", {}, "ghcr.io/team/app:2"),
        ("build: .\nimage: ghcr.io/team/app:2", {"registry": "reg.example:5000"}, "reg.example:5000/shop/team/app:2"),
        ("build: .", {"images": {"web": "other:1"}}, "other:1"),
        ("image: app", {"images": {"web": "other:1"}}, "other:1"),
    ],
)  # fmt: skip
def test_an_image_built_here_has_the_address_it_is_pushed_to(
    body: str, flags: dict[str, Any], image: str, translated: Translate
) -> None:
    made = translated(service(body, image=""), **flags)
    assert spelled(made, container(made).image) == image


def test_names_of_an_environment_stand_apart(translated: Translate) -> None:
    made = translated(service(""), environment="production")
    assert made.translation.stack.name == "shop-production"
    assert definition(made).family == "shop-production-web"


def test_a_service_can_be_left_out(translated: Translate) -> None:
    text = "services: {a: {image: x, depends_on: [b]}, b: {image: y, privileged: true}}"
    made = translated(text, without=("b",))
    assert not codes(made, Severity.ERROR)
    assert "service/b" not in made.translation.stack.resources
    skipped = translated(text.replace("privileged: true", "privileged: true, x-fargate: {skip: true}"))
    assert skipped.translation.stack.resources == made.translation.stack.resources


def test_leaving_out_an_unknown_service_names_those_there_are(translated: Translate) -> None:
    [said] = [d for d in translated(service(""), without=("wbe",)).diagnostics if d.code == "C2F212"]
    assert (said.severity, said.hint) == (Severity.ERROR, "services: web")


def test_the_order_of_services_in_the_file_does_not_matter(translated: Translate) -> None:
    one = "services:\n  b: {image: x, depends_on: [c]}\n  a: {image: y}\n  c: {image: z}\n"
    other = "services:\n  c: {image: z}\n  a: {image: y}\n  b: {image: x, depends_on: [c]}\n"
    made, again = (translated(text).translation.stack._replace(sources={}) for text in (one, other))
    assert made == again
    assert list(translated(one).translation.stack.origins.values())[-3:] == ["a", "c", "b"]


def test_services_of_inactive_profiles_are_named(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: nginx}, tool: {image: a, profiles: [debug, dev]}, job: {image: b, profiles: [dev]}}"
    )
    said = sorted((d.message, d.hint) for d in made.diagnostics if d.code == "C2F213")
    assert said == [
        ("job is left out: none of its profiles is active (dev)", "include it: --profile dev"),
        ("tool is left out: none of its profiles is active (debug, dev)", "include it: --profile debug"),
    ]
    assert "C2F214" not in codes(made, Severity.WARNING)


@pytest.mark.parametrize("text", ["name: shop", "services: {tool: {image: a, profiles: [debug]}}"])
def test_a_project_without_services_is_warned_about(text: str, translated: Translate) -> None:
    assert "C2F214" in codes(translated(text), Severity.WARNING)


@pytest.mark.parametrize(
    ("restart", "told"),
    [("restart: on-failure", True), ("", True), ("restart: unless-stopped", False),
     ("deploy: {restart_policy: {condition: on-failure}}", True), ("restart: always", False)],
)  # fmt: skip
def test_a_command_that_compose_lets_end_is_told_by_its_name(
    restart: str, told: bool, translated: Translate
) -> None:
    made = translated(service(f"command: [migrate]\n{restart}", image="image: acme/api"))
    hints = [d.hint for d in made.diagnostics if d.code == "C2F240"]
    assert bool(hints) == told
    assert all("x-fargate: {job: true}" in hint for hint in hints)
