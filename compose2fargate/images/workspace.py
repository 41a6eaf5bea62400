"""The temporary folder of a run: credentials, build secrets, generated Dockerfiles and contexts, digests.

Nothing secret goes to a command line, where every user of the machine can read it, or to an environment: the builder
gets the names of files that only we can read, and the folder is gone when the run ends, however it ends.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from compose2fargate.aws.image_build import BuildSecret, ImageBuild
from compose2fargate.diagnostics import Diagnostic, InputError, Severity
from compose2fargate.disk.reading import read_json, read_text
from compose2fargate.disk.scratch import (
    BuildContextFolder,
    discard,
    linked_copy,
    private_folder,
    write_private,
)
from compose2fargate.images.builders import BuilderPaths, context_of
from compose2fargate.images.content_digest import find_ignore_file
from compose2fargate.programs import environment_of_programs, find_program


class BuildWorkspace:
    """A folder that exists as long as the `with` block runs."""

    def __init__(self) -> None:
        self._folder = ""

    def __enter__(self) -> BuildWorkspace:  # noqa: PYI034 - typing has no Self in Python 3.10
        self._folder = private_folder("compose2fargate-")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        discard(self._folder)

    # -- credentials ---------------------------------------------------------------------------------------

    def log_in(self, builder: str, host: str, basic: str, environment: Mapping[str, str]) -> dict[str, str]:
        """Write the credentials of `host` for `builder`, beside the user's own; give the environment that names them.

        The user's own configuration is not changed: docker gets a copy of its folder with links to everything else
        in it (buildx builders, contexts, plugins), podman and buildah an auth file of their own.
        """
        if builder == "docker":
            return {"DOCKER_CONFIG": self._docker_config(host, basic, environment)}
        held = _read(_auth_file(environment))
        path = os.path.join(self._folder, "auth.json")
        write_private(path, json.dumps(_with_login(held, host, basic)))
        return {"REGISTRY_AUTH_FILE": path}

    def _docker_config(self, host: str, basic: str, environment: Mapping[str, str]) -> str:
        own = _docker_folder(environment)
        folder = os.path.join(self._folder, "docker")
        linked_copy(own, folder, without="config.json")
        held = _read(os.path.join(own, "config.json"))
        write_private(os.path.join(folder, "config.json"), json.dumps(_with_login(held, host, basic)))
        return folder

    # -- one image -----------------------------------------------------------------------------------------

    def place(
        self, build: ImageBuild, environment: Mapping[str, str], pushed: Mapping[str, str]
    ) -> BuilderPaths:
        """Write down what the builder needs for one image.

        Args:
            build: The image.
            environment: The project's variables, from which secrets are taken; `missing_secrets` has found none missing.
            pushed: The reference of each image that was pushed so far, by key.

        Raises:
            InputError: A file to copy is not there.
        """
        folder = private_folder("image-", self._folder)
        context, dockerfile = context_of(build)
        if build.context is None:
            context = os.path.join(folder, "context")
            _stage(build, context)
        if build.dockerfile_text is not None:
            dockerfile = os.path.join(folder, "Dockerfile")
            write_private(dockerfile, build.dockerfile_text)
        ignore = find_ignore_file(build)
        return BuilderPaths(
            dockerfile=dockerfile,
            context=context,
            digest=os.path.join(folder, "digest"),
            secrets={
                s.id: f"src={self._secret(folder, n, s, environment)}" for n, s in enumerate(build.secrets)
            },
            contexts={
                name: resolve_context(value, pushed) for name, value in build.additional_contexts.items()
            },
            base=pushed[build.base] if build.base else "",
            ignore=ignore if ignore and os.path.basename(ignore) != ".dockerignore" else "",
        )

    def _secret(self, folder: str, number: int, secret: BuildSecret, environment: Mapping[str, str]) -> str:
        if secret.file:
            return secret.file
        path = os.path.join(folder, f"secret-{number}")
        write_private(path, environment[secret.environment or ""])
        return path


def resolve_context(value: str, pushed: Mapping[str, str]) -> str:
    """Give a named context as builders take it: the image of a service is the one that was pushed."""
    if value.startswith("service:"):
        return f"docker-image://{pushed[value.removeprefix('service:')]}"
    return value


def read_digest(builder: str, path: str) -> str:
    """Read the digest that the builder reports; empty when it did not."""
    try:
        text = read_text(path).strip()
        return json.loads(text).get("containerimage.digest", "") if builder == "docker" else text
    except (OSError, ValueError):
        return ""


def _stage(build: ImageBuild, folder: str) -> None:
    """Copy the files of a derived image to a context of their own."""
    context = BuildContextFolder(folder)
    for copied in build.files:
        with _copying(build, copied.source):
            if copied.text is not None:
                context.write(copied.path, copied.text, copied.mode)
            else:
                context.copy(copied.source, copied.path, copied.mode)


@contextmanager
def _copying(build: ImageBuild, source: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:  # shutil.Error is one too
        raise InputError(
            Diagnostic(
                "C2F458",
                Severity.ERROR,
                f"{build.service}: {source} cannot be copied into the image: {error}",
                ("services", build.service),
            )
        ) from error


def missing_secrets(build: ImageBuild, environment: Mapping[str, str]) -> Iterator[Diagnostic]:
    """Yield an error for each secret that the build is to read and that is not there."""
    for secret in build.secrets:
        name = secret.environment or ""
        if secret.file:
            known, reason, hint = (
                os.path.isfile(secret.file),
                f"there is no file {secret.file}",
                "write the file",
            )
        else:
            known, reason = name in environment, f"the variable {name} is not set"
            hint = f"export {shlex.quote(name)}=…"
        if not (secret.file or name):
            reason, hint = (
                "it is external",
                "take it from a file or a variable: secrets: {NAME: {environment: VARIABLE}}",
            )
        if not known:
            yield Diagnostic(
                "C2F456",
                Severity.ERROR,
                f"{build.service}: the build secret {secret.id} cannot be given to the build: {reason}",
                ("services", build.service, "build", "secrets"),
                hint=hint,
            )


# -- the user's own logins -----------------------------------------------------------------------------------


def own_login(builder: str, host: str, environment: Mapping[str, str]) -> str:
    """Find the user's own login for a registry, as HTTP has it; "" when there is none."""
    file = (
        _auth_file(environment)
        if builder != "docker"
        else os.path.join(_docker_folder(environment), "config.json")
    )
    held = _read(file)
    stored = (held.get("auths") or {}).get(host) or {}
    if stored.get("auth"):
        return str(stored["auth"])
    helper = (held.get("credHelpers") or {}).get(host) or held.get("credsStore")
    return _ask_helper(str(helper), host, environment) if helper else ""


