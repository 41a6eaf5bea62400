"""Who may call the sandbox's server: who knows its token. A web page in a browser of this machine does not, nor may it try.

AWS's own clients send the token as the access key with which they sign. The sandbox's own interface takes it in a header.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qs

HEADER: Final = "X-Sandbox-Token"
_SIGNED: Final = re.compile(r"\bCredential=([^/,\s]{1,200})/")
_OF_BROWSERS: Final = ("HTTP_ORIGIN", "HTTP_SEC_FETCH_SITE")
_HOSTS: Final = ("127.0.0.1", "localhost")


def refusal(environ: Mapping[str, Any], token: str, port: int) -> str:
    """Say why a request is not answered; "" when it is.

    Args:
        environ: The request, as WSGI has it.
        token: What the caller has to know.
        port: Where the server listens.
    """
    # A page of another site reaches this server by a name that leads here (DNS rebinding): it is none of ours.
    if str(environ.get("HTTP_HOST", "")).lower() not in {f"{host}:{port}" for host in _HOSTS}:
        return "the sandbox is called by its address only"
    if any(name in environ for name in _OF_BROWSERS):
        return "the sandbox is not for browsers"
    if not any(hmac.compare_digest(given.encode(), token.encode()) for given in _given(environ)):
        return "the sandbox takes its own access key only; compose2fargate sandbox env prints it"
    return ""


def _given(environ: Mapping[str, Any]) -> list[str]:
    """Give what a request has for a token: the header, or the access key that it is signed with."""
    own = environ.get("HTTP_X_SANDBOX_TOKEN")
    signed = _SIGNED.search(str(environ.get("HTTP_AUTHORIZATION", "")))
    presigned = parse_qs(str(environ.get("QUERY_STRING", ""))).get("X-Amz-Credential", [""])[0]
    given = (own, signed and signed[1], presigned.partition("/")[0])
    return [text for text in map(str, filter(None, given)) if text.isascii()]
