"""What a load balancer's plain GET is answered with, beside the container's own health check."""

from __future__ import annotations

from typing import Any

import pytest

from compose2fargate.aws.resources import TargetGroup
from compose2fargate.diagnostics import Severity
from tests.mapping.conftest import Translate
from tests.mapping.network.test_load_balancing import all_of

URL = "http://localhost:8000/status"


def group(made: Any) -> TargetGroup:
    (found,) = all_of(made, TargetGroup).values()
    return found


def codes_of(made: Any) -> str:
    matcher = group(made).matcher
    assert matcher is not None
    return str(matcher.http_code)


def file(test: str, more: str = "") -> str:
    return f"""
    services:
      web:
        image: acme/web
        ports: ["8000:8000"]
        healthcheck:
          test: {test}
        {more}
    """


@pytest.mark.parametrize(
    ("test", "said"),
    [
        (f'[CMD, curl, -fsS, -u, "u:p", "{URL}"]', "a login"),
        (f"curl -fsSu u:p {URL}", "a login"),
        (f"curl --fail --user u:p {URL} || exit 1", "a login"),
        (f"wget -q --user=u --password=p -O- {URL}", "a login"),
        (f"'curl -f -H \"Host: shop.example.org\" {URL}'", "the header Host"),
        (f"'curl -f --header \"X-Api-Key: 1\" {URL}'", "the header X-Api-Key"),
        (f"curl -f -X POST {URL}", "POST"),
        (f"curl -f -XPOST {URL}", "POST"),
        (f"curl -f -d a=b {URL}", "a body"),
        (f"curl {URL}", "no -f"),
        (f"[CMD, curl, -s, '{URL}']", "no -f"),
        (f"'curl -s -o /dev/null -w \"%{{http_code}}\" {URL} | grep -q 401'", "takes 401 for healthy"),
        (f"'test $$(curl -s -w \"%{{http_code}}\" {URL}) -eq 403'", "takes 403 for healthy"),
        (f"'python3 -c \"import requests; requests.get(\\'{URL}\\', headers={{1: 2}}); Host=1\"'".replace("\\'", "''"), "the header Host"),
    ],
)  # fmt: skip
def test_what_asks_more_than_a_plain_get_makes_more_answers_healthy(
    test: str, said: str, translated: Translate
) -> None:
    made = translated(file(test))
    assert group(made).health_check_path == "/status"
    assert codes_of(made) == "200-499"
    (told,) = [d for d in made.diagnostics if d.code == "C2F530"]
    assert told.severity is Severity.INFO
    assert said in told.message
    assert "health_path" in told.hint


@pytest.mark.parametrize(
    "test",
    [f"curl -f {URL}", f"[CMD, curl, -fsS, '{URL}']", f"curl --fail {URL} || exit 1", f"wget -qO- {URL}", f"wget --spider {URL}",
     f"'curl -sf -H \"Accept: application/json\" -A x {URL}'", f"curl -s {URL} | grep ok", f"curl -f -I {URL}",
     f"'curl -s -o /dev/null -w \"%{{http_code}}\" {URL} | grep 200'", f"curl -X GET -sf {URL}"],
)  # fmt: skip
def test_a_plain_check_stays_as_strict_as_it_is(test: str, translated: Translate) -> None:
    made = translated(file(test))
    assert codes_of(made) == "200-399"
    assert not [d for d in made.diagnostics if d.code == "C2F530"]


def test_a_path_or_codes_of_the_users_own_stand(translated: Translate) -> None:
    test = f"curl -f -u u:p {URL}"
    own = "x-fargate: {ingress: [{port: 8000, %s}]}"
    assert codes_of(translated(file(test, own % "health_path: /up"))) == "200-399"
    assert codes_of(translated(file(test, own % "health_codes: '200'"))) == "200"


@pytest.mark.parametrize(
    "variable",
    ['ALLOWED_HOSTS: "localhost,shop.example.org"', "DJANGO_ALLOWED_HOSTS: shop.example.org", "TRUSTED_HOSTS: '^shop$'",
     "NEXTCLOUD_TRUSTED_DOMAINS: cloud.example.org"],
)  # fmt: skip
def test_a_list_of_host_names_is_told_and_does_not_fail_the_check(
    variable: str, translated: Translate
) -> None:
    made = translated(file(f"curl -f {URL}", f"environment: {{{variable}}}"))
    assert codes_of(made) == "200-499"
    (told,) = [d for d in made.diagnostics if d.code == "C2F535"]
    assert told.severity is Severity.WARNING
    assert variable.partition(":")[0] in told.hint


@pytest.mark.parametrize(
    "variable",
    ["ALLOWED_HOSTS: '*'", "ALLOWED_HOSTS: 'a,*'", "ALLOWED_HOSTS: ''", "CORS_ALLOWED_HOSTS: a", "DB_ALLOWED_HOSTS: a",
     "ALLOWED_HOSTS: '.amazonaws.com'", "HOSTS: a"],
)  # fmt: skip
def test_a_list_that_takes_the_load_balancer_is_not_told(variable: str, translated: Translate) -> None:
    made = translated(file(f"curl -f {URL}", f"environment: {{{variable}}}"))
    assert codes_of(made) == "200-399"
    assert not [d for d in made.diagnostics if d.code == "C2F535"]


def test_without_a_load_balancer_nothing_is_said(translated: Translate) -> None:
    made = translated(
        "services: {web: {image: a, expose: ['8000'], environment: {ALLOWED_HOSTS: shop},"
        f" healthcheck: {{test: 'curl {URL}'}}}}}}"
    )
    assert not [d for d in made.diagnostics if d.code in {"C2F530", "C2F535"}]
