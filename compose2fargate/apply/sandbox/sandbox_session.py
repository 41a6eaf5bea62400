"""A sandbox that outlives a command: one small server per project folder, found again by a file in the cache.

A fake AWS that forgot everything between `apply --sandbox` and `status --sandbox` would show nothing. The server
listens on this machine only, answers those who know its token, ends on `compose2fargate sandbox stop`, and by itself
after some hours without a call.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from http.client import HTTPConnection, HTTPException
from importlib.util import find_spec
from typing import Any, Final

from compose2fargate.apply.aws_client.account import AwsAccount, CallRate
from compose2fargate.apply.sandbox import sandbox_state
from compose2fargate.apply.sandbox.request_guard import HEADER
from compose2fargate.apply.sandbox.sandbox_state import SandboxState as Session
from compose2fargate.diagnostics import AwsError, Diagnostic, Severity, UsageError
from compose2fargate.disk.private import locked, remove_private

IDLE_SECONDS: Final = 4 * 3600
REGION: Final = "us-east-1"
_NO_LIMITS: Final[dict[str, CallRate]] = {}
_STARTING: Final = 60
_ENDING: Final = 5

__all__ = [
    "IDLE_SECONDS",
    "REGION",
    "Session",
    "call_sandbox",
    "find_sandbox",
    "open_sandbox",
    "start_sandbox",
    "stop_sandbox",
]


def open_sandbox(folder: str, region: str = "") -> AwsAccount:
    """Give the account of a folder's sandbox; one is started when there is none.

    Raises:
        UsageError: moto is not installed.
        AwsError: The server does not start.
    """
    session = start_sandbox(folder)
    return AwsAccount(
        _plain_session(session.token, region or REGION), rates=_NO_LIMITS, pause=0.05, endpoint=session.url
    )


def _plain_session(token: str, region: str) -> Any:
    """Make a boto3 session that knows nothing of the user's profiles, variables and configuration of AWS."""
    import boto3
    from botocore.session import Session as CoreSession

    known = CoreSession.SESSION_VARIABLES.items()
    unset = {name: (None, None, default, cast) for name, (_, _, default, cast) in known}
    files = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None))
    core = CoreSession(session_vars={**unset, **files})
    return boto3.Session(token, "sandbox", region_name=region, botocore_session=core)


def find_sandbox(folder: str) -> Session | None:
    """Find the sandbox of a folder; None when none answers."""
    found = sandbox_state.read(sandbox_state.file_of(folder))
    return found if found is not None and _answers(found) else None


def _answers(session: Session) -> bool:
    try:
        answer = call_sandbox(session, "")
    except (OSError, ValueError):
        return False
    return isinstance(answer, dict) and (answer.get("sandbox"), answer.get("pid")) == (
        "compose2fargate",
        session.pid,
    )


def start_sandbox(folder: str) -> Session:
    """Give the server of a folder; start one apart from this process, when none answers."""
    found = find_sandbox(folder)
    if found is not None:
        return found
    if find_spec("moto") is None or find_spec("flask") is None:
        raise UsageError(
            Diagnostic(
                "C2F416",
                Severity.ERROR,
                "the sandbox needs moto, which is not installed",
                hint="pip install 'compose2fargate[sandbox]', or in a checkout: .venv/bin/pip install -e '.[sandbox]'",
            )
        )
    file = sandbox_state.file_of(folder)
    with locked(file):
        found = find_sandbox(folder)
        if found is None:
            remove_private(file)  # ends one that does not answer
            found = _start(folder, file)
        return found


# The interpreter looks for modules where it is installed and where this package is, and nowhere else.
_BOOT: Final = "import sys, runpy; sys.path.append(sys.argv.pop(1)); runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
_MODULE: Final = "compose2fargate.apply.sandbox"
_KEPT: Final = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SYSTEMROOT", "TEMP", "TMP")


def _start(folder: str, file: str) -> Session:
    """Start a server, and wait until its state stands in `file`; one that does not get so far is ended."""
    home = os.path.dirname(os.path.dirname(sys.modules["compose2fargate"].__file__ or ""))
    options = ["0", "--idle", str(IDLE_SECONDS), "--state", file, "--folder", os.path.realpath(folder)]
    process = subprocess.Popen(  # noqa: S603 - our own module; it ends by itself, or when its state is gone
        [sys.executable, "-I", "-c", _BOOT.format(module=_MODULE), os.path.abspath(home), *options],
        cwd=os.path.dirname(file),
        env={
            **{name: os.environ[name] for name in _KEPT if name in os.environ},
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        session = _awaited(process, file)
    except BaseException:
        process.kill()
        process.wait()
        remove_private(file)
        raise
    process.returncode = 0  # it is not waited for
    return session


def _awaited(process: subprocess.Popen[bytes], file: str) -> Session:
    end = time.monotonic() + _STARTING
    while time.monotonic() < end and process.poll() is None:
        found = sandbox_state.read(file)
        if found is not None and found.pid == process.pid and _answers(found):
            return found
        time.sleep(0.03)
    raise AwsError(
        Diagnostic("C2F403", Severity.ERROR, "the sandbox did not start", hint=f"python -I -m {_MODULE} 0")
    )


def stop_sandbox(folder: str) -> bool:
    """End the sandbox of a folder and forget what was in it; say whether there was one."""
    file = sandbox_state.file_of(folder)
    with locked(file):
        session = sandbox_state.read(file)
        answered = session is not None and _answers(session)
        if session is not None and answered:
            call_sandbox(session, "stop", {})
        remove_private(file)
        end = time.monotonic() + _ENDING
        while session is not None and answered and time.monotonic() < end and _answers(session):
            time.sleep(0.03)
    return answered


def call_sandbox(session: Session, what: str, body: Any = None) -> Any:
    """Call the sandbox's own interface, see `server`. No proxy has a part in it.

    Raises:
        OSError: The sandbox does not answer, or refuses.
        ValueError: What answers is no sandbox.
    """
    connection = HTTPConnection("127.0.0.1", session.port, timeout=10)
    try:
        connection.request(
            "GET" if body is None else "POST",
            f"/_sandbox/{what}".rstrip("/"),
            None if body is None else json.dumps(body),
            {HEADER: session.token},
        )
        answer = connection.getresponse()
        text = answer.read()
    except HTTPException as error:
        raise OSError(str(error)) from None
    finally:
        connection.close()
    if answer.status != 200:
        raise OSError(f"the sandbox answered {answer.status}")
    return json.loads(text)
