"""What is known of images: one table, `data/images.json`, and the questions that the mapping asks it.

An image is known by its repository's name, whatever registry, mirror or owner stands in front: `postgres`,
`docker.io/library/postgres` and `bitnami/postgres` are one entry. Names that mean something only with their owner have it in
the table (`minio/mc`). The tag says nothing but which variant an image is, where the entry has one for a word of it (`php:8.4-fpm`).
The base image of a Dockerfile counts like an image.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from compose2fargate.compose.dockerfile.image_config import ImageConfig
from compose2fargate.compose.model import Service
from compose2fargate.records import NamedTuple
from compose2fargate.schema_files import read_data


class ServiceKind(NamedTuple):
    """A kind of service, and the size it gets when the file asks for none: CPU units and MiB.

    `starts` is how many seconds it may take until it answers, `heap` how many times its heap or cache its memory has to be.
    """

    name: str
    cpu: int
    memory: int
    starts: int = 60
    heap: float = 1.5

    @property
    def is_known(self) -> bool:
        """Whether the image told it."""
        return self.name != _UNKNOWN


class Tool(NamedTuple):
    """What an image is for that is only there for the Docker host, and what takes its place on Fargate."""

    purpose: str
    instead: str


class KnownImage(NamedTuple):
    """What is known of an image.

    Attributes:
        name: Its name in the table, or the repository's where it is not in there.
        kind: The name of its kind.
        cpu: CPU units of its own, where its kind's are not right; memory likewise, in MiB.
        ports: Where it listens, and what it speaks there: http, https, http2, grpc, tcp, udp, or console, which is HTTP for
            administration. The first one is its main port.
        configured: Whether it listens where its configuration says, so that `ports` only tell what each would be for.
        private: What it is, where a load balancer opens it on request only (a data store, a console for administration, …).
        user: The number of the user that has to own its data; 0 where it starts as root and sees to that itself.
        data: Where it keeps data.
        single_writer: Whether two of its tasks on the same data damage it.
        host_name: What to set where its data depends on the name of its host; empty where it does not.
        binds: Variables that say on which addresses it listens, to what to write there in place of its service's name.
        advertises: Variables that say by which addresses it sends its clients on to itself.
        node_names: Variables that name its nodes, to the variable that gives a node its name, which else is that of its host.
        managed: The AWS service that takes its place.
        ends: Whether it is there to do something once and end.
        program: The program that its entrypoint is, which takes the command as its arguments.
        apache: The program that runs Apache in the foreground.
        tool: What it is for, if that is the Docker host.
        instead: What to do where it asks for the Docker host, and a tool says nothing.
        imitation: Whether it stands in for another service where programs are tried.
        without_engine: What to do where it asks for the Docker engine and runs without it.
        sysctls: Kernel parameters that it asks for and that Fargate does not set, to what to do about each.
        settled_by: Variables that, when they are given, make it start without these parameters.
        requires: Variables without a value for which its publisher's image exits, to what does instead (`NAME` or `NAME=VALUE`).
        owner: Who that publisher is; the images of others may have values of their own.
        programs: Which of sh, curl and wget, which health checks use, it has; None where that is not known.
        files: Folders in which it has files of its own.
        notes: What else there is to know.
    """

    name: str = ""
    kind: str = ""
    cpu: int = 0
    memory: int = 0
    ports: Mapping[int, str] = {}
    configured: bool = False
    private: str = ""
    user: int | None = None
    data: tuple[str, ...] = ()
    single_writer: bool = False
    host_name: str = ""
    binds: Mapping[str, str] = {}
    advertises: tuple[str, ...] = ()
    node_names: Mapping[str, str] = {}
    managed: str = ""
    ends: bool = False
    program: str = ""
    apache: str = ""
    tool: Tool | None = None
    instead: str = ""
    imitation: bool = False
    without_engine: str = ""
    sysctls: Mapping[str, str] = {}
    settled_by: tuple[str, ...] = ()
    requires: Mapping[str, Sequence[str]] = {}
    owner: str = "library"
    programs: frozenset[str] | None = None
    files: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_console(self) -> bool:
        """Whether it serves administration as a whole, so that no proxy's labels alone make it public."""
        return self.private == str(_table()["private"]["console"])

    @property
    def catches_mail(self) -> bool:
        """Whether it is a mail server that shows its mail by HTTP, as those for tests do."""
        return self.private == str(_table()["private"]["mail"]) and "http" in self.ports.values()

    @property
    def opens(self) -> Mapping[int, str]:
        """The ports that are opened where the file names none: the main one, and those of protocols of its own."""
        offered = {n: word for n, word in self.ports.items() if word != CONSOLE and not self.configured}
        main = next(iter(offered), 0)
        return {
            number: word
            for number, word in offered.items()
            if number == main or word not in ("http", "https")
        }

    def lacks(self, program: str) -> bool:
        """Whether it certainly has no such program as health checks use: sh, curl or wget."""
        return self.programs is not None and program not in self.programs


