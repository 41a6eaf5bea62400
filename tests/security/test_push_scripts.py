"""`push --print` with hostile texts in all that a build and its settings say, in each of its forms, run by real shells."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import yaml

from compose2fargate.aws.api_values import Tag
from compose2fargate.aws.image_build import BuildSecret, ContextFile, ImageBuild
from compose2fargate.aws.resources import Repository
from compose2fargate.diagnostics import EmitError
from compose2fargate.images.push_scripts import PushScriptPlan, buildspec, shell_script, workflow
from tests.security.hostile import MARK, TEXTS
from tests.security.test_commands import SHELLS

STUB = """#!{python}
import json, os, sys
words = [os.path.basename(sys.argv[0]), *sys.argv[1:]]
said = sys.stdin.buffer.read().decode("utf-8", "surrogateescape") if "-" in words else ""
with open(os.environ["LOG"], "a") as log:
    log.write(json.dumps([words, said]) + "\\n")
print("123456789012" if words[1:2] == ["sts"] else "made")
"""


def plan(text: str) -> PushScriptPlan:
    """A plan with a text in every field that a project, or its settings, decide."""
    name = re.sub(r"[^A-Za-z0-9]", "-", text) or "x"
    built = ImageBuild(
        service="web", repository=f"shop/{text}", tag=text, platform="linux/amd64", context=f"/project/{text}",
        dockerfile=f"/project/{text}", target=text, args={f"A{text}": text}, labels={text: text}, ssh=(text,), cache_from=(text,),
        cache_to=(text,), additional_contexts={text: text}, network=text, extra_hosts=(text,), ulimits={text: text},
        entitlements=(text,), provenance=text, sbom=text, tags=(text,),
        secrets=(BuildSecret(text, f"/project/{text}"), BuildSecret(name, None, "TOKEN")),
    )  # fmt: skip
    derived = ImageBuild(
        service="other", repository="shop/other", tag="", platform="linux/amd64", dockerfile_text=f"FROM scratch\n# {text}\n",
        files=(ContextFile("", f"folder{text}/file", text, 0o640), ContextFile("", "plain", text)),
    )  # fmt: skip
    repository = Repository(f"shop/{text}", tags=(Tag(text, text),))
    return PushScriptPlan("shop", "/project", (built, derived), (repository,), text, text, "", "docker")


def of_script(text: str) -> tuple[str, Mapping[str, str]]:
    return shell_script(plan(text)), {}


def of_buildspec(text: str) -> tuple[str, Mapping[str, str]]:
    spec = yaml.safe_load(buildspec(plan(text)))
    assert set(spec) == {"version", "env", "phases"}
    assert set(spec["phases"]) == {"pre_build", "build"}
    return "\n".join(c for phase in spec["phases"].values() for c in phase["commands"]), {}


def of_workflow(text: str) -> tuple[str, Mapping[str, str]]:
    flow = yaml.safe_load(workflow(plan(text)))
    steps = flow["jobs"]["push"]["steps"]
    assert all(re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step["uses"]) for step in steps if "uses" in step)
    region = next(step["with"]["aws-region"] for step in steps if "with" in step)
    assert evaluated(region) == text
    for step in steps:
        for value in (step.get("env") or {}).values():
            assert re.fullmatch(r"\$\{\{ secrets\.[A-Z_][A-Z0-9_]* \}\}", value), value
    return evaluated(steps[-1]["run"]), {}


def evaluated(text: str) -> str:
    """Do as GitHub does with expressions: only texts stand in them."""

    def value(found: re.Match[str]) -> str:
        literal = re.fullmatch(r"\s*'((?:[^']|'')*)'\s*", found[1])
        assert literal, f"an expression: {found[0]!r}"
        return literal[1].replace("''", "'")

    # An expression ends at the first `}}` that is in no text.
    return re.sub(r"\$\{\{((?:'(?:[^']|'')*'|[^'}]|\}(?!\}))*)\}\}", value, text)


FORMS: Mapping[str, Callable[[str], tuple[str, Mapping[str, str]]]] = {
    "script": of_script,
    "buildspec": of_buildspec,
    "workflow": of_workflow,
}


def run(script: str, folder: Path, shell: str) -> list[tuple[list[str], str]]:
    folder.mkdir()
    tools, log, work, tmp = (folder / name for name in ("tools", "log", "work", "tmp"))
    for made in (tools, work, tmp):
        made.mkdir()
    for program in ("mktemp", "mkdir", "chmod", "sh", "touch", "cp"):
        os.symlink(shutil.which(program) or program, tools / program)
    for program in ("docker", "aws", "git"):
        (tools / program).write_text(STUB.format(python=sys.executable), encoding="utf-8")
        (tools / program).chmod(0o755)
    words = SHELLS[shell]
    started = shutil.which(words[0])
    if started is None:
        pytest.skip(f"{words[0]} is not installed")
    (folder / "script").write_bytes(script.encode())
    environment = {
        "PATH": str(tools),
        "LOG": str(log),
        "TMPDIR": str(tmp),
        "GITHUB_SHA": "1" * 40,
        "CODEBUILD_RESOLVED_SOURCE_VERSION": "1" * 40,
    }
    done = subprocess.run(
        [started, *words[1:], "-eu", str(folder / "script")],
        cwd=work, env=environment, capture_output=True, timeout=120, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert list(work.iterdir()) == []
    assert not [p for p in folder.rglob("*") if p.name == MARK]
    return [(words, said) for words, said in map(json.loads, log.read_text().splitlines())]


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("form", FORMS)
def test_every_argument_arrives_as_it_is(form: str, shell: str, tmp_path: Path) -> None:
    chosen = TEXTS if form == "script" and shell == "sh" else TEXTS[::3]
    for number, text in enumerate(each for each in chosen if "/" not in each):
        if shell not in ("sh", "bash") and form != "script":
            pytest.skip("such a file is for bash")
        script, _ = FORMS[form](text)
        calls = run(script, tmp_path / str(number), shell)
        build = next(
            words
            for words, _ in calls
            if words[:3] == ["docker", "buildx", "build"] and {f"A{text}={text}", f"A{text}"} & {*words}
        )
        assert build[build.index("--target") + 1] == text
        assert build[build.index("--label") + 1] == f"{text}={text}"
        assert build[build.index("--network") + 1] == text
        assert text in build
        assert build[-1] in (text, f"./{text}")
        created = next(
            words
            for words, _ in calls
            if words[:3] == ["aws", "ecr", "create-repository"] or "describe-repositories" in words
        )
        assert f"shop/{text}" in created
        assert created[created.index("--region") + 1] == text
        inline = next(said for words, said in calls if said.startswith("FROM"))
        assert inline == f"FROM scratch\n# {text}\n"
        assert {words[0] for words, _ in calls} <= {"docker", "aws", "git"}


@pytest.mark.parametrize("name", ["A B", "X$(x)", "1A", "x-y", "é", "A\nB"])
def test_a_name_that_no_variable_has_is_refused(name: str) -> None:
    made = plan("x")
    built = made.builds[0]._replace(secrets=(BuildSecret("s", None, name),))
    for make in (buildspec, workflow):
        with pytest.raises(EmitError):
            make(made._replace(builds=(built,)))
