from __future__ import annotations

from typing import Any

import pytest

from compose2fargate.aws.api_values import JoinedText, Ref
from compose2fargate.aws.resources import (
    AccessPoint,
    EcsService,
    EfsVolumeConfiguration,
    FileSystem,
    IngressRule,
    MountTargets,
    Role,
    RunTask,
    TaskVolume,
)
from compose2fargate.diagnostics import Severity
from compose2fargate.mapping.coverage_table import KeyOutcome
from compose2fargate.workflows.translating import Translated
from tests.mapping.conftest import Translate
from tests.mapping.containers.test_task_definitions import codes, container, definition, ecs_service

ONE = "services: {web: {image: %s, volumes: ['data:/data']}}\nvolumes: {data: %s}"


def volume(made: Translated, name: str = "data") -> TaskVolume:
    return next(v for v in definition(made).volumes if v.name == name)


def efs(made: Translated, name: str = "data") -> EfsVolumeConfiguration:
    found = volume(made, name).efs_volume_configuration
    assert found is not None
    return found


def access_point(made: Translated, name: str = "data") -> AccessPoint:
    found = made.translation.stack.resources[f"access-point/{name}"]
    assert isinstance(found, AccessPoint)
    return found


def test_a_named_volume_is_an_access_point_of_the_stacks_own_file_system(translated: Translate) -> None:
    made = translated(ONE % ("a", "{}"), subnets=("subnet-1",), security_groups=("sg-9",))
    stack = made.translation.stack
    assert stack.resources["file-system"] == FileSystem("shop", tags=stack.resources["file-system"].tags)  # type: ignore[union-attr]
    assert access_point(made).root_directory.path == "/shop/data"
    found = efs(made)
    assert found.file_system_id == Ref("file-system", "id")
    assert found.transit_encryption == "ENABLED"
    assert found.root_directory is None
    assert found.authorization_config == (Ref("access-point/data", "id"), "ENABLED")
    assert stack.resources["mount-targets"] == MountTargets(
        Ref("file-system", "id"), Ref("network", "subnet_ids"), (Ref("security-group/file-system", "id"),)
    )


def test_only_tasks_that_mount_it_reach_the_file_system(translated: Translate) -> None:
    made = translated(ONE % ("a", "{}"), security_groups=("sg-9",))
    rules = [r for _, r in made.translation.stack.of_type(IngressRule)]
    assert [(r.from_port, r.to_port, r.source_group_id, r.cidr_ip) for r in rules] == [
        (2049, 2049, Ref("security-group/file-system-clients", "id"), None)
    ]
    without = translated("services: {web: {image: a}}").translation.stack
    assert not list(without.of_type(FileSystem)) + list(without.of_type(MountTargets))
    assert "security-group/file-system" not in without.resources


def test_a_task_role_may_use_its_own_access_points_only(translated: Translate) -> None:
    made = translated(
        "services:\n  web: {image: a, volumes: ['data:/data']}\n  other: {image: b, volumes: ['rest:/rest']}\nvolumes: {data: {}, rest: {}}"
    )
    role = made.translation.stack.resources["task-role/web"]
    assert isinstance(role, Role)
    (statement,) = role.policies[0].statements
    assert statement.resources == (Ref("file-system", "arn"),)
    assert statement.conditions[0].values == (Ref("access-point/data", "arn"),)
    assert all(action.startswith("elasticfilesystem:Client") for action in statement.actions)


def test_the_file_system_of_the_settings_gets_access_points(translated: Translate) -> None:
    made = translated(ONE % ("a", "{}"), file_system="fs-0123abcd")
    assert "file-system" not in made.translation.stack.resources
    assert "mount-targets" not in made.translation.stack.resources
    assert access_point(made).file_system_id == efs(made).file_system_id == "fs-0123abcd"
    role = made.translation.stack.resources["task-role/web"]
    assert isinstance(role, Role)
    arn = role.policies[0].statements[0].resources[0]
    assert isinstance(arn, JoinedText)
    assert arn.parts[-1] == ":file-system/fs-0123abcd"


