"""Where the output of a service goes: CloudWatch Logs, Splunk, or through a FireLens router to fluentd, GELF or syslog."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping

from compose2fargate.aws.api_values import Ref, Text
from compose2fargate.aws.fargate import API, DOCS
from compose2fargate.aws.resources import ContainerDefinition, FirelensConfiguration, LogConfiguration, Secret
from compose2fargate.aws.stack import parameter_folder
from compose2fargate.compose.model import Service
from compose2fargate.diagnostics import Path
from compose2fargate.mapping import x_aws
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput, options_of
from compose2fargate.records import NamedTuple
from compose2fargate.settings import Settings

LOGS_URL = f"{DOCS}/using_awslogs.html"
FIRELENS_URL = f"{DOCS}/using_firelens.html"
CONFIGURATION_URL = f"{API}/API_LogConfiguration.html"
LOCAL_DRIVERS = frozenset({"", "json-file", "local", "journald", "awslogs"})
"""Drivers whose output stays where docker logs finds it: on Fargate that is CloudWatch Logs."""
AWSLOGS_OPTIONS = frozenset(
    {
        "awslogs-create-group",
        "awslogs-datetime-format",
        "awslogs-group",
        "awslogs-multiline-pattern",
        "awslogs-region",
        "awslogs-stream-prefix",
        "max-buffer-size",
        "mode",
    }
)
"""What Fargate's awslogs driver takes: `CONFIGURATION_URL`."""
_SPLUNK_SECRET = "splunk-token"  # noqa: S105 - the option's name
ROUTER = "log_router"
"""The name that AWS's own examples give the router: `FIRELENS_URL`."""
ROUTER_MIB = 64
"""What Fluent Bit takes with little load; AWS's examples reserve 50 MiB: `FIRELENS_URL`."""


def log_configuration(
    ctx: TranslationInput, findings: TranslationFindings, service: Service
) -> LogConfiguration | None:
    """Give where a container's output goes, and say where that is not what the file says."""
    driver = service.logging.driver if service.logging else ""
    if driver == "none":
        return None
    if driver == "splunk":
        return _splunk(ctx, findings, service)
    if driver in LOCAL_DRIVERS:
        return _awslogs(ctx, findings, service)
    output = _OUTPUTS.get(driver)
    options = output(service.logging.options) if output and service.logging else None
    if options is None or ctx.settings.logs == "awslogs":
        _replaced(ctx.settings, findings, service, driver)
        return _awslogs(ctx, findings, service)
    return LogConfiguration("awsfirelens", dict(sorted(options.items())))


def _replaced(settings: Settings, findings: TranslationFindings, service: Service, driver: str) -> None:
    """Say that the output goes to CloudWatch Logs: because the user says so, or because there is no way to the destination."""
    reason = (
        "as --logs awslogs says"
        if settings.logs == "awslogs"
        else "it has no address that a task can reach"
        if driver in _OUTPUTS
        else "Fargate does not support it"
    )
    findings.warn(
        "C2F245",
        ("services", service.name, "logging", "driver"),
        f"logging driver {driver} is replaced by CloudWatch Logs: {reason}",
        hint=f"set {driver}-address to a name that the VPC can resolve, or remove the driver to accept this"
        if driver in _OUTPUTS and settings.logs != "awslogs"
        else "remove the driver to accept this",
        url=LOGS_URL,
    )


# -- CloudWatch Logs -----------------------------------------------------------------------------------------


def _awslogs(ctx: TranslationInput, findings: TranslationFindings, service: Service) -> LogConfiguration:
    options: dict[str, Text] = {
        "awslogs-group": Ref(f"log-group/{ctx.names[service.name]}", "name"),
        "awslogs-region": Ref("account", "region"),
        "awslogs-stream-prefix": ctx.names[service.name],
        "mode": "non-blocking",
        **_own_awslogs(ctx.settings, findings, service),
    }
    if options["mode"] == "blocking":
        options.pop("max-buffer-size", None)
    return LogConfiguration("awslogs", dict(sorted(options.items())))


