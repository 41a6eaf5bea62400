"""Whether a finished stack is legal, and what is said of it where it is not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from compose2fargate.aws.resources import (
    DiscoveryService,
    EcsService,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.aws.stack_rules import stack_violations
from compose2fargate.compose.model import Project
from compose2fargate.diagnostics import Diagnostic, Path, Severity
from compose2fargate.mapping.references.named_ports import CONNECT_URL
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput

ILLEGAL = "C2F294"


def check_stack(ctx: TranslationInput, findings: TranslationFindings, stack: Stack) -> None:
    """Report what is wrong with a finished stack: what AWS would refuse, and names that are taken twice."""
    _check_rules(ctx.project, findings, stack)
    _check_names(ctx.names, findings, stack)


def _check_rules(project: Project, findings: TranslationFindings, stack: Stack) -> None:
    """Check the result against the rules of AWS. What is found here the mapping should have refused by name, or a patch broke."""
    for logical_id, found in stack_violations(stack):
        origin = stack.origins.get(logical_id)
        findings.refuse(
            ILLEGAL,
            ("services", origin) if origin else _shared_place(project, logical_id),
            f"{logical_id} is not valid: {found.member}: {found.message}",
            hint=f"change the service, or leave it out: --without {origin}"
            if origin
            else "change x-fargate.patch",
            url=found.url,
        )


def _shared_place(project: Project, logical_id: str) -> Path:
    """Where to look for what is wrong with a resource that no service has of its own: its patch, or the settings, or the name."""
    own = project.extensions.get("x-fargate") or {}
    if logical_id in (own.get("patch") or {}):
        return ("x-fargate", "patch", logical_id)
    return ("x-fargate",) if own else ("name",)


def _check_names(names: Mapping[str, str], findings: TranslationFindings, stack: Stack) -> None:
    """Refuse two services that would answer to one name: DNS does not tell upper from lower case."""
    taken: dict[tuple[str, str], str] = {}
    for where, name, origin in _offered(names, stack):
        first = taken.setdefault((where, name), origin)
        if first != origin:
            findings.refuse(
                "C2F226",
                ("services", origin),
                f"{first} and {origin} would both be called {name} in {where}, which is case-insensitive",
                hint=f"rename one of them, or leave it out: --without {origin}",
                url=CONNECT_URL,
            )


def _offered(names: Mapping[str, str], stack: Stack) -> Iterator[tuple[str, str, str]]:
    """Yield where a name is known, the name, and the service that has it."""
    for logical_id, service in stack.of_type(EcsService):
        connect = service.service_connect_configuration
        for offered in connect.services if connect else ():
            yield "Service Connect", offered.discovery_name, stack.origins[logical_id]
    origins = {name: origin for origin, name in names.items()}
    for logical_id, registered in stack.of_type(DiscoveryService):
        yield "private DNS", registered.name, origins[logical_id.partition("/")[2]]


def without_echoes(report: list[Diagnostic]) -> list[Diagnostic]:
    """Leave out what the check of the result says of a service that is refused by name anyway."""
    refused = {
        d.path[:2] for d in report if d.severity is Severity.ERROR and d.code != ILLEGAL and len(d.path) > 1
    }
    return [d for d in report if d.code != ILLEGAL or d.path[:2] not in refused]
