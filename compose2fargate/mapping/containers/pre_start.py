"""`pre_start`: commands that run in containers of their own before a service starts.

Each becomes a service of the mapping's own, so that image, volumes, secrets and logs go the way that they go for all
others. It is an init container of the service's task, or a job that is deployed before the service: Docker Compose
runs the commands once, before the first of a service's containers, and a task definition is started as often as there
are tasks. What Docker Compose gives to such a container is in its `pkg/compose/pre_start.go`: the image's entrypoint
with the hook's command, the service's variables and volumes, and neither its user nor its directory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from compose2fargate.aws.resources import ContainerDefinition, ContainerDependency
from compose2fargate.aws.task_definition_rules import DEFAULT_START_TIMEOUT
from compose2fargate.compose.model import (
    Dependency,
    Deploy,
    HealthCheck,
    PreStartHook,
    Project,
    Resources,
    Service,
)
from compose2fargate.diagnostics import Diagnostic, Path, Severity
from compose2fargate.mapping.containers.task_groups import TaskGroups
from compose2fargate.mapping.deployment.autoscaling import autoscaling_settings
from compose2fargate.mapping.deployment.rolling_updates import desired_count
from compose2fargate.mapping.translation_input import TranslationInput, options_of
from compose2fargate.records import NamedTuple

PRE_START_URL = "https://docs.docker.com/compose/how-tos/init-containers/"

_LIMIT = f"ends within {DEFAULT_START_TIMEOUT} seconds, after which ECS stops the task"
_NOT_YET = "which Docker Compose 5.5 reads, and refuses to start"
"""What `per_replica: true` means for `docker compose up`: https://github.com/docker/compose/blob/v5.5.0/pkg/compose/pre_start.go"""
_KEPT_OPTIONS = frozenset(
    {"files", "secret_files", "log_retention", "tags", "architecture", "capacity"}
    | {"task_role", "managed_policies", "policies", "statements"}
)
"""What of a service's `x-fargate` its hooks have, too: where they run, what they may do, how files get to them."""
_OWN_IMAGE_OPTIONS = frozenset({"credentials", "cpu", "memory", "ephemeral_storage"})
"""And what belongs to the image, for a hook that runs the service's own."""
_NOTHING = HealthCheck((), None, None, None, None, None, disable=True)


class ServiceHook(NamedTuple):
    """One hook as a service.

    Attributes:
        owner: The service that waits for it.
        position: Its place in the owner's `pre_start`.
        inherits_image: Whether it runs the owner's image, the files that are copied into it included.
    """

    owner: str
    position: int
    inherits_image: bool


class WithHooks(NamedTuple):
    """A project whose hooks are services, its tasks with them, and which services they are."""

    project: Project
    groups: TaskGroups
    hooks: Mapping[str, ServiceHook]


def with_hooks(project: Project, groups: TaskGroups, report: list[Diagnostic]) -> WithHooks:
    """Add a service for each `pre_start` hook, and let its owner wait for it."""
    if not any(service.pre_start for service in project.services.values()):
        return WithHooks(project, groups, {})
    project = _within_limits(project, report)
    services, hooks = dict(project.services), dict[str, ServiceHook]()
    inits, jobs = set(groups.inits), dict[str, tuple[str, ...]]()
    for name, service in project.services.items():
        waits = service.depends_on
        once = _runs_once(project, groups, service, report)
        for index, hook in enumerate(service.pre_start):
            made = _hook_service(service, hook, _free_name(services, name, index), is_job=once[index])
            services[made.name] = made._replace(depends_on=waits)
            inherits = not hook.image or hook.image == service.image
            hooks[made.name] = ServiceHook(name, index, inherits)
            waits = (*waits, Dependency(made.name, "service_completed_successfully", required=True))
            if once[index]:
                jobs[made.name] = (made.name,)
            else:
                inits.add(made.name)
        services[name] = service._replace(depends_on=waits)
    members = dict(sorted({**groups.members, **jobs}.items()))
    tasks = {name: groups.leaders.get(hook.owner, "") for name, hook in hooks.items()}
    leaders = {
        **groups.leaders,
        **{n: n if n in jobs else task for n, task in tasks.items() if n in jobs or task},
    }
    grown = _in_tree(project, hooks)._replace(services=dict(sorted(services.items())))
    return WithHooks(grown, TaskGroups(members, leaders, frozenset(inits)), hooks)


