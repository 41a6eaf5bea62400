"""`explain`: every key and its outcome."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
import pytest

from compose2fargate.cli.application import COMMANDS, application
from compose2fargate.diagnostics.codes import CODES
from compose2fargate.schema_files import read_data, read_schema
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
    ledger = result.out.partition("\nservices.web\n")[2]
    assert ledger.startswith("  image  mapped  compose.yaml:4:5\n      the container's image")
    assert "\nservices.web-admin\n" in ledger
    assert "  privileged  refused  compose.yaml:8:5\n" in ledger


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
    assert any(line.startswith("    info C2F250: sized at 0.5 vCPU / 1 GB") for line in lines)


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
    assert "\n- info `C2F250`: Sized at 0.5 vCPU / 1 GB" in out


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_the_whole_list_says_what_the_stack_costs(form: str, program: Program, story: Path) -> None:
    out = " ".join(program("explain", "--format", form, cwd=story).out.split())
    assert "he whole stack, 2 services with 2 tasks and 1 load balancer, costs about" in out


# -- the decision ----------------------------------------------------------------------------------------------

RISKY = """name: shop
services:
  web:
    image: nginx:1.27
    ports: ["80:80"]
    healthcheck: {test: curl -f http://localhost/, interval: 2s, retries: 3}
    blkio_config: {weight: 300}
  db:
    image: postgres:16
    volumes: ["data:/var/lib/postgresql/data"]
    environment: {POSTGRES_PASSWORD: hunter2}
volumes: {data: {}}
"""


def test_the_decision_comes_first_for_each_service(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(RISKY)
    out = program("explain", cwd=tmp_path).out
    decision = out.partition("\nservices.web\n")[0]
    web, db = (decision.partition(f"\n\n{name}\n")[2].partition("\n\n")[0] for name in ("web", "db"))
    assert "  lost    interval 2 becomes 5" in web or "  lost    blkio_config" in web
    assert "Amazon RDS or Aurora" in " ".join(db.split())
    assert "  risks   db keeps a database on EFS" in db
    assert "POSTGRES_PASSWORD looks like a credential" in db
    assert "  costs   about " in web
    assert "  costs   about " in db
    assert "hunter2" not in out


def test_a_key_says_what_became_of_its_own_value(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(RISKY)
    rows = {
        ".".join(map(str, row["path"])): row
        for row in json.loads(program("explain", "--format", "json", cwd=tmp_path).out)
    }
    interval = rows["services.web.healthcheck.interval"]
    assert (interval["outcome"], "becomes 5" in interval["what"]) == ("approximated", True)
    assert rows["services.web.healthcheck.retries"]["outcome"] == "mapped"
    assert "RDS" in rows["services.db.volumes.0"]["hint"]
    shown = " ".join(program("explain", "web", cwd=tmp_path).out.split())
    assert re.search(r" healthcheck\.retries mapped compose\.yaml:6:\d+ healthCheck\.retries: 3 ", shown)


def test_where_there_is_no_compose_file_that_is_said_first(program: Program, tmp_path: Path) -> None:
    assert program("explain", cwd=tmp_path).out.startswith("There is no compose file here.")


def test_it_can_be_read_at_sixty_columns(
    program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "compose.yaml").write_text(RISKY)
    monkeypatch.setattr("compose2fargate.cli.decisions._WIDEST", 60)
    lines = program("explain", cwd=tmp_path).out.splitlines()
    too_long = [line for line in lines if len(line) > 60 and " " in line.strip()]
    assert too_long == []


# -- codes -----------------------------------------------------------------------------------------------------


def test_a_code_is_explained_without_a_project(program: Program, tmp_path: Path) -> None:
    result = program("explain", "c2f230", cwd=tmp_path)
    assert result.status == 0
    lines = result.out.splitlines()
    assert lines[0] == "C2F230: A credential is in plain text"
    assert [line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "] == [
        "cause",
        "example",
        "mend",
    ]
    told = json.loads(program("explain", "C2F230", "--format", "json", cwd=tmp_path).out)
    assert set(told) == {"code", "title", "cause", "example", "mend"}
    assert program("explain", "C2F230", "--format", "markdown", cwd=tmp_path).out.startswith("### `C2F230`")


def test_a_code_that_is_none_is_refused(program: Program, tmp_path: Path) -> None:
    result = program("explain", "C2F999", cwd=tmp_path)
    assert (result.status, "no code C2F999" in result.err) == (2, True)


def test_every_code_has_an_explanation() -> None:
    told = read_data("codes")
    assert set(told) == set(CODES)
    for code, entry in told.items():
        assert set(entry) == {"cause", "example", "mend"}, code
        assert all(text == text.strip() and 3 < len(text) <= 260 for text in entry.values()), code
        assert entry["cause"].endswith("."), code
        assert entry["mend"].endswith("."), code


def test_explanations_name_options_and_keys_that_exist() -> None:
    ctx = click.Context(application)
    flags = {
        flag
        for name in COMMANDS
        for command in [application.get_command(ctx, name)]
        for param in (*application.params, *(command.params if command else ()))
        for flag in (*param.opts, *param.secondary_opts)
    }
    others = {"--mount", "--secret", "--validation-method"}
    schema = json.dumps(read_schema("x-fargate"))
    for code, entry in read_data("codes").items():
        text = " ".join(entry.values())
        ours = text.replace("docker compose build --push", "").replace("redis-server --requirepass", "")
        for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", ours):
            assert flag in flags | others, f"{code}: {flag}"
        for key in re.findall(r"x-fargate(?:\.|: \{)([a-z_]+)", text):
            assert f'"{key}"' in schema, f"{code}: {key}"


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


# -- what is refused, for trials, or run by AWS

MIXED = """\
name: shop
services:
  web: {image: "nginx:1.27", privileged: true, depends_on: [db, mailhog], environment: {DB_HOST: db}}
  db:
    image: postgres:16
    environment: {POSTGRES_USER: app, POSTGRES_PASSWORD: longer-password-1, POSTGRES_DB: app}
    volumes: ["data:/var/lib/postgresql/data"]
  mailhog: {image: mailhog/mailhog}
volumes: {data: {}}
"""


def of_service(said: str, name: str) -> str:
    """The paragraph of a service, on one line."""
    [block] = [one for one in said.split("\n\n") if one.startswith(f"{name}\n  ")]
    return " ".join(block.split())


def test_what_convert_refuses_comes_first_and_costs_nothing(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(MIXED)
    said = program("explain", cwd=tmp_path).out
    assert said.startswith(
        "1 refused: convert writes nothing before what is marked as blocking is answered\n"
    )
    web = of_service(said, "web")
    assert web.startswith("web blocks privileged: ")
    assert "USD" not in web
    assert "in all:" not in said
    marked = program("explain", "--format", "markdown", cwd=tmp_path).out
    assert "**1 refused: " in marked
    assert "- **blocks** `C2F208`" in marked
    (tmp_path / "compose.yaml").write_text(MIXED.replace("privileged: true, ", ""))
    said = program("explain", cwd=tmp_path).out
    assert "refused: " not in said
    assert "in all:" in said


def test_a_service_for_trials_is_a_decision(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(MIXED)
    mail = of_service(program("explain", cwd=tmp_path).out, "mailhog")
    assert mail.startswith(
        "mailhog decide mailhog is for development; mail that is sent to it reaches nobody"
    )
    assert "[C2F504]" in mail


def test_a_store_that_aws_runs_has_its_cost_and_its_risks(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(MIXED.replace("privileged: true, ", ""))
    said = program("explain", "--managed", "auto", cwd=tmp_path).out
    db = of_service(said, "db")
    risks = db.partition(" risks ")[2]
    assert "db becomes RDS for PostgreSQL 16 (db.t4g.micro, 20 GiB), about 13.98 USD a month" in risks
    assert "it begins empty" in risks
    assert db.endswith("costs about 13.98 USD a month for db.t4g.micro, which AWS runs")
    assert "EFS" not in said
    assert "2 services with 2 tasks and 1 managed store, costs" in " ".join(said.split())
