"""The whole of `push`, with a registry of our own and a builder that writes down what it is told."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from base64 import b64encode
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import Program
from tests.images.conftest import FakeRegistry, Project, Push, commit, values
from tests.measured import PROGRAM

CANARY = "k4n4rienv0gel"
TWENTY = "name: shop\nservices:\n" + "".join(f"  s{n:02}: {{build: web}}\n" for n in range(20))


def test_what_is_pushed_stands_in_the_lock_file_and_in_the_task_definition(
    push: Push, project: Project, program: Program
) -> None:
    folder = project("name: shop\nservices: {web: {build: web}, cache: {image: redis}}\n")
    tag = commit(folder)
    done = push()
    assert done.status == 0, done.err
    assert values(push.builds[0], "--tag") == [f"{push.registry.host}/shop/web:{tag}"]
    assert values(push.builds[0], "--platform") == ["linux/amd64"]
    entry = push.lock["web"]
    assert list(push.lock) == ["web"]
    assert push.registry.manifests["shop/web", tag] == push.registry.manifests["shop/web", entry["digest"]]
    assert f"web: pushed {push.registry.host}/shop/web:{tag}@{entry['digest']}" in done.err
    made = program("convert", "-q", "-o", "-", "--account", "123456789012", cwd=folder)
    image = json.loads(made.out)["task-definitions/web.json"]["containerDefinitions"][0]["image"]
    assert image == f"123456789012.dkr.ecr.us-east-1.amazonaws.com/shop/web@{entry['digest']}"
    assert "compose2fargate.lock" in str(json.loads(made.out)["compose2fargate.json"]["inputs"])


def test_twenty_unchanged_images_cost_twenty_requests_and_no_build(push: Push, project: Project) -> None:
    project(TWENTY)
    assert push().status == 0
    assert len(push.builds) == 20
    before = (push.folder / "compose2fargate.lock").read_bytes()
    push.registry.requests.clear()
    done = push()
    assert done.status == 0, done.err
    assert len(push.registry.requests) == 20
    assert {method for method, _ in push.registry.requests} == {"HEAD"}
    assert len(push.builds) == 20
    assert (push.folder / "compose2fargate.lock").read_bytes() == before
    assert "0 built and pushed, 20 unchanged; compose2fargate.lock as it was" in done.err


def test_only_what_has_changed_is_built(push: Push, project: Project) -> None:
    folder = project("name: shop\nservices: {a: {build: web}, b: {build: {context: web, args: {X: 1}}}}\n")
    push()
    first = push.lock
    (folder / "compose.yaml").write_text(
        "name: shop\nservices: {a: {build: web}, b: {build: {context: web, args: {X: 2}}}}\n"
    )
    push()
    assert [values(build, "--build-arg") for build in push.builds[2:]] == [["X=2"]]
    assert push.lock["a"] == first["a"]
    assert push.lock["b"]["digest"] != first["b"]["digest"]


def test_an_image_that_is_gone_from_the_registry_is_built_again(push: Push, project: Project) -> None:
    project("name: shop\nservices: {web: {build: web}}\n")
    push()
    push.registry.manifests.clear()
    assert push().status == 0
    assert len(push.builds) == 2


def test_without_its_lock_file_an_image_is_known_by_its_label(push: Push, project: Project) -> None:
    folder = project("name: shop\nservices: {web: {build: web}}\n")
    push()
    lock = push.lock
    (folder / "compose2fargate.lock").unlink()
    assert push().status == 0
    assert len(push.builds) == 1
    assert push.lock == lock


@pytest.mark.parametrize("key", ["no_cache", "pull"])
def test_a_service_that_wants_no_cache_is_always_built(key: str, push: Push, project: Project) -> None:
    project(f"name: shop\nservices: {{web: {{build: {{context: web, {key}: true}}}}}}\n")
    push()
    push()
    assert len(push.builds) == 2


def test_everything_is_built_again_when_asked_from_newer_base_images(push: Push, project: Project) -> None:
    project("name: shop\nservices: {web: {build: web}}\n")
    push()
    before = push.lock["web"]["content"]
    assert push("--rebuild").status == 0
    assert ["--pull" in build["words"] for build in push.builds] == [False, True]
    assert push.lock["web"]["content"] == before


def test_an_unchanged_image_gets_the_tag_that_is_asked_for(push: Push, project: Project) -> None:
    project("name: shop\nservices: {web: {build: web}}\n")
    push()
    assert push("--tag", "v1").status == 0
    assert len(push.builds) == 1
    assert push.lock["web"]["tag"] == "v1"
    assert ("shop/web", "v1") in push.registry.manifests


def test_a_failing_build_leaves_the_lock_file_and_the_others_finish(push: Push, project: Project) -> None:
    folder = project("name: shop\nservices: {a: {build: web}, b: {build: web}, c: {build: web}}\n")
    push()
    before = (folder / "compose2fargate.lock").read_bytes()
    (folder / "web" / "app").write_text("2")
    done = push("--jobs", "1", STUB_FAILS="/b:")
    assert done.status == 1
    assert (folder / "compose2fargate.lock").read_bytes() == before
    assert "error C2F442: b: docker build failed with status 1" in done.err
    assert 'ERROR: process "/bin/sh -c make" did not complete' in done.err
    assert "compose.yaml:2:" in done.err
    assert "a: pushed" in done.err
    assert "c: pushed" in done.err
    assert len(push.builds) == 6
    assert push().status == 0  # what was pushed is found by its label
    assert [values(build, "--tag")[0].split(":")[1].split("/")[-1] for build in push.builds[6:]] == ["b"]


def test_a_base_that_cannot_be_built_takes_what_is_based_on_it_with_it(push: Push, project: Project) -> None:
    project(
        "name: shop\nservices: {base: {build: web}, "
        "top: {build: {context: web, additional_contexts: {base: 'service:base'}}}}\n"
    )
    done = push(STUB_FAILS="/base:")
    assert done.status == 1
    assert "top: it is based on the image of base, which could not be built" in done.err
    assert not (push.folder / "compose2fargate.lock").exists()


def test_an_image_is_built_from_the_pushed_image_of_another_service(push: Push, project: Project) -> None:
    project(
        "name: shop\nservices: {z: {build: web}, "
        "a: {build: {context: web, additional_contexts: {base: 'service:z'}}}}\n"
    )
    assert push("a").status == 0
    digest = push.lock["z"]["digest"]
    assert values(push.builds[1], "--build-context") == [
        f"base=docker-image://{push.registry.host}/shop/z@{digest}"
    ]


def test_an_interrupted_push_stops_the_builders_and_leaves_the_lock_file(
    push: Push, project: Project
) -> None:
    project("name: shop\nservices: {a: {build: web}, b: {build: web}}\n")
    temporary = push.folder.parent / "tmp"
    temporary.mkdir()
    for number in (signal.SIGINT, signal.SIGTERM):
        process = subprocess.Popen(
            [*PROGRAM, "push", "--registry", push.registry.host, "--insecure-registry"],
            cwd=push.folder,
            env=push.environment(STUB_SLEEPS="/b:", TMPDIR=str(temporary)),
            stderr=subprocess.PIPE,
            text=True,
        )
        started = len(push.builds)
        while len(push.builds) < started + 1 or not any("/b:" in str(b["words"]) for b in push.builds):
            time.sleep(0.05)
        assert list(temporary.iterdir())
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
        assert process.returncode == 130, err
        assert "Traceback" not in err
        assert not (push.folder / "compose2fargate.lock").exists()
        assert list(temporary.iterdir()) == []
        assert "STUB" not in processes_of(push.bin / "docker")
        (push.folder.parent / "stub.log").unlink()


def processes_of(program: Path) -> str:
    """The environments of the processes that run `program`."""
    found = ""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            if str(program) in (process / "cmdline").read_text():
                found += (process / "environ").read_text()
    return found


SECRETS = f"""
name: shop
secrets: {{npm: {{file: npm.txt}}, key: {{environment: KEY}}}}
services:
  web:
    build:
      context: web
      args: {{API_TOKEN: {CANARY}-arg, PORT: "80"}}
      secrets: [npm, {{source: key, target: the-key}}]
