"""The sandbox's server is reached by who knows its token, and by nobody else; one a folder, and none left behind."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from compose2fargate.apply.sandbox import sandbox_session, sandbox_state
from compose2fargate.diagnostics import AwsError, UsageError
from tests.sandbox_server import Server

GUARDED = (
    "/",
    "/_sandbox",
    "/_sandbox/calls",
    "/_sandbox/reset",
    "/_sandbox/stop",
    "/moto-api/reset",
    "/moto-api/data.json",
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.close()


def request(server: Server, method: str, path: str, **headers: str) -> int:
    connection = HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]), timeout=20)
    connection.putrequest(method, path, skip_host="Host" in headers)
    for name, value in {"Content-Length": "0", **headers}.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("path", GUARDED)
def test_nothing_is_answered_without_the_token(server: Server, method: str, path: str) -> None:
    for headers in (
        {},
        {"X_Sandbox_Token": "sandbox"},
        {"X_Sandbox_Token": ""},
        {"X_Sandbox_Token": "\xe9" * 40},
        {
            "Authorization": "AWS4-HMAC-SHA256 Credential=test/20300101/us-east-1/ecs/aws4_request, Signature=0"
        },
        {"Authorization": "Basic eDp5"},
    ):
        assert request(server, method, path, **headers) == 403, headers
    assert server.process.poll() is None


def test_a_browser_is_refused_even_with_the_token(server: Server) -> None:
    own = {"X_Sandbox_Token": server.token}
    port = server.url.rpartition(":")[2]
    assert request(server, "GET", "/_sandbox", **own) == 200
    assert request(server, "GET", "/_sandbox", **own, Host=f"localhost:{port}") == 200
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": server.url},
        {"Sec_Fetch_Site": "cross-site"},
        {"Host": f"evil.example:{port}"},
        {"Host": "127.0.0.1"},
        {"Host": f"127.0.0.1.evil.example:{port}"},
    ):
        assert request(server, "GET", "/_sandbox", **own, **headers) == 403, headers


def test_a_client_with_another_key_is_told_what_to_do(server: Server) -> None:
    import boto3
    from botocore.exceptions import ClientError

    for name, call in (
        ("ecs", "list_clusters"),
        ("ec2", "describe_vpcs"),
        ("iam", "list_roles"),
        ("s3", "list_buckets"),
    ):
        client = boto3.Session("test", "test", region_name="us-east-1").client(name, endpoint_url=server.url)
        with pytest.raises(ClientError, match="its own access key only"):
            getattr(client, call)()
        client.close()


# -- one for each folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    project = tmp_path / "project"
    project.mkdir()
    (project / "compose.yaml").write_text("name: shop\nservices: {web: {image: nginx}}\n")
    yield project
    sandbox_session.stop_sandbox(str(project))


def program(*arguments: str, cwd: Path, **environment: str) -> subprocess.Popen[str]:
    plain = {
        "PATH": os.environ["PATH"],
        "HOME": str(cwd),
        "XDG_CACHE_HOME": os.environ["XDG_CACHE_HOME"],
        "NO_COLOR": "1",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "compose2fargate", *arguments],
        cwd=cwd, env={**plain, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def is_there(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def ends(pid: int, within: float = 5.0) -> bool:
    end = time.monotonic() + within
    while is_there(pid) and time.monotonic() < end:
        time.sleep(0.05)
    return not is_there(pid)


linux = pytest.mark.skipif(not Path("/proc").exists(), reason="looks at /proc")


@linux
def test_three_that_begin_at_once_have_one_server(home: Path) -> None:
    begun = [program("sandbox", "env", cwd=home) for _ in range(3)]
    said = {one.communicate(timeout=120)[0] for one in begun}
    assert len(said) == 1
    assert "AWS_ACCESS_KEY_ID=" in said.pop()
    found = sandbox_session.find_sandbox(str(home))
    assert found
    assert sandbox_session.stop_sandbox(str(home))
    assert ends(found.pid)
    assert sandbox_session.find_sandbox(str(home)) is None


@linux
def test_the_state_is_for_its_owner_alone(home: Path) -> None:
    sandbox_session.start_sandbox(str(home))
    file = Path(sandbox_state.file_of(str(home)))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    token = json.loads(file.read_text())["token"]
    found = sandbox_session.find_sandbox(str(home))
    assert found
    command = (
        Path(f"/proc/{found.pid}/cmdline").read_bytes() + Path(f"/proc/{found.pid}/environ").read_bytes()
    )
    assert token.encode() not in command
    file.chmod(0o644)
    assert sandbox_session.find_sandbox(str(home)) is None
    file.chmod(0o600)
    file.unlink()
    assert ends(found.pid), "a server without its state ends"


def forged(home: Path, **members: Any) -> Path:
    file = Path(sandbox_state.file_of(str(home)))
    given = {"url": "http://127.0.0.1:9", "token": "x", "pid": os.getpid(), "folder": str(home), **members}
    file.write_text(json.dumps(given))
    file.chmod(0o600)
    return file


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"url": "http://evil.example:80"},
        {"url": "file:///etc/passwd"},
        {"token": ""},
        {"token": 5},
        {"pid": "x"},
        {"more": 1},
    ],
)
def test_a_forged_state_names_no_server_and_no_process_is_killed(home: Path, members: dict[str, Any]) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        file = forged(home, **{"pid": other.pid, **members})
        assert sandbox_session.find_sandbox(str(home)) is None
        assert not sandbox_session.stop_sandbox(str(home))
        assert not file.exists()
        assert other.poll() is None
        other.kill()


def test_a_link_for_a_state_is_not_followed(home: Path, tmp_path: Path) -> None:
    file = forged(home)
    victim = tmp_path / "victim.json"
    file.rename(victim)
    file.symlink_to(victim)
    assert sandbox_state.read(str(file)) is None
    assert not sandbox_session.stop_sandbox(str(home))
    assert victim.exists()


def test_a_folder_that_is_a_link_is_refused(home: Path, tmp_path: Path) -> None:
    folder = Path(os.environ["XDG_CACHE_HOME"]) / "compose2fargate" / "sandbox"
    folder.parent.mkdir(parents=True)
    folder.symlink_to(tmp_path)
    with pytest.raises(UsageError) as refused:
        sandbox_session.find_sandbox(str(home))
    assert refused.value.diagnostics[0].code == "C2F494"
    folder.unlink()


def test_a_start_that_fails_leaves_nothing_behind(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[subprocess.Popen[Any]] = []

    class Watched(subprocess.Popen[Any]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            begun.append(self)

    monkeypatch.setattr(subprocess, "Popen", Watched)
    monkeypatch.setattr(sandbox_session, "_STARTING", 0.2)
    with pytest.raises(AwsError, match="did not start"):
        sandbox_session.start_sandbox(str(home))
    assert [one.poll() is not None for one in begun] == [True]
    assert not Path(sandbox_state.file_of(str(home))).exists()


def test_no_proxy_and_no_setting_of_aws_has_a_part_in_it(home: Path) -> None:
    with socket.socket() as proxy:
        proxy.bind(("127.0.0.1", 0))
        proxy.listen()
        proxy.setblocking(False)
        nowhere = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        config = home / "config"
        config.write_text(f"[default]\nendpoint_url = {nowhere}\nretry_mode = bogus\n[broken\n")
        proxies = dict.fromkeys(
            ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"), nowhere
        )
        endpoints = {f"AWS_ENDPOINT_URL{of}": nowhere for of in ("", "_ECS", "_STS", "_EC2", "_IAM")}
        done = program(
            "plan", "--sandbox", "--security-group", "sg-1", cwd=home, NO_PROXY="", AWS_PROFILE="nosuch", AWS_RETRY_MODE="bogus",
            AWS_MAX_ATTEMPTS="many", AWS_USE_FIPS_ENDPOINT="true", AWS_CONFIG_FILE=str(config), AWS_CA_BUNDLE="/nowhere",
            AWS_ACCESS_KEY_ID="AKIAREAL", AWS_SECRET_ACCESS_KEY="real", AWS_SESSION_TOKEN="real", **proxies, **endpoints,
        )  # fmt: skip
        out, err = done.communicate(timeout=120)
        assert done.returncode == 0, err
        assert "cluster" in out
        with pytest.raises(BlockingIOError):
            proxy.accept()


@pytest.mark.parametrize("given", [{"AWS_PROFILE": "nosuch"}, {"AWS_CONFIG_FILE": "compose.yaml"}])
def test_a_wrong_aws_configuration_is_told(home: Path, given: dict[str, str]) -> None:
    done = program("plan", cwd=home, AWS_REGION="us-east-1", AWS_EC2_METADATA_DISABLED="true", **given)
    err = done.communicate(timeout=60)[1]
    assert done.returncode == 3, err
    assert "C2F40" in err


def test_a_refusal_is_whole_before_a_body_that_nobody_reads(server: Server) -> None:
    for milliseconds in (0, 2, 4, 6, 8):  # the server waits ten for the rest of a request
        connection = HTTPConnection("127.0.0.1", int(server.url.rpartition(":")[2]), timeout=5)
        connection.putrequest("POST", "/")
        connection.putheader("Content-Length", "100")
        connection.endheaders()
        time.sleep(milliseconds / 1000)
        connection.send(b"x" * 50)
        answer = connection.getresponse()
        assert (answer.status, b"access key" in answer.read()) == (403, True)
        connection.close()