@pytest.mark.parametrize(
    ("given", "flags", "expected"),
    [("{}", {"volumes": ["data=fs-1/fsap-2"]}, ("fs-1", None, "fsap-2")),
     ("{x-fargate: {file_system: fs-1, access_point: fsap-2}}", {}, ("fs-1", None, "fsap-2")),
     ("{external: true, name: fs-1}", {}, ("fs-1", "/", None)),
     ("{external: true, name: fs-1/fsap-2}", {}, ("fs-1", None, "fsap-2")),
     ("{external: true, name: fsap-2}", {"file_system": "fs-1"}, ("fs-1", None, "fsap-2")),
     ("{driver_opts: {type: nfs, o: 'addr=fs-0123abcd.efs.eu-central-1.amazonaws.com', device: ':/x'}}", {}, ("fs-0123abcd", "/x", None))],
)  # fmt: skip
def test_what_exists_is_taken_as_it_is(
    given: str, flags: dict[str, Any], expected: tuple[str, str | None, str | None], translated: Translate
) -> None:
    made = translated(ONE % ("a", given), **flags)
    found = efs(made)
    authorization = found.authorization_config
    point = authorization.access_point_id if authorization else None
    assert (found.file_system_id, found.root_directory, point) == expected
    assert not list(made.translation.stack.of_type(AccessPoint))
    role = made.translation.stack.resources["task-role/web"]
    assert isinstance(role, Role)
    assert role.policies == ()


def test_an_external_volume_without_a_file_system_is_warned_about(translated: Translate) -> None:
    made = translated(ONE % ("a", "{external: true, name: production}"))
    assert "C2F260" in codes(made, Severity.WARNING)


@pytest.mark.parametrize(
    ("image", "owner", "permissions", "user"),
    [("postgres:16", 0, "0755", None), ("grafana/grafana", 472, "0755", None), ("bitnami/redis", 1001, "0755", None),
     ("unknown", 0, "0777", None), ("'a', user: '1000:5'", 1000, "0755", (1000, 5)), ("'a', user: '7'", 7, "0755", (7, 7)),
     ("'a', user: app", 0, "0777", None), ("'a', user: root", 0, "0755", None)],
)  # fmt: skip
def test_the_directory_belongs_to_whom_the_image_runs_as(
    image: str, owner: int, permissions: str, user: tuple[int, int] | None, translated: Translate
) -> None:
    made = translated(ONE % (image, "{}"))
    created = access_point(made).root_directory.creation_info
    assert (created.owner_uid, created.permissions) == (owner, permissions)
    assert access_point(made).posix_user == user


def test_services_of_different_users_share_an_open_directory(translated: Translate) -> None:
    made = translated(
        "services:\n  web: {image: a, user: '1', volumes: ['data:/d']}\n  b: {image: b, user: '2', volumes: ['data:/d']}\n"
        "volumes: {data: {}}"
    )
    assert access_point(made).posix_user is None
    assert access_point(made).root_directory.creation_info.permissions == "0777"


def test_a_path_in_a_volume_has_an_access_point_of_its_own(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: a, volumes: ['data:/d', {type: volume, source: data, target: /s, volume: {subpath: a/b}}]}}\n"
        "volumes: {data: {}}"
    )
    paths = {p.root_directory.path for _, p in made.translation.stack.of_type(AccessPoint)}
    assert paths == {"/shop/data", "/shop/data/a/b"}
    assert len({v.name for v in definition(made).volumes}) == 2


def test_a_directory_that_efs_would_not_take_is_shortened(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: a, volumes: [{type: volume, source: data, target: /s, volume: {subpath: a/b/c/d/e}}]}}\n"
        "volumes: {data: {}}"
    )
    (point,) = [p for _, p in made.translation.stack.of_type(AccessPoint)]
    assert point.root_directory.path.count("/") == 1
    assert len(point.root_directory.path) <= 100


def test_labels_are_tags_where_aws_takes_them(translated: Translate) -> None:
    made = translated(ONE % ("a", "{labels: {team: red, 'b!d': x}}"))
    tags = {tag.key: tag.value for tag in access_point(made).tags}
    assert tags["team"] == "red"
    assert "b!d" not in tags
    assert "C2F202" in codes(made, Severity.INFO)


