"""`python -m compose2fargate.apply.sandbox PORT`: the fake AWS as a server, for the AWS CLI, Terraform and boto3."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

from compose2fargate.apply.sandbox.wire import Sandbox, serve

USAGE = "usage: python -m compose2fargate.apply.sandbox PORT [--idle SECONDS]   (port 0 takes a free one)\n"


def main(arguments: list[str]) -> int:
    """Serve until `POST /_sandbox/stop`, an interrupt, or for so long without a call; prints the address first."""
    port, idle = _arguments(arguments)
    if port is None:
        sys.stderr.write(USAGE)
        return 2
    sandbox = Sandbox()
    server = serve(sandbox, port)
    if idle:
        threading.Thread(target=_watch, args=(sandbox, server, idle), daemon=True).start()
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 130
    return 0


def _arguments(arguments: list[str]) -> tuple[int | None, int]:
    if len(arguments) == 3 and arguments[1] == "--idle" and arguments[2].isdigit():
        return _arguments(arguments[:1])[0], int(arguments[2])
    return (int(arguments[0]), 0) if len(arguments) == 1 and arguments[0].isdigit() else (None, 0)


def _watch(sandbox: Sandbox, server: Any, idle: int) -> None:
    while time.monotonic() - sandbox.used < idle:
        time.sleep(min(idle, 60))
    server.shutdown()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
