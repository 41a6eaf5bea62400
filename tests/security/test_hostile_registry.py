"""A registry may answer anything: the outcome is a digest, nothing, or a located error; no file of this machine is read for it."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest

from compose2fargate.diagnostics import AwsError
from compose2fargate.images.registry import Registry

DIGEST = "sha256:" + "a" * 64
DEEP = b"[" * 200_000


class Answers(BaseHTTPRequestHandler):
    status = 200
    headers_given: ClassVar[dict[str, str]] = {}
    body = b""

    def do_GET(self) -> None:
        self.send_response(self.status)
        for name, value in {**self.headers_given, "Content-Length": str(len(self.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(self.body)

    do_HEAD = do_PUT = do_GET  # noqa: N815 - names of http.server

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def registry() -> Iterator[Registry]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    Thread(target=server.serve_forever, daemon=True).start()
    yield Registry(f"127.0.0.1:{server.server_port}", insecure=True)
    server.shutdown()
    server.server_close()


def answer(
    monkeypatch: pytest.MonkeyPatch, status: int, body: bytes = b"", headers: dict[str, str] | None = None
) -> None:
    monkeypatch.setattr(Answers, "status", status)
    monkeypatch.setattr(Answers, "body", body)
    monkeypatch.setattr(Answers, "headers_given", headers or {})


@pytest.mark.parametrize(
    "body",
    [
        DEEP,
        b"[]",
        b"5",
        b'{"config": "x"}',
        b'{"config": ["digest"]}',
        b'{"config": {"digest": 5}}',
        b'{"config": {"digest": "../../../x"}}',
        f'{{"config": {{"digest": "{DIGEST}", "Labels": [1]}}}}'.encode(),
        f'{{"config": {{"digest": "{DIGEST}", "Labels": "x"}}}}'.encode(),
    ],
)
def test_no_answer_is_taken_for_a_label(
    body: bytes, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, 200, body)
    assert registry.label("a", "1", "x")[1] == ""


@pytest.mark.parametrize(
    "digest", ["x", "sha256:", "sha256:../../x", DIGEST + "/..", f"{DIGEST} x", f"{DIGEST}$(x)", "SHA256:1"]
)
def test_what_is_no_digest_is_none(digest: str, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, 200, b"{}", {"Docker-Content-Digest": digest})
    assert registry.digest_of("a", "1") == ""
    answer(monkeypatch, 200, b"{}", {"Docker-Content-Digest": DIGEST})
    assert registry.digest_of("a", "1") == DIGEST


@pytest.mark.parametrize("scheme", ["file://", "FILE://", "ftp://127.0.0.1:9", "data:,"])
def test_a_redirection_leads_to_no_file(
    scheme: str, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "secret").write_text('{"config": {"Labels": {"x": "secret"}}}', encoding="utf-8")
    answer(monkeypatch, 307, b"", {"Location": f"{scheme}{tmp_path}/secret"})
    with pytest.raises(AwsError, match="an address that is not HTTP or HTTPS"):
        registry.label("a", "1", "x")


@pytest.mark.parametrize("errors", [b"5", b'"x"', b"{}", b"[5, null]", b'[{"code": [], "message": {}}]'])
def test_reasons_of_any_form_are_an_error(
    errors: bytes, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, 500, b'{"errors": ' + errors + b"}")
    with pytest.raises(AwsError, match="it answers 500"):
        registry.digest_of("a", "1")
    with pytest.raises(AwsError, match="it answers 500"):
        registry.label("a", "1", "x")


def test_a_long_reason_is_cut(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    answer(
        monkeypatch, 500, b'{"errors": [' + b",".join([b'{"message": "' + b"x" * 9000 + b'"}'] * 99) + b"]}"
    )
    with pytest.raises(AwsError) as caught:
        registry.label("a", "1", "x")
    assert len(str(caught.value)) < 2000
