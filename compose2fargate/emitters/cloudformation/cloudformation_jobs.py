"""Jobs in a template: CloudFormation runs no tasks, so a function of the stack runs one for each job, and waits for its end.

A custom resource stands for the run. Services that wait for the job depend on it; a job that fails fails the deployment, which
CloudFormation then rolls back. Where there is no job there is no function.
Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-custom-resources-lambda.html
"""

from __future__ import annotations

from typing import Any, Protocol

from compose2fargate.aws.api_values import Ref, Tag, to_api
from compose2fargate.aws.resources import Cluster, RunTask, ServiceVolumeConfiguration, TaskDefinition
from compose2fargate.aws.stack import Stack
from compose2fargate.emitters.cloudformation.cloudformation_values import (
    joined_text,
    json_parts,
    sub_function,
)
from compose2fargate.emitters.resource_graph import ResourceGraph, job_container
from compose2fargate.text.yaml_text import CodeText, TaggedValue

RUNNER, RUNNER_ROLE, RUNNER_LOGS = "JobRunner", "JobRunnerRole", "JobRunnerLogs"
"""Names of the three resources in the template; no service is called so, since those names begin with a type."""
SECONDS = 900
"""How long a function may run: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

CODE = '''\
import json
import time

import boto3
import cfnresponse


def handler(event, context):
    """Run the job of a custom resource, and tell CloudFormation how it ended."""
    status, reason = cfnresponse.SUCCESS, None
    try:
        if event["RequestType"] != "Delete":
            given = event["ResourceProperties"]
            run(json.loads(given["Request"]), given["Container"], context)
    except Exception as error:
        status, reason = cfnresponse.FAILED, str(error)
    cfnresponse.send(event, context, status, {}, event["LogicalResourceId"], reason=reason)


def run(request, container, context):
    ecs = boto3.client("ecs")
    answer = start(ecs, request)
    if not answer["tasks"]:
        raise RuntimeError(f"{container} was not started: {answer['failures']}")
    task = answer["tasks"][0]
    while task["lastStatus"] != "STOPPED":
        if context.get_remaining_time_in_millis() < 30000:
            raise RuntimeError(f"{container} still runs after a quarter of an hour: {task['taskArn']}")
        time.sleep(5)
        found = ecs.describe_tasks(cluster=request["cluster"], tasks=[task["taskArn"]])["tasks"]
        task = found[0] if found else task
    codes = [one.get("exitCode") for one in task["containers"] if one["name"] == container]
    if codes != [0]:
        raise RuntimeError(f"{container} did not end well: {codes}, {task.get('stoppedReason')}, {task['taskArn']}")


def start(ecs, request):
    """A role that was made a moment ago can be assumed some seconds later."""
    for _ in range(5):
        try:
            return ecs.run_task(**request)
        except ecs.exceptions.ClientException as error:
            if "assume" not in str(error):
                raise
        time.sleep(10)
    return ecs.run_task(**request)
'''


class JobTemplate(Protocol):
    """What this module needs of the template."""

    stack: Stack
    graph: ResourceGraph
    parameters: dict[str, Any]

    def api(self, value: Any) -> Any:
        """Give a value as CloudFormation spells it."""

    def resolve(self, ref: Ref) -> Any:
        """Give the function that a link is."""

    def link(self, value: Any, resolve: Any) -> Any:
        """Put a text with links in it together."""

    def role(self, value: str | Ref) -> Any:
        """Give a role's ARN."""

    def arn(self, kind: str, name: str) -> TaggedValue:
        """Give an ARN of this account and region."""


def run_task_request(template: JobTemplate, task: RunTask) -> list[Any]:
    """Give the request that runs a job as JSON: texts, and what CloudFormation knows between them."""
    definition = task.task_definition
    exact = task._replace(
        task_definition=definition if isinstance(definition, str) else definition._replace(attribute="arn")
    )
    return list(json_parts(to_api(exact, template.resolve, link=template.link)))


def job_properties(template: JobTemplate, task: RunTask) -> dict[str, Any]:
    """Give the properties of the custom resource that stands for a job's run: another request is another run."""
    return {
        "ServiceToken": TaggedValue("!GetAtt", f"{RUNNER}.Arn"),
        "ServiceTimeout": str(SECONDS),
        "Request": TaggedValue("!Join", ["", joined_text(run_task_request(template, task))]),
        "Container": job_container(template.stack, task),
    }


_BY_LAMBDA = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


