"""`python -m compose2fargate.apply.sandbox PORT`: the fake AWS as a server, for the AWS CLI, Terraform and boto3."""

from __future__ import annotations

import sys

from compose2fargate.apply.sandbox.wire import Sandbox, serve


def main(arguments: list[str]) -> int:
    """Serve until `POST /_sandbox/stop` or an interrupt; prints the address once it can be called."""
    if len(arguments) != 1 or not arguments[0].isdigit():
        sys.stderr.write("usage: python -m compose2fargate.apply.sandbox PORT   (0 takes a free port)\n")
        return 2
    server = serve(Sandbox(), int(arguments[0]))
    sys.stdout.write(f"http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
