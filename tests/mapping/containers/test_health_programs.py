from __future__ import annotations

from pathlib import Path

import pytest

from compose2fargate.diagnostics import Severity
from tests.mapping.conftest import Translate
from tests.mapping.containers.test_task_definitions import service

CURL = "healthcheck: {test: [CMD, curl, -f, 'http://localhost:8000/up']}"


def told(made: object) -> list[str]:
    found = [d for d in made.diagnostics if d.code == "C2F533"]  # type: ignore[attr-defined]
    assert all(d.severity is Severity.ERROR for d in found)
    return [f"{d.message} / {d.hint}" for d in found]


@pytest.mark.parametrize(
    ("image", "test", "words"),
    [
        ("python:3.12-slim", "[CMD, curl, -f, 'http://localhost:8000/up']", "urlopen('http://localhost:8000/up')"),
        ("node:22-alpine", "curl -f http://localhost:8000 || exit 1", "fetch('http://localhost:8000')"),
        ("traefik/whoami", "wget -q http://localhost/", "a shell"),
        ("gcr.io/distroless/static-debian12", "'true'", "disable: true"),
        ("gcr.io/distroless/base", "'true'", "disable: true"),
        ("mirror.example.org/distroless/nodejs22-debian12:nonroot", "'true'", "disable: true"),
        ("redis:7-alpine", "[CMD-SHELL, 'curl -s localhost:6379']", "wget"),
        ("php:8.3-cli", "wget -q http://localhost/", "file_get_contents"),
    ],
)  # fmt: skip
def test_a_check_with_a_program_that_the_image_lacks_is_told(
    image: str, test: str, words: str, translated: Translate
) -> None:
    (said,) = told(translated(service(f"healthcheck: {{test: {test}}}", image=f"image: {image}")))
    assert words in said


@pytest.mark.parametrize(
    ("image", "test"),
    [
        ("python:3.12", "[CMD, curl, -f, 'http://localhost:8000/up']"),
        ("acme/api", "[CMD, curl, -f, 'http://localhost:8000/up']"),
        ("node:22-alpine", "curl -f http://localhost || wget -q http://localhost"),
        ("node:22-alpine", "[CMD, wget, -q, 'http://localhost']"),
        ("gcr.io/distroless/static-debian12", "[CMD, /app, check]"),
        ("python:3.12-slim", "test -f /var/curl"),
    ],
)  # fmt: skip
def test_a_check_that_may_run_is_not_told(image: str, test: str, translated: Translate) -> None:
    assert told(translated(service(f"healthcheck: {{test: {test}}}", image=f"image: {image}"))) == []


@pytest.mark.parametrize(
    ("dockerfile", "lacks"),
    [
        ("FROM python:3.12-slim\nRUN pip install flask\n", True),
        ("FROM python:3.12-slim\nRUN apt-get update && apt-get install -y curl\n", False),
        ("FROM python:3.12-slim\nARG P\nRUN apt-get install -y $P\n", False),
        ("FROM python:3.12-slim\nRUN <<EOF apt-get\ninstall curl\nEOF\n", False),
        ("FROM scratch\nCOPY app /app\n", True),
        ("FROM alpine AS b\nFROM scratch\nCOPY --from=b / /\n", False),
        ("FROM debian:12 AS b\nFROM debian:12-slim\nCOPY --from=b /x/curl /usr/bin/curl\n", False),
        ("FROM python:3.12-slim\nHEALTHCHECK NONE\n", True),
    ],
)
def test_what_a_dockerfile_installs_is_there(
    dockerfile: str, lacks: bool, translated: Translate, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(dockerfile, encoding="utf-8")
    assert bool(told(translated(f"services: {{web: {{build: ., {CURL}}}}}"))) == lacks
