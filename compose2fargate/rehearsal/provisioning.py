"""The network, the volumes and the containers of a task, made on the engine."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import (
    AccessPoint,
    ContainerDefinition,
    TaskDefinition,
    TaskVolume,
)
from compose2fargate.diagnostics import Diagnostic, Severity
from compose2fargate.rehearsal import task_containers
from compose2fargate.rehearsal.configuration_text import configuration
from compose2fargate.rehearsal.engine import (
    CONTAINER_LABEL,
    LABEL,
    SERVICE_LABEL,
    UNIT_LABEL,
    EngineError,
)
from compose2fargate.rehearsal.rehearsal_plan import RehearsedUnit
from compose2fargate.rehearsal.rehearsal_run import RehearsalRun, image_key, safe
from compose2fargate.rehearsal.task_containers import TaskFolder
from compose2fargate.rehearsal.task_network import FOLDER, host_name, task_files

_VOLUMES: Final = "/rehearsal-volumes"
_SILENT: Final = 9  # the agent's exit code when nobody answers it


class Provision:
    """What is made for one task; `agent` is the container that owns its network, "" before there is one."""

    def __init__(self, run: RehearsalRun, unit: RehearsedUnit, byte: int, attempt: int) -> None:
        self.run, self.unit, self.byte = run, unit, byte
        seed = f"{run.plan.project}/{unit.id}/{byte}/{attempt}"
        self.identifier = hashlib.sha256(seed.encode()).hexdigest()[:32]
        self._name = f"rehearsal-{safe(run.plan.project)}-{safe(unit.name)}-{byte}-{attempt}"
        self.agent = ""

    def _labels(self, container: str = "") -> dict[str, str]:
        run = self.run
        return {
            LABEL: run.plan.project,
            UNIT_LABEL: self.unit.id,
            SERVICE_LABEL: self.unit.name,
            CONTAINER_LABEL: container,
        }

    def make_agent(self) -> None:
        """Make the volumes and the network of the task.

        Raises:
            RuntimeError: The helper image does not work.
            EngineError: The engine's network carries nothing.
        """
        run, unit = self.run, self.unit
        host = host_name(run.subnet, self.byte, run.plan.region)
        network = f"rehearsal-{run.plan.project}"
        owned = {f"{_VOLUMES}/{n}": v for n, v in enumerate(self._volumes().values()) if v.kind != "task"}
        for volume in self._volumes().values():
            run.engine.volume(volume.name, run.plan.project)
        address = run.engine.client.create_endpoint_config(ipv4_address=run.subnet.at(self.byte))
        options = {
            "cap_add": ["NET_ADMIN"],
            "network_mode": network,
            "sysctls": task_containers.sysctls(unit.definition),
            "mounts": [_mount(path, volume.name) for path, volume in owned.items()],
        }
        arguments = {
            "image": run.helper,
            "command": ["agent"],
            "name": f"{self._name}-agent",
            "hostname": host,
            "labels": self._labels(),
            "networking_config": run.engine.client.create_networking_config({network: address}),
        }
        files = task_files(run.plan, unit, self.byte, run.subnet, dict(self._documents()))
        files["volumes"] = configuration(f"{p} {v.owner} {v.content or '-'}" for p, v in owned.items())
        with run.pace.starting():
            self.agent = run.create(arguments, options)
            run.engine.put(self.agent, FOLDER, files)
            run.engine.start(self.agent)
            ready = run.engine.wait_for_line(self.agent, "ready")
        if not ready and run.engine.state(self.agent).exit_code == _SILENT:
            raise EngineError(_silent(run.subnet.cidr))
        if not ready:
            raise RuntimeError("\n".join(run.engine.logs(self.agent)) or "the helper image ended at once")

    def _documents(self) -> Any:
        """Yield what the metadata endpoint answers, by path."""
        run, definition = self.run, self.unit.definition
        arn = f"arn:aws:ecs:{run.plan.region}:123456789012:task/{run.plan.project}/{self.identifier}"
        network = {"NetworkMode": "awsvpc", "IPv4Addresses": [run.subnet.at(self.byte)]}
        listed = [
            {
                "DockerId": f"{self.identifier}-{c.name}",
                "Name": c.name,
                "DockerName": c.name,
                "Image": run.supplies.images.get(image_key(run.plan, c.image), ""),
                "Labels": {"com.amazonaws.ecs.container-name": c.name, "com.amazonaws.ecs.task-arn": arn},
                "DesiredStatus": "RUNNING",
                "KnownStatus": "RUNNING",
                "Type": "NORMAL",
                "Networks": [network],
            }
            for c in definition.container_definitions
        ]
        task = {
            "Cluster": run.plan.project,
            "TaskARN": arn,
            "Family": definition.family,
            "Revision": "1",
            "DesiredStatus": "RUNNING",
            "KnownStatus": "RUNNING",
            "Limits": {"CPU": int(definition.cpu) / 1024, "Memory": int(definition.memory)},
            "AvailabilityZone": f"{run.plan.region}a",
            "LaunchType": "FARGATE",
            "Containers": listed,
        }
        for container in listed:
            yield f"/v4/{container['DockerId']}", container
            yield f"/v4/{container['DockerId']}/task", task

    def _volumes(self) -> dict[str, TaskFolder]:
        """Give the engine's volume for each of the task's, by name."""
        found: dict[str, TaskFolder] = {}
        for volume in self.unit.definition.volumes:
            if volume.efs_volume_configuration is not None:
                found[volume.name] = self._shared(volume)
            elif volume.configured_at_launch:
                ebs = self.unit.ebs.get(volume.name)
                content = "lost+found" if ebs and ebs.filesystem_type == "ext4" else ""
                user = _user_of(self.unit.definition, volume.name)
                found[volume.name] = TaskFolder(
                    f"{self._name}-{safe(volume.name)}", "ebs", f"{user} 0755", content
                )
            else:
                found[volume.name] = TaskFolder(f"{self._name}-{safe(volume.name)}", "task")
        return found

    def _shared(self, volume: TaskVolume) -> TaskFolder:
        efs = volume.efs_volume_configuration
        assert efs is not None  # noqa: S101 - the caller has looked
        point = efs.authorization_config.access_point_id if efs.authorization_config else None
        known = point or efs.file_system_id
        place = known.logical_id if isinstance(known, Ref) else str(known)
        name = f"rehearsal-{safe(self.run.plan.project)}-efs-{safe(place + (efs.root_directory or ''))}"
        found = self.run.plan.stack.resources.get(place)
        if isinstance(found, AccessPoint):
            info = found.root_directory.creation_info
            return TaskFolder(name, "efs", f"{info.owner_uid} {info.owner_gid} {info.permissions}")
        return TaskFolder(name, "efs")

    def create(self, definition: ContainerDefinition, created: Mapping[str, str]) -> str:
        """Create a container, which joins the task's network; `created` are those of the task that there are."""
        run = self.run
        image = run.supplies.images[image_key(run.plan, definition.image)]
        described = run.engine.image(image) or {}
        host = host_name(run.subnet, self.byte, run.plan.region)
        options = self._host_options(definition, created, described)
        environment = task_containers.platform_environment(
            self.identifier, definition.name, host, run.plan.region
        )
        environment |= {variable.name: run.plan.text(variable.value) for variable in definition.environment}
        environment |= {secret.name: run.supplies.secret(secret) or "" for secret in definition.secrets}
        arguments: dict[str, Any] = {
            "image": image,
            "name": f"{self._name}-{safe(definition.name)}",
            "labels": {**definition.docker_labels, **self._labels(definition.name)},
            "environment": environment,
            "tty": bool(definition.pseudo_terminal),
            "stdin_open": bool(definition.interactive),
            **task_containers.container_command(definition),
        }
        if definition.user:
            arguments["user"] = definition.user
        if definition.working_directory:
            arguments["working_dir"] = definition.working_directory
        return run.create(arguments, options)

    def _host_options(
        self, definition: ContainerDefinition, created: Mapping[str, str], described: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Give what the engine is to set up around the process: limits, network, mounts."""
        volumes = self._volumes()
        kinds = {volume.name: volume for volume in self.unit.definition.volumes}
        options = task_containers.host_options(self.unit.definition, definition)
        if not self.run.raises_limits:
            options["ulimits"] = []
        options["network_mode"] = f"container:{self.agent}"
        options["mounts"] = [
            _mount(
                point.container_path,
                volumes[point.source_volume].name,
                read_only=point.read_only,
                empty=task_containers.starts_empty(
                    kinds[point.source_volume], point.container_path, described
                ),
            )
            for point in definition.mount_points
            if point.source_volume in volumes
        ]
        options["volumes_from"] = [
            created[one.source_container] + (":ro" if one.read_only else "")
            for one in definition.volumes_from
        ]
        if self.unit.definition.pid_mode == "task":
            options["pid_mode"] = f"container:{self.agent}"
        return options


def _silent(subnet: str) -> Diagnostic:
    return Diagnostic(
        "C2F551",
        Severity.ERROR,
        f"the engine's network {subnet} carries nothing: a packet filter drops it, or another engine of this machine has the same one",
        hint="rehearse again, which chooses another network",
    )


def _mount(path: str, volume: str, *, read_only: bool = False, empty: bool = True) -> Any:
    from docker.types import Mount

    return Mount(path, volume, type="volume", read_only=read_only, no_copy=empty)


def _user_of(definition: TaskDefinition, volume: str) -> str:
    """Give user and group of the container that mounts an EBS volume, as far as its definition says them."""
    for container in definition.container_definitions:
        if any(point.source_volume == volume for point in container.mount_points):
            user, _, group = (container.user or "0").partition(":")
            return f"{user if user.isdigit() else 0} {group if group.isdigit() else 0}"
    return "0 0"
