"""What became of each key of a service whose place a store of AWS's takes: for `explain`, and for nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from compose2fargate.compose.model import Project
from compose2fargate.diagnostics import Path
from compose2fargate.mapping.coverage import AccountedKey
from compose2fargate.mapping.coverage_table import CoverageRow, KeyOutcome
from compose2fargate.mapping.stores.managed_store import EXTERNAL, SECRET, ManagedStore

_KEYS: Mapping[str, tuple[KeyOutcome, str]] = {
    "image": (KeyOutcome.MAPPED, "{service} {version}"),
    "build": (KeyOutcome.APPROXIMATED, "{service} {version}: what the Dockerfile adds is not there"),
    "container_name": (KeyOutcome.MAPPED, "clients that use it are told {host}"),
    "hostname": (KeyOutcome.IGNORED, "clients are told {host}"),
    "networks": (KeyOutcome.APPROXIMATED, "a security group that lets in the tasks that talk to it"),
    "volumes": (KeyOutcome.APPROXIMATED, "the store keeps its data itself; it begins empty"),
    "ports": (KeyOutcome.APPROXIMATED, "port {port}, which only its clients in the VPC reach"),
    "expose": (KeyOutcome.MAPPED, "port {port}"),
    "healthcheck": (KeyOutcome.IGNORED, "AWS watches the store itself"),
    "restart": (KeyOutcome.IGNORED, "AWS keeps the store running"),
    "deploy": (KeyOutcome.IGNORED, "the class of the store is its size: x-fargate.managed.class"),
    "secrets": (KeyOutcome.APPROXIMATED, "the one with the password is what the store is made with"),
    "command": (KeyOutcome.APPROXIMATED, "settings that the parameter group has"),
    "x-fargate": (KeyOutcome.MAPPED, "what AWS runs in its place"),
}
_OTHER = (KeyOutcome.IGNORED, "concerns the container, of which there is none")


def explained_stores(project: Project, stores: Mapping[str, ManagedStore]) -> tuple[AccountedKey, ...]:
    """Give what became of each key of the services that AWS runs, in their order."""
    return tuple(key for store in stores.values() for key in _keys(project, store))


def _keys(project: Project, store: ManagedStore) -> Iterator[AccountedKey]:
    own: Path = ("services", store.service.name)
    for key, value in project.tree["services"][store.service.name].items():
        if key == "environment":
            names = value if isinstance(value, Mapping) else ()
            yield from (_accounted(project, (*own, key, name), _variable(store, str(name))) for name in names)
            continue
        outcome, what = _KEYS.get(key, _OTHER)
        said = what.format(
            service=store.engine.service, version=store.version, host=store.host, port=store.engine.port
        )
        if project.at(*own, key) != project.at(*own):
            yield _accounted(project, (*own, key), CoverageRow(outcome, said))


def _accounted(project: Project, path: Path, row: CoverageRow) -> AccountedKey:
    return AccountedKey(path, project.at(*path), row)


def _variable(store: ManagedStore, name: str) -> CoverageRow:
    engine = store.engine
    names_secret = store.password.kind in (SECRET, EXTERNAL) and name.endswith("PASSWORD_FILE")
    if name == store.password.name or names_secret:
        return CoverageRow(KeyOutcome.MAPPED, f"the password of {store.user}, kept as a secret")
    if name in engine.user:
        return CoverageRow(KeyOutcome.MAPPED, f"the administrator, {store.user}")
    if name in engine.database:
        return CoverageRow(KeyOutcome.MAPPED, "the first database")
    if name in engine.root:
        return CoverageRow(KeyOutcome.IGNORED, f"there is no root: {store.user} administers the database")
    return CoverageRow(KeyOutcome.IGNORED, "concerns the container, of which there is none")
