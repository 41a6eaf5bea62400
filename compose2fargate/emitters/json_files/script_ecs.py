"""Lines of `commands.sh` for the cluster, task definitions, services, jobs and schedules."""

from __future__ import annotations

from collections.abc import Sequence

from compose2fargate.aws.resources import (
    Cluster,
    EcsService,
    Namespace,
    RunTask,
    Schedule,
    TaskDefinition,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.emitters.json_files.json_scaling import scaling_calls
from compose2fargate.emitters.json_files.script_variables import CommandsScript
from compose2fargate.emitters.resource_graph import job_container
from compose2fargate.text.shell_text import json_option, option, query_text, quote, word


def cluster_lines(work: CommandsScript, _: str, cluster: Cluster) -> list[str]:
    """Give the lines for a cluster."""
    namespace = next(found.name for _, found in work.stack.of_type(Namespace))
    options = [option("cluster-name", cluster.cluster_name)]
    if cluster.settings:
        settings = [{"name": each.name, "value": each.value} for each in cluster.settings]
        options.append(json_option("settings", settings))
    if cluster.capacity_providers:
        options.append(json_option("capacity-providers", cluster.capacity_providers))
    options.append(json_option("service-connect-defaults", {"namespace": namespace}))
    if cluster.tags:
        options.append(json_option("tags", [{"key": tag.key, "value": tag.value} for tag in cluster.tags]))
    return [f"aws ecs create-cluster {' '.join(options)}"]


def task_definition_lines(work: CommandsScript, logical_id: str, _: TaskDefinition) -> list[str]:
    """Give the lines for a task definition."""
    path = f"task-definitions/{work.stack.files[logical_id]}.json"
    return [f"aws ecs register-task-definition {work.input(path)}"]


def awaited_jobs(stack: Stack) -> frozenset[str]:
    """The jobs that something waits for."""
    after = {entry.logical_id for entries in stack.after.values() for entry in entries}
    return frozenset(logical_id for logical_id, _ in stack.of_type(RunTask) if logical_id in after)


def run_task_lines(work: CommandsScript, logical_id: str, job: RunTask) -> list[str]:
    """Run a job when the services that it needs are there, and wait for it where others do.

    One that has a schedule is run by that alone, unless something waits for it.
    """
    name = work.stack.files[logical_id]
    if name in work.scheduled and logical_id not in work.awaited:
        return []
    call = f"aws ecs run-task {work.input(f'run-tasks/{name}.json')}"
    cluster = work.value(job.cluster)
    needed = [
        service.service_name
        for entry in work.stack.after.get(logical_id, ())
        if isinstance(service := work.stack.resources.get(entry.logical_id), EcsService)
    ]
    lines = []
    if needed:
        services = json_option("services", needed)
        lines.append(f"aws ecs wait services-stable {option('cluster', cluster)} {services} || exit 1")
    if logical_id not in work.awaited:
        return [*lines, call]
    container = job_container(work.stack, job)
    return [
        *lines,
        f"make {call} --query 'tasks[].taskArn'",
        f"ended {word([cluster])} {quote(container)} {quote(query_text(container))} $found",
    ]


def service_lines(work: CommandsScript, logical_id: str, service: EcsService) -> list[str]:
    """Give the lines for a service."""
    cluster = work.value(service.cluster)
    path = f"services/{work.stack.files[logical_id]}.json"
    return [
        (
            f"known aws ecs describe-services {option('cluster', cluster)} {option('services', service.service_name)} "
            "--query \"services[?status=='ACTIVE'].serviceName\" ||"
        ),
        f"  aws ecs create-service {work.input(path)}",
    ]


def redeployment_lines(work: CommandsScript) -> Sequence[str]:
    """Deploy once more what was deployed before a service that it talks to: only now does it find that one's name."""
    found = []
    for logical_id in work.stack.again:
        service = work.stack.resources[logical_id]
        if isinstance(service, EcsService):
            options = (
                f"{option('cluster', work.value(service.cluster))} {option('service', service.service_name)}"
            )
            found.append(f"aws ecs update-service {options} --force-new-deployment")
    return found


def schedule_lines(work: CommandsScript, logical_id: str, _: Schedule) -> list[str]:
    """Give the lines for a schedule."""
    return [
        f"once aws scheduler create-schedule {work.input(f'schedules/{work.stack.files[logical_id]}.json')}"
    ]


def autoscaling_lines(work: CommandsScript) -> Sequence[str]:
    """Give the lines for autoscaling."""
    return scaling_calls(work.stack, work.resolve, work.document)
