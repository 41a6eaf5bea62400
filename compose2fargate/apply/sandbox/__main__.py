"""`python -I -m compose2fargate.apply.sandbox PORT`: the fake AWS as a server, for the AWS CLI, Terraform and boto3.

It prints the variables with which they use it, its token among them: `eval "$(...)"` of a shell reads them.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from compose2fargate.apply.sandbox import sandbox_state
from compose2fargate.apply.sandbox.server import REGION, Sandbox, make_server
from compose2fargate.disk.private import remove_private


def main(arguments: list[str]) -> int:
    """Serve until `POST /_sandbox/stop`, an interrupt, or for so long without a call; prints the variables first."""
    given = _parser().parse_args(arguments)
    sandbox, token = Sandbox(), secrets.token_hex(20)
    server = make_server(sandbox, given.port, token)
    url = f"http://127.0.0.1:{server.server_port}"
    if given.state:
        sandbox_state.write(given.state, sandbox_state.SandboxState(url, token, os.getpid(), given.folder))
        _when(lambda: _is_gone(given.state, token), server)
    if given.idle:
        _when(lambda: time.monotonic() - sandbox.used > given.idle, server)
    sys.stdout.write(sandbox_state.variables(url, token, REGION))
    sys.stdout.flush()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 130
    finally:
        if given.state and not _is_gone(given.state, token):
            remove_private(given.state)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -I -m compose2fargate.apply.sandbox", description=__doc__)
    parser.add_argument("port", type=int, help="0 takes a free one")
    parser.add_argument(
        "--idle", type=int, default=0, metavar="SECONDS", help="end after so long without a call"
    )
    parser.add_argument(
        "--state", default="", metavar="FILE", help="write the address there, and end when it is gone"
    )
    parser.add_argument("--folder", default="", help="the project's folder that it is for")
    return parser


def _is_gone(file: str, token: str) -> bool:
    found = sandbox_state.read(file)
    return found is None or found.token != token


def _when(is_over: Callable[[], bool], server: Any) -> None:
    """End the server as soon as something holds; looked at each second."""

    def watch() -> None:
        while not is_over():
            time.sleep(1)
        server.shutdown()

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)  # nothing is left to do, and to free all that moto has takes a second