MAX_HOOKS = 100
"""Commands of a service: each waits for all before it. A task has ten containers at most."""


def _within_limits(project: Project, report: list[Diagnostic]) -> Project:
    services = {}
    for name, service in project.services.items():
        if len(service.pre_start) > MAX_HOOKS:
            path: Path = ("services", name, "pre_start")
            says = (
                f"{name} has {len(service.pre_start)} pre_start commands, of which only {MAX_HOOKS} are read"
            )
            hint = "put them into one script"
            report.append(
                Diagnostic("C2F203", Severity.ERROR, says, path, project.at(*path), hint, PRE_START_URL)
            )
        services[name] = service._replace(pre_start=service.pre_start[:MAX_HOOKS])
    return project._replace(services=services)


def _in_tree(project: Project, hooks: Mapping[str, ServiceHook]) -> Project:
    """Give the hooks a place in the tree and in the files: what is found out about one is found at its line."""
    tree = {**project.tree, "services": {**project.tree["services"], **{name: {} for name in hooks}}}
    above = project.marks.get("services")
    if above is None:
        return project._replace(tree=tree)
    places = dict(above[3] or {})
    for name, hook in hooks.items():
        at = project.at("services", hook.owner, "pre_start", hook.position)
        if at:
            places[name] = (at.file, at.line, at.column, None)
    marks = {**project.marks, "services": (above[0], above[1], above[2], places)}
    return project._replace(tree=tree, marks=marks)


def _free_name(services: Mapping[str, Service], owner: str, index: int) -> str:
    name = f"{owner}-pre-start-{index + 1}"
    while name in services:
        name += "-hook"
    return name


# -- init container or job -----------------------------------------------------------------------------------


def _runs_once(
    project: Project, groups: TaskGroups, service: Service, report: list[Diagnostic]
) -> list[bool]:
    """Tell which hooks are jobs before the service: those that run once where there are several tasks.

    After a hook that runs in each task, the next ones do: a job comes before all tasks.
    """
    leader = project.services[groups.leaders.get(service.name, service.name)]
    count = max(desired_count(leader), int(autoscaling_settings(leader).get("max", 0)))
    several = count > 1 and service.name not in groups.inits and not options_of(leader).get("schedule")
    decided: list[bool] = []
    for index, hook in enumerate(service.pre_start):
        path: Path = ("services", service.name, "pre_start", index)
        wanted = several and not hook.per_replica
        obstacle = _obstacle(project, service, decided) if wanted else ""
        if obstacle:
            report.append(
                Diagnostic(
                    "C2F203",
                    Severity.ERROR,
                    f"{service.name} has several tasks, and the command would run once for all, in a task before them; {obstacle}",
                    path,
                    project.at(*path),
                    f"write per_replica: true, which runs it in each task ({_NOT_YET}), as --allow C2F203 does; or keep the volume on EFS "
                    f"(remove ephemeral and ebs from its x-fargate); or leave the service out: --without {service.name}",
                    PRE_START_URL,
                )
            )
        decided.append(wanted and not obstacle)
        report.append(_said(project, service, path, once=decided[-1], several=several))
    return decided


def _obstacle(project: Project, service: Service, before: list[bool]) -> str:
    """Say why a hook cannot run in a task of its own; "" where it can."""
    if not all(before):
        return "but the one above it runs in each task"
    for mount in service.mounts:
        volume = project.volumes.get(mount.source) if mount.type == "volume" else None
        own = volume.extensions.get("x-fargate") or {} if volume else {}
        kind = next((key for key in ("ephemeral", "ebs") if own.get(key)), "")
        if kind and not mount.read_only:
            return f"but {mount.source} is a volume of each task (x-fargate.{kind}), which no other task can fill"
    return ""


def _said(project: Project, service: Service, path: Path, *, once: bool, several: bool) -> Diagnostic:
    if once:
        what = "runs as a job, once in each deployment before the service"
        hint = f"per_replica: true runs it in each task ({_NOT_YET})"
    elif several:
        what = (
            "runs in each task before its other containers, also in tasks that replace one or are added later"
        )
        hint = f"make sure that it can run several times at once and {_LIMIT}"
    else:
        what = "runs in the task before its other containers, also in each task that replaces it later"
        hint = f"make sure that it can run again and {_LIMIT}"
    key = f"pre_start[{path[-1]}] of {service.name}"
    return Diagnostic("C2F545", Severity.INFO, f"{key} {what}", path, project.at(*path), hint, PRE_START_URL)


