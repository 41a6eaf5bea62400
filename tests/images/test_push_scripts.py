"""Scripts, buildspecs and workflows: they run, and do what `push` does."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from compose2fargate.aws.image_build import BASE_ARG, ContextFile, ImageBuild
from compose2fargate.images.push_scripts import PushScriptPlan, buildspec, shell_script, workflow
from tests.conftest import Program

COMPOSE = """
name: shop
secrets: {npm: {file: npm file.txt}, key: {environment: KEY}}
services:
  web:
    build:
      context: web
      args: {API_TOKEN: k4n4rienv0gel, MODE: "it's \\"$$HOME\\" `x`"}
      secrets: [npm, key]
  inline:
    build: {context: ., dockerfile_inline: "FROM scratch\\nENV A='$$B'\\nCOPY x /\\n"}
  top:
    image: team/top:7
    build: {context: web, additional_contexts: {base: "service:web"}}
"""
COMMANDS = ("docker", "podman", "buildah", "aws", "git")
STUB = """#!{python}
import json, os, sys
words = [os.path.basename(sys.argv[0]), *sys.argv[1:]]
said = "" if sys.stdin.isatty() else sys.stdin.read()
files = {{}}
if words[-1].startswith(os.environ.get("TMPDIR", "?")):
    for folder, _, names in os.walk(words[-1]):
        for name in names:
            path = os.path.join(folder, name)
            files[os.path.relpath(path, words[-1])] = [open(path).read(), os.stat(path).st_mode & 0o777]
with open(os.environ["LOG"], "a") as log:
    log.write(json.dumps([words, said, files]) + "\\n")
if words[:2] == ["aws", "sts"]:
    print("123456789012")
if words[:3] == ["aws", "ecr", "get-login-password"]:
    print("the-token", end="")
if words[:3] == ["aws", "ecr", "describe-repositories"] and words[-1] != "shop/web":
    sys.exit(254)
if words[0] == "git":
    print("3f2a91c07d5e")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "web").mkdir(parents=True)
    (folder / "compose.yaml").write_text(COMPOSE)
    return folder