def test_ebs_is_one_volume_for_each_task(translated: Translate) -> None:
    made = translated(ONE % ("a", "{x-fargate: {ebs: 30}}"))
    assert volume(made).configured_at_launch
    (configured,) = ecs_service(made).volume_configurations
    assert (configured.name, configured.managed_ebs_volume.size_in_gib) == ("data", 30)
    assert configured.managed_ebs_volume.encrypted
    assert configured.managed_ebs_volume.role_arn == Ref("infrastructure-role", "arn")
    assert "C2F277" in codes(made, Severity.WARNING)
    assert not list(made.translation.stack.of_type(FileSystem))


def test_a_fresh_ebs_volume_is_empty(translated: Translate) -> None:
    made = translated(ONE % ("postgres:16", "{x-fargate: {ebs: 30}}"))
    (configured,) = ecs_service(made).volume_configurations
    assert configured.managed_ebs_volume.filesystem_type == "xfs"  # initdb refuses what has a lost+found


@pytest.mark.parametrize(
    ("image", "own", "user"),
    [
        ("elasticsearch:8.14.0", "", "1000"),
        ("postgres:16", "", None),
        ("a", "", None),
        ("grafana/grafana", ", user: '5'", "5"),
    ],
)
def test_a_container_on_an_ebs_volume_says_whose_it_is(
    image: str, own: str, user: str | None, translated: Translate
) -> None:
    text = "services: {web: {image: %s, volumes: ['data:/data']%s}}\nvolumes: {data: %s}"
    assert container(translated(text % (image, own, "{x-fargate: {ebs: 30}}"))).user == user
    assert container(translated(text % (image, own, "{}"))).user == (user if own else None)


def test_a_second_ebs_volume_is_refused(translated: Translate) -> None:
    two = "services: {web: {image: a, volumes: ['one:/x', 'two:/y']}}\nvolumes: {one: {x-fargate: {ebs: 1}}, two: {x-fargate: {ebs: 1}}}"
    assert "C2F279" in codes(translated(two), Severity.ERROR)


JOB = "services: {web: {image: a, volumes: ['data:/x'], x-fargate: {%s}}}\nvolumes: {data: {x-fargate: {ebs: 30}}}"


def test_a_job_has_its_ebs_volume_from_run_task(translated: Translate) -> None:
    made = translated(JOB % "job: true")
    assert not codes(made, Severity.ERROR)
    (run,) = [run for _, run in made.translation.stack.of_type(RunTask)]
    (configured,) = run.volume_configurations
    assert (configured.name, configured.managed_ebs_volume.size_in_gib) == ("data", 30)
    assert "infrastructure-role" in made.translation.stack.resources


def test_a_schedule_cannot_ask_for_an_ebs_volume(translated: Translate) -> None:
    made = translated(JOB % "schedule: '@daily'")
    (found,) = [d for d in made.diagnostics if d.code == "C2F279"]
    assert (found.severity, "EventBridge Scheduler" in found.message) == (Severity.ERROR, True)
    sidecar = JOB.replace("volumes: ['data:/x'], ", "") % "schedule: '@daily'"
    beside = sidecar.replace(
        "}}}\n", "}}, b: {image: b, volumes: ['data:/x'], x-fargate: {sidecar_of: web}}}\n", 1
    )
    assert "C2F279" in codes(translated(beside), Severity.ERROR)


def test_task_storage_is_shared_inside_a_task_only(translated: Translate) -> None:
    text = (
        "services:\n  web: {image: a, volumes: ['data:/d']}\n  b: {image: b, volumes: ['data:/d']%s}\n"
        "volumes: {data: {x-fargate: {ephemeral: true}}}"
    )
    apart = translated(text % "")
    assert "C2F279" in codes(apart, Severity.WARNING)
    together = translated(text % ", x-fargate: {sidecar_of: web}")
    assert "C2F279" not in codes(together)
    assert [v.name for v in definition(together).volumes] == ["data"]
    assert volume(together) == TaskVolume("data")