def _ask_helper(helper: str, host: str, environment: Mapping[str, str]) -> str:
    """Ask a credential helper: https://github.com/docker/docker-credential-helpers."""
    program = find_program(f"docker-credential-{helper}", environment)
    if program is None:
        return ""
    try:
        done = subprocess.run(  # noqa: S603 - the program that the user's own configuration names
            [program, "get"],
            input=host,
            capture_output=True,
            text=True,
            timeout=60,
            env=environment_of_programs(environment),
        )
        held = json.loads(done.stdout)
        pair = f"{held['Username']}:{held['Secret']}"
    except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError):
        return ""
    return b64encode(pair.encode()).decode()


def _with_login(held: Mapping[str, Any], host: str, basic: str) -> dict[str, Any]:
    """Add a login to a configuration; an entry of its own keeps a credential store from being asked for the host."""
    helpers = {**(held.get("credHelpers") or {})}
    if held.get("credsStore") or host in helpers:
        helpers[host] = ""
    added = {**held, "auths": {**(held.get("auths") or {}), host: {"auth": basic}}}
    return {**added, "credHelpers": helpers} if helpers else added


def _auth_file(environment: Mapping[str, str]) -> str:
    """Find the file in which podman and buildah look for logins: containers-auth.json(5)."""
    runtime = environment.get("XDG_RUNTIME_DIR")
    candidates = (
        environment.get("REGISTRY_AUTH_FILE"),
        runtime and os.path.join(runtime, "containers", "auth.json"),
        os.path.join(_home(environment), ".config", "containers", "auth.json"),
        os.path.join(_docker_folder(environment), "config.json"),
    )
    return next((path for path in candidates if path and os.path.isfile(path)), os.devnull)


def _docker_folder(environment: Mapping[str, str]) -> str:
    return environment.get("DOCKER_CONFIG") or os.path.join(_home(environment), ".docker")


def _home(environment: Mapping[str, str]) -> str:
    return environment.get("HOME") or os.path.expanduser("~")


def _read(path: str) -> dict[str, Any]:
    try:
        held = read_json(path)
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}