CONSOLE = "console"
"""What a port speaks that is for administration."""
_UNKNOWN = "service of unknown kind"


# -- names ----------------------------------------------------------------------------------------------------


def repository(image: str) -> str:
    """Give the last part of an image's name, without registry, tag and digest."""
    return _path_and_tag(image)[0].rpartition("/")[2]


def _path_and_tag(image: str) -> tuple[str, str]:
    """Split a reference; a colon before the last slash is the port of a registry."""
    named = image.partition("@")[0]
    folder, slash, last = named.rpartition("/")
    name, _, tag = last.partition(":")
    return f"{folder}{slash}{name}", tag


def reference_of(service: Service, images: Mapping[str, ImageConfig]) -> str:
    """Give the image by which a service is known: its own, or its Dockerfile's base where it is built here.

    The name of an image that is built here is the user's, and says nothing.
    """
    built = images.get(service.name)
    base = built.base if built else None
    return base or ("" if service.build else service.image) or ""


# -- questions ------------------------------------------------------------------------------------------------


def known_image(service: Service, images: Mapping[str, ImageConfig]) -> KnownImage:
    """Give what is known of the image that a service runs, or is built from."""
    return find_image(reference_of(service, images))


@cache
def find_image(reference: str) -> KnownImage:
    """Give what is known of an image; of one that is not in the table only its name."""
    table = _table()
    path, tag = _path_and_tag(reference.lower())
    *_, folder, name = ("", "", *path.split("/"))
    key = f"{folder}/{name}" if f"{folder}/{name}" in table["images"] else name
    own = table["images"].get(key, {})
    given: dict[str, Any] = {"name": name, **own}
    for publisher, common in table["publishers"].items():
        if publisher in path:
            given["user"] = common["user"]
    for word, changes in (*table["tags"].items(), *own.get("tags", {}).items()) if own and tag else ():
        if re.search(rf"(?<![a-z]){word}(?![a-z])", tag):
            given |= changes
    if folder not in ("", given.get("owner", "library")):
        given.pop("requires", None)
    if folder == _WITHOUT_PROGRAMS and "debug" not in tag:
        given["programs"] = ()
    return _image(given) if len(given) > 1 else KnownImage(name)


_WITHOUT_PROGRAMS = "distroless"
"""Images of this name have no shell, whatever they are made for: https://github.com/GoogleContainerTools/distroless"""


def _image(given: Mapping[str, Any]) -> KnownImage:
    table = _table()
    values = {key: value for key, value in given.items() if key != "tags"}
    values["ports"] = {int(number): word for number, word in given.get("ports", {}).items()}
    values["private"] = table["private"].get(given.get("private"), "")
    for key in ("data", "files", "notes", "settled_by", "advertises"):
        values[key] = tuple(given.get(key, ()))
    if "tool" in given:
        values["tool"] = Tool(**table["tools"][given["tool"]])
    if "programs" in given:
        values["programs"] = frozenset(given["programs"])
    return KnownImage(**values)


