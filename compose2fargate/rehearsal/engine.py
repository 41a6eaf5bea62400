"""The local engine, through the Docker SDK for Python. Everything that is made carries the project's label.

The label alone tells what belongs to a rehearsal: after an interrupt or a crash the next `down` finds it by nothing else.
"""

from __future__ import annotations

import io
import os
import random
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final

from compose2fargate import __version__
from compose2fargate.diagnostics import Compose2FargateError, Diagnostic, Severity
from compose2fargate.programs import look_nowhere_in_the_project
from compose2fargate.records import NamedTuple
from compose2fargate.rehearsal.task_network import Subnet

LABEL: Final = "compose2fargate.rehearsal"
UNIT_LABEL: Final = "compose2fargate.unit"
SERVICE_LABEL: Final = "compose2fargate.service"
CONTAINER_LABEL: Final = "compose2fargate.container"
STARTING: Final = "unable to start container process: "
"""What engines write before the reason for which a program could not be started."""
HELPER: Final = f"compose2fargate-rehearsal:{__version__}"
_HELPER_FOLDER: Final = os.path.join(os.path.dirname(__file__), "helper")
_PREFIXES: Final = tuple(
    f"172.{second}.{third}" for second in range(31, 17, -1) for third in range(240, 15, -16)
)
_TIMEOUT: Final = 120
_POOL: Final = 64
_SOON: Final = 0.03
_AGAIN: Final = 0.5
_PASSES: Final = 5
_MOST_OUTPUT: Final = 1024 * 1024


class EngineError(Compose2FargateError):
    """There is no engine, or it refuses what a rehearsal cannot do without: exit code 3."""

    exit_code = 3


class ContainerState(NamedTuple):
    """How a container is: `created`, `running`, `exited`…, and how it ended."""

    status: str
    exit_code: int = 0
    out_of_memory: bool = False
    error: str = ""


class Removed(NamedTuple):
    """How many things of a rehearsal were removed from the engine, and why others could not be."""

    things: int
    problems: tuple[str, ...] = ()


class Executed(NamedTuple):
    """How a command in a container ended, and what it wrote."""

    exit_code: int
    output: str


def connect_engine(environment: Mapping[str, str]) -> Engine:
    """Find the engine, as the Docker CLI does.

    Raises:
        EngineError: There is none, or the SDK is not installed.
    """
    try:
        import docker
    except ImportError:
        raise _no_engine(
            "the Docker SDK for Python is not installed", "pip install 'compose2fargate[rehearse]'"
        ) from None
    look_nowhere_in_the_project()
    try:
        client = docker.APIClient(
            base_url=environment.get("DOCKER_HOST") or None, version="auto", timeout=_TIMEOUT, num_pools=_POOL
        )
        client.ping()
    except Exception as error:  # noqa: BLE001 - the SDK lets errors of three libraries through
        raise _no_engine(
            f"no container engine is reachable: {str(error)[:200]}",
            "start Docker, or let DOCKER_HOST name the engine's socket (podman: systemctl --user start podman.socket)",
        ) from None
    return Engine(client)


def _no_engine(message: str, hint: str) -> EngineError:
    return EngineError(Diagnostic("C2F550", Severity.ERROR, message, hint=hint))


@contextmanager
def engine_errors(doing: str) -> Iterator[None]:
    """Turn what the engine refuses into an error of ours."""
    import docker.errors
    import requests

    try:
        yield
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise EngineError(Diagnostic("C2F551", Severity.ERROR, f"{doing}: {explanation(error)}")) from error


def explanation(error: Exception) -> str:
    """Give the engine's own words."""
    told = getattr(error, "explanation", None)
    text = str(told.decode("utf-8", "replace") if isinstance(told, bytes) else told or error)
    return text.rpartition(STARTING)[2]  # without the names of those that pass it on


def _close(opened: Any) -> None:
    """Close the connection behind a stream of the SDK, each layer of it: the SDK leaves that to the collector."""
    response = getattr(opened, "_response", None)
    raw = getattr(response, "raw", None)
    layers = (
        opened,
        getattr(opened, "_sock", None),
        getattr(getattr(raw, "connection", None), "sock", None),
        raw,
        response,
    )
    for layer in filter(None, layers):
        with suppress(Exception):
            layer.close()


