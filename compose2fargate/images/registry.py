"""Asks a registry what it holds, by the protocol that all of them speak.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from compose2fargate.diagnostics import AwsError, Diagnostic, Severity
from compose2fargate.disk.reading import parse_json
from compose2fargate.records import NamedTuple

_TYPES: Final = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
_TIMEOUT: Final = 30
_REASONS: Final = 3
_SAID: Final = 300
_MISSING: Final = 404
_LOG_IN: Final = 401
_REFUSED: Final = (401, 403)
_REDIRECTS: Final = (301, 302, 303, 307, 308)
_LARGEST: Final = 8 << 20
_DIGEST: Final = re.compile(r"[a-z0-9]+(?:[.+_-][a-z0-9]+)*:[A-Za-z0-9=_-]+")
"""https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests"""


class _Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes


class Registry:
    """One registry, and the login for it.

    Attributes:
        host: Its address.
        basic: The login as HTTP has it; "" asks without one.
        insecure: Whether it is without TLS.
        strict: Whether a refusal is an error; else what may not be read counts as not there. The login that a builder
            finds for a registry that is not ECR need not be the one that we find.
    """

    def __init__(self, host: str, basic: str = "", *, insecure: bool = False, strict: bool = True) -> None:
        self.host = host
        self.requests = 0
        self._authorization = f"Basic {basic}" if basic else ""
        self._tokens: dict[str, str] = {}
        self._scheme = "http" if insecure else "https"
        self._strict = strict

    def digest_of(self, repository: str, reference: str) -> str:
        """Give the digest of the manifest that a tag or a digest names; empty when there is none.

        Raises:
            AwsError: The registry refuses, or cannot be reached.
        """
        answer = self._ask("HEAD", f"{repository}/manifests/{reference}")
        if answer is None:
            return ""
        return _digest(answer) or (reference if ":" in reference else "")

    def label(self, repository: str, reference: str, name: str) -> tuple[str, str]:
        """Give the digest of an image and one of its labels; empty texts when there is no such image."""
        answer = self._ask("GET", f"{repository}/manifests/{reference}")
        manifest = _json(answer)
        blob = str(_member(manifest, "config").get("digest", ""))
        if answer is None or not _DIGEST.fullmatch(
            blob
        ):  # there is none, or it is an index of several images
            return "", ""
        held = _json(self._ask("GET", f"{repository}/blobs/{blob}"))
        return _digest(answer), str(_member(_member(held, "config"), "Labels").get(name) or "")

    def tag(self, repository: str, digest: str, tag: str) -> None:
        """Give an image that is there a further tag."""
        answer = self._ask("GET", f"{repository}/manifests/{digest}")
        if answer is None:
            return
        kind = answer.headers.get("content-type", _TYPES[0])
        self._ask("PUT", f"{repository}/manifests/{tag}", answer.body, kind)

    def _ask(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> _Answer | None:
        repository = path.split("/manifests/", maxsplit=1)[0].split("/blobs/", maxsplit=1)[0]
        headers = {"Accept": ", ".join((*_TYPES, "*/*")), "Content-Type": kind}
        url = f"{self._scheme}://{self.host}/v2/{path}"
        answer = self._send(method, url, {**headers, "Authorization": self._login(repository)}, body)
        if answer.status == _LOG_IN and self._take_token(
            repository, answer.headers.get("www-authenticate", "")
        ):
            answer = self._send(method, url, {**headers, "Authorization": self._login(repository)}, body)
        if answer.status in _REDIRECTS:
            # To a storage service, which is not to see our login.
            answer = self._send(method, answer.headers.get("location", ""), {}, body)
        if answer.status == _MISSING or (not self._strict and answer.status in _REFUSED):
            return None
        if answer.status >= 300:
            raise self._refused(f"it answers {answer.status} to {method} {path}{_reason(answer)}")
        return answer

    def _login(self, repository: str) -> str:
        return self._tokens.get(repository, self._authorization)

    def _take_token(self, repository: str, challenge: str) -> bool:
        """Fetch the token that the registry asks for: https://distribution.github.io/distribution/spec/auth/token/."""
        from urllib.parse import urlencode

        scheme, _, rest = challenge.partition(" ")
        asked = dict(re.findall(r'\b(\w+)="([^"]*)"', rest))
        if scheme.lower() != "bearer" or not asked.get("realm", "").startswith(f"{self._scheme}://"):
            return False
        query = {"service": asked.get("service", ""), "scope": f"repository:{repository}:pull,push"}
        answer = self._send(
            "GET", f"{asked['realm']}?{urlencode(query)}", {"Authorization": self._authorization}
        )
        held = _json(answer)
        token = held.get("token") or held.get("access_token")
        if token:
            self._tokens[repository] = f"Bearer {token}"
        return bool(token)

    def _send(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> _Answer:
        from http.client import HTTPException
        from urllib.error import HTTPError, URLError
        from urllib.request import Request

        self.requests += 1
        if not url.startswith(
            ("https://", f"{self._scheme}://")
        ):  # no file of this machine, wherever a redirection leads
            raise self._refused(f"it redirects to an address that is not HTTP or HTTPS: {url}")
        given = {name: value for name, value in headers.items() if value}
        request = Request(url, data=body, headers=given, method=method)  # noqa: S310 - https, unless told otherwise
        try:
            with _opener().open(request, timeout=_TIMEOUT) as reply:
                return _Answer(reply.status, _lower(reply.headers), reply.read(_LARGEST))
        except HTTPError as error:
            with error:
                return _Answer(error.code, _lower(error.headers), error.read(_LARGEST))
        except (URLError, HTTPException, OSError, ValueError) as error:
            raise self._refused(f"it cannot be reached: {getattr(error, 'reason', error)}") from error

    def _refused(self, reason: str) -> AwsError:
        return AwsError(
            Diagnostic(
                "C2F443",
                Severity.ERROR,
                f"the registry {self.host} cannot be queried: {reason}",
                hint="check --region, --account, --registry and the credentials: aws sts get-caller-identity",
                url="https://docs.aws.amazon.com/AmazonECR/latest/userguide/common-errors-docker.html",
            )
        )


def _opener() -> Any:
    """An opener that follows no redirects: it would send the login along."""
    from urllib.request import HTTPRedirectHandler, build_opener

    class Stay(HTTPRedirectHandler):
        def redirect_request(self, *_arguments: Any) -> None:
            return None

    return build_opener(Stay)


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _json(answer: _Answer | None) -> dict[str, Any]:
    if answer is None:
        return {}
    try:
        held = parse_json(answer.body)
    except ValueError:
        return {}
    return held if isinstance(held, dict) else {}


def _member(held: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Give a member that is to be a mapping; an empty one where it is something else."""
    found = held.get(name)
    return found if isinstance(found, dict) else {}


def _digest(answer: _Answer) -> str:
    """Give the digest that an answer names; "" where it is none."""
    found = _DIGEST.fullmatch(answer.headers.get("docker-content-digest", ""))
    return found[0] if found else ""


def _reason(answer: _Answer) -> str:
    """What the registry says is wrong, in its own words."""
    errors = _json(answer).get("errors")
    listed = errors if isinstance(errors, list) else []
    words = [f"{e.get('code')}: {e.get('message')}"[:_SAID] for e in listed[:_REASONS] if isinstance(e, dict)]
    return f" ({'; '.join(words)})" if words else ""