# -- the hook as a service -----------------------------------------------------------------------------------


_NOT_INHERITED: Mapping[str, Any] = {
    "build": None, "entrypoint": None, "ports": (), "expose": (), "tmpfs": (), "healthcheck": _NOTHING,
    "network_mode": "", "pid": "", "links": (), "cpu_shares": None, "shm_size": None, "scale": None,
    "restart": "no", "stop_grace_period": None, "stop_signal": "", "init": None, "read_only": False, "tty": False,
    "stdin_open": False, "ulimits": (), "cap_add": (), "cap_drop": (), "sysctls": {}, "labels": {},
    "container_name": "", "storage_gib": None, "pre_start": (),
}  # fmt: skip
"""What belongs to the owner's role as a service, and the container of a hook does not have."""


def _hook_service(owner: Service, hook: PreStartHook, name: str, *, is_job: bool) -> Service:
    """Give what Docker Compose runs for a hook: what belongs to the owner's role as a service is left away."""
    inherits = not hook.image or hook.image == owner.image
    kept = _KEPT_OPTIONS | _OWN_IMAGE_OPTIONS if inherits and is_job else _KEPT_OPTIONS | {"credentials"}
    options = {key: value for key, value in options_of(owner).items() if key in kept}
    secrets = _secrets(owner, hook)
    sized = inherits and is_job  # a task of its own needs what the same program needs in the service's task
    return owner._replace(
        name=name,
        image=hook.image or owner.image,
        **_NOT_INHERITED,
        command=hook.command,
        environment=_environment(owner, hook),
        mounts=tuple(mount for mount in owner.mounts if mount.type != "tmpfs"),
        deploy=Deploy(limits=owner.deploy.limits if sized else Resources()),
        networks={network: {} for network in owner.networks},
        cpus=owner.cpus if sized else None,
        cpu_quota=owner.cpu_quota if sized else None,
        mem_limit=owner.mem_limit if sized else None,
        mem_reservation=owner.mem_reservation if sized else None,
        user=hook.user,
        working_dir=hook.working_dir,
        extensions={"x-fargate": {**options, **({"secrets": secrets} if secrets else {})}},
    )


def _environment(owner: Service, hook: PreStartHook) -> dict[str, str | None]:
    """The owner's variables and the hook's; one that the hook names without a value is not set."""
    inherited = {name: value for name, value in owner.environment.items() if name not in hook.environment}
    return {**inherited, **{name: value for name, value in hook.environment.items() if value is not None}}


def _secrets(owner: Service, hook: PreStartHook) -> Any:
    """What the owner says about secrets, without the variables that the hook sets itself."""
    given = options_of(owner).get("secrets")
    if not isinstance(given, Mapping):
        return given
    return {name: value for name, value in given.items() if name not in hook.environment}


def hooks_after(
    ctx: TranslationInput,
    services: Iterable[Service],
    containers: Iterable[ContainerDefinition],
    prepared: Mapping[str, tuple[ContainerDependency, ...]],
) -> Iterator[ContainerDefinition]:
    """Let the hooks of a task wait for what prepares the volumes of their owners, which they mount, too.

    `prepared` is what each service waits for on that account.
    """
    for service, made in zip(services, containers, strict=True):
        hook = ctx.hooks.get(service.name)
        more = prepared.get(hook.owner, ()) if hook else ()
        yield made._replace(depends_on=(*made.depends_on, *more)) if more else made


# -- findings ------------------------------------------------------------------------------------------------


def at_their_owners(report: Iterable[Diagnostic], hooks: Mapping[str, ServiceHook]) -> Iterator[Diagnostic]:
    """Put what was found out about hooks to their owners, and leave out what was said of these already."""
    if not hooks:
        yield from report
        return
    found = dict.fromkeys(report)
    said = {(d.code, d.path) for d in found}
    for one in found:
        hook = hooks.get(str(one.path[1])) if len(one.path) > 1 and one.path[0] == "services" else None
        if hook is None:
            yield one
        elif (one.code, ("services", hook.owner, *one.path[2:])) not in said or len(one.path) == 2:
            yield one._replace(path=("services", hook.owner, "pre_start", hook.position, *one.path[2:]))
