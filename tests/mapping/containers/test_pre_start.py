from __future__ import annotations

from compose2fargate.api import Translated
from compose2fargate.aws.resources import ContainerDefinition, EcsService, RunTask, TaskDefinition
from compose2fargate.diagnostics import Severity
from tests.mapping.conftest import Translate, spelled

HOOKS = """
services:
  web:
    image: app:1
    user: "1000"
    working_dir: /srv
    entrypoint: [serve]
    environment: {A: a, B: b, C: c}
    volumes: ["data:/data", {type: tmpfs, target: /scratch}]
    pre_start:
      - {image: "busybox:1", user: root, command: chown 1000 /data}
      - {command: [migrate], working_dir: /app, environment: {A: x, B: null}}
volumes: {data: {}}
"""


def containers(made: Translated, name: str = "web") -> dict[str, ContainerDefinition]:
    found = made.translation.stack.resources[f"task-definition/{name}"]
    assert isinstance(found, TaskDefinition)
    return {container.name: container for container in found.container_definitions}


def waits(container: ContainerDefinition) -> dict[str, str]:
    return {wait.container_name: wait.condition for wait in container.depends_on}


def errors(made: Translated) -> dict[str, str]:
    return {d.code: d.message for d in made.diagnostics if d.severity is Severity.ERROR}


def test_hooks_are_init_containers_one_after_the_other(translated: Translate) -> None:
    made = containers(translated(HOOKS))
    assert list(made) == ["web-pre-start-1", "web-pre-start-2", "web"]
    assert [made[name].essential for name in made] == [False, False, True]
    assert waits(made["web-pre-start-1"]) == {}
    assert waits(made["web-pre-start-2"]) == {"web-pre-start-1": "SUCCESS"}
    assert waits(made["web"]) == {"web-pre-start-1": "SUCCESS", "web-pre-start-2": "SUCCESS"}


def test_a_hook_has_what_docker_compose_gives_it(translated: Translate) -> None:
    made = containers(translated(HOOKS))
    first, second = made["web-pre-start-1"], made["web-pre-start-2"]
    assert (first.image, second.image) == ("busybox:1", "app:1")
    assert (first.user, second.user) == ("root", None)
    assert (first.working_directory, second.working_directory) == (None, "/app")
    assert (first.command, first.entry_point) == (("chown", "1000", "/data"), ())
    assert {v.name: v.value for v in first.environment} == {"A": "a", "B": "b", "C": "c"}
    assert {v.name: v.value for v in second.environment} == {"A": "x", "C": "c"}
    assert [m.container_path for m in second.mount_points] == ["/data"]
    assert second.linux_parameters is None


def test_a_hook_without_an_image_runs_the_one_that_the_service_runs(translated: Translate) -> None:
    text = "services: {web: {image: app, pre_start: [{command: [migrate]}]}}"
    made = containers(translated(text, images={"web": "registry.example.com/app:7"}))
    assert made["web-pre-start-1"].image == "registry.example.com/app:7"
    built = translated(
        "services: {web: {build: {dockerfile_inline: FROM scratch}, pre_start: [{command: [migrate]}]}}"
    )
    images = {name: spelled(built, container.image) for name, container in containers(built).items()}
    assert images["web-pre-start-1"] == images["web"]
    assert [build.service for build in built.translation.builds] == ["web"]


def test_files_that_are_copied_into_the_image_are_in_that_of_the_hook(translated: Translate) -> None:
    text = """
services: {web: {image: "app:1", configs: [{source: c, target: /app.conf}], pre_start: [{command: [migrate]}]}}
configs: {c: {content: text}}
"""
    made = translated(text)
    images = {name: spelled(made, container.image) for name, container in containers(made).items()}
    assert images["web-pre-start-1"] == images["web"]
    assert len(made.translation.builds) == 1


def test_a_hook_waits_for_the_sidecars_of_its_service(translated: Translate) -> None:
    made = translated("""
services:
  web: {image: app, depends_on: {agent: {condition: service_started}}, pre_start: [{command: [migrate]}]}
  agent: {image: agent, x-fargate: {sidecar_of: web}}
""")
    assert waits(containers(made)["web-pre-start-1"]) == {"agent": "START"}
    assert "C2F228" not in {d.code for d in made.diagnostics}


def test_where_there_are_several_tasks_a_hook_runs_once_before_them(translated: Translate) -> None:
    made = translated("""
services:
  web:
    image: app
    mem_limit: 3g
    deploy: {replicas: 2}
    depends_on: [db]
    pre_start: [{command: [one]}, {command: [two], image: tools}, {command: [three], per_replica: true}]
  db: {image: "postgres:16"}
""")
    stack = made.translation.stack
    runs = [key for key, found in stack.resources.items() if isinstance(found, RunTask)]
    assert runs == ["run-task/web-pre-start-1", "run-task/web-pre-start-2"]
    assert {key: {(w.logical_id, w.condition) for w in found} for key, found in stack.after.items()} == {
        "run-task/web-pre-start-1": {("service/db", "started")},
        "run-task/web-pre-start-2": {("service/db", "started"), ("run-task/web-pre-start-1", "completed")},
        "service/web": {
            ("service/db", "started"),
            ("run-task/web-pre-start-1", "completed"),
            ("run-task/web-pre-start-2", "completed"),
        },
    }
    assert list(containers(made)) == ["web-pre-start-3", "web"]
    assert containers(made, "web-pre-start-1")["web-pre-start-1"].memory == 3072
    service = stack.resources["service/web"]
    assert isinstance(service, EcsService)
    assert service.desired_count == 2


