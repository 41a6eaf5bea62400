"""What a compose file has for development: what is told, and what is left alone."""

from __future__ import annotations

import pytest

from compose2fargate.apply.deployment.rollout import failure_advice
from compose2fargate.diagnostics import Severity
from tests.mapping.conftest import Translate


def told(made: object, code: str) -> list[str]:
    return [d.message for d in made.diagnostics if d.code == code]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("http://localhost:5000/graphql", "localhost:5000"),
        ("ws://127.0.0.1:8765", "127.0.0.1:8765"),
        ("host.docker.internal", "host.docker.internal"),
        ("https://api.example.com", ""),
        ("localhost.example.com", ""),
        ("my-localhost", ""),
    ],
)
def test_a_build_argument_on_the_own_machine_is_told(translated: Translate, value: str, named: str) -> None:
    made = translated(f"services: {{site: {{build: {{context: ., args: {{BASE: '{value}'}}}}, image: x}}}}")
    assert [named in message for message in told(made, "C2F548")] == ([True] if named else [])


@pytest.mark.parametrize(
    ("command", "rate"),
    [
        ("sh -c 'while true; do ./report; sleep 3600; done'", "rate(1 hour)"),
        ("sh -c 'while :; do ./report && sleep 2d; done'", "rate(2 days)"),
        ("sh -c 'until false; do sleep 15m; ./report; done'", "rate(15 minutes)"),
        ("sh -c 'while true; do ./poll; sleep 5; done'", ""),
        ("sh -c 'sleep 3600; exec ./serve'", ""),
        ("sh -c 'while ! nc -z db 5432; do sleep 90; done; exec ./serve'", ""),
    ],
)
def test_a_loop_that_waits_is_better_a_schedule(translated: Translate, command: str, rate: str) -> None:
    made = translated(f"services: {{nightly: {{image: alpine, command: {command!r}}}}}")
    hints = [d.hint for d in made.diagnostics if d.code == "C2F549"]
    assert [rate in hint for hint in hints] == ([True] if rate else [])


def test_a_scheduled_loop_is_left_alone(translated: Translate) -> None:
    made = translated(
        "services: {a: {image: alpine, command: sh -c 'while true; do x; sleep 99; done', x-fargate: {schedule: rate(1 day)}}}"
    )
    assert told(made, "C2F549") == []


@pytest.mark.parametrize("image", ["axllent/mailpit:v1", "localstack/localstack", "wiremock/wiremock:3"])
def test_services_for_trials_get_a_word(translated: Translate, image: str) -> None:
    made = translated(f"services: {{helper: {{image: '{image}'}}, web: {{image: nginx}}}}")
    [said] = told(made, "C2F504")
    assert said.startswith("helper (")
    assert ") is for development; " in said


def test_a_service_of_the_name_of_its_image_is_not_said_to_be_itself(translated: Translate) -> None:
    made = translated("services: {mailhog: {image: mailhog/mailhog}}")
    [said] = [d for d in made.diagnostics if d.code == "C2F504"]
    assert said.message.startswith("mailhog is for development; mail ")
    assert said.severity is Severity.WARNING


def test_prices_of_another_region_are_said_to_differ(translated: Translate) -> None:
    for region, differs in (("eu-north-1", True), ("us-east-1", False)):
        made = translated("services: {web: {image: nginx}}", region=region)
        [said] = told(made, "C2F249")
        assert (f"prices of {region} differ" in said) is differs


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("CannotPullContainerError: failed to resolve ref docker.io/library/ngnix:1: not found", "misspelt, or private"),
        ("CannotPullContainerError: pull access denied, repository does not exist or may require authorization", "misspelt, or private"),
        ("CannotPullContainerError: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/a/b:1: not found", "push the image"),
        ("CannotPullContainerError: toomanyrequests: rate limit", "limits anonymous pulls"),
    ],
)  # fmt: skip
def test_what_to_do_about_an_image_depends_on_whose_it_is(reason: str, advice: str) -> None:
    assert advice in failure_advice([reason], "web")
