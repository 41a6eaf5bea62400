"""`check`: what a person sees, the exit codes, the formats, and that nothing is written."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft7Validator

import compose2fargate
from compose2fargate.schema_files import read_schema
from compose2fargate.sync.manifest import FORMAT, checksum
from tests.conftest import Program, Result

COMPOSE = """\
services:
  web:
    image: nginx:${TAG:-1}
    environment:
      - LOG_LEVEL
      - DB_PASSWORD=canary-0123456789
    mem_limit: 512m
    ports: ["80:80"]
  api:
    image: api
    env_file: api.env
    deploy: {replicas: 2}
"""
ENV = {"LOG_LEVEL": "info"}
FOLDER = "fargate/json"


@pytest.fixture
def project(tmp_path: Path, program: Program) -> Path:
    root = tmp_path / "shop"
    root.mkdir()
    (root / "compose.yaml").write_text(COMPOSE)
    (root / "api.env").write_text("WORKERS=4\n")
    result = program("convert", "-q", cwd=root, env=ENV)
    assert result.status == 0, result.err
    return root


Check = Callable[..., Result]


@pytest.fixture
def check(project: Path, program: Program) -> Check:
    def run(*arguments: str, cwd: Path = project, env: dict[str, str] | None = None) -> Result:
        return program("check", *arguments, cwd=cwd, env={**ENV, **(env or {})})

    return run


def change(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_in_sync(check: Check, project: Path) -> None:
    assert check()[:2] == (0, "fargate/json: in sync (6 files; json, project shop)\n")
    assert len(snapshot(project / FOLDER)) == 6, "convert counts the same"
    assert check().err.endswith("\nnext      sh fargate/json/commands.sh\n")
    assert check("--quiet") == Result(0, "", "")


def test_a_changed_compose_file(check: Check, project: Path) -> None:
    change(project / "compose.yaml", "512m", "1024m")
    result = check("--no-diff")
    assert result[:2] == (
        1,
        (
            "fargate/json: out of sync (1 of 6 files; json, project shop)\n"
            "  task-definitions/web.json: out of date\n"
            "    web: task memory 1024 -> 2048 (compose.yaml:7)\n"
            "    web: memory 512 -> 1024 (compose.yaml:7)\n"
            "\n"
            "Generate again with: compose2fargate check --fix fargate/json\n"
        ),
    )


def test_the_differences_follow_and_hold_no_credential(check: Check, project: Path) -> None:
    change(project / "compose.yaml", "canary-0123456789", "canary-9876543210")
    result = check()
    assert "web: environment.DB_PASSWORD changed (compose.yaml:6)" in result.out
    assert '-          "value": ********' in result.out
    for form in ("text", "json", "github", "sarif", "junit", "markdown"):
        assert "canary" not in check("--format", form).out


def test_a_credential_that_changed_with_something_else_is_put_down_to_its_own_line(
    check: Check, project: Path
) -> None:
    change(project / "compose.yaml", "canary-0123456789", "canary-9876543210")
    change(project / "compose.yaml", "512m", "1024m")
    assert "web: environment.DB_PASSWORD changed (compose.yaml:6)" in check().out


def test_a_file_that_was_edited_by_hand(check: Check, project: Path) -> None:
    change(project / FOLDER / "services" / "api.json", '"desiredCount": 2', '"desiredCount": 5')
    result = check("--no-diff")
    assert result.status == 1
    assert "  services/api.json: edited by hand\n" in result.out
    assert "    api: desiredCount 2 -> 5 (edited by hand; compose.yaml:12 says 2)\n" in result.out
    assert result.out.endswith(
        "To undo it, generate again with: compose2fargate check --fix fargate/json --force\n"
    )


def test_quiet_tells_errors_only(check: Check, project: Path) -> None:
    """What is out of sync and how that is mended; no diff that nobody asked for, no notes, no verdict, no success."""
    file = project / FOLDER / "services" / "api.json"
    file.write_text(file.read_text() + "\n")  # white space only
    change(project / "compose.yaml", "512m", "1024m")
    said = "web: memory 512 -> 1024 (compose.yaml:7)"
    noisy, quiet, asked = check(), check("--quiet"), check("--quiet", "--diff")
    assert "\n@@ " in noisy.out
    assert "note: " in noisy.out
    assert quiet.status == 1
    assert quiet.err == ""
    assert said in quiet.out
    assert "@@" not in quiet.out
    assert "note: " not in quiet.out
    assert "\n@@ " in asked.out
    assert check("--quiet", "--fix") == Result(0, "", "")


def test_quiet_tells_that_nothing_was_fixed(check: Check, project: Path) -> None:
    change(project / FOLDER / "services" / "api.json", '"desiredCount": 2', '"desiredCount": 5')
    assert "nothing was written to fargate/json" in check("--quiet", "--fix").out


def test_what_it_says_to_do_about_an_edit_can_be_done(check: Check, project: Path) -> None:
    change(project / FOLDER / "services" / "api.json", '"desiredCount": 2', '"desiredCount": 5')
    command = check().err.rpartition("\nnext      compose2fargate check ")[2].split()
    assert check(*command).status == 0


def test_an_edit_and_a_change_in_one_file_are_told_apart(check: Check, project: Path) -> None:
    change(project / "compose.yaml", "512m", "1024m")
    change(project / FOLDER / "task-definitions" / "web.json", '"nginx:1"', '"nginx:2"')
    out = check("--no-diff").out
    assert "web: memory 512 -> 1024 (compose.yaml:7)" in out
    assert "web: image nginx:1 -> nginx:2 (edited by hand; compose.yaml:3 says nginx:1)" in out


def test_a_file_that_is_no_json_any_more(check: Check, project: Path) -> None:
    change(project / FOLDER / "services" / "api.json", '"desiredCount": 2,', '"desiredCount": 2')
    result = check("--no-diff")
    assert result.status == 1
    assert result.err.endswith("\nnext      compose2fargate check --fix fargate/json --force\n")
    assert "services/api.json: edited by hand" in result.out


def test_a_missing_file(check: Check, project: Path) -> None:
    (project / FOLDER / "services" / "api.json").unlink()
    result = check()
    assert result.status == 1  # what is missing can be judged
    assert "  services/api.json: missing\n" in result.out


def test_a_service_that_comes_and_one_that_goes(check: Check, project: Path) -> None:
    text = (project / "compose.yaml").read_text()
    (project / "compose.yaml").write_text(text.replace("  api:", "  jobs:"))
    out = check("--no-diff").out
    assert "jobs: services/jobs.json is to be written (compose.yaml:9)" in out
    assert "api: services/api.json is no longer generated (compose.yaml:1)" in out


def test_a_file_of_somebody_else_in_the_way(check: Check, project: Path) -> None:
    change(project / "compose.yaml", "  api:", "  jobs:")
    (project / FOLDER / "services" / "jobs.json").write_text("{}")
    result = check("--no-diff")
    assert result.status == 2
    assert "  services/jobs.json: not ours\n" in result.out


def test_a_file_of_somebody_else_beside_ours_is_a_note(check: Check, project: Path) -> None:
    (project / FOLDER / "services" / "mine.json").write_text("{}")
    (project / FOLDER / "README.md").write_text("mine")
    result = check()
    assert result.status == 0
    assert (
        "note: fargate/json: compose2fargate did not create services/mine.json; leaving it unchanged"
        in result.out
    )


def test_a_variable_with_another_value(check: Check, project: Path) -> None:
    result = check("--no-diff", env={"LOG_LEVEL": "debug"})
    assert result.status == 1
    said = "the variable LOG_LEVEL has another value here than when the files were written, compose.yaml:5"
    assert f"web: environment.LOG_LEVEL info -> debug ({said})" in result.out
    assert "\nSet LOG_LEVEL as when the files were written, or accept the new value: " in result.out
    assert "the variable TAG has another value" in check(env={"TAG": "2"}).out
    assert "written, compose.yaml:3" in check(env={"TAG": "2"}).out


def test_a_variable_that_is_not_used_does_not_count(check: Check) -> None:
    assert check(env={"OTHER": "1", "AWS_REGION": "us-west-2", "COMPOSE2FARGATE_REGION": "x"}).status == 0


def test_another_input(check: Check, project: Path) -> None:
    change(project / "api.env", "4", "8")
    assert "api: environment.WORKERS 4 -> 8 (api.env:1 changed)" in check().out


def test_a_dockerfile_and_a_variable_that_changed_together(program: Program, tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "Dockerfile").write_text('FROM scratch\nCMD ["one"]\n')
    (tmp_path / "compose.yaml").write_text("services: {app: {build: app, environment: [LOG_LEVEL]}}\n")
    assert program("convert", "-q", cwd=tmp_path, env=ENV).status == 0
    (tmp_path / "app" / "Dockerfile").write_text('FROM scratch\nCMD ["two"]\n')
    out = program("check", "--no-diff", cwd=tmp_path, env={"LOG_LEVEL": "debug"}).out
    assert 'app: command ["one"] -> ["two"] (app/Dockerfile:1 changed)' in out
    assert "app: environment.LOG_LEVEL info -> debug (the variable LOG_LEVEL has" in out


def test_white_space_is_a_note_and_not_a_finding(check: Check, project: Path) -> None:
    file = project / FOLDER / "services" / "api.json"
    file.write_text(json.dumps(json.loads(file.read_text()), separators=(",", ":"), sort_keys=True))
    script = project / FOLDER / "commands.sh"
    script.write_text(script.read_text().replace("# log groups", "# groups for logs") + "\n\n")
    result = check()
    assert result.status == 0
    assert (
        "note: fargate/json: commands.sh, services/api.json differ in comments or white space only"
        in result.out
    )


# --- Where and how it runs ---------------------------------------------------------------------------------


def test_from_another_directory(check: Check, project: Path) -> None:
    change(project / "compose.yaml", "512m", "1024m")
    out = check("json", "--no-diff", cwd=project / "fargate").out
    assert "(../compose.yaml:7)" in out
    out = check("--no-diff", cwd=project.parent).out
    assert out.startswith("shop/fargate/json: out of sync")
    assert "(shop/compose.yaml:7)" in out


def test_in_a_checkout_of_another_name(check: Check, project: Path, tmp_path: Path) -> None:
    other = tmp_path / "deep" / "elsewhere"
    shutil.copytree(project, other)
    assert check(cwd=other).status == 0
    change(other / "compose.yaml", "512m", "1024m")
    assert check(cwd=other).status == 1


def test_a_name_that_is_written_later_counts(check: Check, project: Path) -> None:
    (project / "compose.yaml").write_text(COMPOSE + "name: other\n")
    out = check("--no-diff").out
    assert "web: family shop-web -> other-web (compose.yaml:13)" in out


def test_with_windows_line_ends(check: Check, project: Path, program: Program) -> None:
    for path in [
        *project.rglob("*.json"),
        *project.rglob("*.sh"),
        *project.rglob("*.yaml"),
        *project.rglob("*.env"),
    ]:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert check()[:2] == (0, "fargate/json: in sync (6 files; json, project shop)\n")
    change(project / "compose.yaml", "512m", "1024m")
    assert "web: memory 512 -> 1024 (compose.yaml:7)" in check().out
    assert program("convert", "-q", cwd=project, env=ENV).status == 0  # they were not edited by hand


def test_options_and_settings_are_those_of_the_conversion(program: Program, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "deploy").mkdir(parents=True)
    (root / "deploy" / "base.yaml").write_text('services: {web: {image: "nginx:${TAG}", profiles: [web]}}\n')
    (root / "deploy" / "more.yaml").write_text("services: {web: {mem_limit: 1g}, x: {image: x}}\n")
    (root / "tags.env").write_text("TAG=7\n")
    env = {
        "COMPOSE_FILE": f"deploy/base.yaml{os.pathsep}deploy/more.yaml",
        "COMPOSE_PROFILES": "web",
        "COMPOSE_ENV_FILES": "tags.env",
        "COMPOSE_PROJECT_NAME": "named",
        "AWS_REGION": "eu-west-1",
        "COMPOSE2FARGATE_LOG_RETENTION": "7",
    }
    flags = (
        "--subnet",
        "subnet-1",
        "--subnet",
        "subnet-2",
        "--image",
        "x=registry/x",
        "--environment",
        "test",
    )
    assert program("convert", "-q", "-o", "out/test", *flags, cwd=root, env=env).status == 0
    text = (root / "out" / "test" / "compose2fargate.json").read_text()
    result = program(
        "check", cwd=root / "deploy", env={"COMPOSE_PROFILES": "none", "COMPOSE_FILE": "no.yaml"}
    )
    assert result.status == 2  # nothing below this directory
    result = program("check", cwd=tmp_path, env={"COMPOSE_PROFILES": "none", "COMPOSE_FILE": "no.yaml"})
    assert result.out == "root/out/test: in sync (6 files; json, project named, test)\n"
    described = json.loads(text)
    assert described["settings"]["region"] == "eu-west-1"
    (root / "deploy" / "more.yaml").write_text("services: {web: {mem_limit: 2g}, x: {image: x}}\n")
    assert program("check", "--fix", cwd=tmp_path).status == 0
    again = json.loads((root / "out" / "test" / "compose2fargate.json").read_text())
    for section in ("options", "settings", "variables", "project"):
        assert again[section] == described[section]


def test_an_override_file_that_is_written_later_counts(check: Check, project: Path) -> None:
    (project / "compose.override.yaml").write_text("services: {web: {mem_limit: 2g}}\n")
    assert "web: memory 512 -> 2048 (compose.override.yaml:1)" in check().out


def test_several_folders_in_one_run(check: Check, project: Path, program: Program) -> None:
    for name in ("staging", "production"):
        assert (
            program(
                "convert", "-q", "--environment", name, "-o", f"fargate/{name}", cwd=project, env=ENV
            ).status
            == 0
        )
    change(project / FOLDER / "services" / "api.json", '"desiredCount": 2', '"desiredCount": 3')
    result = check("--no-diff")
    assert result.status == 1
    assert [line for line in result.out.splitlines() if line.startswith("fargate/")] == [
        "fargate/json: out of sync (1 of 6 files; json, project shop)",
        "fargate/production: in sync (6 files; json, project shop, production)",
        "fargate/staging: in sync (6 files; json, project shop, staging)",
    ]
    assert check("fargate/staging", "fargate/production").status == 0
    assert check("fargate").status == 1


# --- Folders that cannot be judged --------------------------------------------------------------------------


def test_where_there_is_nothing_to_check(program: Program, tmp_path: Path) -> None:
    for arguments, said in (((), "compose2fargate wrote no folder in"), (("x",), "there is no folder x")):
        result = program("check", *arguments, cwd=tmp_path)
        assert (result.status, result.out) == (2, "")
        assert said in result.err


def test_a_folder_of_another_tool(check: Check, project: Path) -> None:
    (project / "other").mkdir()
    (project / "other" / "main.tf").write_text("")
    result = check("other")
    assert result.status == 2
    assert "other was not written by compose2fargate" in result.err
    (project / "other" / "compose2fargate.json").write_text('{"tool": "another"}')
    result = check("other")
    assert result.status == 2
    assert "C2F328: other/compose2fargate.json is not a manifest of compose2fargate" in result.out


DAMAGE: dict[str, tuple[Callable[[str], str], str]] = {
    "cut": (lambda text: text[:200], "C2F329: fargate/json/compose2fargate.json is damaged"),
    "conflict": (lambda text: text.replace('  "target"', '<<<<<<< a\n  "target"'), "conflict (fargate/json/compose2fargate.json:5:1)"),
    "edited": (lambda text: text.replace('"shop"', '"other"', 1), "fargate/json/compose2fargate.json was edited by hand"),
    "list": (lambda _: "[]", "is not a manifest"),
    "newer": (lambda text: text.replace('"format": 2', '"format": 99'), "newer than this one (fargate/json/compose2fargate.json:4:3)"),
    "form": (lambda text: text.replace('"files": {', '"files": [],"x": {'), "files is not an object"),
    "empty": (lambda _: "", "is damaged"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_manifest_is_located_and_nothing_is_changed(
    damage: str, check: Check, project: Path
) -> None:
    spoil, said = DAMAGE[damage]
    manifest = project / FOLDER / "compose2fargate.json"
    manifest.write_text(spoil(manifest.read_text()))
    before = snapshot(project)
    for arguments in ((), ("--fix",), ("--fix", "--force"), ("--format", "github")):
        result = check(*arguments)
        assert result.status == 2
        assert result.err == ""
    assert said in check().out
    assert "fargate/json/compose2fargate.json:" in check().out
    assert snapshot(project) == before


def test_a_manifest_cannot_lead_outside_its_folder(check: Check, project: Path) -> None:
    manifest = project / FOLDER / "compose2fargate.json"
    content = json.loads(manifest.read_text())
    content["files"]["../../compose.yaml"] = "0" * 64
    content["checksum"] = checksum(content)
    manifest.write_text(json.dumps(content, indent=2))
    assert "files: ../../compose.yaml is outside the folder" in check().out
    assert check("--fix", "--force").status == 2
    assert (project / "compose.yaml").read_text() == COMPOSE


def test_a_compose_file_that_cannot_be_read(check: Check, project: Path) -> None:
    (project / "compose.yaml").write_text("services: [")
    result = check()
    assert (result.status, result.err) == (2, "")
    assert "C2F104" in result.out
    assert "(compose.yaml:2:1)" in result.out
    (project / "compose.yaml").unlink()
    result = check()
    assert (result.status, result.err) == (2, "")
    assert "C2F100" in result.out


def test_compose_options_are_refused(program: Program, project: Path) -> None:
    result = program("-f", "other.yaml", "check", cwd=project)
    assert result.status == 2
    assert "--file cannot be used with check" in result.err


# --- Versions ----------------------------------------------------------------------------------------------


def older(project: Path, **changes: object) -> None:
    manifest = project / FOLDER / "compose2fargate.json"
    content = {**json.loads(manifest.read_text()), **changes}
    content["checksum"] = checksum(content)
    manifest.write_text(json.dumps(content, indent=2))


def test_an_older_version_that_wrote_the_same(check: Check, project: Path) -> None:
    older(project, version="0.0.9")
    result = check()
    assert result.status == 0
    assert (
        f"note: fargate/json was written by compose2fargate 0.0.9; this is {compose2fargate.__version__}"
        in result.out
    )
    assert check("--fix").status == 0
    assert check()[:2] == (0, "fargate/json: in sync (6 files; json, project shop)\n")


def test_an_older_version_that_wrote_something_else(check: Check, project: Path) -> None:
    file = project / FOLDER / "services" / "api.json"
    file.write_text(file.read_text().replace('"desiredCount": 2', '"desiredCount": 1'))
    files = {**json.loads((project / FOLDER / "compose2fargate.json").read_text())["files"]}
    from compose2fargate.workflows.output_folder import text_digest

    older(project, version="0.0.9", files={**files, "services/api.json": text_digest(file.read_text())})
    result = check("--no-diff")
    assert result.status == 1
    assert "api: desiredCount 1 -> 2 (written by compose2fargate 0.0.9)" in result.out


def test_a_manifest_of_format_1(check: Check, project: Path) -> None:
    manifest = project / FOLDER / "compose2fargate.json"
    content = json.loads(manifest.read_text())
    del content["keys"], content["checksum"]
    content |= {
        "format": 1,
        "options": {},
        "inputs": {f"../../{name}": api_hash(project / name) for name in ("compose.yaml", "api.env")},
    }
    manifest.write_text(json.dumps(content, indent=2))
    assert check().status == 0
    change(project / "compose.yaml", "512m", "1024m")
    assert "web: memory 512 -> 1024 (compose.yaml:7)" in check().out
    assert check("--fix").status == 0
    assert json.loads(manifest.read_text())["format"] == FORMAT


def api_hash(path: Path) -> str:
    from hashlib import sha256

    return sha256(path.read_bytes()).hexdigest()


# --- Writing -----------------------------------------------------------------------------------------------


def test_it_writes_nothing(check: Check, project: Path) -> None:
    change(project / "compose.yaml", "512m", "1024m")
    change(project / FOLDER / "services" / "api.json", '"desiredCount": 2', '"desiredCount": 3')
    before = snapshot(project)
    for form in ("text", "json", "github", "sarif", "junit", "markdown"):
        check("--format", form)
    assert snapshot(project) == before


def test_fix_does_what_convert_does(check: Check, project: Path, program: Program) -> None:
    change(project / "compose.yaml", "512m", "1024m")
    other = project.parent / "other" / "shop"
    shutil.copytree(project, other)
    fixed = check("--fix")
    assert fixed[:2] == (0, "fargate/json: brought up to date (1 file differed; json, project shop)\n")
    assert fixed.err.endswith("\nnext      sh fargate/json/commands.sh\n")
    assert program("convert", "-q", cwd=other, env=ENV).status == 0
    contents = [{name: content for name, (content, _) in snapshot(root).items()} for root in (project, other)]
    assert contents[0] == contents[1]
    assert check().status == 0


def test_fix_leaves_alone_what_was_edited(check: Check, project: Path) -> None:
    file = project / FOLDER / "services" / "api.json"
    change(file, '"desiredCount": 2', '"desiredCount": 3')
    before = snapshot(project)
    result = check("--fix", "--no-diff")
    assert result.status == 1
    assert "nothing was written to fargate/json: services/api.json would be replaced" in result.out
    assert snapshot(project) == before
    assert check("--fix", "--force").status == 0
    assert '"desiredCount": 2' in file.read_text()


def test_fix_brings_back_what_is_missing(check: Check, project: Path) -> None:
    (project / FOLDER / "services" / "api.json").unlink()
    assert check("--fix").status == 0
    assert check().status == 0


# --- Formats -----------------------------------------------------------------------------------------------


@pytest.fixture
def different(check: Check, project: Path) -> Check:
    change(project / "compose.yaml", "512m", "1024m")
    change(project / FOLDER / "services" / "api.json", '"desiredCount": 2', '"desiredCount": 5')
    return check


def test_json(different: Check) -> None:
    document = json.loads(different("--format", "json").out)
    (folder,) = document["folders"]
    assert (document["in_sync"], folder["status"]) == (False, "out of sync")
    states = {file["path"]: file["state"] for file in folder["files"]}
    assert states["task-definitions/web.json"] == "out of date"
    assert states["services/api.json"] == "edited by hand"
    (edit,) = next(file for file in folder["files"] if file["path"] == "services/api.json")["changes"]
    assert (edit["field"], edit["old"], edit["new"], edit["cause"]) == (
        "desiredCount",
        "2",
        "5",
        "edited by hand",
    )


def test_github(different: Check) -> None:
    lines = different("--format", "github", "--no-diff").out.splitlines()
    annotations = [line for line in lines if line.startswith("::")]
    assert any(
        line.startswith("::error file=compose.yaml,line=7,col=5,title=C2F320 The compose file changed")
        for line in annotations
    )
    assert any(
        line.startswith("::error file=fargate/json/services/api.json,line=5,col=1,title=C2F321 ")
        for line in annotations
    )
    assert all("%0A" in line for line in annotations)


def test_sarif(different: Check) -> None:
    log = json.loads(different("--format", "sarif").out)
    (run,) = log["runs"]
    assert log["version"] == "2.1.0"
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["C2F320", "C2F321"]
    places = [result["locations"][0]["physicalLocation"] for result in run["results"]]
    assert places[0] == {
        "artifactLocation": {"uri": "compose.yaml"},
        "region": {"startLine": 7, "startColumn": 5},
    }


def test_junit(different: Check) -> None:
    suites = ET.fromstring(different("--format", "junit").out)  # noqa: S314 - our own output
    (suite,) = suites
    assert suite.attrib == {"name": "fargate/json", "tests": "5", "failures": "2", "errors": "0"}
    failures = {case.attrib["name"]: case[0].attrib["type"] for case in suite if len(case)}
    assert failures == {"task-definitions/web.json": "out of date", "services/api.json": "edited by hand"}


def test_markdown(different: Check) -> None:
    out = different("--format", "markdown").out
    assert out.startswith("### `fargate/json`: out of sync\n")
    assert "| `task-definitions/web.json` | web: memory 512 -&gt; 1024 | compose.yaml:7 |" in out
    assert "```diff" in out


def test_every_format_tells_of_a_folder_that_cannot_be_checked(check: Check, project: Path) -> None:
    (project / FOLDER / "compose2fargate.json").write_text("{")
    for form in ("text", "json", "github", "sarif", "junit", "markdown"):
        result = check("--format", form)
        assert result.status == 2
        assert "C2F329" in result.out


# --- The manifest ------------------------------------------------------------------------------------------


def test_the_manifest_fits_its_schema(project: Path) -> None:
    content = json.loads((project / FOLDER / "compose2fargate.json").read_text())
    assert list(Draft7Validator(read_schema("manifest")).iter_errors(content)) == []


def test_the_manifest_names_variables_and_no_values(project: Path) -> None:
    text = (project / FOLDER / "compose2fargate.json").read_text()
    assert json.loads(text)["variables"] == {"LOG_LEVEL": "06d2", "TAG": None} or "LOG_LEVEL" in text
    assert "canary" not in text
    assert "info" not in json.dumps(json.loads(text)["variables"])


def test_a_credential_leaves_no_trace_in_the_keys(project: Path, program: Program) -> None:
    def keys() -> str:
        assert program("convert", "-q", cwd=project, env=ENV).status == 0
        return str(
            json.loads((project / FOLDER / "compose2fargate.json").read_text())["keys"]["services.web"]
        )

    before = keys()
    change(project / "compose.yaml", "canary-0123456789", "canary-9")
    assert keys() == before


def test_no_setting_that_is_recorded_holds_a_credential() -> None:
    from compose2fargate.credentials import is_hidden
    from compose2fargate.settings import OPTIONS

    where_and_how = {"secret_files", "secrets", "secrets_store"}  # not what secrets are
    named = {option.name for option in OPTIONS if is_hidden(option.name) and not option.secret}
    assert named - where_and_how == set()