@pytest.mark.parametrize(
    ("driver", "code"),
    [("{driver: rexray/ebs}", "C2F278"), ("{driver_opts: {type: ext4, device: /dev/sdb}}", "C2F278"),
     ("{driver_opts: {type: cifs, o: 'username=x', device: //nas/x}}", "C2F278"),
     ("{driver_opts: {type: nfs, o: addr=10.0.0.1, device: ':/x'}}", "C2F278")],
)  # fmt: skip
def test_drivers_that_fargate_does_not_have_are_refused(
    driver: str, code: str, translated: Translate
) -> None:
    made = translated(ONE % ("a", driver))
    assert code in codes(made, Severity.ERROR)
    assert all(d.hint for d in made.diagnostics if d.code == code)


def test_a_volume_that_is_a_folder_of_the_host_is_kept_on_efs(translated: Translate) -> None:
    made = translated(ONE % ("a", "{driver: local, driver_opts: {type: none, o: bind, device: /srv/x}}"))
    assert "C2F267" in codes(made, Severity.WARNING)
    assert access_point(made).root_directory.path == "/shop/data"


def test_a_volume_in_memory_is_a_tmpfs(translated: Translate) -> None:
    made = translated(ONE % ("a", "{driver_opts: {type: tmpfs, device: tmpfs, o: 'size=10m,uid=5'}}"))
    parameters = container(made).linux_parameters
    assert parameters is not None
    assert parameters.tmpfs == (("/data", 10, ("uid=5",)),)
    assert definition(made).volumes == ()


DATABASE = "services: {web: {image: '%s', volumes: ['data:%s']%s}}\nvolumes: {data: %s}"


@pytest.mark.parametrize(
    ("image", "target", "volume", "alone"),
    [("postgres:16", "/var/lib/postgresql/data", "{}", True), ("redis", "/data", "{}", True), ("mysql", "/elsewhere", "{}", True),
     ("nginx", "/data", "{}", False), ("postgres", "/var/lib/postgresql/data", "{x-fargate: {ebs: 5}}", False),
     ("postgres", "/var/lib/postgresql/data:ro", "{}", False), ("mcr.microsoft.com/mssql/server", "/var/opt/mssql", "{}", True),
     ("registry.example.com/server", "/data", "{}", False)],
)  # fmt: skip
def test_a_database_is_stopped_before_the_next_one_starts(
    image: str, target: str, volume: str, *, alone: bool, translated: Translate
) -> None:
    service = ecs_service(translated(DATABASE % (image, target, "", volume)))
    percents = (
        service.deployment_configuration.maximum_percent,
        service.deployment_configuration.minimum_healthy_percent,
    )
    assert percents == ((100, 0) if alone else (200, 100))
    assert (service.availability_zone_rebalancing == "DISABLED") is alone


def test_two_tasks_on_one_database_are_warned_about(translated: Translate) -> None:
    text = DATABASE % ("postgres", "/var/lib/postgresql/data", ", deploy: {replicas: 2}", "{}")
    made = translated(text)
    assert "C2F276" in codes(made, Severity.WARNING)
    assert ecs_service(made).deployment_configuration.maximum_percent == 100


def test_more_shared_memory_than_the_task_has_is_warned_about(translated: Translate) -> None:
    text = "services: {web: {image: a, shm_size: %s}}"
    assert "C2F202" in codes(translated(text % "4gb"), Severity.WARNING)
    fits = translated(text % "64m")
    assert codes(fits, Severity.WARNING) == set()
    assert next(a.row.outcome for a in fits.accounted if a.path[-1] == "shm_size") is KeyOutcome.IGNORED


@pytest.mark.parametrize(("image", "said"), [("postgres:16", False), ("registry.example.com/app", True)])
def test_that_a_volume_starts_empty_is_no_news_for_a_database(
    image: str, said: bool, translated: Translate
) -> None:
    made = translated(
        f"services: {{db: {{image: '{image}', volumes: ['data:/var/lib/postgresql/data']}}}}\nvolumes: {{data: {{}}}}"
    )
    assert ("C2F263" in codes(made)) is said


