from __future__ import annotations

from pathlib import Path

import pytest

from compose2fargate.diagnostics import Severity
from tests.mapping.conftest import Translate
from tests.mapping.containers.test_task_definitions import codes, container, service

BUILT = "services: {web: {build: ., ports: ['80:80']%s}}"


@pytest.mark.parametrize(
    ("given", "expected"),
    [("", "every.where"), (", environment: {HOSTNAME: other}", "other")],
)  # fmt: skip
def test_the_host_name_of_an_image_is_repeated(
    given: str, expected: str, translated: Translate, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM node:22\nENV HOSTNAME=every.where\n", encoding="utf-8")
    made = translated(BUILT % given)
    assert {v.name: v.value for v in container(made).environment} == {"HOSTNAME": expected}
    assert ("C2F531" in codes(made)) == (not given)


@pytest.mark.parametrize("user", ["1000", "1000:1000", "node"])
def test_a_user_other_than_root_may_listen_below_1024(user: str, translated: Translate) -> None:
    made = translated(service(f"user: '{user}'\nports: ['80:80']"))
    assert [tuple(each) for each in container(made).system_controls] == [
        ("net.ipv4.ip_unprivileged_port_start", "0")
    ]
    (told,) = [d for d in made.diagnostics if d.code == "C2F532"]
    assert told.severity is Severity.INFO
    assert "8080" in told.hint


@pytest.mark.parametrize(
    "body",
    ["ports: ['80:80']", "user: '0'\nports: ['80:80']", "user: root:root\nports: ['80:80']", "user: '1000'\nports: ['80:8080']",
     "user: '1000'"],
)  # fmt: skip
def test_nothing_is_set_where_it_is_not_needed(body: str, translated: Translate) -> None:
    made = translated(service(body))
    assert container(made).system_controls == ()
    assert "C2F532" not in codes(made)


def test_the_files_own_setting_stands(translated: Translate) -> None:
    made = translated(
        service("user: '1000'\nports: ['80:80']\nsysctls: {net.ipv4.ip_unprivileged_port_start: 80}")
    )
    assert [tuple(each) for each in container(made).system_controls] == [
        ("net.ipv4.ip_unprivileged_port_start", "80")
    ]


def test_the_user_of_a_dockerfile_counts(translated: Translate, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM nginx\nUSER nginx\n", encoding="utf-8")
    assert container(translated(BUILT % "")).system_controls


def test_the_advice_about_locked_memory_works(translated: Translate) -> None:
    made = translated(service("ulimits: {memlock: -1, nproc: 65535}"))
    hints = [d.hint for d in made.diagnostics if d.code == "C2F243"]
    assert not any("entrypoint" in hint for hint in hints)
    assert any("bootstrap.memory_lock" in hint for hint in hints)