def _own_awslogs(settings: Settings, findings: TranslationFindings, service: Service) -> dict[str, str]:
    """The options that the file gives the awslogs driver; those of a driver that writes files have no meaning here."""
    given = service.logging
    if given is None or not given.options:
        return {}
    path: Path = ("services", service.name, "logging", "options")
    if given.driver != "awslogs" and not any(name in AWSLOGS_OPTIONS for name in given.options):
        _report_left_options(settings, findings, service, path)
        return {}
    for name in sorted(set(given.options) - AWSLOGS_OPTIONS):
        findings.warn(
            "C2F259",
            (*path, name),
            f"{name} is not an option of awslogs on Fargate",
            hint=f"known: {', '.join(sorted(AWSLOGS_OPTIONS))}",
            url=CONFIGURATION_URL,
        )
    kept = {name: str(value) for name, value in given.options.items() if name in AWSLOGS_OPTIONS}
    if {"awslogs-datetime-format", "awslogs-multiline-pattern"} <= set(kept):
        findings.warn(
            "C2F259",
            (*path, "awslogs-multiline-pattern"),
            "awslogs-datetime-format and awslogs-multiline-pattern are mutually exclusive; the pattern is dropped",
            hint="remove one of the two",
            url=CONFIGURATION_URL,
        )
        del kept["awslogs-multiline-pattern"]
    return kept


_ROTATION = frozenset({"compress", "max-file", "max-size"})
"""Options of json-file and local, which rotate files on the host's disk."""


def _report_left_options(
    settings: Settings, findings: TranslationFindings, service: Service, path: Path
) -> None:
    """Say of options of another driver that they are gone, and for those that limit a disk what limits the log group."""
    given = service.logging.options if service.logging else {}
    names = ", ".join(sorted(given))
    if set(given) <= _ROTATION:
        findings.info(
            "C2F259",
            path,
            f"{names}: logs are not rotated on Fargate; CloudWatch Logs keeps everything for {retention_days(settings, service)} days",
            hint="set x-fargate: {log_retention: DAYS} or --log-retention DAYS",
            url=LOGS_URL,
        )
        return
    findings.info(
        "C2F259",
        path,
        f"{names}: CloudWatch Logs has no such options, and keeps everything for {retention_days(settings, service)} days",
        hint="set x-fargate: {log_retention: DAYS} or --log-retention DAYS",
        url=LOGS_URL,
    )


def log_group_name(ctx: TranslationInput, service: Service) -> str:
    """Give the log group of a service: one each, so that retention and access can differ."""
    return f"/ecs/{ctx.stack}/{ctx.names[service.name]}"


def retention_days(settings: Settings, service: Service) -> int:
    """Give the days that the service's log group keeps its events."""
    own = options_of(service).get("log_retention") or x_aws.retention(service)
    return int(own or settings.log_retention)


# -- Splunk --------------------------------------------------------------------------------------------------


def _splunk(ctx: TranslationInput, findings: TranslationFindings, service: Service) -> LogConfiguration:
    """Pass the options on, the token as a secret: it would stand in the task definition for all to read."""
    given = service.logging.options if service.logging else {}
    options: dict[str, Text] = {name: str(value) for name, value in given.items() if name != _SPLUNK_SECRET}
    token = str(given.get(_SPLUNK_SECRET, ""))
    named = token.startswith(("/", "arn:"))
    parameter = (
        token if named else f"/{parameter_folder(ctx.stack)}/{ctx.names[service.name]}/{_SPLUNK_SECRET}"
    )
    path: Path = ("services", service.name, "logging", "options", _SPLUNK_SECRET)
    if not named:
        findings.warn(
            "C2F285",
            path,
            f"the token is read from the SSM parameter {parameter}, which must exist",
            hint=f"aws ssm put-parameter --type SecureString --name {shlex.quote(parameter)} --value TOKEN; "
            f"then write {_SPLUNK_SECRET}: {parameter}",
            url=CONFIGURATION_URL,
        )
    secret = Secret(_SPLUNK_SECRET, parameter)
    return LogConfiguration("splunk", dict(sorted(options.items())), (secret,))


# -- FireLens ------------------------------------------------------------------------------------------------


class _Address(NamedTuple):
    """Where a driver sends to; Docker writes `udp://host:12201`, `host:24224` or `tls://host`."""

    scheme: str
    host: str
    port: str


