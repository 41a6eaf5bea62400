"""Which services AWS runs as a database or cache of its own, and what they become. Nothing is unless it is asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from compose2fargate.compose.dockerfile.image_config import ImageConfig
from compose2fargate.compose.model import Project, Service
from compose2fargate.diagnostics import Diagnostic, Path, Severity
from compose2fargate.mapping.files.host_files import HostFile
from compose2fargate.mapping.images.image_catalogue import find_image, reference_of, repository
from compose2fargate.mapping.names import dns_name, private_domain
from compose2fargate.mapping.references.reference_reader import read_mentions
from compose2fargate.mapping.stores.client_addresses import name_stores
from compose2fargate.mapping.stores.engines import ENGINES, IMAGES, REFUSED, StoreEngine
from compose2fargate.mapping.stores.managed_store import ManagedStore
from compose2fargate.mapping.stores.store_report import STORES_URL, StoreReport
from compose2fargate.mapping.stores.store_settings import (
    Login,
    asks_for_password,
    check_secret_size,
    find_login,
    find_parameters,
    report_lost_files,
)
from compose2fargate.mapping.stores.store_versions import engine_version, is_at_least, stated_version
from compose2fargate.mapping.translation_input import options_of
from compose2fargate.records import NamedTuple
from compose2fargate.settings import Settings

REFUSED_STORE = "C2F571"
AUTO = "auto"


class ManagedProject(NamedTuple):
    """A project whose stores AWS runs: what is left of it, and the stores."""

    project: Project
    stores: Mapping[str, ManagedStore]


def with_stores(
    project: Project,
    settings: Settings,
    stack: str,
    images: Mapping[str, ImageConfig],
    disk: Mapping[str, HostFile],
    report: list[Diagnostic],
) -> ManagedProject:
    """Take the stores that AWS is to run out of a project, and name them to their clients as they are reached there."""
    for name in settings.managed:
        if name != AUTO and name not in project.services:
            known = ", ".join(project.services) or "none"
            message = f"--managed {name}: there is no such service"
            report.append(Diagnostic("C2F212", Severity.ERROR, message, hint=f"services: {known}; or auto"))
    stores: dict[str, ManagedStore] = {}
    around = _Around(stack, images, disk, _sharing(project))
    for service in project.services.values():
        asked = _asked(service, settings)
        if asked is None:
            continue
        found = StoreReport(project)
        store = _store(project, service, asked, around, found)
        if found.refusals and not _is_named(service, settings):
            report.append(_stays(project, service, found.refusals[0]))
            continue
        report.extend(found.found)
        if store:
            stores[service.name] = store
    if not stores:
        return ManagedProject(project, {})
    mentions = tuple(read_mentions(project, images, disk))
    clients = name_stores(project, stores, mentions)
    report.extend(clients.report)
    named = {name: store._replace(clients=clients.users[name]) for name, store in stores.items()}
    return ManagedProject(clients.project, named)


def _is_named(service: Service, settings: Settings) -> bool:
    return service.name in settings.managed or bool(options_of(service).get("managed"))


def _asked(service: Service, settings: Settings) -> Mapping[str, Any] | None:
    """Give the options of a service that is to be managed, else None; `managed: false` keeps one out of `auto`."""
    own = options_of(service).get("managed")
    if own is False:
        return None
    if isinstance(own, Mapping):
        return own
    if own is True or service.name in settings.managed:
        return {}
    return {} if AUTO in settings.managed and _is_store(service) else None


def _is_store(service: Service) -> bool:
    """Whether the image of a service that is not built here is one of the table; a build may be anything on top of one."""
    if service.build or not service.image:
        return False
    name = find_image(service.image).name
    return name in IMAGES or name in REFUSED or _full_name(service.image) in REFUSED


def _full_name(image: str) -> str:
    return "/".join(image.lower().partition(":")[0].split("/")[-2:])


def _stays(project: Project, service: Service, refusal: Diagnostic) -> Diagnostic:
    """Say of a store that was only meant by `auto` that it stays a container."""
    return Diagnostic(
        REFUSED_STORE,
        Severity.WARNING,
        f"{service.name} stays a container: {refusal.message}",
        refusal.path,
        project.at(*refusal.path),
        f"{refusal.hint}; or x-fargate: {{managed: false}} under {service.name}, for no word about it",
        STORES_URL,
    )


# -- one store -----------------------------------------------------------------------------------------------


class _Around(NamedTuple):
    """What else a store is judged by: the stack's name, images, what is on the disk, and who shares what with each service."""

    stack: str
    images: Mapping[str, ImageConfig]
    disk: Mapping[str, HostFile]
    sharing: Mapping[str, Sequence[str]]


