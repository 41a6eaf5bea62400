"""The whole project: which services become what, in which order, with which findings."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from compose2fargate.aws.image_build import ImageBuild, PushedImage
from compose2fargate.aws.stack import Stack
from compose2fargate.compose.dockerfile.image_config import ImageConfig
from compose2fargate.compose.model import Project
from compose2fargate.diagnostics import Diagnostic, Path, Severity
from compose2fargate.mapping import x_aws
from compose2fargate.mapping.access.secrets import StackSecret, stack_secrets
from compose2fargate.mapping.assembly.stack_assembly import assemble_stack
from compose2fargate.mapping.assembly.stack_checks import check_stack, without_echoes
from compose2fargate.mapping.containers.pre_start import at_their_owners
from compose2fargate.mapping.cost import report_cost
from compose2fargate.mapping.coverage import AccountedKey, account_for_keys, coverage_findings
from compose2fargate.mapping.coverage_table import LEFT_OUT, CoverageRow
from compose2fargate.mapping.files.host_files import HostFile
from compose2fargate.mapping.images.image_builds import image_builds
from compose2fargate.mapping.network.service_connect import (
    image_ports,
)
from compose2fargate.mapping.project_analysis import (
    FoundOnHost,
    analyse_project,
    decide_files,
    report_settings,
    stack_name,
)
from compose2fargate.mapping.proxies import host_tools
from compose2fargate.mapping.references.reference_graph import ReferenceGraph
from compose2fargate.mapping.stores.managed_store import ManagedStore
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import options_of
from compose2fargate.records import NamedTuple
from compose2fargate.settings import Settings


class Translation(NamedTuple):
    """A project on Fargate.

    Attributes:
        stack: What is to be made of it.
        diagnostics: What was found.
        kept: The project without the services that are left out.
        outcomes: What the mapping made of a key, where that is not what its row says.
        references: Who talks to whom.
        left_out: The services that are left out.
        builds: Images to build.
        secrets: Secrets to store.
    """

    stack: Stack
    diagnostics: tuple[Diagnostic, ...]
    kept: Project
    outcomes: Mapping[Path, CoverageRow]
    references: ReferenceGraph
    left_out: tuple[AccountedKey, ...] = ()
    builds: tuple[ImageBuild, ...] = ()
    secrets: tuple[StackSecret, ...] = ()

    @property
    def accounted(self) -> tuple[AccountedKey, ...]:
        """What became of each key of the project; put together when asked, as converting does not need it."""
        return (*account_for_keys(self.kept.tree, self.kept.marks, self.outcomes), *self.left_out)


def map_project(
    project: Project,
    settings: Settings,
    images: Mapping[str, ImageConfig],
    disk: Mapping[str, HostFile] | None = None,
    pushed: Mapping[str, PushedImage] | None = None,
    inactive: Collection[str] = (),
) -> Translation:
    """Translate a project to a stack; an error is a finding, and the caller decides what it stops.

    Args:
        project: The project as loaded.
        settings: The user's choices.
        images: What the Dockerfiles of services built here say, by service.
        disk: What was found where `wanted_files` asks for it.
        pushed: What the lock file says was pushed.
        inactive: Services whose profiles are not active.
    """
    report: list[Diagnostic] = []
    kept, stores = _without_stores(project, settings, images, disk or {}, report)
    gone = frozenset({*inactive, *project.services}.difference(kept.services, stores))
    ctx = analyse_project(kept, settings, images, FoundOnHost(disk or {}, pushed or {}, gone), report, stores)
    findings = TranslationFindings(ctx.project, report)
    ctx = decide_files(ctx, findings)
    report_settings(ctx, findings)
    stack = assemble_stack(ctx, findings)
    check_stack(ctx, findings, stack)
    report_cost(settings, findings, stack)
    builds = image_builds(ctx, findings)
    report.extend(coverage_findings(kept.tree, kept.marks, findings.outcomes))
    return Translation(
        stack,
        tuple(_told(kept, settings, at_their_owners(report, ctx.hooks))),
        kept,
        findings.outcomes,
        ctx.references,
        tuple(_left_out(project, kept, stores)),
        builds,
        stack_secrets(ctx),
    )


def _without_stores(
    project: Project,
    settings: Settings,
    images: Mapping[str, ImageConfig],
    disk: Mapping[str, HostFile],
    report: list[Diagnostic],
) -> tuple[Project, Mapping[str, ManagedStore]]:
    """Leave out what is not to run here, and what becomes a database or cache of AWS, where any is asked for."""
    kept = _kept(project, settings, images, report)
    if not settings.managed and all("managed" not in options_of(one) for one in kept.services.values()):
        return kept, {}
    from compose2fargate.mapping.stores.store_choice import with_stores

    return with_stores(kept, settings, stack_name(kept, settings), images, disk, report)


def _kept(
    project: Project, settings: Settings, images: Mapping[str, ImageConfig], report: list[Diagnostic]
) -> Project:
    """Give the project that is translated: without services that are left out, but with the routes of their proxies."""
    kept = _without(project, settings, report)
    if len(kept.services) < len(project.services):
        from compose2fargate.mapping.proxies.other_proxies import lost_routes
        from compose2fargate.mapping.proxies.traefik import with_routes

        report.extend(lost_routes(project, kept, lambda s: image_ports(s, images)))
        kept = with_routes(project, kept, lambda s: image_ports(s, images), settings.certificate, report)
    return x_aws.with_protocols(kept)


def _left_out(project: Project, kept: Project, stores: Mapping[str, ManagedStore]) -> Iterator[AccountedKey]:
    if stores:
        from compose2fargate.mapping.stores.store_outcomes import explained_stores

        yield from explained_stores(project, stores)
    for name in project.services:
        if name not in kept.services and name not in stores:
            yield AccountedKey(("services", name), project.at("services", name), LEFT_OUT)


def _told(kept: Project, settings: Settings, report: Iterable[Diagnostic]) -> Iterable[Diagnostic]:
    """Give the findings as they are told: without echoes, less severe where allowed, one for all host tools."""
    return host_tools.as_one(kept, _allowed(without_echoes(list(report)), settings.allow))


def _without(project: Project, settings: Settings, report: list[Diagnostic]) -> Project:
    """Take out the services that the user leaves out, from the tree as well, so that nothing speaks of them."""
    for name in settings.without:
        if name not in project.services:
            known = ", ".join(project.services) or "none"
            report.append(
                Diagnostic(
                    "C2F212",
                    Severity.ERROR,
                    f"--without {name}: there is no such service",
                    hint=f"services: {known}",
                )
            )
    left_out = {
        name
        for name, service in project.services.items()
        if name in settings.without or options_of(service).get("skip") is True
    }
    if settings.without_host_tools:
        tools = [name for name in host_tools.find_host_tools(project) if name not in left_out]
        report.extend(host_tools.left_out(project, tools))
        left_out.update(tools)
    if not left_out:
        return project
    services = {
        name: service._replace(depends_on=tuple(d for d in service.depends_on if d.service not in left_out))
        for name, service in project.services.items()
        if name not in left_out
    }
    tree = {
        **project.tree,
        "services": {n: s for n, s in project.tree["services"].items() if n not in left_out},
    }
    return project._replace(services=services, tree=tree)


def _allowed(report: Iterable[Diagnostic], allow: tuple[str, ...]) -> Iterable[Diagnostic]:
    """What the user allows by its code is a warning: the rest is translated without the refused part."""
    for found in report:
        if found.severity is Severity.ERROR and found.code in allow:
            yield found._replace(severity=Severity.WARNING, hint=f"allowed by --allow {found.code}")
        else:
            yield found
