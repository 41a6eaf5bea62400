"""What decides how a project is read."""

from __future__ import annotations

from collections.abc import Mapping

from compose2fargate.compose.sources.environment_files import (
    EnvFilesFor,
)
from compose2fargate.records import NamedTuple


class LoadOptions(NamedTuple):
    """What to read, and how far to take it.

    Attributes:
        files: Compose files, `-` being stdin; () for those of the environment or the directory.
        project_name: The project's name; None for the one of the environment, the files or the directory.
        project_directory: What relative paths start from; None for the directory of the first file.
        profiles: Active profiles, besides those of the environment; `*` for all.
        env_files: Instead of `.env`.
        environment: The variables of the process.
        cwd: Where relative file names start from.
        interpolate: Whether to fill in variables. Without it the tree is the merged files in long syntax.
        finish: Whether to give every value its final form without it, too; what refers to a variable stays.
        normalize: Whether to add what is implied.
        resolve_paths: Whether to make paths absolute.
        resolve_env: Whether to read the env files of services; before `Change.UNREAD_ENV_FILES`, only those of
            services that are active because they are selected are left unread.
        env_files_for: What they are read for, which decides whose are.
        hashed: The services whose hashes are asked for; () for all.
        consistency: Whether to check that the parts fit together.
        container_names: Whether that includes that no two services share a container's name.
        all_resources: Whether to keep networks, volumes and the like that no active service uses.
        services: Restrict the project to these, and to what they depend on.
        default_name: The project's name where nothing says one; "" for that of the directory.
        compose_version: The release of Docker Compose that the files are read as, one of `DIALECTS`; "" for what
            the top-level `x-fargate.compose_version` of the files says, or else the newest.
        allow_remote: Whether files of git repositories, of which there is no copy yet, are fetched.
    """

    files: tuple[str, ...] = ()
    project_name: str | None = None
    project_directory: str | None = None
    profiles: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()
    environment: Mapping[str, str] = {}
    cwd: str = "."
    interpolate: bool = True
    finish: bool = False
    normalize: bool = True
    resolve_paths: bool = True
    resolve_env: bool = True
    env_files_for: EnvFilesFor = EnvFilesFor.MODEL
    hashed: tuple[str, ...] = ()
    consistency: bool = True
    container_names: bool = True
    all_resources: bool = False
    services: tuple[str, ...] = ()
    default_name: str = ""
    compose_version: str = ""
    allow_remote: bool = False
