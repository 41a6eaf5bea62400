"""The verdict: what a person has to know of a stack, in ten lines."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Program

MANY = "name: shop\nservices:\n" + "".join(
    f"  s{n}:\n    image: nginx:1.27\n    environment:\n"
    + "".join(f"      V{n}_{m}: ${{V{n}_{m}}}\n" for m in range(7 if n < 9 else 6))
    for n in range(10)
)

SHOP = """\
name: shop
services:
  web:
    build: .
    ports: ["80:80"]
    depends_on: {migrate: {condition: service_completed_successfully}}
    secrets: [token]
    x-fargate: {ingress: [{port: 80, host: shop.example.com}]}
  migrate: {image: registry.example.com/app, command: [./migrate]}
  nightly: {image: registry.example.com/app, command: [./report], x-fargate: {schedule: "30 3 * * *"}}
secrets: {token: {environment: TOKEN}}
x-fargate: {secret_files: init}
"""


def verdict(program: Program, folder: Path, *options: str, **env: str) -> dict[str, object]:
    result = program("convert", "--format", "json", *options, cwd=folder, env=env)
    assert result.status == 0, result.err
    found: dict[str, object] = json.loads(result.out)["verdict"]
    return found


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "compose.yaml").write_text(SHOP)
    (tmp_path / "Dockerfile").write_text("FROM nginx:1.27\n")
    return tmp_path


def test_ten_services_with_69_variables_that_are_not_set_take_forty_lines(
    program: Program, tmp_path: Path
) -> None:
    (tmp_path / "compose.yaml").write_text(MANY)
    shown = program("convert", cwd=tmp_path).err
    assert shown.count("C2F120") == 1
    assert "and 63 more places" in shown
    assert len(shown.splitlines()) <= 40


def test_it_says_what_is_public_what_comes_first_and_what_runs_once(program: Program, shop: Path) -> None:
    told = verdict(program, shop, TOKEN="x")
    assert told["public"] == [
        {"service": "web", "url": "http://shop.example.com", "known": True, "internal": False}
    ]
    commands = [step["command"] for step in told["before"]]  # type: ignore[attr-defined]
    assert commands == ["compose2fargate push", "compose2fargate secrets push", "DNS"]
    assert told["once"] == {"migrate": ["web"]}
    assert list(told["scheduled"]) == ["nightly"]  # type: ignore[call-overload]
    assert told["cost"]["usd_a_month"] > 0  # type: ignore[index]


def test_as_text_it_has_ten_lines_at_most_and_ends_with_the_next_command(
    program: Program, shop: Path
) -> None:
    shown = program("convert", cwd=shop, env={"TOKEN": "x"}).err
    lines = shown[shown.index("\npublic ") + 1 :].splitlines()
    assert len(lines) <= 10
    assert [line.split()[0] for line in lines if line[0] != " "] == [
        "public",
        "first",
        "jobs",
        "costs",
        "next",
    ]
    assert lines[-1].endswith(", or sh fargate/json/commands.sh")


def test_where_nothing_is_public_it_says_how_to_change_that(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {db: {image: postgres:16, ports: ['5432:5432']}}\n")
    told = verdict(program, tmp_path)
    assert told["public"] == []
    assert "x-fargate: {ingress: [{port: 5432" in str(told["to_open"])


def test_what_will_not_work_is_told(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(
        "services: {web: {image: registry.example.com/a, depends_on: [api]}, api: {image: registry.example.com/b}}\n"
    )
    told = verdict(program, tmp_path)
    assert [one["code"] for one in told["broken"]] == ["C2F228"]  # type: ignore[attr-defined]
    assert "\nbroken    other services depend on api" in program("convert", cwd=tmp_path).err


def test_its_commands_repeat_the_options_and_quote_them(program: Program, shop: Path) -> None:
    told = verdict(program, shop, "--environment", "two words", "-p", "it", TOKEN="x")
    assert "-p it --environment 'two words'" in str(told["before"][0]["command"])  # type: ignore[index]


OPTIONS = (
    "--region eu-west-1 --account 123456789012 --tag v1 --shared-images --image job=a:1"
    " --subnet subnet-1 --subnet subnet-2 --security-group sg-1 --no-assign-public-ip --managed auto --secrets auto"
    " --vpc vpc-1 --listener arn:aws:elasticloadbalancing:eu-west-1:123456789012:listener/app/a/1/2"
    " --resource-tag 'owner=the shop' --without migrate"
).replace("job=", "nightly=")


def test_its_commands_mean_the_stack_that_was_converted(program: Program, shop: Path) -> None:
    """Options that change the stack are repeated, those of the last run too; those that change what is printed are not."""
    (shop / "compose.yaml").rename(shop / "other file.yaml")
    (shop / "some.env").write_text("A=1\n")
    project = "-f 'other file.yaml' --profile x --env-file some.env"
    typed = shlex.split(f"{project} {OPTIONS}")
    first = verdict(program, shop, *typed, "--force", "--notes", TOKEN="x")
    checked = json.loads(program("check", "--format", "json", cwd=shop, env={"TOKEN": "x"}).out)
    each_time = ("--image", "nightly=a:1", "--without", "migrate")  # which no folder keeps
    again = verdict(program, shop, *each_time, TOKEN="x")
    outside = program("check", "--format", "json", shop.name, cwd=shop.parent, env={"TOKEN": "x"}).out
    all_told: tuple[Any, ...] = (first, again, checked["folders"][0]["verdict"])
    for told in all_told:
        commands = [step["command"] for step in told["before"]]
        assert commands[:2] == [
            f"compose2fargate {what} {project} {OPTIONS}" for what in ("push", "secrets push")
        ]
    assert first["next"][0]["command"] == f"compose2fargate apply {project} {OPTIONS} --sandbox"  # type: ignore[index]
    above = json.loads(outside)["folders"][0]["verdict"]["before"][0]["command"]
    assert f"-f '{shop.name}/other file.yaml' " in above


def test_its_commands_are_taken_by_push(program: Program, shop: Path) -> None:
    told = verdict(program, shop, *shlex.split(OPTIONS), TOKEN="x")
    command = shlex.split(told["before"][0]["command"])[1:]  # type: ignore[index]
    assert program(*command, "--dry-run", cwd=shop, env={"TOKEN": "x"}).status == 0


@pytest.mark.parametrize(("services", "large"), [(2, False), (40, True)])
def test_a_large_template_is_uploaded_first(
    program: Program, tmp_path: Path, services: int, large: bool
) -> None:
    """`aws cloudformation deploy` refuses one above 51,200 bytes without a bucket."""
    text = "name: shop\nservices:\n" + "".join(f"  s{n}: {{image: 'nginx:1.27'}}\n" for n in range(services))
    (tmp_path / "compose.yaml").write_text(text)
    told = verdict(program, tmp_path, "-t", "cloudformation")
    size = (tmp_path / "fargate/cloudformation/template.yaml").stat().st_size
    assert (size > 51_200) is large
    assert (" --s3-bucket BUCKET " in told["next"][-1]["command"]) is large  # type: ignore[index]
    checked = json.loads(program("check", "--format", "json", cwd=tmp_path).out)["folders"][0]["verdict"]
    assert (" --s3-bucket BUCKET " in checked["next"][0]["command"]) is large


def test_plan_and_apply_do_not_repeat_what_the_last_run_said(program: Program, tmp_path: Path) -> None:
    pytest.importorskip("moto")
    text = "name: shop\nservices: {web: {image: 'nginx:1.27', environment: {API_TOKEN: hunter2}}}\n"
    (tmp_path / "compose.yaml").write_text(text)
    try:
        first = program("plan", "--sandbox", cwd=tmp_path)
        second = program("plan", "--sandbox", cwd=tmp_path)
        (tmp_path / "compose.yaml").write_text(text.replace("API_TOKEN", "DB_PASSWORD"))
        third = program("plan", "--sandbox", cwd=tmp_path)
        applied = program("apply", "--sandbox", "--yes", cwd=tmp_path)
        everything = program("plan", "--sandbox", "--notes", cwd=tmp_path)
    finally:
        program("sandbox", "stop", cwd=tmp_path)
    assert "C2F230" in first.err
    assert "C2F230" not in second.err
    assert "1 warning as before (--notes)" in second.err
    assert "DB_PASSWORD looks like a credential" in third.err
    assert "C2F230" not in applied.err
    assert applied.err.rstrip().splitlines()[-1] == "next      compose2fargate status --sandbox"
    assert "C2F230" in everything.err


def test_a_plan_says_nothing_again_that_convert_said_of_the_same_files(
    program: Program, tmp_path: Path
) -> None:
    pytest.importorskip("moto")
    (tmp_path / "compose.yaml").write_text(
        "name: shop\nservices: {web: {image: 'nginx:1.27', environment: {API_TOKEN: hunter2}}}\n"
    )
    try:
        assert "C2F230" in program("convert", cwd=tmp_path).err
        planned = program("plan", "--sandbox", cwd=tmp_path)
    finally:
        program("sandbox", "stop", cwd=tmp_path)
    assert planned.status == 0, planned.err
    assert "C2F230" not in planned.err


def test_a_folder_that_came_with_the_checkout_hides_nothing_from_who_reviews_it(
    program: Program, tmp_path: Path
) -> None:
    pytest.importorskip("moto")
    (tmp_path / "compose.yaml").write_text(
        "name: shop\nservices: {web: {image: 'nginx:1.27', environment: {API_TOKEN: hunter2}}}\n"
    )
    author, reviewer = ({"XDG_CACHE_HOME": str(tmp_path / name)} for name in ("author", "reviewer"))
    assert "C2F230" in program("convert", cwd=tmp_path, env=author).err
    try:
        reviewed = program("plan", "--sandbox", cwd=tmp_path, env=reviewer)
    finally:
        program("sandbox", "stop", cwd=tmp_path)
    assert reviewed.status == 0, reviewed.err
    assert "API_TOKEN looks like a credential" in reviewed.err


def test_the_prices_are_named_where_the_price_of_a_store_is_not_known(
    program: Program, tmp_path: Path
) -> None:
    (tmp_path / "compose.yaml").write_text(
        "services:\n"
        "  web: {image: registry.example.com/web, environment: {DB_HOST: db}}\n"
        "  db: {image: 'postgres:16', environment: {POSTGRES_PASSWORD: t0p-s3cret}, x-fargate: {managed: {class: db.x2g.large}}}\n"
    )
    told = verdict(program, tmp_path, "--region", "eu-central-1")
    assert str(told["cost"]["prices"]).endswith("; prices of eu-central-1 differ")  # type: ignore[index]


REFUSED = """\
name: shop
services:
  api: {image: registry.example.com/a, privileged: true}
  web: {image: registry.example.com/b, ports: ["80:80"]}
