"""Where the sandbox of a folder is: a small file in the user's cache, which nobody else may read or write.

The server writes it when it is ready, and ends when the file is gone or names another server. So whoever takes the
file away ends the server, no process is ever killed by a number that was read from a file, and none is left behind.
"""

from __future__ import annotations

import json
import os
import re
from hashlib import sha256
from typing import Final

from compose2fargate.diagnostics import Diagnostic, Severity, UsageError
from compose2fargate.disk.private import private_cache, read_private, write_private
from compose2fargate.disk.reading import parse_json
from compose2fargate.records import NamedTuple

_ADDRESS: Final = re.compile(r"http://127\.0\.0\.1:([0-9]{1,5})")


class SandboxState(NamedTuple):
    """A running sandbox: its address, the token that it asks for, its process, and the folder it belongs to."""

    url: str
    token: str
    pid: int
    folder: str

    @property
    def port(self) -> int:
        """The port on this machine."""
        found = _ADDRESS.fullmatch(self.url)
        if found is None:
            raise ValueError(self.url)
        return int(found[1])


def variables(url: str, token: str, region: str) -> str:
    """Give the lines that make the AWS CLI, Terraform and boto3 use a sandbox, for a shell to read."""
    given = {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": token,
        "AWS_SECRET_ACCESS_KEY": "sandbox",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
    }
    return "".join(f"export {name}={value}\n" for name, value in given.items())


def file_of(folder: str) -> str:
    """Give the file that belongs to a project's folder; the folder for such files is made.

    Raises:
        UsageError: The cache cannot be used, or belongs to somebody else.
    """
    real = os.path.realpath(folder)
    name = sha256(os.fsencode(real)).hexdigest()[:16]
    return os.path.join(_private_folder(), f"{name}.json")


def read(file: str) -> SandboxState | None:
    """Read a state; None where there is none, or one that is not ours alone."""
    try:
        found = SandboxState(**parse_json(read_private(file)))
        legal = bool(found.port)
    except (OSError, ValueError, TypeError):
        return None
    kinds = (str, str, int, str)
    legal = legal and all(type(value) is kind for value, kind in zip(found, kinds, strict=True))
    return found if legal and found.token else None


def write(file: str, state: SandboxState) -> None:
    """Write a state as a whole, for nobody else to read."""
    write_private(file, json.dumps(state._asdict()).encode("utf-8", "surrogateescape"))


def _private_folder() -> str:
    try:
        return private_cache("sandbox")
    except OSError as error:
        raise UsageError(_unusable(str(error.filename), error.strerror or "")) from None


def _unusable(folder: str, why: str) -> Diagnostic:
    return Diagnostic(
        "C2F494",
        Severity.ERROR,
        f"the sandbox cannot keep its address in {folder}: {why}",
        hint="set XDG_CACHE_HOME to a folder that you own",
    )
