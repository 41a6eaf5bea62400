"""A real build and push: docker, podman or buildah, a real registry with a login, and repositories and tokens of a fake ECR."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.e2e.conftest import ACCOUNT, REGION, FakeAws
from tests.measured import PROGRAM

PASSWORD = f"{ACCOUNT}-auth-token"
"""What moto gives as the password of the user AWS."""
CANARY = "k4n4rienv0gel"
BUILDERS = ("docker", "podman", "buildah")
NEEDED = ("docker-registry", "htpasswd", "gcc")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(map(shutil.which, NEEDED)),
        reason=f"one of {', '.join(NEEDED)} is missing (apt-get install them)",
    ),
]

COMPOSE = """
name: shop
secrets: {npm: {file: npm.txt}, key: {environment: KEY}}
services:
  web:
    build:
      context: web
      args: {API_TOKEN: k4n4rienv0gel-arg}
      secrets: [npm, key]
      network: host
  task:
    platform: linux/arm64
    build: {context: web, dockerfile_inline: "FROM scratch\\nCOPY hello /task\\n"}
  top:
    build: {context: web, dockerfile: Top, additional_contexts: {web: "service:web"}}
"""
DOCKERFILE = """FROM scratch
ARG API_TOKEN
COPY hello /hello
RUN --mount=type=secret,id=npm --mount=type=secret,id=key ["/hello", "/run/secrets/npm", "/run/secrets/key"]
ENTRYPOINT ["/hello"]
HEALTHCHECK CMD ["/hello"]
"""
# Reads the files it is given, says how long they are, and takes long enough to be seen in a process list.
PROGRAM_C = """
#include <stdio.h>
#include <unistd.h>
int main(int count, char **names) {
  for (int n = 1; n < count; n++) {
    FILE *file = fopen(names[n], "r");
    int length = 0;
    if (!file) { perror(names[n]); return 1; }
    while (fgetc(file) != EOF) length++;
    printf("%s has %d bytes\\n", names[n], length);
    fclose(file);
    usleep(300000);
  }
  return 0;
}
"""


class Registry(NamedTuple):
    """A running docker-registry that only knows the login of the fake ECR."""

    host: str

    def get(self, path: str, method: str = "GET") -> tuple[int, Mapping[str, str], bytes]:
        login = b64encode(f"AWS:{PASSWORD}".encode()).decode()
        kinds = (
            "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"
        )
        request = Request(f"http://{self.host}/v2/{path}", method=method)
        request.add_header("Authorization", f"Basic {login}")
        request.add_header("Accept", kinds)
        try:
            with urlopen(request) as reply:  # noqa: S310 - as above
                return reply.status, dict(reply.headers), reply.read()
        except HTTPError as error:
            with error:
                return error.code, {}, b""

    def config(self, repository: str, reference: str) -> dict[str, object]:
        manifest = json.loads(self.get(f"{repository}/manifests/{reference}")[2])
        held: dict[str, object] = json.loads(
            self.get(f"{repository}/blobs/{manifest['config']['digest']}")[2]
        )
        return held


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    folder = tmp_path / "registry"
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Through stdin: another worker may be looking at the process list right now.
    made = subprocess.run(
        ["htpasswd", "-Bin", "AWS"], input=PASSWORD, check=True, capture_output=True, text=True
    )
    (folder / "htpasswd").write_text(made.stdout)
    (folder / "config.yml").write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\nauth: {{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}\n"
    )
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            ["docker-registry", "serve", str(folder / "config.yml")], stdout=log, stderr=subprocess.STDOUT
        )
    registry = Registry(f"127.0.0.1:{port}")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with suppress(OSError):
            if registry.get("")[0] == 200:
                break
        time.sleep(0.1)
    yield registry
    server.terminate()
    server.wait(timeout=30)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "web").mkdir(parents=True)
    (folder / "compose.yaml").write_text(COMPOSE)
    (folder / ".env").write_text(f"KEY={CANARY}-variable\n")
    (folder / "npm.txt").write_text(f"{CANARY}-file\n")
    (folder / "web" / "Dockerfile").write_text(DOCKERFILE)
    (folder / "web" / "Top").write_text("FROM web\nENV TOP=1\n")
    (tmp_path / "hello.c").write_text(PROGRAM_C)
    subprocess.run(
        ["gcc", "-static", "-O", "-o", str(folder / "web" / "hello"), str(tmp_path / "hello.c")], check=True
    )
    return folder


class Machine(NamedTuple):
    """Runs the program with a builder that works without privileges and keeps what it makes below `home`."""

    project: Path
    home: Path
    registry: Registry
    aws: FakeAws

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PROGRAM, *arguments],
            cwd=self.project,
            env={**self.environment, **more},
            capture_output=True,
            text=True,
            timeout=240,
        )

    def push(self, builder: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        where = ["--registry", self.registry.host, "--login", "ecr", "--insecure-registry"]
        engine = {name: os.environ[name] for name in ("DOCKER_HOST", "DOCKER_CONFIG") if name in os.environ}
        return self.run(
            "push", "--builder", builder, *where, *arguments, **engine if builder == "docker" else {}
        )

    @property
    def environment(self) -> dict[str, str]:
        return {
            **self.aws.environment,
            "HOME": str(self.home),
            "TMPDIR": str(self.home),
            "BUILDAH_ISOLATION": "chroot",
            "STORAGE_DRIVER": "vfs",
            "CONTAINERS_STORAGE_CONF": str(self.home / "storage.conf"),
        }

    @property
    def lock(self) -> dict[str, dict[str, str]]:
        held: dict[str, dict[str, str]] = json.loads((self.project / "compose2fargate.lock").read_text())[
            "images"
        ]
        return held


@pytest.fixture
def machine(project: Path, tmp_path: Path, registry: Registry, fake_aws: FakeAws) -> Machine:
    home = tmp_path / "home"
    home.mkdir()
    (home / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\ngraphroot = "{home}/images"\nrunroot = "{home}/running"\n'
    )
    return Machine(project, home, registry, fake_aws)


class ProcessList(Thread):
    """Looks at the command lines and environments of all processes, again and again, for texts that must not be there."""

    def __init__(self, *texts: str) -> None:
        super().__init__(daemon=True)
        self.texts = [text.encode() for text in texts]
        self.found: set[str] = set()
        self.seen: set[str] = set()
        self.ended = Event()

    def run(self) -> None:
        while not self.ended.is_set():
            for process in Path("/proc").glob("[0-9]*"):
                if process.name != str(os.getpid()):
                    self.look(process)
            time.sleep(0.01)

    def look(self, process: Path) -> None:
        with suppress(OSError):
            words = (process / "cmdline").read_bytes()
            held = words + (process / "environ").read_bytes()
            self.seen.add(words.split(b"\0")[0].decode(errors="replace").rsplit("/", 1)[-1])
            self.found.update(f"{text!r} in {words!r}" for text in self.texts if text in held)


def usable(builder: str) -> bool:
    """Tell whether the builder is there; docker needs its plugin and a running engine besides."""
    asked = {"docker": ("buildx", "inspect")}.get(builder, ("--version",))
    return (
        bool(shutil.which(builder)) and not subprocess.run([builder, *asked], capture_output=True).returncode
    )


@pytest.mark.parametrize("builder", BUILDERS)
def test_what_a_real_builder_pushes_is_what_the_task_definition_names(builder: str, machine: Machine) -> None:
    if not usable(builder):
        pytest.skip(f"{builder} is not installed (apt-get install {builder}), or has no engine")
    token = b64encode(f"AWS:{PASSWORD}".encode()).decode()
    watch = ProcessList(PASSWORD, token, f"{CANARY}-file", f"{CANARY}-variable")
    watch.start()
    done = machine.push(builder)
    watch.ended.set()
    watch.join()
    assert done.returncode == 0, done.stderr

    # what was pushed
    lock = machine.lock
    assert sorted(lock) == ["task", "top", "web"]
    for key, entry in lock.items():
        status, headers, _ = machine.registry.get(f"shop/{key}/manifests/{entry['tag']}", "HEAD")
        assert (status, headers.get("Docker-Content-Digest")) == (200, entry["digest"]), key
    web = machine.registry.config("shop/web", lock["web"]["digest"])
    assert web["architecture"] == "amd64"
    assert web["config"]["Entrypoint"] == ["/hello"]  # type: ignore[index]
    assert web["config"]["Healthcheck"]["Test"] == ["CMD", "/hello"]  # type: ignore[index]
    assert machine.registry.config("shop/task", lock["task"]["digest"])["architecture"] == "arm64"
    top = machine.registry.config("shop/top", lock["top"]["digest"])
    assert top["config"]["Entrypoint"] == ["/hello"]  # type: ignore[index]
    assert "TOP=1" in top["config"]["Env"]  # type: ignore[index]

    # nobody saw the token or the build's secrets
    assert {builder, "hello"} <= watch.seen
    assert watch.found == set()
    assert CANARY not in done.stderr + done.stdout
    assert PASSWORD not in done.stderr
    assert CANARY not in (machine.project / "compose2fargate.lock").read_text()
    assert [path.name for path in machine.home.glob("compose2fargate-*")] == []

    # the repositories
    ecr = machine.aws.client("ecr")
    made = {r["repositoryName"]: r for r in ecr.describe_repositories()["repositories"]}
    assert sorted(made) == ["shop/task", "shop/top", "shop/web"]
    assert made["shop/web"]["imageScanningConfiguration"] == {"scanOnPush": True}
    policy = json.loads(ecr.get_lifecycle_policy(repositoryName="shop/web")["lifecyclePolicyText"])
    assert policy["rules"][0]["selection"]["countNumber"] == 30

    # what is registered
    converted = machine.run("convert", "-o", "out", "--account", ACCOUNT)
    assert converted.returncode == 0, converted.stderr
    assert "C2F231" not in converted.stderr
    registered = machine.aws.cli(
        "ecs",
        "register-task-definition",
        "--cli-input-json",
        "file://out/task-definitions/web.json",
        cwd=machine.project,
    )
    image = registered["taskDefinition"]["containerDefinitions"][0]["image"]
    assert image == f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/shop/web@{lock['web']['digest']}"

    # and again
    before = (machine.project / "compose2fargate.lock").read_bytes()
    again = machine.push(builder)
    assert "0 built and pushed, 3 unchanged" in again.stderr
    assert (machine.project / "compose2fargate.lock").read_bytes() == before


@pytest.mark.parametrize("builder", BUILDERS)
def test_a_real_build_that_fails_shows_why_and_leaves_the_lock_file(builder: str, machine: Machine) -> None:
    if not usable(builder):
        pytest.skip(f"{builder} is not installed (apt-get install {builder}), or has no engine")
    (machine.project / "web" / "Dockerfile").write_text("FROM scratch\nCOPY nothing /\n")
    done = machine.push(builder)
    assert done.returncode == 1
    assert "error C2F442: " in done.stderr  # one block for web, and for what is based on it
    assert f": web: {builder} build failed with status" in done.stderr
    assert "nothing" in done.stderr
    assert "task: pushed" in done.stderr
    assert not (machine.project / "compose2fargate.lock").exists()


@pytest.mark.skipif(not shutil.which("buildah"), reason="buildah is not installed (apt-get install buildah)")
def test_the_users_own_login_is_enough_for_a_registry_that_is_not_ecr(machine: Machine) -> None:
    where = ["--registry", machine.registry.host, "--insecure-registry", "--builder", "buildah"]
    refused = machine.run("push", "task", *where)
    assert refused.returncode == 1, refused.stderr
    assert "error C2F442: task: buildah push failed" in refused.stderr
    assert "hint: log in first" in refused.stderr
    file = machine.home / ".config" / "containers" / "auth.json"
    file.parent.mkdir(parents=True)
    words = ["login", "--tls-verify=false", "--username", "AWS", "--password-stdin", "--authfile", str(file)]
    subprocess.run(
        ["buildah", *words, machine.registry.host],
        input=PASSWORD,
        env=machine.environment,
        text=True,
        check=True,
        capture_output=True,
    )
    environment = {**machine.environment, "REGISTRY_AUTH_FILE": str(file)}
    for told in ("task: pushed", "task: unchanged"):
        done = subprocess.run(
            [*PROGRAM, "push", "task", *where],
            cwd=machine.project,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        assert told in done.stderr


@pytest.mark.skipif(not shutil.which("podman"), reason="podman is not installed (apt-get install podman)")
def test_push_convert_and_apply_in_a_row(machine: Machine) -> None:
    """In the sandbox, with project files copied into a service's own image, and a registry of our own."""
    folder = machine.project
    (folder / "app.conf").write_text("greeting = hello\n")
    (folder / "web" / "Dockerfile").write_text('FROM scratch\nCOPY hello /hello\nENTRYPOINT ["/hello"]\n')
    (folder / "compose.yaml").write_text(
        "name: shop\nservices:\n"
        "  web: {build: web, volumes: ['./app.conf:/etc/app.conf:ro']}\n"
        "  migrate: {build: web, x-fargate: {job: true}}\n"
    )
    images = ["--registry", machine.registry.host, "--login", "ecr", "--insecure-registry"]
    try:
        pushed = machine.run("push", "--sandbox", *images)
        assert pushed.returncode == 0, pushed.stderr
        assert "3 built and pushed" in pushed.stderr
        converted = machine.run("convert", "-o", "out", "--registry", machine.registry.host)
        assert converted.returncode == 0, converted.stderr
        for service, key in (("web", "web+files"), ("migrate", "migrate")):
            text = (folder / "out" / "task-definitions" / f"{service}.json").read_text()
            definition = json.loads(text)
            image = definition["containerDefinitions"][0]["image"]
            assert image == f"{machine.registry.host}/shop/{service}@{machine.lock[key]['digest']}"
        group = sandbox_security_group(machine)
        applied = machine.run(
            "apply", "--sandbox", "--all", "--push", "--yes", "--security-group", group, *images
        )
        assert applied.returncode == 0, applied.stderr
        assert "0 built and pushed, 3 unchanged" in applied.stderr
        # What push made is what apply would have made, and it is known as the stack's own.
        assert "create    repository" not in applied.stderr
    finally:
        machine.run("sandbox", "stop")


def sandbox_security_group(machine: Machine) -> str:
    import boto3

    variables = dict(
        line.removeprefix("export ").split("=", 1)
        for line in machine.run("sandbox", "env").stdout.splitlines()
    )
    make: Any = boto3.client
    ec2 = make(
        "ec2",
        endpoint_url=variables["AWS_ENDPOINT_URL"],
        region_name=REGION,
        aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key="sandbox",
    )
    found: str = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    return found