@cache
def kind_of(reference: str) -> ServiceKind:
    """Tell what kind of service an image is: what the table says, or what it says of one that the name suggests."""
    image = find_image(reference)
    kind = kinds().get(image.kind or _likely_kind(reference), kinds()[_UNKNOWN])
    if not (image.cpu or image.memory):
        return kind
    return kind._replace(cpu=image.cpu or kind.cpu, memory=image.memory or kind.memory)


def _likely_kind(reference: str) -> str:
    """Give the kind that a part of the name suggests; the tag says nothing (`umami:postgresql-latest` is no database)."""
    path = _path_and_tag(reference.lower())[0]
    name = path.rpartition("/")[2]
    likely = (image for part, image in _table()["likely"].items() if part in (path if "/" in part else name))
    image = next(likely, "")
    return find_image(image).kind if image else ""


@cache
def kinds() -> Mapping[str, ServiceKind]:
    """Give every kind by its name, the one of images that are not known last."""
    table = _table()["kinds"]
    return {
        name: ServiceKind(name, **{key: value for key, value in own.items() if key != "sources"})
        for name, own in table.items()
    }


def is_data_path(target: str) -> bool:
    """Whether a well-known image keeps its data at `target`, or at a path that ends like it.

    A folder of configuration may end like one: `/etc/prometheus` holds no series.
    """
    found = _data_paths()
    return bool(
        found.match(target) if target.startswith(("/etc/", "/usr/local/etc/")) else found.search(target)
    )


def is_store_path(target: str) -> bool:
    """Whether `target` alone tells that a store keeps its data there, which two tasks at once would damage."""
    return bool(_store_paths().match(target))


@cache
def store_at(target: str) -> KnownImage | None:
    """Give the store that keeps its data at a path, where those that do so listen on the same port."""
    path = posixpath.normpath(target)
    if not is_store_path(path):
        return None
    table = _table()
    ambiguous = frozenset(table["ambiguous_paths"])
    found = [
        find_image(name)
        for name, own in table["images"].items()
        if own.get("single_writer") and _one_of(set(own.get("data", ())) - ambiguous or {""}).match(path)
    ]
    opened = {next(iter(image.opens), 0) for image in found}
    # Of many that keep it there, the one that the path is called after.
    named = min(found, key=lambda image: (image.name not in path, len(image.name), image.name), default=None)
    return named if len(opened) == 1 and opened != {0} else None


@cache
def _data_paths() -> re.Pattern[str]:
    table = _table()
    entries = (*table["publishers"].values(), *table["images"].values())
    return _one_of(path for entry in entries for path in entry.get("data", ()))


@cache
def _store_paths() -> re.Pattern[str]:
    table = _table()
    stores = (own for own in table["images"].values() if own.get("single_writer"))
    ambiguous = frozenset(table["ambiguous_paths"])
    return _one_of(path for own in stores for path in own.get("data", ()) if path not in ambiguous)


def _one_of(listed: Iterable[str]) -> re.Pattern[str]:
    """Match any of the paths. PostgreSQL and its like have folders below for a version: `/var/lib/postgresql/16/main`."""
    paths = "|".join(re.escape(path).replace(r"\*", r"\w+") for path in sorted(set(listed)))
    return re.compile(rf"(?:{paths})(?:/data|/\d+/\w+)?/?\Z")


def kernel_advice(image: KnownImage, parameter: str) -> str:
    """Say what to do in place of a kernel parameter that Fargate does not set; empty where nothing is known."""
    common: str = _table()["sysctls"].get(parameter, "")
    return image.sysctls.get(parameter, common)


def images() -> Iterator[KnownImage]:
    """Yield every image of the table, by name."""
    for name, own in _table()["images"].items():
        yield _image({"name": name, **own})


@cache
def _table() -> Mapping[str, Any]:
    return read_data("images")
