"""The routes of nginx-proxy and Caddy are named, each with what opens it."""

from __future__ import annotations

import pytest

from compose2fargate.diagnostics import Severity
from tests.mapping.conftest import Translate
from tests.mapping.containers.test_task_definitions import codes
from tests.mapping.proxies.test_host_tools import SOCKET


@pytest.mark.parametrize(
    ("image", "keys", "entry"),
    [
        ("nginxproxy/nginx-proxy", "environment: {VIRTUAL_HOST: 'a.example.com,b.example.com', VIRTUAL_PORT: '8080'}",
         "{port: 8080, host: [a.example.com, b.example.com]}"),
        ("jwilder/nginx-proxy", "environment: [VIRTUAL_HOST=a.example.com, VIRTUAL_PATH=/api/], expose: ['3000']",
         "{port: 3000, host: a.example.com, path: /api/*}"),
        ("jwilder/nginx-proxy", "environment: [VIRTUAL_HOST=a.example.com]", "{port: 80, host: a.example.com}"),
        ("jwilder/nginx-proxy", "environment: [VIRTUAL_HOST=a.example.com, VIRTUAL_PORT=²]", "{port: 80, host: a.example.com}"),
        ("lucaslorentz/caddy-docker-proxy", "labels: {caddy: a.example.com, caddy.reverse_proxy: '{{upstreams 8000}}'}",
         "{port: 8000, host: a.example.com}"),
        ("lucaslorentz/caddy-docker-proxy", "labels: {caddy_1: 'https://a.example.com', caddy_1.reverse_proxy: '{{upstreams}}'}",
         "{port: 80, host: a.example.com}"),
    ],
)  # fmt: skip
def test_a_route_of_another_proxy_is_named_with_what_opens_it(
    image: str, keys: str, entry: str, translated: Translate
) -> None:
    text = f"""
services:
  proxy: {{image: {image}, volumes: ['{SOCKET}'], ports: ['80:80']}}
  app:
    image: registry.example.com/app
    {keys.replace(", expose", chr(10) + "    expose")}
"""
    made = translated(text, without_host_tools=True)
    (found,) = [d for d in made.diagnostics if d.code == "C2F513"]
    assert f"x-fargate: {{ingress: [{entry}]}}" in found.hint
    assert (found.severity, found.location and found.location.line) == (Severity.WARNING, 6)
    assert "C2F513" not in codes(translated(text, allow=("C2F211",)))


def test_what_the_file_says_itself_needs_no_finding(translated: Translate) -> None:
    made = translated(
        f"""
services:
  proxy: {{image: jwilder/nginx-proxy, volumes: ['{SOCKET}']}}
  app: {{image: a, environment: {{VIRTUAL_HOST: a}}, x-fargate: {{ingress: [{{port: 80, host: a}}]}}}}
""",
        without_host_tools=True,
    )
    assert "C2F513" not in codes(made)