"""


def verdict_lines(shown: str) -> list[str]:
    return shown[shown.index("\nblocked ") + 1 :].splitlines()


@pytest.mark.parametrize("command", [("convert", "-t", "terraform"), ("plan", "--sandbox")])
def test_what_is_refused_ends_with_what_blocks_and_what_to_do_first(
    program: Program, tmp_path: Path, command: tuple[str, ...]
) -> None:
    (tmp_path / "compose.yaml").write_text(REFUSED)
    name, *options = command
    done = program(name, "--environment", "staging", *options, cwd=tmp_path)
    assert done.status == 2
    lines = verdict_lines(done.err)
    assert len(lines) <= 10
    assert [line.split()[0] for line in lines if line[0] != " "] == ["blocked", "first", "rest", "next"]
    assert lines[1].startswith("          compose.yaml:3:40: privileged: ")
    assert "--without api" in lines[2]
    assert "compose2fargate explain C2F208 (cause" in lines[3]
    assert ", compose2fargate explain --environment staging (" in lines[3]
    again = f"compose2fargate {name} --environment staging"
    assert lines[4].startswith(f"next      {again}")
    assert shlex.split(lines[4])[-len(options) :] == options
    quiet = program(name, "-q", *options, cwd=tmp_path)
    assert "blocked" not in quiet.err


@pytest.mark.parametrize("name", ["convert", "plan", "apply"])
def test_what_is_refused_is_told_as_data(program: Program, tmp_path: Path, name: str) -> None:
    (tmp_path / "compose.yaml").write_text(REFUSED)
    sandbox = [] if name == "convert" else ["--sandbox"]
    done = program(name, "--format", "json", *sandbox, cwd=tmp_path)
    assert done.status == 2
    document = json.loads(done.out)
    blocked = document["verdict"]["blocked"]
    assert [one["code"] for one in blocked["by"]] == ["C2F208"]
    assert blocked["by"][0]["place"] == "compose.yaml:3:40"
    assert [step["command"] for step in blocked["rest"]] == [
        "compose2fargate explain C2F208",
        "compose2fargate explain",
    ]
    assert "C2F208" in {one["code"] for one in document["diagnostics"]}
    assert (
        document["verdict"]["next"][0]["command"] == f"compose2fargate {name}{' --sandbox' * bool(sandbox)}"
    )


def test_a_hundred_errors_are_told_in_ten_lines(program: Program, tmp_path: Path) -> None:
    services = "".join(f"  s{n}: {{image: a, port: [80], nonsense{n}: 1}}\n" for n in range(50))
    (tmp_path / "compose.yaml").write_text(f"services:\n{services}")
    lines = verdict_lines(program("convert", cwd=tmp_path).err)
    assert len(lines) <= 10
    assert lines[0] == "blocked   nothing is written: 100 errors"
    assert lines[4].strip() == "and 97 more: C2F141"
    assert "explain (" not in "".join(lines)  # which cannot read the project either


def test_options_that_are_at_fault_are_not_given_again(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text("services: {web: {image: nginx}}\n")
    lines = verdict_lines("\n" + program("convert", "--region", "eu-wst-1", cwd=tmp_path).err)
    assert [line.split()[0] for line in lines if line[0] != " "] == ["blocked", "first", "rest"]


def test_losses_that_strict_does_not_agree_to_block(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(
        "services: {web: {image: nginx, environment: {API_TOKEN: hunter2}}}\n"
    )
    done = program("convert", "--strict", cwd=tmp_path)
    assert done.status == 1
    lines = verdict_lines(done.err)
    assert lines[0].startswith("blocked   nothing is written: ")
    assert "API_TOKEN looks like a credential" in lines[1]
    assert lines[-1] == "next      compose2fargate convert --strict"
    assert not (tmp_path / "fargate").exists()


def test_a_plan_that_cannot_be_carried_out_says_so_and_not_apply(program: Program, tmp_path: Path) -> None:
    """A cluster of the same name that was not made for the stack."""
    pytest.importorskip("moto")
    (tmp_path / "compose.yaml").write_text("name: shop\nservices: {web: {image: 'nginx:1.27'}}\n")
    try:
        assert program("apply", "--sandbox", "--yes", cwd=tmp_path).status == 0
        (tmp_path / "other.yaml").write_text("name: other\nservices: {web: {image: 'nginx:1.27'}}\n")
        taken = ("-f", "other.yaml", "--cluster", "shop", "--sandbox")
        planned = program("plan", *taken, cwd=tmp_path)
        applied = program("apply", *taken, "--yes", cwd=tmp_path)
    finally:
        program("sandbox", "stop", cwd=tmp_path)
    for done, undone in ((planned, "apply would change nothing"), (applied, "nothing was changed")):
        assert done.status == 1, done.err
        lines = verdict_lines(done.err)
        assert lines[0].startswith(f"blocked   {undone}: ")
        assert "compose2fargate apply" not in "".join(lines[:-1])


def test_several_folders_are_judged_together_in_ten_lines(program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(
        "services: {web: {image: registry.example.com/a, depends_on: [api], ports: ['80:80']},"
        " api: {image: registry.example.com/b}}\n"
    )
    for n in range(12):
        assert program("convert", "--environment", f"e{n}", cwd=tmp_path).status == 0
    good = program("check", "--no-diff", cwd=tmp_path).err
    assert good.splitlines()[0].startswith("in sync   12 of 12 folders: fargate/json/e0, ")
    assert "sh fargate/json/e0/commands.sh" in good.splitlines()[-1]
    edited = tmp_path / "fargate/json/e3/services/web.json"
    edited.write_text(edited.read_text().replace('"desiredCount": 1', '"desiredCount": 9'))
    (tmp_path / "fargate/json/e5/services/web.json").unlink()
    (tmp_path / "fargate/json/e7/compose2fargate.json").write_text("{")
    shown = program("check", "--no-diff", cwd=tmp_path)
    lines = shown.err.splitlines()
    assert len(lines) <= 10
    subjects = [line[:10].strip() for line in lines if line[0] != " "]
    assert subjects == ["in sync", "changed", "unjudged", "public", "broken", "costs", "next"]
    assert lines[1] == "changed   2 of 12 folders: fargate/json/e3 and fargate/json/e5"
    assert shown.err.count("C2F228") == 1
    assert lines[-1] == "next      compose2fargate check --fix fargate/json/e3 fargate/json/e5 --force"
    assert program(*shlex.split(lines[-1])[2:], cwd=tmp_path).status == 0
