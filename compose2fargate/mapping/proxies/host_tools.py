"""Services whose only purpose is the machine that Docker Compose runs on: its Docker engine, its containers, its figures.

Behind a Fargate task there is no such machine, so that such a service has nothing to do, and AWS has something in its place. It is
refused once, with all its keys that ask for the host, instead of key by key; `--without-host-tools` leaves every one of them out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from compose2fargate.aws.fargate import DOCS
from compose2fargate.compose.model import Project, Service
from compose2fargate.diagnostics import Diagnostic, Severity
from compose2fargate.mapping.images.image_catalogue import Tool, find_image, repository
from compose2fargate.mapping.storage.host_paths import asks_for_the_host

URL = f"{DOCS}/fargate-security-considerations.html"
"""What a task cannot have of its host."""
LEFT_OUT = "C2F295"


def _host_tool_of(project: Project, service: Service) -> Tool | None:
    """Give what a service is for, if that is the host, and the service asks for the host, too.

    A Traefik with file providers, or a Fluent Bit that listens for others, runs on Fargate as anywhere.
    """
    found = find_image(image_name(service)).tool
    return found if found and _asks_for_the_host(project, service) else None


def image_name(service: Service) -> str:
    """Give the name of the image's repository; of an image that is built here, the service's own name where that tells more."""
    name = repository((service.image or "").lower())
    own = service.name.lower()
    return own if service.build and not find_image(name).tool else name


def find_host_tools(project: Project) -> Mapping[str, Tool]:
    """Give the services that are there for the host."""
    return {
        name: found
        for name, service in project.services.items()
        if (found := _host_tool_of(project, service))
    }


def _asks_for_the_host(project: Project, service: Service) -> bool:
    return service.pid == "host" or any(asks_for_the_host(project, mount) for mount in service.mounts)


def left_out(project: Project, names: Iterable[str]) -> Iterator[Diagnostic]:
    """Say of each tool that is left out what it was for, and what is in its place."""
    for name in names:
        found = find_image(image_name(project.services[name])).tool
        if found is None:
            continue
        yield Diagnostic(
            LEFT_OUT,
            Severity.INFO,
            f"{name} is left out: it {found.purpose}, and a Fargate task has no such host",
            ("services", name),
            project.at("services", name),
            found.instead,
            URL,
        )


def as_one(project: Project, report: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Put all refusals of a tool into one: what is wrong is the service on this platform, not each of its keys."""
    listed = list(report)
    found = find_host_tools(project)
    refusals: dict[str, list[Diagnostic]] = {}
    for one in listed:
        if one.severity is Severity.ERROR and one.path[:1] == ("services",) and one.path[1] in found:
            refusals.setdefault(str(one.path[1]), []).append(one)
    first = {id(ones[0]): name for name, ones in refusals.items()}
    others = {id(one) for ones in refusals.values() for one in ones[1:]}
    return [
        _together(found[first[id(one)]], refusals[first[id(one)]], first[id(one)], refusals)
        if id(one) in first
        else one
        for one in listed
        if id(one) not in others
    ]


def _together(found: Tool, refusals: list[Diagnostic], name: str, every: Collection[str]) -> Diagnostic:
    keys = ", ".join(dict.fromkeys(_key(one) for one in refusals))
    codes = " ".join(f"--allow {code}" for code in sorted({one.code for one in refusals}))
    others = (
        f", or all {len(every)} services of that kind with --without-host-tools" if len(every) > 1 else ""
    )
    return refusals[0]._replace(
        message=f"{name} {found.purpose}, and a Fargate task has no such host ({keys})",
        hint=f"{found.instead}; leave it out with --without {name}{others}, or ignore these keys: {codes}",
    )


def _key(one: Diagnostic) -> str:
    return ".".join(str(part) for part in one.path[2:4])
