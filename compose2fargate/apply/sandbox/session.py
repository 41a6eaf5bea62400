"""A sandbox that outlives a command: one small server per project folder, found again by a file in the cache.

A fake AWS that forgot everything between `apply --sandbox` and `status --sandbox` would show nothing. The server
listens on this machine only, ends on `compose2fargate sandbox stop`, and by itself after some hours without a call.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from hashlib import sha256
from http.client import HTTPException
from importlib.util import find_spec
from typing import Any, Final, NamedTuple
from urllib.error import URLError
from urllib.request import Request, urlopen

from compose2fargate.apply.account import Account, Rate
from compose2fargate.diagnostics import AwsError, Diagnostic, Severity, UsageError

IDLE_SECONDS: Final = 4 * 3600
REGION: Final = "us-east-1"
_NO_LIMITS: Final[dict[str, Rate]] = {}


class Session(NamedTuple):
    """A running sandbox: its address and its process, and the folder it belongs to."""

    url: str
    pid: int
    folder: str


def open_sandbox(folder: str, region: str = "") -> Account:
    """Give the account of a folder's sandbox; one is started when there is none.

    Raises:
        UsageError: moto is not installed.
        AwsError: The server does not start.
    """
    import boto3

    session = find(folder) or start(folder)
    given = {"aws_access_key_id": "sandbox", "aws_secret_access_key": "sandbox", "aws_session_token": None}
    opened = boto3.Session(region_name=region or REGION, **given)
    return Account(opened, rates=_NO_LIMITS, pause=0.05, endpoint=session.url)


def find(folder: str) -> Session | None:
    """Find the sandbox of a folder; None when none answers."""
    try:
        with open(_file(folder), encoding="utf-8") as stream:
            session = Session(**json.load(stream))
        return session if call(session, "")["sandbox"] == "compose2fargate" else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def start(folder: str) -> Session:
    """Start a server for a folder, apart from this process, and write down where it is."""
    if find_spec("moto") is None or find_spec("flask") is None:
        raise UsageError(
            Diagnostic(
                "C2F416",
                Severity.ERROR,
                "the sandbox needs moto, which is not installed",
                hint="pip install 'compose2fargate[sandbox]'",
            )
        )
    command = [sys.executable, "-m", "compose2fargate.apply.sandbox", "0", "--idle", str(IDLE_SECONDS)]
    process = subprocess.Popen(  # noqa: S603 - our own module; it ends by itself, or on `sandbox stop`
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    )
    assert process.stdout is not None  # noqa: S101 - it was asked for
    url = process.stdout.readline().strip()
    process.stdout.close()
    process.returncode = 0  # it is not waited for
    if not url:
        raise AwsError(
            Diagnostic("C2F403", Severity.ERROR, "the sandbox did not start", hint=" ".join(command[1:4]))
        )
    session = Session(url, process.pid, os.path.realpath(folder))
    os.makedirs(_folder(), exist_ok=True)
    with open(_file(folder), "w", encoding="utf-8") as stream:
        json.dump(session._asdict(), stream)
    return session


def stop(folder: str) -> bool:
    """End the sandbox of a folder and forget what was in it; say whether there was one."""
    session = find(folder)
    if session is not None:
        call(session, "stop", {})
    if os.path.exists(_file(folder)):
        os.unlink(_file(folder))
    return session is not None


def call(session: Session, what: str, body: Any = None) -> Any:
    """Call the sandbox's own interface, see `wire`."""
    data = None if body is None else json.dumps(body).encode()
    request = Request(f"{session.url}/_sandbox/{what}".rstrip("/"), data)  # noqa: S310 - an address of this machine
    try:
        with urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.load(answer)
    except (URLError, HTTPException) as error:
        raise OSError(str(error)) from None


def _folder() -> str:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "compose2fargate", "sandbox")


def _file(folder: str) -> str:
    return os.path.join(_folder(), f"{sha256(os.path.realpath(folder).encode()).hexdigest()[:16]}.json")
