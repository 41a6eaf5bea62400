"""What Docker does with a new volume, done by a container that runs first."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from compose2fargate.aws.resources import ContainerDefinition
from compose2fargate.aws.task_definition_rules import violations
from compose2fargate.diagnostics import Severity
from tests.mapping.conftest import Translate
from tests.mapping.containers.test_task_definitions import codes, definition

SCRATCH = "volumes: {data: {x-fargate: {ephemeral: true}}}"


def first(made: Any, name: str) -> ContainerDefinition | None:
    task = definition(made)
    assert violations(task) == []
    found = next((c for c in task.container_definitions if c.name == name), None)
    own = task.container_definitions[0]
    waits = [tuple(each) for each in own.depends_on]
    assert ((name, "SUCCESS") in waits) == (found is not None)
    return found


@pytest.mark.parametrize(
    ("image", "command"),
    [
        ("image: grafana/grafana:11.0.0", "chown 472 /volumes/0"),
        ("image: acme/a\n    user: '1000'", "chown 1000 /volumes/0"),
        ("image: acme/a\n    user: '1000:50'", "chown 1000:50 /volumes/0"),
        ("image: acme/a\n    user: node", "chmod 0777 /volumes/0"),
    ],
)
def test_storage_of_the_task_is_given_to_its_user(image: str, command: str, translated: Translate) -> None:
    made = translated(f"services:\n  web:\n    {image}\n    volumes: [data:/data]\n{SCRATCH}")
    owner = first(made, "web-owner")
    assert owner is not None
    assert owner.command == (command,)
    assert not owner.essential
    assert [tuple(point)[:2] for point in owner.mount_points] == [("data", "/volumes/0")]
    assert "C2F536" in codes(made, Severity.INFO)


def test_an_anonymous_volume_of_a_read_only_container_too(translated: Translate) -> None:
    made = translated("services: {web: {image: a, user: '1000', read_only: true, volumes: [/data]}}")
    assert first(made, "web-owner") is not None


def test_a_volume_that_two_users_share_is_open_to_both(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: a, user: '1000', volumes: [data:/data]},"
        f" side: {{image: b, user: '2000', volumes: [data:/d], x-fargate: {{sidecar_of: web}}}}}}\n{SCRATCH}"
    )
    owner = first(made, "web-owner")
    assert owner is not None
    assert owner.command == ("chmod 0777 /volumes/0",)


@pytest.mark.parametrize(
    "text",
    [
        f"services: {{web: {{image: acme/a, volumes: [data:/data]}}}}\n{SCRATCH}",
        f"services: {{web: {{image: acme/a, user: root, volumes: [data:/data]}}}}\n{SCRATCH}",
        f"services: {{web: {{image: acme/a, user: '1000', volumes: ['data:/data:ro']}}}}\n{SCRATCH}",
        "services: {web: {image: acme/a, user: '1000', volumes: [data:/data]}}\nvolumes: {data: }",
        "services: {web: {image: acme/a, user: '1000', tmpfs: [/data]}}",
    ],
)
def test_nothing_is_prepared_where_nothing_has_to_be(text: str, translated: Translate) -> None:
    assert len(definition(translated(text)).container_definitions) == 1


SEEDED = "services: {web: {build: ., volumes: ['%s']}}\nvolumes: {data: %s}"


@pytest.mark.parametrize(
    ("dockerfile", "target"),
    [
        ("FROM node:22\nCOPY public /srv/www\n", "/srv/www"),
        ("FROM node:22\nWORKDIR /app\nCOPY a.txt static/\n", "/app/static"),
        ("FROM node:22\nCOPY x /srv/www/deep/x\n", "/srv/www"),
        ("FROM node:22\nVOLUME /srv/www\n", "/srv/www"),
        ("FROM node:22\nWORKDIR /app\nCOPY . .\nRUN npm ci\n", "/app/node_modules"),
        ("FROM python:3\nWORKDIR /app\nRUN python manage.py collectstatic --noinput\n", "/app/static"),
        ("FROM python:3\nRUN mkdir -p /m && cp -r /x/. /m/\n", "/m/"),
        ("FROM nginx:1.27\n", "/usr/share/nginx/html"),
    ],
)
@pytest.mark.parametrize("own", ["", "{x-fargate: {ephemeral: true}}"])
def test_a_new_volume_gets_what_the_image_has_there(
    dockerfile: str, target: str, own: str, translated: Translate, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(dockerfile, encoding="utf-8")
    made = translated(SEEDED % (f"data:{target}", own))
    seed = first(made, "web-seed")
    assert seed is not None
    assert seed.image == definition(made).container_definitions[0].image
    assert seed.user == "root"
    assert f"cp -a {target.rstrip('/')}/. /seeds/0/" in seed.command[0]
    assert "C2F537" in codes(made, Severity.INFO)
    assert "C2F263" not in codes(made)


def test_files_of_a_known_image_are_copied_too(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: nginx, volumes: ['conf:/etc/nginx/conf.d']}}\nvolumes: {conf: }"
    )
    assert first(made, "web-seed") is not None


@pytest.mark.parametrize(
    ("dockerfile", "mount"),
    [
        ("FROM node:22\nCOPY public /srv/www\n", "data:/srv/www:ro"),
        ("FROM node:22\nCOPY public /srv/www\n", "data:/srv/other"),
        ("FROM node:22\nRUN mkdir -p /srv/www && chown node /srv/www\n", "data:/srv/www"),
        ("FROM postgres:16\nVOLUME /var/lib/postgresql/data\n", "data:/var/lib/postgresql/data"),
    ],
)
def test_what_docker_would_not_copy_or_nobody_knows_is_not(
    dockerfile: str, mount: str, translated: Translate, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(dockerfile, encoding="utf-8")
    assert len(definition(translated(SEEDED % (mount, ""))).container_definitions) == 1


def test_without_a_shell_it_is_told_what_is_hidden(translated: Translate, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY public /srv/www\n", encoding="utf-8")
    made = translated(SEEDED % ("data:/srv/www", ""))
    assert len(definition(made).container_definitions) == 1
    (told,) = [d for d in made.diagnostics if d.code == "C2F287"]
    assert told.severity is Severity.WARNING
    assert "/srv/www" in told.message


def test_the_script_fills_an_empty_folder_and_leaves_another_alone(tmp_path: Path) -> None:
    from compose2fargate.mapping.storage.volume_preparation import _copied

    source, target = tmp_path / "a b", tmp_path / "t"
    source.mkdir()
    target.mkdir()
    (source / ".hidden").write_text("1", encoding="utf-8")
    script = _copied(str(source), str(target))
    subprocess.run(["sh", "-ec", script], check=True)
    assert (target / ".hidden").read_text(encoding="utf-8") == "1"
    (source / "more").write_text("2", encoding="utf-8")
    subprocess.run(["sh", "-ec", script], check=True)
    assert not (target / "more").exists()