def test_what_only_the_tasks_of_the_service_have_no_job_can_fill(translated: Translate) -> None:
    text = """
services: {web: {image: app, scale: 2, volumes: ["data:/data"], pre_start: [{command: [fill]}]}}
volumes: {data: {x-fargate: {ephemeral: true}}}
"""
    assert "data is a volume of each task" in errors(translated(text))["C2F203"]
    allowed = translated(text, allow=("C2F203",))
    assert errors(allowed) == {}
    assert list(containers(allowed)) == ["web-pre-start-1", "web"]


def test_a_job_cannot_come_after_what_runs_in_each_task(translated: Translate) -> None:
    hooks = "[{command: [each], per_replica: true}, {command: [once]}]"
    made = translated(f"services: {{web: {{image: app, scale: 2, pre_start: {hooks}}}}}")
    assert "the one above it runs in each task" in errors(made)["C2F203"]


def test_a_privileged_hook_is_refused(translated: Translate) -> None:
    made = translated("services: {web: {image: app, pre_start: [{command: [a], privileged: true}]}}")
    assert [d.path for d in made.diagnostics if d.code == "C2F208"] == [
        ("services", "web", "pre_start", 0, "privileged")
    ]
    assert (
        errors(translated("services: {web: {image: app, pre_start: [{command: [a], privileged: false}]}}"))
        == {}
    )


def test_a_hook_reads_the_secrets_of_its_service(translated: Translate) -> None:
    made = translated("""
services:
  web:
    image: app
    environment: {API_TOKEN: abc, DB_PASSWORD: xyz}
    x-fargate: {secrets: auto}
    pre_start: [{command: [a]}, {command: [b], environment: {DB_PASSWORD: other}}]
""")
    found = containers(made)
    read = {n: {s.name: spelled(made, s.value_from) for s in c.secrets} for n, c in found.items()}
    assert read["web-pre-start-1"] == read["web"]
    assert set(read["web-pre-start-1"]) == {"API_TOKEN", "DB_PASSWORD"}
    assert read["web-pre-start-2"]["API_TOKEN"] == read["web"]["API_TOKEN"]
    assert "xyz" not in str(found["web-pre-start-2"])


def test_a_job_may_have_hooks_and_an_init_container(translated: Translate) -> None:
    made = translated("""
services:
  nightly: {image: app, x-fargate: {schedule: "0 3 * * *"}, depends_on: [warm], pre_start: [{command: [a]}]}
  warm: {image: app, x-fargate: {job: init}, pre_start: [{command: [b]}]}
""")
    found = containers(made, "nightly")
    assert waits(found["warm"]) == {"warm-pre-start-1": "SUCCESS"}
    assert waits(found["nightly-pre-start-1"]) == {"warm": "SUCCESS"}
    assert waits(found["nightly"]) == {"warm": "SUCCESS", "nightly-pre-start-1": "SUCCESS"}


def test_findings_about_a_hook_stand_at_its_line(translated: Translate) -> None:
    made = translated("""
services:
  web:
    image: app
    pre_start:
      - command: [a]
        environment: {MY_PASSWORD: secret}
""")
    (found,) = [d for d in made.diagnostics if d.code == "C2F230"]
    assert found.path[:4] == ("services", "web", "pre_start", 0)
    assert found.location
    assert found.location.line == 6


def test_the_name_of_a_hook_is_its_own(translated: Translate) -> None:
    made = translated("""
services:
  web: {image: app, pre_start: [{command: [a]}]}
  web-pre-start-1: {image: other}
""")
    assert list(containers(made)) == ["web-pre-start-1-hook", "web"]


def test_a_hook_waits_until_the_volumes_of_its_service_are_prepared(translated: Translate) -> None:
    made = containers(
        translated("""
services: {web: {image: app, user: "1000", volumes: ["data:/data"], pre_start: [{command: [fill]}]}}
volumes: {data: {x-fargate: {ephemeral: true}}}
""")
    )
    assert waits(made["web"]) == {"web-pre-start-1": "SUCCESS", "web-owner": "SUCCESS"}
    assert waits(made["web-pre-start-1"]).get("web-owner") == "SUCCESS"
    assert waits(made["web-owner"]) == {}


def test_a_job_of_a_hook_reads_a_known_password_from_where_its_service_does(translated: Translate) -> None:
    made = translated("""
x-fargate: {secrets: auto}
services:
  web:
    image: app
    scale: 2
    environment: {DATABASE_URL: "postgres://shop:hard-to-guess-9@db/shop"}
    depends_on: [db]
    pre_start: [{command: [migrate]}]
  db: {image: "postgres:16", environment: {POSTGRES_USER: shop, POSTGRES_PASSWORD: hard-to-guess-9}}
""")
    job, web = (containers(made, name)[name] for name in ("web-pre-start-1", "web"))
    assert job.secrets == web.secrets != ()
    assert "hard-to-guess-9" not in str(job)
    assert not [key for key in made.translation.stack.resources if key.startswith("secret/web-pre-start")]