def runner_resources(template: JobTemplate) -> dict[str, dict[str, Any]]:
    """Give the function that runs jobs, its role and its logs."""
    stack = template.stack
    jobs = [job for logical_id, job in stack.of_type(RunTask) if logical_id in template.graph.jobs]
    if not jobs:
        return {}
    role = {
        "AssumeRolePolicyDocument": _BY_LAMBDA,
        "Description": f"Runs the jobs of {stack.name} when it is deployed",
        "Policies": [
            {
                "PolicyName": "run-the-jobs",
                "PolicyDocument": {"Version": "2012-10-17", "Statement": _statements(template, jobs)},
            }
        ],
    }
    function = {
        "Description": f"Runs the jobs of {stack.name}, and waits for them",
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Timeout": SECONDS,
        "Role": TaggedValue("!GetAtt", f"{RUNNER_ROLE}.Arn"),
        "LoggingConfig": {"LogGroup": TaggedValue("!Ref", RUNNER_LOGS)},
        "Code": {"ZipFile": CodeText(CODE)},
    }
    days = TaggedValue("!Ref", "LogRetentionInDays") if "LogRetentionInDays" in template.parameters else 30
    tags = {"Tags": template.api(tags)} if (tags := _tags(stack)) else {}
    logs = {"LogGroupName": f"/ecs/{stack.name}/job-runner", "RetentionInDays": days}
    goes = {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}
    return {
        RUNNER_LOGS: {"Type": "AWS::Logs::LogGroup", **goes, "Properties": {**logs, **tags}},
        RUNNER_ROLE: {"Type": "AWS::IAM::Role", "Properties": {**role, **tags}},
        RUNNER: {"Type": "AWS::Lambda::Function", "Properties": {**function, **tags}},
    }


def _tags(stack: Stack) -> tuple[Tag, ...]:
    return next((cluster.tags for _, cluster in stack.of_type(Cluster)), ())


def _cluster_arn(template: JobTemplate, cluster: str | Ref) -> Any:
    if isinstance(cluster, Ref):
        return template.resolve(cluster._replace(attribute="arn"))
    return cluster if cluster.startswith("arn:") else template.arn("Cluster", cluster)


def _statements(template: JobTemplate, jobs: list[RunTask]) -> list[dict[str, Any]]:
    """Give what the function may do: run these task definitions, see their tasks, hand their roles on, write its log."""
    definitions = [_definition(template.stack, job) for job in jobs]
    families = [sub_function([template.arn("TaskDefinition", d.family), ":*"]) for d in definitions]
    roles = [
        template.role(role)
        for definition, job in zip(definitions, jobs, strict=True)
        for role in (
            definition.execution_role_arn,
            definition.task_role_arn,
            *map(_volume_role, job.volume_configurations),
        )
        if role
    ]
    clusters = _once([_cluster_arn(template, job.cluster) for job in jobs])
    tasks = TaggedValue("!Sub", "arn:${AWS::Partition}:ecs:${AWS::Region}:${AWS::AccountId}:task/*")
    logs = TaggedValue("!GetAtt", f"{RUNNER_LOGS}.Arn")
    in_clusters = {"ArnEquals": {"ecs:cluster": clusters}}
    to_tasks = {"StringEquals": {"iam:PassedToService": ["ecs-tasks.amazonaws.com", "ecs.amazonaws.com"]}}
    return [
        _allow("RunTasks", ["ecs:RunTask"], _once(families), in_clusters),
        _allow("SeeAndTagTasks", ["ecs:DescribeTasks", "ecs:TagResource"], [tasks]),
        _allow("PassRoles", ["iam:PassRole"], _once(roles), to_tasks),
        _allow("WriteLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], [logs]),
    ]


def _allow(
    sid: str, actions: list[str], resources: list[Any], condition: dict[str, Any] | None = None
) -> dict[str, Any]:
    allowed = {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}
    return {**allowed, "Condition": condition} if condition else allowed


def _volume_role(volume: ServiceVolumeConfiguration) -> str | Ref:
    return volume.managed_ebs_volume.role_arn


def _definition(stack: Stack, job: RunTask) -> TaskDefinition:
    found = stack.get(job.task_definition) if isinstance(job.task_definition, Ref) else None
    assert isinstance(found, TaskDefinition)  # noqa: S101 - `graph.jobs` holds no others
    return found


def _once(values: list[Any]) -> list[Any]:
    """Give each value once; functions are compared by what they say."""
    return list({repr(value): value for value in values}.values())
