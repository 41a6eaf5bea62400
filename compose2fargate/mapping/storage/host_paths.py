"""Which mounts ask for the machine itself: the socket of its engine, and the folders of its operating system."""

from __future__ import annotations

from compose2fargate.compose.model import Mount, Project
from compose2fargate.mapping.files.host_files import project_path
from compose2fargate.text.lazy_patterns import lazy_pattern

_ENGINES = lazy_pattern(r"(^|/)(docker|containerd|crio|podman)[^/]*\.sock$")
_OF_THE_HOST = (
    "bin", "boot", "cgroup", "dev", "etc", "lib", "lib64", "proc", "run", "sbin", "sys", "usr", "var/log", "var/run", "var/lib/docker",
)  # fmt: skip
CLOCKS = frozenset({"/etc/localtime", "/etc/timezone", "/usr/share/zoneinfo"})
HARMLESS = frozenset({*CLOCKS, "/dev/shm", "/dev/null"})
"""Files of the host that a task has, or can do without."""


def is_engine(mount: Mount) -> bool:
    """Whether a mount is the socket of a container engine."""
    return bool(_ENGINES.search(mount.source) or _ENGINES.search(mount.target))


def host_folder(project: Project, source: str) -> str | None:
    """Give the folder of the operating system that a path is in, "" for the root; None for any other path."""
    if not source.startswith("/") or project_path(project, source):
        return None
    path = source.strip("/")
    return next((each for each in _OF_THE_HOST if f"{path}/".startswith(f"{each}/")), None if path else "")


def asks_for_the_host(project: Project, mount: Mount) -> bool:
    """Whether what a mount shows is the machine itself."""
    if mount.type != "bind":
        return False
    is_system = host_folder(project, mount.source) is not None and mount.source.rstrip("/") not in HARMLESS
    return is_engine(mount) or is_system