def _address(text: str, scheme: str, port: int) -> _Address | None:
    """Read an address. One on the machine itself leads nowhere from a task."""
    from urllib.parse import urlsplit

    try:
        split = urlsplit(text if "://" in text else f"{scheme}://{text}")
        number = split.port or port
    except ValueError:
        return None
    host = split.hostname or ""
    if not host or host in ("localhost", "host.docker.internal") or host.startswith("127.") or host == "::1":
        return None
    return _Address(split.scheme.partition("+")[0], host, str(number))


def _fluentd(options: Mapping[str, str]) -> dict[str, Text] | None:
    """Options of Fluent Bit: https://docs.fluentbit.io/manual/data-pipeline/outputs/forward ."""
    at = _address(str(options.get("fluentd-address", "")), "tcp", 24224)
    if at is None:
        return None
    tls: dict[str, Text] = {"tls": "on"} if at.scheme == "tls" else {}
    tag: dict[str, Text] = (
        {"Tag": str(options["tag"])} if options.get("tag") and "{{" not in options["tag"] else {}
    )
    return {"Name": "forward", "Host": at.host, "Port": at.port, **tls, **tag}


def _gelf(options: Mapping[str, str]) -> dict[str, Text] | None:
    """Options of Fluent Bit: https://docs.fluentbit.io/manual/data-pipeline/outputs/gelf ."""
    at = _address(str(options.get("gelf-address", "")), "udp", 12201)
    if at is None:
        return None
    return {
        "Name": "gelf",
        "Host": at.host,
        "Port": at.port,
        "Mode": at.scheme,
        "Gelf_Short_Message_Key": "log",
        "Gelf_Host_Key": "container_name",
    }


def _syslog(options: Mapping[str, str]) -> dict[str, Text] | None:
    """Options of Fluent Bit: https://docs.fluentbit.io/manual/data-pipeline/outputs/syslog ."""
    at = _address(str(options.get("syslog-address", "")), "udp", 514)
    if at is None:
        return None
    form = "rfc3164" if options.get("syslog-format") in ("rfc3164", "") else "rfc5424"
    return {
        "Name": "syslog",
        "Host": at.host,
        "Port": at.port,
        "Mode": "tls" if at.scheme == "tls" else at.scheme,
        "Syslog_Format": form,
        "Syslog_Message_Key": "log",
        "Syslog_Appname_Key": "container_name",
    }


_OUTPUTS: Mapping[str, Callable[[Mapping[str, str]], dict[str, Text] | None]] = {
    "fluentd": _fluentd,
    "gelf": _gelf,
    "syslog": _syslog,
}
"""Docker's drivers that send to a server, as outputs of Fluent Bit."""


def needs_router(settings: Settings, services: Iterable[Service]) -> bool:
    """Whether any of the services of a task sends its output through a router."""
    return settings.logs != "awslogs" and any(
        s.logging
        and s.logging.driver in _OUTPUTS
        and _OUTPUTS[s.logging.driver](s.logging.options) is not None
        for s in services
    )


def log_router(ctx: TranslationInput, findings: TranslationFindings, leader: Service) -> ContainerDefinition:
    """Give the container that sends the task's output on; it writes its own messages to CloudWatch Logs."""
    findings.info(
        "C2F258",
        ("services", leader.name, "logging", "driver"),
        f"the task of {leader.name} gets a second container, {ROUTER}, which forwards the output: Fargate has no such driver",
        hint=f"use --log-router-image IMAGE instead of {ctx.settings.log_router_image}, or --logs awslogs for no router",
        url=FIRELENS_URL,
    )
    own = LogConfiguration(
        "awslogs",
        {
            "awslogs-group": Ref(f"log-group/{ctx.names[leader.name]}", "name"),
            "awslogs-region": Ref("account", "region"),
            "awslogs-stream-prefix": "firelens",
            "mode": "non-blocking",
        },
    )
    return ContainerDefinition(
        name=ROUTER,
        image=ctx.settings.log_router_image,
        memory_reservation=ROUTER_MIB,
        user="0",
        firelens_configuration=FirelensConfiguration("fluentbit", {"enable-ecs-log-metadata": "true"}),
        log_configuration=own,
    )