def test_the_way_to_share_scratch_names_the_service_to_change(translated: Translate) -> None:
    made = translated(
        "services: {app: {image: a, volumes: ['work:/w']}, other: {image: b, volumes: ['work:/w']}}\n"
        "volumes: {work: {x-fargate: {ephemeral: true}}}"
    )
    hints = {d.path[1]: d.hint for d in made.diagnostics if d.code == "C2F279"}
    assert "under other, x-fargate: {sidecar_of: app}" in hints["app"]
    assert "under app, x-fargate: {sidecar_of: other}" in hints["other"]


STORES = """
services:
  db: {image: postgres, volumes: ["data:/var/lib/postgresql/data"], networks: [%s]}
  web: {image: a, networks: [one]}
networks: {one: , two: , three: , four: , five: }
volumes: {data: }
"""


def test_only_tasks_that_mount_reach_the_file_system(translated: Translate) -> None:
    stack = translated(STORES % "one").translation.stack
    (rule,) = (r for _, r in stack.of_type(IngressRule) if r.from_port == 2049)
    assert rule.group_id == Ref("security-group/file-system", "id")
    assert rule.source_group_id == Ref("security-group/file-system-clients", "id")
    services = {name: r.network_configuration.awsvpc_configuration for name, r in stack.of_type(EcsService)}
    assert services["service/db"].security_groups == (Ref("security-group/one", "id"), rule.source_group_id)
    assert services["service/web"].security_groups == (Ref("security-group/one", "id"),)
    assert stack.resources["file-system"].restricted  # type: ignore[union-attr]


def test_with_the_group_of_the_clients_a_task_has_five_groups_at_most(translated: Translate) -> None:
    made = translated(STORES % "one, two, three, four")
    assert len(ecs_service(made, "db").network_configuration.awsvpc_configuration.security_groups) == 5
    made = translated(STORES % "one, two, three, four, five")
    assert ecs_service(made, "db").network_configuration.awsvpc_configuration.security_groups == (
        Ref("security-group/service-db", "id"),
        Ref("security-group/file-system-clients", "id"),
    )
    assert "C2F296" in codes(made, Severity.WARNING)


def test_groups_of_the_user_make_room_for_the_one_of_the_clients(translated: Translate) -> None:
    own = tuple(f"sg-{n}" for n in range(5))
    made = translated(STORES % "one", security_groups=own)
    assert ecs_service(made, "db").network_configuration.awsvpc_configuration.security_groups[:4] == own[:4]
    assert ecs_service(made, "web").network_configuration.awsvpc_configuration.security_groups == own
    (found,) = (d for d in made.diagnostics if d.code == "C2F296")
    assert "sg-4" in found.message


def test_a_role_of_the_user_is_told_what_it_has_to_allow(translated: Translate) -> None:
    role = "arn:aws:iam::123456789012:role/mine"
    assert "C2F540" in codes(translated(STORES % "one", task_role=role), Severity.WARNING)
    assert "C2F540" not in codes(translated(STORES % "one"))
    assert "C2F540" not in codes(translated("services: {web: {image: a}}", task_role=role))


@pytest.mark.parametrize(
    ("second", "told"),
    [("{image: redis, volumes: ['data:/data']}", True), ("{image: redis, volumes: ['data:/data:ro']}", False),
     ("{image: acme/backup, volumes: ['data:/backup']}", False), ("{image: redis, volumes: ['rest:/data']}", False),
     ("{image: redis, volumes: ['data:/scripts']}", False),
     ("{image: redis, volumes: ['data:/data'], entrypoint: [chown, '999', /data]}", False),
     ("{image: redis, volumes: ['data:/data'], x-fargate: {job: true}}", False),
     ("{image: redis, volumes: ['data:/data'], x-fargate: {sidecar_of: one}}", False)],
)  # fmt: skip
def test_two_services_on_one_store_are_told(second: str, told: bool, translated: Translate) -> None:
    text = f"services:\n  one: {{image: redis, volumes: ['data:/data']}}\n  two: {second}\nvolumes: {{data: , rest: }}"
    assert ("C2F544" in codes(translated(text), Severity.WARNING)) == told