def run(script: str, cwd: Path, shell: str = "sh", **environment: str) -> list[tuple[list[str], str, Any]]:
    """Run a script with stubs for all that it calls; give the calls, with their input and their context's files."""
    stubs, log = cwd.parent / "stubs", cwd.parent / "log"
    stubs.mkdir(exist_ok=True)
    (cwd.parent / "tmp").mkdir(exist_ok=True)
    log.unlink(missing_ok=True)
    for name in COMMANDS:
        (stubs / name).write_text(STUB.format(python=sys.executable))
        (stubs / name).chmod(0o755)
    names = {"PATH": f"{stubs}:/usr/bin:/bin", "LOG": str(log), "TMPDIR": str(cwd.parent / "tmp")}
    done = subprocess.run(
        [shell, "-eu", "-c", script],
        cwd=cwd,
        env={**names, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [(words, said, files) for words, said, files in map(json.loads, log.read_text().splitlines())]


REGISTRY = "123456789012.dkr.ecr.eu-central-1.amazonaws.com"


def check_calls(calls: list[tuple[list[str], str, Any]], tag: str) -> None:
    """The calls of docker: a login whose token comes through stdin, then the builds, bases first."""
    docker = [(words, said) for words, said, _ in calls if words[0] == "docker"]
    assert docker[0] == (["docker", "login", "--username", "AWS", "--password-stdin", REGISTRY], "the-token")
    builds = [words for words, _ in docker[1:]]
    tags = [words[words.index("--tag") + 1] for words in builds]
    assert tags == [
        f"{REGISTRY}/shop/inline:{tag}",
        f"{REGISTRY}/shop/web:{tag}",
        f"{REGISTRY}/shop/team/top:7",
    ]
    assert all(words[:5] == ["docker", "buildx", "build", "--platform", "linux/amd64"] for words in builds)
    inline, web, top = builds
    assert docker[1][1] == "FROM scratch\nENV A='$B'\nCOPY x /\n"
    assert inline[-3:] == ["--file", "-", "."]
    assert web[-3:] == ["--file", "web/Dockerfile", "web"]
    assert 'MODE=it\'s "$HOME" `x`' in web
    assert "id=npm,src=npm file.txt" in web
    assert "id=key,env=KEY" in web
    assert "API_TOKEN" in web
    assert f"base=docker-image://{REGISTRY}/shop/web:{tag}" in top


def test_the_script_creates_logs_in_builds_and_pushes(program: Program, project: Path) -> None:
    made = program("push", "--print", "--region", "eu-central-1", cwd=project)
    assert made.status == 0, made.err
    assert "k4n4rienv0gel" not in made.out
    calls = run(made.out, project)
    check_calls(calls, "3f2a91c07d5e")
    created = [
        words[words.index("--repository-name") + 1] for words, _, _ in calls if "create-repository" in words
    ]
    assert created == ["shop/inline", "shop/team/top"]
    check_calls(run(made.out, project, TAG="v1"), "v1")


@pytest.mark.parametrize("builder", ["podman", "buildah"])
def test_the_script_of_another_builder(builder: str, program: Program, project: Path) -> None:
    made = program("push", "web", "--print", "--builder", builder, "--region", "eu-central-1", cwd=project)
    calls = [words for words, _, _ in run(made.out, project, TAG="v1") if words[0] == builder]
    assert [words[1] for words in calls] == ["login", "build", "push"]
    assert "id=key,type=env,env=KEY" in calls[1]
    assert calls[2] == [builder, "push", f"{REGISTRY}/shop/web:v1"]


def test_a_registry_of_ones_own_needs_no_aws(program: Program, project: Path) -> None:
    made = program("push", "--print", "--registry", "ghcr.io/team/", cwd=project)
    calls = [words for words, _, _ in run(made.out, project)]
    assert not [words for words in calls if words[0] == "aws"]
    assert "ghcr.io/team/shop/web:3f2a91c07d5e" in calls[2]


def test_the_region_may_be_left_to_the_environment(program: Program, project: Path) -> None:
    made = program("push", "--print", cwd=project)
    check_calls(run(made.out, project, TAG="v1", AWS_REGION="eu-central-1"), "v1")


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
def test_a_buildspec_runs(program: Program, project: Path) -> None:
    made = program("push", "--target", "codebuild", "--region", "eu-central-1", cwd=project)
    assert made.status == 0, made.err
    text = (project / "buildspec.yml").read_text()
    spec = yaml.safe_load(text)
    assert spec["version"] == 0.2
    assert spec["env"] == {"shell": "bash"}
    commands = [c for phase in spec["phases"].values() for c in phase["commands"]]
    calls = run(
        "\n".join(commands), project, "bash", CODEBUILD_RESOLVED_SOURCE_VERSION="3f2a91c07d5e" + "0" * 28
    )
    check_calls(calls, "3f2a91c07d5e")
    assert "# The build needs the variable API_TOKEN;" in text
    assert "# The build needs the variable KEY;" in text


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
def test_a_workflow_runs_and_fits_githubs_schema(program: Program, project: Path) -> None:
    made = program("push", "--target", "github", "--region", "eu-central-1", cwd=project)
    assert made.status == 0, made.err
    file = project / ".github" / "workflows" / "push-images.yml"
    flow = yaml.safe_load(file.read_text())
    checker = Path(sys.executable).parent / "check-jsonschema"
    done = subprocess.run(
        [checker, "--builtin-schema", "vendor.github-workflows", file], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    assert flow["permissions"] == {"contents": "read", "id-token": "write"}
    assert "aws-access-key" not in file.read_text()
    steps = flow["jobs"]["push"]["steps"]
    assert [step.get("uses", "").partition("@")[0] for step in steps[:3]] == [
        "actions/checkout", "aws-actions/configure-aws-credentials", "docker/setup-buildx-action",
    ]  # fmt: skip
    assert steps[-1]["env"] == {"API_TOKEN": "${{ secrets.API_TOKEN }}", "KEY": "${{ secrets.KEY }}"}
    written, build = steps[-2]["run"], steps[-1]["run"]
    calls = run(
        f"{written}\n{build}", project, "bash", NPM="the secret", GITHUB_SHA="3f2a91c07d5e" + "0" * 28
    )
    check_calls(calls, "3f2a91c07d5e")
    secret = project / "npm file.txt"
    assert secret.read_text() == "the secret"
    assert secret.stat().st_mode & 0o077 == 0


def test_a_file_of_the_users_is_not_replaced(program: Program, project: Path) -> None:
    (project / "buildspec.yml").write_text("version: 0.2\n")
    words = ("push", "--target", "codebuild", "--region", "eu-central-1")
    refused = program(*words, cwd=project)
    assert refused.status == 2
    assert "C2F457: " in refused.err
    assert (project / "buildspec.yml").read_text() == "version: 0.2\n"
    printed = program(*words, "-o", "-", cwd=project)
    assert printed.out.startswith("# Builds the images of shop")
    assert program(*words, "--force", cwd=project).status == 0
    assert (project / "buildspec.yml").read_text() == printed.out
    assert program(*words, cwd=project).status == 0  # it says the same
    assert program(*words, "-o", "ci/x.yml", cwd=project).status == 0
    assert (project / "ci" / "x.yml").read_text() == printed.out


def plan(*builds: ImageBuild) -> PushScriptPlan:
    return PushScriptPlan("shop", "/project", builds, (), "eu-central-1", "123456789012", "", "docker")


def test_machines_follow_the_platforms() -> None:
    intel = ImageBuild("a", "shop/a", "1", "linux/amd64", "/project/a")
    arm = ImageBuild("b", "shop/b", "1", "linux/arm64", "/project/b")
    assert "ARM_CONTAINER" in buildspec(plan(arm))
    assert "ARM_CONTAINER" not in buildspec(plan(intel))
    for builds, machine, emulated in (
        ((intel,), "ubuntu-24.04", 0),
        ((arm,), "ubuntu-24.04-arm", 0),
        ((intel, arm), "ubuntu-24.04", 1),
    ):
        text = workflow(plan(*builds))
        assert re.findall(r"runs-on: (\S+)", text) == [machine]
        assert text.count("setup-qemu-action") == emulated


def test_a_derived_image_is_built_from_files_and_its_base(tmp_path: Path) -> None:
    (tmp_path / "nginx.conf").write_text("worker_processes 1;\n")
    base = ImageBuild("web", "shop/web", "", "linux/amd64", str(tmp_path))
    derived = ImageBuild(
        "web",
        "shop/web",
        "",
        "linux/amd64",
        dockerfile_text=f"ARG {BASE_ARG}\nFROM ${{{BASE_ARG}}}\nCOPY etc /etc\n",
        base="web",
        files=(
            ContextFile(str(tmp_path / "nginx.conf"), "etc/nginx.conf"),
            ContextFile("", "etc/it's", "100% $HOME\n", 0o755),
        ),
    )
    script = shell_script(plan(derived, base)._replace(folder=str(tmp_path)))
    *_, (words, said, files) = [call for call in run(script, tmp_path, TAG="v1") if call[0][0] == "docker"]
    assert f"{REGISTRY}/shop/web:v1-files" in words
    assert f"{BASE_ARG}={REGISTRY}/shop/web:v1" in words
    assert said == f"ARG {BASE_ARG}\nFROM ${{{BASE_ARG}}}\nCOPY etc /etc\n"
    assert files["etc/nginx.conf"][0] == "worker_processes 1;\n"
    assert files["etc/it's"] == ["100% $HOME\n", 0o755]
    assert os.listdir(tmp_path.parent / "tmp") != []