class Engine:
    """What a rehearsal asks of the engine; each method is one or two of its calls."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def close(self) -> None:
        """Close the connections to the engine."""
        self.client.close()

    def identity(self) -> str:
        """Give what tells this engine from others, whatever its address; "" where it does not say."""
        with suppress(Exception):
            return str(self.client.info().get("ID") or "")
        return ""

    # -- images ------------------------------------------------------------------------------------------

    def image(self, reference: str) -> Mapping[str, Any] | None:
        """Describe an image; None where it is not on this machine."""
        import docker.errors

        try:
            found: Mapping[str, Any] = self.client.inspect_image(reference)
        except docker.errors.ImageNotFound:
            return None
        return found

    def pull(self, reference: str, platform: str) -> str:
        """Pull an image; give what went wrong, or ""."""
        import docker.errors
        import requests

        try:
            for line in self.client.pull(reference, stream=True, decode=True, platform=platform):
                if "error" in line:
                    return str(line["error"])
        except (docker.errors.DockerException, requests.RequestException) as error:
            return explanation(error)
        return ""

    def helper(self, name: str, base: str) -> str:
        """Give the helper image: the one that was asked for, else our own, which is built when it is missing."""
        if name:
            if self.image(name) is None and (problem := self.pull(name, "")):
                raise _no_engine(
                    f"the helper image {name} is not available: {problem}",
                    "name another: --helper-image NAME",
                )
            return name
        if self.image(HELPER) is None:
            with engine_errors("the helper image cannot be built"):
                arguments = {"BASE": base} if base else {}
                made = self.client.build(
                    path=_HELPER_FOLDER, tag=HELPER, buildargs=arguments, rm=True, decode=True
                )
                for line in made:
                    if "error" in line:
                        raise _no_engine(
                            f"the helper image cannot be built: {line['error'].strip()}",
                            "--helper-image NAME takes one that is there; its Dockerfile is in "
                            + _HELPER_FOLDER,
                        )
        return HELPER

    # -- networks and volumes ----------------------------------------------------------------------------

    def network(self, project: str) -> tuple[str, Subnet]:
        """Make the bridge of a project on a subnet that nobody of this engine has.

        Another engine on the machine may have the same one, and engines drop what comes from others' bridges. So each
        rehearsal begins to look somewhere else.

        Raises:
            EngineError: No subnet is free, or the engine makes no bridges.
        """
        import docker.errors
        from docker.types import IPAMConfig, IPAMPool

        problem = ""
        for prefix in random.sample(_PREFIXES, len(_PREFIXES)):
            subnet = Subnet(prefix)
            pool = IPAMPool(subnet=subnet.cidr, gateway=subnet.at(1))
            try:
                made = self.client.create_network(
                    f"rehearsal-{project}",
                    driver="bridge",
                    ipam=IPAMConfig(pool_configs=[pool]),
                    labels={LABEL: project},
                )
            except docker.errors.APIError as error:
                problem = explanation(error)
                if (
                    "overlap" in problem.lower()
                    or "already" in problem.lower()
                    or "in use" in problem.lower()
                ):
                    continue
                break
            return str(made["Id"]), subnet
        raise EngineError(
            Diagnostic(
                "C2F551", Severity.ERROR, f"the engine cannot create a network for the rehearsal: {problem}"
            )
        )

    def volume(self, name: str, project: str) -> None:
        """Make a volume, if it is not there."""
        self.client.create_volume(name, labels={LABEL: project})

    # -- containers --------------------------------------------------------------------------------------

    def create(self, arguments: Mapping[str, Any], host: Mapping[str, Any]) -> str:
        """Create a container; health checks of images are not looked at on ECS, so they are switched off."""
        configuration = self.client.create_host_config(**host)
        made = self.client.create_container(
            host_config=configuration, healthcheck={"test": ["NONE"]}, **arguments
        )
        return str(made["Id"])

    def put(self, container: str, folder: str, files: Mapping[str, str]) -> None:
        """Write files into a container, which may not run yet; `folder` is made."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            entry = tarfile.TarInfo(folder.strip("/"))
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
            for name, text in files.items():
                data = text.encode()
                entry = tarfile.TarInfo(f"{folder.strip('/')}/{name}")
                entry.size, entry.mode = len(data), 0o644
                tar.addfile(entry, io.BytesIO(data))
        self.client.put_archive(container, "/", archive.getvalue())

    def start(self, container: str) -> None:
        """Start a container."""
        self.client.start(container)

    def wait_for_line(self, container: str, line: str) -> bool:
        """Wait until a container has written a line; False when it ends before, or says nothing for too long."""
        end = time.monotonic() + _TIMEOUT
        while True:
            status = self.state(container).status
            if line in self.logs(container):
                return True
            if status != "running" or time.monotonic() > end:
                return False
            time.sleep(_SOON)

    def states(self, project: str) -> dict[str, str]:
        """Give the status of every container of a project, by id, in one call."""
        found = self.client.containers(all=True, filters={"label": f"{LABEL}={project}"})
        return {one["Id"]: one["State"] for one in found}

    def state(self, container: str) -> ContainerState:
        """Look at one container."""
        found = self.client.inspect_container(container)["State"]
        return ContainerState(
            found["Status"], int(found["ExitCode"]), bool(found.get("OOMKilled")), found.get("Error") or ""
        )

    def execute(self, container: str, command: Iterable[str], user: str = "") -> Executed:
        """Run a command in a container, and wait for its end; a container that has ended meanwhile is a failure like any other."""
        import docker.errors

        try:
            return self._execute(container, command, user)
        except docker.errors.APIError as error:
            return Executed(1, explanation(error))

    def _execute(self, container: str, command: Iterable[str], user: str) -> Executed:
        from docker.utils.socket import frames_iter

        made = self.client.exec_create(container, list(command), user=user)
        # The SDK itself leaves the socket of a command open until it is collected.
        opened = self.client.exec_start(made["Id"], socket=True)
        try:
            output = b""
            for _, data in frames_iter(opened, tty=False):
                output += data[: _MOST_OUTPUT - len(output)]  # a check may write for ever
        finally:
            _close(opened)
        code = self.client.exec_inspect(made["Id"])["ExitCode"]
        return Executed(1 if code is None else int(code), output.decode("utf-8", "replace"))

    def logs(self, container: str, tail: int = 20) -> tuple[str, ...]:
        """Give the last lines that a container wrote."""
        with suppress(Exception):
            text: bytes = self.client.logs(container, tail=tail)
            return tuple(text.decode("utf-8", "replace").replace("\r", "").splitlines())
        return ()

    def stop(self, container: str, seconds: int) -> None:
        """Send the stop signal, and kill what has not ended in time."""
        with suppress(Exception):
            self.client.stop(container, timeout=seconds)

    def kill(self, container: str) -> None:
        """Kill a container at once, if it still runs."""
        with suppress(Exception):
            self.client.kill(container)

    def statistics(self, container: str) -> Mapping[str, Any]:
        """Give what a container uses just now; nothing where it has ended meanwhile."""
        with suppress(Exception):
            found: Mapping[str, Any] = self.client.stats(container, stream=False, one_shot=True)
            return found
        return {}

    def remove(self, container: str) -> None:
        """Remove a container with its anonymous volumes, running or not."""
        with suppress(Exception):
            self.client.remove_container(container, v=True, force=True)

    def addresses(self, container: str) -> dict[int, int]:
        """Give the ports of this machine at which a container's ports are published."""
        found = self.client.inspect_container(container)["NetworkSettings"]["Ports"] or {}
        return {int(port.split("/")[0]): int(bound[0]["HostPort"]) for port, bound in found.items() if bound}

    # -- everything --------------------------------------------------------------------------------------

    def listed(self, project: str) -> list[Mapping[str, Any]]:
        """Give the containers of a project, with their labels, oldest first."""
        found = self.client.containers(all=True, filters={"label": f"{LABEL}={project}"})
        return sorted(found, key=lambda one: one["Created"])

    def down(self, project: str) -> Removed:
        """Remove everything that carries the project's label, and what was still being made when it was looked for."""
        seen: set[str] = set()
        problems: dict[str, str] = {}
        for _ in range(_PASSES):
            found = self._remove_all(project)
            seen |= set(found)
            problems = {name: why for name, why in found.items() if why}
            if not found:
                break
            if problems:
                time.sleep(_AGAIN)
        return Removed(len(seen - set(problems)), tuple(sorted(set(problems.values()))))

    def _remove_all(self, project: str) -> dict[str, str]:
        """Try to remove everything that is there; give why each could not be, "" where it was."""
        from concurrent.futures import ThreadPoolExecutor

        client, chosen = self.client, {"label": f"{LABEL}={project}"}
        containers = [one["Id"] for one in client.containers(all=True, filters=chosen)]
        with ThreadPoolExecutor(8) as pool:
            remove = partial(_attempt, partial(client.remove_container, v=True, force=True))
            found = dict(zip(containers, pool.map(remove, containers), strict=True))
        for network in client.networks(filters=chosen):
            found[network["Id"]] = _attempt(client.remove_network, network["Id"])
        for volume in client.volumes(filters=chosen)["Volumes"] or []:
            found[volume["Name"]] = _attempt(partial(client.remove_volume, force=True), volume["Name"])
        return found


def _attempt(remove: Callable[[str], Any], name: str) -> str:
    import docker.errors

    try:
        remove(name)
    except docker.errors.NotFound:
        return ""
    except Exception as error:  # noqa: BLE001 - the SDK lets errors of three libraries through
        return explanation(error)
    return ""
