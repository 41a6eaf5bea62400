"""What is true of a project as a whole, found before anything is made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

from compose2fargate.aws.api_values import Tag
from compose2fargate.aws.fargate import LOG_RETENTION_DAYS
from compose2fargate.aws.image_build import PushedImage
from compose2fargate.compose.dockerfile.image_config import ImageConfig
from compose2fargate.compose.model import Project, Service
from compose2fargate.diagnostics import Diagnostic
from compose2fargate.mapping import names, x_aws
from compose2fargate.mapping.access import secrets
from compose2fargate.mapping.access.plain_credentials import (
    known_passwords,
    report_passwords_in_files,
    report_plain_credentials,
)
from compose2fargate.mapping.commands import jobs
from compose2fargate.mapping.containers.grouping import find_groups
from compose2fargate.mapping.containers.pre_start import ServiceHook, with_hooks
from compose2fargate.mapping.containers.tags import resource_tags
from compose2fargate.mapping.containers.task_groups import TaskGroups
from compose2fargate.mapping.development_traces import report_development
from compose2fargate.mapping.files.host_files import HostFile
from compose2fargate.mapping.files.mounted_files import plan_files
from compose2fargate.mapping.images.image_demands import report_demands
from compose2fargate.mapping.images.image_references import (
    find_builders,
    find_owners,
    find_unnamed,
)
from compose2fargate.mapping.network.load_balancer_ports import BALANCING_URL
from compose2fargate.mapping.network.service_connect import (
    find_aliases,
    report_placement,
)
from compose2fargate.mapping.references.reference_graph import build_graph
from compose2fargate.mapping.references.reference_reader import Mention, read_mentions
from compose2fargate.mapping.storage.volumes import (
    judge_volumes,
    report_shared_stores,
)
from compose2fargate.mapping.stores.managed_store import ManagedStore, StorePasswords
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput
from compose2fargate.mapping.value_grammar import check_grammar
from compose2fargate.records import NamedTuple
from compose2fargate.settings import Settings

DEFAULT_REGION = "us-east-1"


class FoundOnHost(NamedTuple):
    """What the caller found outside the compose files.

    Attributes:
        disk: What is at the paths that the project mounts, and in the variables that it reads.
        pushed: What the lock file says was pushed.
        absent: Services that are not translated.
    """

    disk: Mapping[str, HostFile] = {}
    pushed: Mapping[str, PushedImage] = {}
    absent: frozenset[str] = frozenset()


def analyse_project(
    project: Project,
    settings: Settings,
    images: Mapping[str, ImageConfig],
    found: FoundOnHost,
    report: list[Diagnostic],
    stores: Mapping[str, ManagedStore] = {},
) -> TranslationInput:
    """Find out what is true of a project as a whole; all but what becomes of its files."""
    project, groups, hooks = with_hooks(project, find_groups(project, report), report)
    builders = find_builders(project)
    images = _images_that_run(images, builders, hooks)
    mentions = _mentions(project, images, found.disk, stores)
    aliases = _aliases(project, report, mentions)
    services = {**project.services, **{name: store.service for name, store in stores.items()}}
    ctx = TranslationInput(
        project=project,
        settings=settings,
        stack=stack_name(project, settings),
        region=settings.region or DEFAULT_REGION,
        names=(ecs_names := names.unique_ecs_names(tuple(services))),
        images=images,
        jobs=jobs.find_jobs(project, groups),
        groups=groups,
        aliases=aliases,
        port_names=frozenset(map(names.port_name, chain(project.services, *aliases.values()))),
        disk=found.disk,
        needed=_needed(project, groups),
        references=build_graph(project, mentions, aliases),
        tags=_tags(project.name, services, settings, ecs_names),
        pushed=found.pushed,
        builders=builders,
        unnamed=find_unnamed(project),
        absent=found.absent,
        hooks=hooks,
        passwords=known_passwords(services.values()),
        stores=stores,
        store_passwords=StorePasswords.of(stores),
    )
    return ctx._replace(owners=find_owners(ctx), secrets=secrets.find_shared_secrets(ctx))


def _mentions(
    project: Project,
    images: Mapping[str, ImageConfig],
    disk: Mapping[str, HostFile],
    stores: Mapping[str, ManagedStore],
) -> tuple[Mention, ...]:
    """Read who names whom; what still names a store has been told with the way out."""
    stored = {name for store in stores.values() for name in store.names}
    read = read_mentions(project, images, disk)
    return tuple(one for one in read if one.address.host not in stored)


def stack_name(project: Project, settings: Settings) -> str:
    """Give the name of the cluster, with which all other names begin."""
    chosen = "" if settings.cluster.startswith("arn:") else settings.cluster
    return names.ecs_name(chosen or "-".join(filter(None, (project.name, settings.environment))))


def _tags(
    project: str, services: Mapping[str, Service], settings: Settings, ecs_names: Mapping[str, str]
) -> Mapping[str, tuple[Tag, ...]]:
    return {
        name: resource_tags(project, settings, service, ecs_names[name]) for name, service in services.items()
    }


def _images_that_run(
    images: Mapping[str, ImageConfig], builders: Mapping[str, str], hooks: Mapping[str, ServiceHook]
) -> Mapping[str, ImageConfig]:
    """Give what is known of images to the services that run the image of another one as well."""
    runs = {**builders, **{name: hook.owner for name, hook in hooks.items() if hook.inherits_image}}
    return {**images, **{name: images[other] for name, other in runs.items() if other in images}}


def _aliases(
    project: Project, report: list[Diagnostic], mentions: Sequence[Mention]
) -> Mapping[str, tuple[str, ...]]:
    found = find_aliases(project, report, {mention.address.host for mention in mentions})
    return {name: tuple(sorted(further)) for name, further in found.items()}


def _needed(project: Project, groups: TaskGroups) -> frozenset[str]:
    """Give the services that those of other tasks depend on."""
    return frozenset(
        d.service
        for name, service in project.services.items()
        for d in service.depends_on
        if groups.leaders.get(d.service) != groups.leaders.get(name)
    )


def decide_files(ctx: TranslationInput, findings: TranslationFindings) -> TranslationInput:
    """Add how files get into containers, and report what follows for images, secrets and volumes."""
    files = plan_files(ctx, findings)
    ctx = ctx._replace(plans=files.plans, twins=files.twins)
    for service in ctx.project.services.values():
        secrets.report_automatic(ctx, findings, service)
        report_plain_credentials(ctx, findings, service)
        report_passwords_in_files(ctx, findings, service)
        report_demands(ctx, findings, service)
        report_development(ctx, findings, service)
    judge_volumes(ctx, findings)
    report_shared_stores(ctx, findings)
    return ctx


def report_settings(ctx: TranslationInput, findings: TranslationFindings) -> None:
    """Report what is wrong with the settings, and with values that AWS can never accept."""
    _report_choices(ctx, findings)
    check_grammar(ctx, findings)
    x_aws.report_keys(ctx, findings)


def _report_choices(ctx: TranslationInput, findings: TranslationFindings) -> None:
    """Say once what only the user or AWS knows, and how to supply it."""
    settings = ctx.settings
    report_placement(ctx.settings, findings)
    if settings.listener and settings.load_balancer:
        findings.refuse(
            "C2F219",
            ("x-fargate", "listener"),
            "a listener belongs to a load balancer: listener and load_balancer cannot both be set",
            hint="remove one of them",
            url=BALANCING_URL,
        )
    for name in settings.networks:
        if name not in ctx.project.networks:
            findings.refuse(
                "C2F212",
                ("x-fargate", "networks", name),
                f"--network {name}=…: no service uses this network",
                hint=f"networks: {', '.join(ctx.project.networks)}",
            )
    if settings.log_retention not in LOG_RETENTION_DAYS:
        allowed = ", ".join(map(str, LOG_RETENTION_DAYS))
        findings.refuse(
            "C2F293",
            ("x-fargate", "log_retention"),
            f"CloudWatch keeps logs for {allowed} days, not {settings.log_retention}",
        )
    for name in (*settings.images, *settings.without):
        if name in settings.images and name not in ctx.project.services:
            findings.refuse(
                "C2F212",
                (),
                f"--image {name}=…: there is no such service",
                hint=f"services: {', '.join(ctx.project.services)}",
            )