SHAPED = ONE % ("a", "{driver_opts: {%s}}")


def test_options_of_docker_s_integration_shape_the_file_system(translated: Translate) -> None:
    options = (
        "backup_policy: DISABLED, lifecycle_policy: AFTER_30_DAYS, performance_mode: maxIO, "
        "throughput_mode: provisioned, provisioned_throughput: 1024"
    )
    made = translated(SHAPED % options)
    system: Any = made.translation.stack.resources["file-system"]
    assert system.backup is False
    assert system.transition_to_ia == "AFTER_30_DAYS"
    assert (system.performance_mode, system.throughput_mode) == ("maxIO", "provisioned")
    assert system.provisioned_throughput_in_mibps == 1024
    assert not {"C2F278"} & {d.code for d in made.diagnostics}


def test_options_of_docker_s_integration_say_whose_a_volume_is(translated: Translate) -> None:
    point = access_point(translated(SHAPED % "uid: 1002, gid: 1003, permissions: '750'"))
    assert point.posix_user == (1002, 1003)
    assert point.root_directory == ("/shop/data", (1002, 1003, "0750"))
    point = access_point(translated(SHAPED % "root_directory: /here"))
    assert point.root_directory.path == "/here"
    assert point.posix_user is None


@pytest.mark.parametrize(
    ("options", "mode"),
    [
        ("performance_mode: maxIO", "bursting"),
        ("performance-mode: generalPurpose", "elastic"),
        ("provisioned_throughput: 8", "provisioned"),
        ("throughput_mode: bursting", "bursting"),
    ],
)
def test_a_throughput_that_goes_with_the_rest_is_chosen(
    options: str, mode: str, translated: Translate
) -> None:
    system: Any = translated(SHAPED % options).translation.stack.resources["file-system"]
    assert system.throughput_mode == mode


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("uid: root", "EFS takes no uid root"),
        ("lifecycle_policy: AFTER_2_DAYS", "EFS takes no lifecycle_policy AFTER_2_DAYS"),
        ("uid: 1, owner: me", "owner is no option of an EFS volume"),
        ("kms_key_id: k", "the file system of the stack has no kms_key_id"),
        ("performance_mode: maxIO, throughput_mode: elastic", "no performance_mode maxIO with throughput_mode elastic"),
        ("throughput_mode: provisioned", "needs provisioned_throughput"),
        ("throughput_mode: bursting, provisioned_throughput: 1", "has no effect with throughput_mode bursting"),
    ],
)  # fmt: skip
def test_options_that_efs_does_not_take_are_refused(options: str, reason: str, translated: Translate) -> None:
    made = translated(SHAPED % options)
    assert any(reason in d.message for d in made.diagnostics if d.code == "C2F278")


def test_volumes_of_one_file_system_agree_on_it(translated: Translate) -> None:
    text = (
        "services: {web: {image: a, volumes: ['one:/a', 'two:/b']}}\n"
        "volumes: {one: {driver_opts: {throughput_mode: bursting}}, two: {driver_opts: {throughput_mode: elastic}}}"
    )
    found = next(d for d in translated(text).diagnostics if "share one file system" in d.message)
    assert "throughput_mode is bursting of volume one and elastic here" in found.message


def test_options_of_a_file_system_that_is_yours_are_told(translated: Translate) -> None:
    made = translated(SHAPED % "throughput_mode: bursting", file_system="fs-12345678")
    assert any("the file system is yours" in d.message for d in made.diagnostics)


def test_a_volume_without_a_place_is_told_as_such(translated: Translate) -> None:
    made = translated("services: {web: {image: a, volumes: [db-data]}}\nvolumes: {db-data: {}}")
    (found,) = (d for d in made.diagnostics if d.code == "C2F266")
    assert "not one that begins at the root" in found.message
    assert "db-data:/PATH" in found.hint
    assert found.location is not None
    assert found.location.line == 1
