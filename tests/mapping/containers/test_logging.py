"""Where output goes: CloudWatch Logs, Splunk, or a router to fluentd, GELF and syslog."""

from __future__ import annotations

from typing import Any

import pytest

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import ContainerDefinition, LogGroup, TaskDefinition
from compose2fargate.diagnostics import Severity
from compose2fargate.workflows.translating import Translated
from tests.mapping.conftest import Translate


def logged(text: str, translated: Translate, **flags: Any) -> Translated:
    return translated(f"services: {{web: {{image: a, logging: {text}}}}}", **flags)


def containers(made: Translated) -> tuple[ContainerDefinition, ...]:
    definition = made.translation.stack.resources["task-definition/web"]
    assert isinstance(definition, TaskDefinition)
    return definition.container_definitions


def said(made: Translated, code: str) -> list[str]:
    return [found.message for found in made.diagnostics if found.code == code]


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("{driver: fluentd, options: {fluentd-address: 'logs.example.com:24225', tag: web}}",
         {"Name": "forward", "Host": "logs.example.com", "Port": "24225", "Tag": "web"}),
        ("{driver: fluentd, options: {fluentd-address: 'tls://logs.example.com'}}",
         {"Name": "forward", "Host": "logs.example.com", "Port": "24224", "tls": "on"}),
        ("{driver: fluentd, options: {fluentd-address: 'logs.example.com', tag: 'docker.{{.ID}}'}}",
         {"Name": "forward", "Host": "logs.example.com", "Port": "24224"}),
        ("{driver: gelf, options: {gelf-address: 'tcp://logs.example.com:12201'}}",
         {"Name": "gelf", "Host": "logs.example.com", "Port": "12201", "Mode": "tcp", "Gelf_Short_Message_Key": "log",
          "Gelf_Host_Key": "container_name"}),
        ("{driver: syslog, options: {syslog-address: 'tcp+tls://logs.example.com:6514', syslog-format: rfc3164}}",
         {"Name": "syslog", "Host": "logs.example.com", "Port": "6514", "Mode": "tcp", "Syslog_Format": "rfc3164",
          "Syslog_Message_Key": "log", "Syslog_Appname_Key": "container_name"}),
    ],
)  # fmt: skip
def test_a_driver_that_sends_to_a_server_becomes_an_output_of_the_router(
    text: str, options: dict[str, str], translated: Translate
) -> None:
    made = logged(text, translated)
    web, router = containers(made)
    assert web.log_configuration
    assert (web.log_configuration.log_driver, web.log_configuration.options) == ("awsfirelens", options)
    assert router.firelens_configuration
    assert router.firelens_configuration.type == "fluentbit"
    assert router.image.startswith("public.ecr.aws/aws-observability/")  # type: ignore[union-attr]
    assert said(made, "C2F258")
    assert "log-group/web" in made.translation.stack.resources


def test_the_router_can_be_another_one_or_none(translated: Translate) -> None:
    text = "{driver: gelf, options: {gelf-address: 'udp://logs.example.com:12201'}}"
    assert containers(logged(text, translated, log_router_image="mine/router:1"))[1].image == "mine/router:1"
    made = logged(text, translated, logs="awslogs")
    (web,) = containers(made)
    assert web.log_configuration
    assert web.log_configuration.log_driver == "awslogs"
    assert "as --logs awslogs says" in said(made, "C2F245")[0]


@pytest.mark.parametrize(
    "text",
    ["{driver: syslog}", "{driver: fluentd}", "{driver: fluentd, options: {fluentd-address: 'localhost:24224'}}",
     "{driver: syslog, options: {syslog-address: 'unixgram:///dev/log'}}", "{driver: etwlogs}",
     "{driver: gelf, options: {gelf-address: 'udp://127.0.0.1:12201'}}",
     "{driver: gelf, options: {gelf-address: 'udp://host:port'}}"],
)  # fmt: skip
def test_output_that_leads_nowhere_goes_to_cloudwatch_and_says_so(text: str, translated: Translate) -> None:
    made = logged(text, translated)
    (web,) = containers(made)
    assert web.log_configuration
    assert web.log_configuration.log_driver == "awslogs"
    assert len(said(made, "C2F245")) == 1


def test_the_token_of_splunk_is_never_written(translated: Translate) -> None:
    made = logged(
        "{driver: splunk, options: {splunk-url: 'https://s', splunk-token: canary-token}}", translated
    )
    (web,) = containers(made)
    assert web.log_configuration
    assert web.log_configuration.options == {"splunk-url": "https://s"}
    assert [tuple(s) for s in web.log_configuration.secret_options] == [
        ("splunk-token", "/shop/web/splunk-token")
    ]
    assert not any("canary" in str(value) for value in (made.translation.stack, made.diagnostics))
    made = logged(
        "{driver: splunk, options: {splunk-url: 'https://s', splunk-token: /own/token}}", translated
    )
    assert said(made, "C2F285") == []


def test_options_of_awslogs_are_passed_on_and_checked(translated: Translate) -> None:
    made = logged(
        "{driver: awslogs, options: {awslogs-group: /mine, mode: blocking, max-buffer-size: 4m, tag: x,"
        " awslogs-datetime-format: '%Y', awslogs-multiline-pattern: x}}",
        translated,
    )
    (web,) = containers(made)
    assert web.log_configuration
    assert web.log_configuration.options == {
        "awslogs-datetime-format": "%Y",
        "awslogs-group": "/mine",
        "awslogs-region": Ref("account", "region"),
        "awslogs-stream-prefix": "web",
        "mode": "blocking",
    }
    assert len(said(made, "C2F259")) == 2
    assert "log-group/web" not in made.translation.stack.resources


def test_options_about_files_are_told_to_have_no_meaning(translated: Translate) -> None:
    made = logged("{driver: json-file, options: {max-size: 10m}}", translated, log_retention="14")
    (found,) = [d for d in made.diagnostics if d.code == "C2F259"]
    assert found.severity is Severity.INFO
    assert "14 days" in found.message


def test_no_output_needs_no_log_group(translated: Translate) -> None:
    made = logged("{driver: none}", translated)
    assert containers(made)[0].log_configuration is None
    assert not list(made.translation.stack.of_type(LogGroup))


@pytest.mark.parametrize(
    ("body", "days"),
    [
        ("x-fargate: {log_retention: 365}", 365),
        ("x-aws-logs_retention: 7", 7),
        ("x-aws-logs_retention: 10", 14),
        ("init: true", 30),
    ],
)
def test_retention_can_differ_by_service(body: str, days: int, translated: Translate) -> None:
    made = translated(f"services: {{web: {{image: a, {body}}}}}")
    group = made.translation.stack.resources["log-group/web"]
    assert isinstance(group, LogGroup)
    assert group.retention_in_days == days
