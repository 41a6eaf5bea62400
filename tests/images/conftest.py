"""A registry of our own that counts what it is asked, and a builder that writes down what it is told."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, NamedTuple

import pytest

from tests.conftest import Program, Result

DOCKER = """#!{python}
import json, os, re, stat, sys, time, urllib.request
from hashlib import sha256
words = sys.argv[1:]
if words == ["buildx", "version"]:
    sys.exit(int(os.environ.get("STUB_BUILDX", "0")))
if words[:2] != ["buildx", "build"]:
    sys.exit("unknown command: " + " ".join(words))
def values(option):
    return [words[n + 1] for n, word in enumerate(words) if word == option]
read = {{}}
for path in [*values("--file"), *(v.split("src=")[1] for v in values("--secret"))]:
    with open(path) as file:
        read[path] = [file.read(), oct(stat.S_IMODE(os.stat(path).st_mode))]
config = os.path.join(os.environ.get("DOCKER_CONFIG", "/nowhere"), "config.json")
if os.path.exists(config):
    with open(config) as file:
        read["config"] = [json.load(file), oct(stat.S_IMODE(os.stat(config).st_mode))]
tag = values("--tag")[0]
with open(os.environ["STUB_LOG"], "a") as log:
    log.write(json.dumps({{"words": words, "environment": dict(os.environ), "read": read}}) + "\\n")
print("#5 [1/2] FROM scratch", flush=True)
for line in os.environ.get("STUB_SAYS", "").splitlines():
    print(line, flush=True)
if re.search(os.environ.get("STUB_SLEEPS", "^$"), tag):
    time.sleep(60)
if re.search(os.environ.get("STUB_FAILS", "^$"), tag):
    print("ERROR: process \\"/bin/sh -c make\\" did not complete", flush=True)
    sys.exit(1)
labels = dict(v.split("=", 1) for v in values("--label"))
registry, _, rest = tag.partition("/")
repository, _, name = rest.rpartition(":")
text = json.dumps({{"labels": labels, "words": [w for w in words if "/tmp" not in w]}}).encode()
request = urllib.request.Request(f"http://{{registry}}/v2/{{repository}}/manifests/{{name}}", data=text, method="PUT")
login = read.get("config", [{{}}])[0].get("auths", {{}}).get(registry, {{}}).get("auth", "")
request.add_header("Authorization", "Basic " + login)
with urllib.request.urlopen(request) as reply:
    digest = reply.headers["Docker-Content-Digest"]
with open(values("--metadata-file")[0], "w") as file:
    json.dump({{"containerimage.digest": digest}}, file)
"""


class FakeRegistry:
    """What the stub pushes to, and what `push` asks: manifests by repository and reference."""

    def __init__(self) -> None:
        self.manifests: dict[tuple[str, str], bytes] = {}
        self.requests: list[tuple[str, str]] = []
        self.logins: set[str] = set()
        self.status = 0
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.host = f"127.0.0.1:{self.server.server_address[1]}"

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                registry.requests.append((self.command, self.path))
                registry.logins.add(self.headers.get("Authorization", ""))
                length = int(self.headers.get("Content-Length") or 0)
                self.reply(*registry.answer(self.command, self.path, self.rfile.read(length)))

            def reply(self, status: int, digest: str, body: bytes) -> None:
                self.send_response(status)
                if digest:
                    self.send_header("Docker-Content-Digest", digest)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_HEAD = do_GET = do_PUT = answer  # noqa: N815 - names that the server wants

            def log_message(self, *arguments: object) -> None:
                pass

        return Handler

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, str, bytes]:
        from hashlib import sha256

        if self.status:
            return self.status, "", b'{"errors": [{"code": "DENIED", "message": "not you"}]}'
        repository, _, reference = path.removeprefix("/v2/").rpartition("/")
        repository, _, kind = repository.rpartition("/")
        if method == "PUT":
            digest = f"sha256:{sha256(body).hexdigest()}"
            self.manifests[repository, reference] = self.manifests[repository, digest] = body
            return 201, digest, b""
        if kind == "blobs":
            labels = json.loads(self.manifests[repository, reference])["labels"]
            return 200, "", json.dumps({"config": {"Labels": labels}}).encode()
        held = self.manifests.get((repository, reference))
        if held is None:
            return 404, "", b""
        digest = f"sha256:{sha256(held).hexdigest()}"
        return 200, digest, json.dumps({**json.loads(held), "config": {"digest": digest}}).encode()


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    made = FakeRegistry()
    Thread(target=made.server.serve_forever, args=(0.01,), daemon=True).start()
    yield made
    made.server.shutdown()
    made.server.server_close()


class Push(NamedTuple):
    """Runs `push` with the stub as docker."""

    program: Program
    folder: Path
    registry: FakeRegistry
    bin: Path

    def __call__(self, *arguments: str, **environment: str) -> Result:
        return self.program(
            "push",
            "--registry",
            self.registry.host,
            "--insecure-registry",
            *arguments,
            cwd=self.folder,
            env=self.environment(**environment),
        )

    def environment(self, **more: str) -> dict[str, str]:
        return {
            "PATH": f"{self.bin}:/usr/bin:/bin",
            "STUB_LOG": str(self.folder.parent / "stub.log"),
            "HOME": str(self.folder.parent),
            **more,
        }

    @property
    def builds(self) -> list[dict[str, Any]]:
        log = self.folder.parent / "stub.log"
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    @property
    def lock(self) -> Any:
        return json.loads((self.folder / "compose2fargate.lock").read_text())["images"]


@pytest.fixture
def push(program: Program, registry: FakeRegistry, tmp_path: Path) -> Push:
    folder, bin_folder = tmp_path / "project", tmp_path / "bin"
    folder.mkdir()
    bin_folder.mkdir()
    docker = bin_folder / "docker"
    docker.write_text(DOCKER.format(python=sys.executable))
    docker.chmod(docker.stat().st_mode | stat.S_IXUSR)
    return Push(program, folder, registry, bin_folder)


Project = Callable[[str], Path]


@pytest.fixture
def project(push: Push) -> Project:
    """Give a function that writes a compose file, and a context `web` beside it."""

    def write(text: str) -> Path:
        (push.folder / "compose.yaml").write_text(text)
        (push.folder / "web").mkdir(exist_ok=True)
        (push.folder / "web" / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
        (push.folder / "web" / "app").write_text("1")
        return push.folder

    return write


def values(build: dict[str, Any], option: str) -> list[str]:
    """Give the values of an option that the stub was given."""
    words = build["words"]
    return [words[n + 1] for n, word in enumerate(words) if word == option]


def commit(folder: Path, message: str = "x") -> str:
    """Commit everything in `folder`; give the commit's first twelve digits."""
    import subprocess

    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "HOME": str(folder)}
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-q", "--allow-empty", "-m", message]):
        subprocess.run(["git", *who, *words], cwd=folder, env=environment, check=True)
    done = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture(scope="session")
def _moto() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def fake_ecr(_moto: str) -> str:
    """Give the address of a fake AWS account that holds nothing yet."""
    from urllib.request import Request, urlopen

    with urlopen(Request(f"{_moto}/moto-api/reset", method="POST")):  # noqa: S310 - our own server
        return _moto