"""


def test_secrets_reach_the_builder_in_files_and_nobody_else(push: Push, project: Project) -> None:
    folder = project(SECRETS)
    (folder / "npm.txt").write_text(f"{CANARY}-file\n")
    (folder / ".env").write_text(f"KEY={CANARY}-variable\n")
    done = push(STUB_SAYS=f"said {CANARY}-file and {CANARY}-variable", STUB_FAILS="web")
    build = push.builds[0]
    given = dict(value.removeprefix("id=").split(",src=") for value in values(build, "--secret"))
    assert build["read"][given["npm"]][0] == f"{CANARY}-file\n"
    assert build["read"][given["the-key"]] == [f"{CANARY}-variable", "0o600"]
    assert not Path(given["the-key"]).exists()
    assert CANARY not in str(build["words"])
    holders = [
        name for name, value in build["environment"].items() if CANARY in value and name != "STUB_SAYS"
    ]
    assert holders == ["API_TOKEN"]
    assert values(build, "--build-arg") == ["API_TOKEN", "PORT=80"]
    assert "said ******** and ********" in done.err
    assert f"{CANARY}-file" not in done.err
    assert f"{CANARY}-variable" not in done.err
    assert "warning C2F450: web: the build argument API_TOKEN looks like a credential" in done.err
    assert CANARY not in done.err
    assert push().status == 0
    assert CANARY not in (folder / "compose2fargate.lock").read_text()


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        ("{file: nowhere.txt}", "there is no file"),
        ("{environment: NOWHERE}", "the variable NOWHERE is not set"),
    ],
)
def test_a_missing_secret_is_named(secret: str, reason: str, push: Push, project: Project) -> None:
    project(
        f"name: shop\nsecrets: {{s: {secret}}}\nservices: {{web: {{build: {{context: web, secrets: [s]}}}}}}\n"
    )
    done = push()
    assert done.status == 2
    assert "C2F456: web: the build secret s cannot be given to the build" in done.err
    assert reason in done.err
    assert push.builds == []


def test_a_login_is_added_to_the_users_own_and_removed(push: Push, project: Project, fake_ecr: str) -> None:
    project("name: shop\nservices: {web: {build: web}}\n")
    own = push.folder.parent / ".docker"
    (own / "buildx").mkdir(parents=True)
    held = {"auths": {"ghcr.io": {"auth": "eDp5"}}, "credsStore": "desktop"}
    (own / "config.json").write_text(json.dumps(held))
    done = push("--login", "ecr", **aws(fake_ecr))
    assert done.status == 0, done.err
    build = push.builds[0]
    config, mode = build["read"]["config"]
    token = b64encode(b"AWS:123456789012-auth-token").decode()
    assert config == {
        "auths": {"ghcr.io": {"auth": "eDp5"}, push.registry.host: {"auth": token}},
        "credsStore": "desktop",
        "credHelpers": {push.registry.host: ""},
    }
    assert mode == "0o600"
    assert not Path(build["environment"]["DOCKER_CONFIG"]).exists()
    assert json.loads((own / "config.json").read_text()) == held
    assert f"Basic {token}" in push.registry.logins
    for secret in (token, "123456789012-auth-token"):
        assert secret not in str(build["words"]) + str(build["environment"]) + done.err + done.out


def test_without_a_change_the_login_is_used_for_asking_only(
    push: Push, project: Project, fake_ecr: str
) -> None:
    project("name: shop\nservices: {web: {build: web}}\n")
    push("--login", "ecr", **aws(fake_ecr))
    (push.folder / "web" / "app").write_text("2")
    built = push("--notes", "--login", "ecr", **aws(fake_ecr))
    assert "note C2F454: shop/web lets a tag be overwritten" in built.err
    (push.bin / "docker").unlink()  # no builder is needed where nothing is built
    done = push("--notes", "--login", "ecr", **aws(fake_ecr))
    assert done.status == 0, done.err
    assert "web: unchanged sha256:" in done.err
    assert "C2F454" not in done.err


def aws(url: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_REGION": "eu-central-1",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def test_a_registry_that_refuses_says_why(push: Push, project: Project, fake_ecr: str) -> None:
    project("name: shop\nservices: {web: {build: web}}\n")
    push.registry.status = 403
    done = push("--login", "ecr", **aws(fake_ecr))
    assert done.status == 3
    assert "C2F443" in done.err
    assert "403" in done.err
    assert "DENIED: not you" in done.err
    assert push.builds == []


def test_what_only_the_builder_may_read_is_built(push: Push, project: Project) -> None:
    project("name: shop\nservices: {web: {build: web}}\n")
    push.registry.status = 403
    done = push()
    assert len(push.builds) == 1
    assert done.status == 1  # for it may not push either


def test_a_registry_that_is_not_there_says_so(push: Push, project: Project, registry: FakeRegistry) -> None:
    project("name: shop\nservices: {web: {build: web}}\n")
    registry.host = "127.0.0.1:1"
    done = push()
    assert done.status == 3
    assert "the registry 127.0.0.1:1 cannot be queried: it cannot be reached" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "there is no service nothing"),
        (["cache"], "the image of cache is not built here"),
        (["--tag", "a/b"], "'a/b' is not a valid tag"),
        (["--builder", "podman"], "podman is not installed"),
    ],
)
def test_what_cannot_be_done_is_bad_usage(
    arguments: list[str], message: str, push: Push, project: Project
) -> None:
    project("name: shop\nservices: {web: {build: web}, cache: {image: redis}}\n")
    done = push(*arguments, PATH=str(push.bin))
    assert done.status == 2
    assert message in done.err
    assert push.builds == []


def test_a_project_without_builds_has_nothing_to_push(push: Push, project: Project) -> None:
    project("name: shop\nservices: {cache: {image: redis}}\n")
    done = push()
    assert done.status == 2
    assert "C2F453" in done.err


def test_no_builder_at_all_is_explained(push: Push, project: Project) -> None:
    project("name: shop\nservices: {web: {build: web}}\n")
    for environment in ({"PATH": "/nowhere"}, {"PATH": str(push.bin), "STUB_BUILDX": "1"}):
        done = push(**environment)
        assert done.status == 2
        assert "no program that builds images is installed: docker with buildx, podman or buildah" in done.err
    done = push("--builder", "docker", PATH=str(push.bin), STUB_BUILDX="1")
    assert "docker is installed, but its plugin buildx" in done.err


def test_nothing_is_made_where_nothing_can_be_built(push: Push, project: Project, fake_ecr: str) -> None:
    project("name: shop\nservices: {web: {build: web}}\n")
    done = push("--login", "ecr", **aws(fake_ecr), PATH="/nowhere")
    assert done.status == 2
    assert "created the repository" not in done.err


def test_every_missing_context_is_named_before_anything_is_built(push: Push, project: Project) -> None:
    project("name: shop\nservices: {a: {build: nowhere}, b: {build: web}, c: {build: neither}}\n")
    done = push()
    assert done.status == 2
    assert "a: the build context" in done.err
    assert "c: the build context" in done.err
    assert push.builds == []


def test_a_program_reads_one_document(push: Push, project: Project) -> None:
    project(
        "name: shop\nservices: {web: {image: 'xy:latest', build: {context: web, args: {API_TOKEN: x}}}}\n"
    )
    done = push("--diagnostics", "json")
    assert [finding["code"] for finding in json.loads(done.err)] == ["C2F447", "C2F450"]
    failed = push("--diagnostics", "json", "--rebuild", STUB_FAILS="/xy:")
    assert [finding["code"] for finding in json.loads(failed.err)] == ["C2F442", "C2F447", "C2F450"]


def test_a_dry_run_needs_nobody(push: Push, project: Project) -> None:
    folder = project("name: shop\nservices: {a: {build: web}, b: {build: {context: web, target: x}}}\n")
    push("a")
    push.registry.requests.clear()
    done = push("--dry-run", PATH="/nowhere")
    assert done.status == 0
    assert "b: would be built and pushed" in done.err
    assert "1 to build, 1 unchanged; nothing was done" in done.err
    assert push.registry.requests == []
    (folder / "web" / "app").write_text("2")
    assert "2 to build, 0 unchanged" in push("--dry-run").err


def test_a_push_of_one_service_keeps_the_others_in_the_lock_file(push: Push, project: Project) -> None:
    folder = project("name: shop\nservices: {a: {build: web}, b: {build: web}}\n")
    push()
    (folder / "web" / "app").write_text("2")
    before = push.lock
    push("a")
    assert push.lock["b"] == before["b"]
    assert push.lock["a"] != before["a"]
    (folder / "compose.yaml").write_text("name: shop\nservices: {a: {build: web}}\n")
    push()
    assert list(push.lock) == ["a"]


def test_convert_says_what_is_out_of_date(push: Push, project: Project, program: Program) -> None:
    folder = project("name: shop\nservices: {web: {build: web}}\n")
    text = "note C2F231: web is built here and runs as"
    assert text in program("convert", "-o", "-", "--notes", cwd=folder).err
    push()
    current = program("convert", "-o", "-", "--notes", cwd=folder).err
    assert text not in current
    assert "C2F445" not in current
    (folder / "web" / "app").write_text("2")
    changed = program("convert", "-o", "-", cwd=folder).err
    assert "warning C2F445: the files of the image of web have changed since it was built" in changed
    assert "compose2fargate push web" in changed
    other = program("convert", "-o", "-", "--notes", "--architecture", "ARM64", cwd=folder)
    assert "warning C2F446" in other.err
    assert text in other.err
    assert (
        "sha256" not in json.loads(other.out)["task-definitions/web.json"]["containerDefinitions"][0]["image"]
    )


def test_what_convert_writes_into_the_context_changes_no_image(
    push: Push, project: Project, program: Program, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = project("name: shop\nservices: {web: {build: .}}\n")
    (folder / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    push()
    cache = {"XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}  # not in the context, as a home is not
    assert program("convert", "-o", "fargate/json", cwd=folder, env=cache).status == 0
    commit(folder)
    push()
    assert len(push.builds) == 1
    assert "C2F445" not in program("convert", "-o", "-", cwd=folder).err


def test_check_sees_a_push_after_the_conversion(push: Push, project: Project, program: Program) -> None:
    folder = project("name: shop\nservices: {web: {build: web}}\n")
    assert program("convert", "-o", "out", cwd=folder).status == 0
    assert program("check", "out", cwd=folder).status == 0
    push()
    assert program("check", "out", cwd=folder).status == 1
    assert program("convert", "-o", "out", cwd=folder).status == 0
    assert program("check", "out", cwd=folder).status == 0
    lock = folder / "compose2fargate.lock"
    lock.write_text(lock.read_text().replace(push.lock["web"]["digest"], "sha256:" + "0" * 64))
    changed = program("check", "out", cwd=folder)
    assert changed.status == 1
    assert "sha256:" + "0" * 64 in changed.out


@pytest.mark.parametrize("target", ["terraform", "cloudformation"])
def test_other_targets_name_the_digest_too(
    target: str, push: Push, project: Project, program: Program
) -> None:
    folder = project("name: shop\nservices: {web: {build: web}}\n")
    push()
    made = program("convert", "-t", target, "-o", "-", "--account", "123456789012", cwd=folder)
    assert made.status == 0, made.err
    assert f"@{push.lock['web']['digest']}" in made.out


def test_a_damaged_lock_file_is_refused_with_a_way_on(push: Push, project: Project, program: Program) -> None:
    folder = project("name: shop\nservices: {web: {build: web}}\n")
    (folder / "compose2fargate.lock").write_text("<<<<<<< HEAD\n")
    for done in (push(), program("convert", "-o", "-", cwd=folder)):
        assert done.status == 2
        assert "C2F444" in done.err
        assert "it is not JSON" in done.err


def test_the_lock_file_may_have_another_name(push: Push, project: Project, program: Program) -> None:
    folder = project("name: shop\nservices: {web: {build: web}}\n")
    assert push("--lock", "production.lock").status == 0
    assert (folder / "production.lock").exists()
    assert not (folder / "compose2fargate.lock").exists()
    made = program("convert", "-q", "-o", "-", "--lock", "production.lock", cwd=folder)
    assert "@sha256:" in json.loads(made.out)["task-definitions/web.json"]["containerDefinitions"][0]["image"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{image: 'team/web:latest', build: web}", "C2F447"),
        ("{build: {context: web, platforms: [linux/arm64]}}", "C2F448"),
        ("{build: {context: web, args: {DB_PASSWORD: x}}}", "C2F450"),
    ],
)
def test_what_is_worth_knowing_is_said(text: str, code: str, push: Push, project: Project) -> None:
    project(f"name: shop\nservices: {{web: {text}}}\n")
    done = push("--dry-run")
    assert f"warning {code}: web" in done.err


def test_a_large_context_without_an_ignore_file_is_reported(push: Push, project: Project) -> None:
    folder = project("name: shop\nservices: {web: {build: web}}\n")
    with (folder / "web" / "data").open("wb") as file:
        os.truncate(file.fileno(), 120_000_000)
    assert "warning C2F449: web: the build context holds 120 MB" in push("--dry-run").err
    (folder / "web" / ".dockerignore").write_text("nothing\n")
    assert "C2F449" not in push("--dry-run").err
