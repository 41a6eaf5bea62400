"""What images ask for and do not get: of their host a name that stays and kernel parameters, of the file some variables."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from compose2fargate.aws.fargate import API
from compose2fargate.compose.model import Service
from compose2fargate.credentials import is_proposed
from compose2fargate.diagnostics import Path, Severity
from compose2fargate.mapping.access.secrets import automatic_secrets, chosen_secrets
from compose2fargate.mapping.coverage_table import CoverageRow, KeyOutcome
from compose2fargate.mapping.images.image_catalogue import KnownImage, kernel_advice, known_image
from compose2fargate.mapping.storage.efs import volume_uses
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput
from compose2fargate.text.lazy_patterns import lazy_pattern

TASK_URL = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-task-networking.html"
REQUIRED = "C2F580"
SYSCTL_URL = f"{API}/API_SystemControl.html"


def report_demands(ctx: TranslationInput, findings: TranslationFindings, service: Service) -> None:
    """Warn about what the image of a service needs and does not get, with the setting by which it does without."""
    image = known_image(service, ctx.images)
    _report_host_name(ctx, findings, service, image)
    _report_node_name(findings, service, image)
    _report_addresses(ctx, findings, service, image)
    _report_kernel_parameters(findings, service, image)
    _report_required_variables(ctx, findings, service, image)


def _report_host_name(
    ctx: TranslationInput, findings: TranslationFindings, service: Service, image: KnownImage
) -> None:
    """Data that is kept under the name of the host is not found by the next task, whose host has another name."""
    variable, _, value = image.host_name.partition("=")
    lasting = next((use.path for use in volume_uses(ctx, [service]) if not use.mount.read_only), None)
    named = "hostname" in ctx.project.tree["services"][service.name]
    if not variable or variable in service.environment or not (named or lasting):
        return
    what = f"{image.name} stores its data under its host name, which differs in each task: a new task starts empty"
    hint = f"set a fixed name: environment: {{{variable}: {value}}}"
    if named:
        findings.outcomes["services", service.name, "hostname"] = CoverageRow(
            KeyOutcome.IGNORED, what, hint, Severity.WARNING, "C2F201", TASK_URL
        )
    elif lasting:
        findings.warn("C2F279", lasting, what, hint=hint, url=TASK_URL)


def _report_node_name(findings: TranslationFindings, service: Service, image: KnownImage) -> None:
    """A name that is set has to be one that is there in every task: no host of a compose file is."""
    variable, _, value = image.host_name.partition("=")
    host = str(service.environment.get(variable) or "").partition("@")[2]
    if host and host not in _HERE:
        findings.warn(
            "C2F543",
            ("services", service.name, "environment", variable),
            f"{variable} names the host {host}, and no task of {service.name} has that name: {image.name} does not start, or starts empty",
            hint=f"write {variable}: {value}",
            url=TASK_URL,
        )
    for named, own in image.node_names.items():
        if service.environment.get(named) and own not in service.environment:
            findings.warn(
                "C2F543",
                ("services", service.name, "environment", named),
                f"{named} names nodes, but a node without {own} takes its host name, which differs in each task: "
                "the nodes do not find each other",
                hint=f"write under environment: {own}: {service.name}",
                url=TASK_URL,
            )


def _report_addresses(
    ctx: TranslationInput, findings: TranslationFindings, service: Service, image: KnownImage
) -> None:
    """A server cannot listen on the name of its service, which is that of a proxy, and must not send clients to themselves."""
    host_name = str(ctx.project.tree["services"][service.name].get("hostname") or "")
    names = {service.name, service.container_name, host_name} - {""}
    for variable, everywhere in image.binds.items():
        value = str(service.environment.get(variable) or "")
        hosts = _hosts(value)
        bound = next((host for host in hosts if host in names), "")
        if bound:
            findings.warn(
                "C2F543",
                ("services", service.name, "environment", variable),
                f"{variable} listens on {bound}, which in its own task is the address of the Service Connect proxy, or none: "
                f"{image.name} does not start",
                hint=f"write {variable}: {_in_place(everywhere, value, names)}",
                url=TASK_URL,
            )
    _report_voters(ctx, findings, service, names)
    if service.name not in ctx.needed:
        return
    for variable in image.advertises:
        hosts = _hosts(str(service.environment.get(variable) or ""))
        if hosts and all(host in _HERE for host in hosts):
            findings.warn(
                "C2F543",
                ("services", service.name, "environment", variable),
                f"{image.name} redirects its clients to {hosts[0]}, which is their own task, not {service.name}",
                hint=f"advertise the service's name in {variable}, as in PLAINTEXT://{service.name}:{next(iter(image.ports), 9092)}",
                url=TASK_URL,
            )


_VOTER = lazy_pattern(r"(?P<before>(?:^|,)\s*\d+@)(?P<host>[\w.-]+)(?=:\d)")


def _report_voters(
    ctx: TranslationInput, findings: TranslationFindings, service: Service, names: AbstractSet[str]
) -> None:
    """A Kafka that is its own controller asks for it by name, and its first deployment knows no name of its own."""
    if ctx.settings.finds_by_dns:
        return  # the DNS has the name as soon as the task runs
    for variable, value in service.environment.items():
        if not variable.endswith("QUORUM_VOTERS"):
            continue
        text = str(value or "")
        own = next((found["host"] for found in _VOTER.finditer(text) if found["host"] in names), "")
        if own:
            instead = _VOTER.sub(
                lambda found: found["before"] + ("localhost" if found["host"] in names else found["host"]),
                text,
            )
            findings.warn(
                "C2F543",
                ("services", service.name, "environment", variable),
                f"{variable} has {service.name} ask itself by the name {own}, which its first deployment does not find: it does not start",
                hint=f"write {variable}: {instead}",
                url=TASK_URL,
            )


_HERE = frozenset({"localhost", "127.0.0.1", "::1"})
_LISTENER = lazy_pattern(r"(?P<before>(?:^|,)\s*(?:\w+://)?)(?P<host>[^:/,\s]*)")


def _hosts(value: str) -> list[str]:
    """Give the hosts of `PLAINTEXT://kafka:9092,CONTROLLER://:9093`, or of a plain list."""
    return [found["host"] for found in _LISTENER.finditer(value) if found["host"]]


def _in_place(everywhere: str, value: str, names: AbstractSet[str]) -> str:
    """Put what stands for every address of a task in place of some hosts."""
    return _LISTENER.sub(
        lambda found: found["before"] + (everywhere if found["host"] in names else found["host"]),
        value,
    )


def _report_kernel_parameters(findings: TranslationFindings, service: Service, image: KnownImage) -> None:
    if any(variable in service.environment for variable in image.settled_by):
        return
    path: Path = ("services", service.name, "build" if service.build else "image")
    for parameter in image.sysctls:
        if parameter not in service.sysctls:  # which is refused at its own line
            findings.warn(
                "C2F244",
                path,
                f"{image.name} checks {parameter} at startup and exits: Fargate does not let a task set it",
                hint=kernel_advice(image, parameter),
                url=SYSCTL_URL,
            )


def _report_required_variables(
    ctx: TranslationInput, findings: TranslationFindings, service: Service, image: KnownImage
) -> None:
    """Warn about a server that exits at its first start, when it has no data yet, for want of a password or the like."""
    if not image.requires or not _starts_server(service) or service.name in ctx.stores:
        return
    built = ctx.images.get(service.name)
    values = {**(built.env if built else {}), **service.environment}
    secrets = {*chosen_secrets(service), *automatic_secrets(ctx, service)}
    for variable, others in image.requires.items():
        given = (name.partition("=") for name in (variable, *others))
        if any(_has_value(values, name, wanted) or name in secrets for name, _, wanted in given):
            continue
        stands = variable in service.environment
        instead = f"; or set {' or '.join(others[:3])}" if others else ""
        secret = f", or name a secret: x-fargate: {{secrets: {{{variable}: /{ctx.stack}/{service.name}/{variable}}}}}"
        findings.warn(
            REQUIRED,
            ("services", service.name, *(("environment", variable) if stands else ())),
            f"{variable} of {service.name} has no value, and {image.name} exits at its first start without one",
            hint=f"give it a value{secret if is_proposed(variable, 'unknown') else ''}{instead}",
        )


_SERVERS = frozenset({"postgres", "mysqld", "mysqld_safe", "mariadbd"})


def _starts_server(service: Service) -> bool:
    """Whether the image's own entrypoint starts what it is for; a command of another name is just run by it."""
    command = service.command or ()
    return service.entrypoint is None and (
        not command or command[0].startswith("-") or command[0] in _SERVERS
    )


def _has_value(values: Mapping[str, object], name: str, wanted: str) -> bool:
    text = str(values.get(name) or "")
    return text == wanted if wanted else bool(text)