def _store(
    project: Project,
    service: Service,
    options: Mapping[str, Any],
    around: _Around,
    report: StoreReport,
) -> ManagedStore | None:
    """Give what a service becomes, or None where AWS has nothing that takes its place."""
    image = reference_of(service, around.images) or service.image or ""
    engine = _engine(service, image, options, report)
    if engine is None:
        return None
    _check_use(service, around.sharing.get(service.name, ()), report)
    version = _version(service, engine, image, options, report)
    login = Login("", "", ManagedStore._field_defaults["password"])
    if engine.is_cache:
        _check_password(service, engine, report)
    else:
        login = find_login(project, service, engine, report)
        check_secret_size(project, service, engine, login.password, around.disk, report)
    parameters = {**find_parameters(service, engine, report), **_own_parameters(options)}
    store = ManagedStore(
        service=service,
        engine=engine,
        version=version or engine.versions[0],
        host=f"{dns_name(service.name)}.{private_domain(around.stack)}",
        options=options,
        names=_names(service),
        user=login.user,
        database=login.database,
        password=login.password,
        parameters=_with_tls(engine, version, parameters),
    )
    report_lost_files(store, report)
    return store


def _own_parameters(options: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in (options.get("parameters") or {}).items()}


def _with_tls(engine: StoreEngine, version: str, parameters: Mapping[str, str]) -> Mapping[str, str]:
    """Let clients in without TLS, as the container did, where the engine asks for it unless told otherwise."""
    name, since = engine.tls
    if name and version and is_at_least(version, since) and name not in parameters:
        return {name: "0", **parameters}
    return parameters


def _names(service: Service) -> frozenset[str]:
    """Give the names by which others call a service, as the DNS has them."""
    further = (alias for own in service.networks.values() for alias in (own or {}).get("aliases") or ())
    return frozenset(str(name).lower() for name in (service.name, service.container_name, *further) if name)


def _engine(
    service: Service, image: str, options: Mapping[str, Any], report: StoreReport
) -> StoreEngine | None:
    path: Path = ("services", service.name, "image" if service.image else "build")
    chosen = options.get("engine")
    name = find_image(image).name if image else ""
    why = REFUSED.get(name) or REFUSED.get(_full_name(image))
    if chosen:
        return ENGINES[str(chosen)]
    if why:
        report.refuse(
            REFUSED_STORE,
            path,
            f"{service.name} runs {repository(image)}: {why}",
            hint=f"x-fargate: {{managed: {{engine: postgres}}}} under {service.name} where it does without, or leave it a container",
        )
        return None
    if name not in IMAGES:
        report.refuse(
            REFUSED_STORE,
            path,
            f"{service.name} runs {repository(image) or 'an image built here'}, in whose place AWS runs nothing that is known here",
            hint=f"images that are known: {', '.join(IMAGES)}; x-fargate: {{managed: {{engine: …}}}} says what it is",
        )
        return None
    return ENGINES[IMAGES[name]]


def _version(
    service: Service, engine: StoreEngine, image: str, options: Mapping[str, Any], report: StoreReport
) -> str:
    path: Path = ("services", service.name, "image" if service.image else "build")
    if options.get("version"):
        return str(options["version"])
    stated = stated_version(engine, image, repository(image))
    version = engine_version(engine, stated)
    hint = f"x-fargate: {{managed: {{version: '{engine.versions[0]}'}}}} under {service.name}"
    if not version:
        report.refuse(
            REFUSED_STORE,
            path,
            f"{service.name} runs version {stated}, and {engine.service} has {', '.join(sorted(engine.versions))}",
            hint=f"{hint}; data comes over by a dump",
        )
    elif not stated:
        report.warn(
            REFUSED_STORE,
            path,
            f"the image of {service.name} does not say a version of {engine.name}: {engine.service} runs {version}",
            hint=hint,
        )
    elif version in engine.extended:
        report.warn(
            REFUSED_STORE,
            path,
            f"{engine.service} runs {version} of {service.name} in extended support, which costs more than the database",
            hint=hint,
        )
    return version


def _check_use(service: Service, shared: Sequence[str], report: StoreReport) -> None:
    """Refuse a service whose container others share."""
    path: Path = ("services", service.name)
    if shared or options_of(service).get("sidecar_of") or service.network_mode.startswith("service:"):
        others = ", ".join(shared) or service.name
        report.refuse(
            REFUSED_STORE,
            path,
            f"{service.name} shares its network or its files with another service ({others}), which a store of AWS cannot",
            hint="let them talk by name and port",
        )


def _sharing(project: Project) -> dict[str, list[str]]:
    """Give the services that share the network or the files of each, or stand beside it."""
    sharing: dict[str, list[str]] = {}
    for service in project.services.values():
        mode, _, beside = service.network_mode.partition(":")
        of = {source.partition(":")[0] for source in service.volumes_from}
        of |= {beside if mode == "service" else "", str(options_of(service).get("sidecar_of") or "")} - {""}
        for name in of:
            sharing.setdefault(name, []).append(service.name)
    return sharing


def _check_password(service: Service, engine: StoreEngine, report: StoreReport) -> None:
    """A cache with a password takes TLS only, under a certificate for its own endpoint: clients without TLS would not get in."""
    if asks_for_password(service):
        report.refuse(
            "C2F574",
            ("services", service.name, "command" if service.command else "environment"),
            f"{service.name} asks for a password, and {engine.service} takes one with TLS only, which its clients do not speak now",
            hint="remove the password from the service and its clients: nobody but they reach the cache; or leave it a container",
        )
