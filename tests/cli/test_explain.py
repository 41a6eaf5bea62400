"""`explain`: every key and its outcome."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.conftest import Program

COMPOSE = """\
name: shop
services:
  web:
    image: nginx:1.27
    stdin_open: true
  web-admin:
    image: adminer
    privileged: true
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    return tmp_path


def test_every_key_of_the_file_has_a_line_with_place_and_outcome(program: Program, project: Path) -> None:
    result = program("explain", cwd=project)
    assert result.status == 0, result.err
    rows = {line.split()[0]: line for line in result.out.splitlines()}
    assert "compose.yaml:4:5" in rows["services.web.image"]
    assert "mapped" in rows["services.web.image"]
    assert "refused" in rows["services.web-admin.privileged"]


def test_a_service_narrows_the_list_to_its_own_keys(program: Program, project: Path) -> None:
    keys = [row["path"] for row in json.loads(program("explain", "web", "--format", "json", cwd=project).out)]
    assert ["services", "web", "image"] in keys
    assert all(path[1] == "web" for path in keys)


def test_a_key_narrows_the_list_to_itself(program: Program, project: Path) -> None:
    (row,) = json.loads(program("explain", "web.image", "--format", "json", cwd=project).out)
    assert row["path"] == ["services", "web", "image"]
    assert row["location"] == {"file": "compose.yaml", "line": 4, "column": 5}
    assert row["outcome"] == "mapped"


def test_markdown_is_a_table(program: Program, project: Path) -> None:
    lines = program("explain", "web", "--format", "markdown", cwd=project).out.splitlines()
    assert lines[0] == "| key | outcome | on Fargate | what to do |"
    assert lines[1] == "| --- | --- | --- | --- |"
    assert all(line.count(" | ") == 3 for line in lines)


def test_an_unknown_service_is_refused_with_the_nearest(program: Program, project: Path) -> None:
    result = program("explain", "wep", cwd=project)
    assert result.status == 2
    assert "compose2fargate explain web" in result.err


STORY = """\
name: shop
services:
  web:
    image: nginx:1.27
    mem_limit: 700m
    command: nginx -g "daemon off;"
    ports: ["80:80"]
    depends_on: [db]
    deploy: {replicas: 2}
    x-fargate: {sidecar_of: app}
  app:
    image: registry.example.com/app:1
    depends_on: {db: {condition: service_healthy}}
  db:
    image: postgres:16
    healthcheck: {test: pg_isready}
"""


@pytest.fixture
def story(tmp_path: Path) -> Path:
    (tmp_path / "compose.yaml").write_text(STORY)
    return tmp_path


def test_a_key_s_story_says_what_it_became_and_why(program: Program, story: Path) -> None:
    lines = program("explain", "db.image", cwd=story).out.splitlines()
    assert lines[0] == "services.db.image  compose.yaml:15:5"
    assert '    task-definition/db containerDefinitions[db].image: "postgres:16"' in lines
    assert '    task-definition/db memory: "1024"' in lines
    assert any(line.startswith("    info C2F250: runs and is billed as 0.5 vCPU / 1 GB") for line in lines)


def test_a_sidecar_s_key_is_found_in_the_task_of_its_leader(program: Program, story: Path) -> None:
    (row,) = json.loads(program("explain", "web.command", "--format", "json", cwd=story).out)
    assert {
        "resource": "task-definition/app",
        "member": "containerDefinitions[web].command",
        "value": ["nginx", "-g", "daemon off;"],
    } in row["became"]


def test_an_order_is_told_with_its_condition(program: Program, story: Path) -> None:
    (row,) = json.loads(program("explain", "app.depends_on", "--format", "json", cwd=story).out)
    assert row["became"] == [{"resource": "service/app", "member": "after", "value": "service/db (healthy)"}]
    assert "C2F202" in [found["code"] for found in row["decisions"]]


def test_decisions_below_a_key_belong_to_its_story(program: Program, story: Path) -> None:
    (row,) = json.loads(program("explain", "web.ports", "--format", "json", cwd=story).out)
    assert row["decisions"]
    assert all(found["path"][:3] == ["services", "web", "ports"] for found in row["decisions"])


def test_a_story_in_markdown_has_a_heading_a_table_and_a_list(program: Program, story: Path) -> None:
    out = program("explain", "db.image", "--format", "markdown", cwd=story).out
    assert out.startswith(
        "### `services.db.image` (compose.yaml:15:5)\n\n**mapped**: the container's image\n"
    )
    assert '| `task-definition/db` cpu | `"512"` |' in out
    assert "\n- info `C2F250`: Runs and is billed as 0.5 vCPU / 1 GB" in out


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_the_whole_list_ends_with_what_the_stack_costs(form: str, program: Program, story: Path) -> None:
    last = program("explain", "--format", form, cwd=story).out.splitlines()[-1]
    assert "the whole stack, 2 services with 2 tasks and 1 load balancer, costs about" in last.replace(
        "The whole", "the whole"
    )


def test_a_project_that_is_refused_can_be_explained_nevertheless(program: Program, project: Path) -> None:
    (row,) = json.loads(program("explain", "web-admin.privileged", "--format", "json", cwd=project).out)
    assert row["outcome"] == "refused"
    assert [found["code"] for found in row["decisions"]] == ["C2F208"]


SECRETIVE = """\
services:
  cache:
    image: redis
    command: redis-server --requirepass canary1
    environment: {API_TOKEN: canary2, DATABASE_URL: "postgres://shop:canary3@db/shop", MODE: live}
"""


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
@pytest.mark.parametrize("key", ["cache.command", "cache.environment"])
def test_a_story_hides_what_looks_like_a_credential(
    form: str, key: str, program: Program, tmp_path: Path
) -> None:
    (tmp_path / "compose.yaml").write_text(SECRETIVE)
    out = program("explain", key, "--format", form, cwd=tmp_path).out
    assert "canary" not in out
    assert "********" in out
    assert ("redis-server" if key == "cache.command" else "live") in out
