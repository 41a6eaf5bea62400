"""The graph of references: which service talks to which at which port, and where the project says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from compose2fargate.compose.model import Project
from compose2fargate.diagnostics import Path
from compose2fargate.mapping.references.addresses import LOWEST, Address
from compose2fargate.mapping.references.reference_reader import FILE, LINK, VARIABLE, Mention
from compose2fargate.records import NamedTuple


class Reference(NamedTuple):
    """A mention, and the service that has the name; "" where nobody has it."""

    mention: Mention
    target: str

    @property
    def user(self) -> str:
        """The service that talks."""
        return self.mention.user

    @property
    def address(self) -> Address:
        """What it asks for."""
        return self.mention.address

    @property
    def is_weak(self) -> bool:
        """Whether it is no more than a name in a variable: `API_HOST: api` may say who the service itself is."""
        mention = self.mention
        return mention.kind == VARIABLE and not mention.is_certain and not mention.address.port


_OWN = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "host.docker.internal"})  # noqa: S104 - names, not bound to


class ReferenceGraph:
    """Answers who talks to whom; made once for a project."""

    def __init__(self, references: Iterable[Reference] = ()) -> None:
        self.references = tuple(references)

    @cached_property
    def _by_target(self) -> Mapping[str, tuple[Reference, ...]]:
        found: dict[str, list[Reference]] = {}
        for one in self.references:
            if one.target:
                found.setdefault(one.target, []).append(one)
        return {name: tuple(listed) for name, listed in found.items()}

    @cached_property
    def lost(self) -> tuple[Reference, ...]:
        """Those whose name no service has."""
        return tuple(one for one in self.references if not one.target)

    def ports_of(self, service: str) -> Mapping[tuple[int, str], tuple[Reference, ...]]:
        """Give the ports at which a service is named, with their protocol, and who names them."""
        found: dict[tuple[int, str], list[Reference]] = {}
        for one in self._by_target.get(service, ()):
            address = one.address
            if address.port >= LOWEST or (address.port and address.scheme):
                found.setdefault((address.port, address.protocol), []).append(one)
        return {opened: tuple(users) for opened, users in found.items()}

    def is_named(self, service: str) -> bool:
        """Whether something else than the service itself names it."""
        return any(one.user != service for one in self._by_target.get(service, ()))

    def is_named_without_port(self, service: str) -> bool:
        """Whether a variable is sure to name a service as a host, and nothing says the port."""
        return any(
            one.mention.is_certain and not one.address.port and one.user != service
            for one in self._by_target.get(service, ())
        )

    def edges(self) -> Iterator[tuple[str, str, Reference]]:
        """Yield user, target and the first reference between them that is not weak, for each pair of different services once."""
        found: dict[tuple[str, str], Reference] = {}
        for one in self.references:
            pair = (one.user, one.target)
            if one.target and one.user != one.target and (pair not in found or found[pair].is_weak):
                found[pair] = found[pair] if pair in found and one.is_weak else one
        for pair, one in found.items():
            yield *pair, one

    def at(self, path: Path) -> Iterator[Reference]:
        """Yield the references of the key at `path`, or below it: to services, and to hosts that are sure to be meant."""
        for one in self.references:
            shown = one.target or (one.mention.is_certain and one.address.host not in _OWN)
            if shown and one.mention.path[: len(path)] == path:
                yield one


def build_graph(
    project: Project, mentions: Iterable[Mention], aliases: Mapping[str, tuple[str, ...]]
) -> ReferenceGraph:
    """Find the service behind each name; names are those that others know, in lower case as the DNS has it."""
    names = {alias.lower(): name for name, further in aliases.items() for alias in further}
    names |= {name.lower(): name for name in project.services}
    return ReferenceGraph(Reference(one, names.get(one.address.host, "")) for one in mentions)


def said_by(reference: Reference) -> str:
    """Name the place of a reference, for a message."""
    mention = reference.mention
    if mention.kind == FILE and mention.place:
        return f"{mention.place.file}:{mention.place.line}"
    if mention.kind == LINK:
        return "links"
    return mention.key or mention.kind
