"""The registry's protocol: redirects, refusals, and what a manifest may be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from compose2fargate.diagnostics import AwsError
from compose2fargate.images.registry import Registry

Answers = dict[tuple[str, str], tuple[int, dict[str, str], bytes]]
Serve = Callable[[Answers], tuple[str, list[tuple[str, str, str]]]]


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[ThreadingHTTPServer] = []

    def start(answers: Answers) -> tuple[str, list[tuple[str, str, str]]]:
        seen: list[tuple[str, str, str]] = []

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                seen.append((self.command, self.path, self.headers.get("Authorization", "")))
                status, headers, body = answers.get((self.command, self.path), (404, {}, b""))
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            do_HEAD = do_GET = do_PUT = answer  # noqa: N815 - names that the server wants

            def log_message(self, *arguments: Any) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        return f"127.0.0.1:{server.server_address[1]}", seen

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_manifest_is_asked_for_by_its_head(serve: Serve) -> None:
    host, seen = serve({("HEAD", "/v2/a/b/manifests/1"): (200, {"Docker-Content-Digest": "sha256:1"}, b"")})
    registry = Registry(host, "bG9naW4=", insecure=True)
    assert registry.digest_of("a/b", "1") == "sha256:1"
    assert registry.digest_of("a/b", "2") == ""
    assert seen == [("HEAD", f"/v2/a/b/manifests/{tag}", "Basic bG9naW4=") for tag in ("1", "2")]
    assert registry.requests == 2


def test_a_blob_elsewhere_is_fetched_without_our_login(serve: Serve) -> None:
    storage, seen_there = serve({("GET", "/blob"): (200, {}, b'{"config": {"Labels": {"x": "y"}}}')})
    host, seen = serve(
        {
            ("GET", "/v2/a/manifests/1"): (
                200,
                {"Docker-Content-Digest": "sha256:1"},
                b'{"config": {"digest": "sha256:2"}}',
            ),
            ("GET", "/v2/a/blobs/sha256:2"): (307, {"Location": f"http://{storage}/blob"}, b""),
        }
    )
    registry = Registry(host, "bG9naW4=", insecure=True)
    assert registry.label("a", "1", "x") == ("sha256:1", "y")
    assert registry.label("a", "1", "z") == ("sha256:1", "")
    assert {login for _, _, login in seen} == {"Basic bG9naW4="}
    assert {login for _, _, login in seen_there} == {""}


@pytest.mark.parametrize("body", [b'{"manifests": []}', b"[]", b"no json"])
def test_what_is_no_image_has_no_label(body: bytes, serve: Serve) -> None:
    host, _ = serve({("GET", "/v2/a/manifests/1"): (200, {}, body)})
    assert Registry(host, insecure=True).label("a", "1", "x") == ("", "")


def test_a_tag_is_put_with_the_type_of_the_manifest(serve: Serve) -> None:
    host, seen = serve(
        {
            ("GET", "/v2/a/manifests/sha256:1"): (200, {"Content-Type": "application/x"}, b"{}"),
            ("PUT", "/v2/a/manifests/v1"): (201, {}, b""),
        }
    )
    Registry(host, insecure=True).tag("a", "sha256:1", "v1")
    assert [(method, path) for method, path, _ in seen] == [
        ("GET", "/v2/a/manifests/sha256:1"),
        ("PUT", "/v2/a/manifests/v1"),
    ]


@pytest.mark.parametrize("status", [400, 401, 403, 500])
def test_a_refusal_is_told_in_the_registrys_words(status: int, serve: Serve) -> None:
    body = b'{"errors": [{"code": "DENIED", "message": "not you"}, 3]}'
    host, _ = serve({("GET", "/v2/a/manifests/1"): (status, {}, body)})
    with pytest.raises(AwsError, match=rf"answers {status} to GET a/manifests/1 \(DENIED: not you\)"):
        Registry(host, insecure=True).label("a", "1", "x")


def test_a_registry_without_tls_is_not_trusted_by_itself(serve: Serve) -> None:
    host, seen = serve({})
    with pytest.raises(AwsError, match="cannot be reached"):
        Registry(host, "bG9naW4=").digest_of("a", "1")
    assert seen == []


def test_what_may_not_be_read_is_not_there_where_the_login_is_not_ours(serve: Serve) -> None:
    host, _ = serve({("HEAD", "/v2/a/manifests/1"): (401, {}, b"")})
    assert Registry(host, insecure=True, strict=False).digest_of("a", "1") == ""


def test_a_token_is_fetched_where_the_registry_asks_for_one(serve: Serve) -> None:
    answers: Answers = {("HEAD", "/v2/a/b/manifests/1"): (401, {}, b"")}
    host, seen = serve(answers)
    challenge = f'Bearer realm="http://{host}/token",service="x y",scope="repository:a/b:pull"'
    answers["HEAD", "/v2/a/b/manifests/1"] = (401, {"WWW-Authenticate": challenge}, b"")
    token = "/token?service=x+y&scope=repository%3Aa%2Fb%3Apull%2Cpush"
    answers["GET", token] = (200, {}, b'{"token": "t0k3n"}')
    with pytest.raises(AwsError, match="answers 401"):
        Registry(host, "bG9naW4=", insecure=True).digest_of("a/b", "1")
    assert seen == [
        ("HEAD", "/v2/a/b/manifests/1", "Basic bG9naW4="),
        ("GET", token, "Basic bG9naW4="),
        ("HEAD", "/v2/a/b/manifests/1", "Bearer t0k3n"),
    ]


def test_a_login_is_not_sent_to_a_realm_without_tls(serve: Serve) -> None:
    host, seen = serve({})
    registry = Registry(host, "bG9naW4=")
    assert not registry._take_token("a", f'Bearer realm="http://{host}/token"')
    assert seen == []
