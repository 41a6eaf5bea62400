"""The outputs of a template: where things are, and the commands that run jobs and store secrets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import (
    Cluster,
    EcsService,
    Existing,
    Listener,
    ManagedSecret,
    Repository,
    RunTask,
    SecretParameter,
    TaskDefinition,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.emitters.cloudformation.cloudformation_jobs import (
    JobTemplate,
    run_task_request,
)
from compose2fargate.emitters.cloudformation.cloudformation_values import (
    joined_text,
    sub_function,
)
from compose2fargate.emitters.secret_commands import set_command
from compose2fargate.text.yaml_text import TaggedValue


class TemplateWithOutputs(JobTemplate, Protocol):
    """What this module needs of the template."""

    ids: Mapping[str, str]

    def reference(self, logical_id: str) -> TaggedValue:
        """Give the reference to a resource of the template."""

    def presence(self, logical_id: str) -> dict[str, str]:
        """Give the condition under which a resource is there, where it is not always."""


def template_outputs(template: TemplateWithOutputs, inputs: Stack) -> dict[str, Any]:
    """Give the outputs; `inputs` is the stack before what comes from outside it is looked up."""
    stack, ids = template.stack, template.ids
    outputs: dict[str, Any] = {}
    for logical_id, _ in stack.of_type(Cluster):
        outputs["ClusterName"] = _output("Name of the ECS cluster", template.reference(logical_id))
    for _, listener in stack.of_type(Listener):
        if isinstance(listener.load_balancer_arn, Ref):
            _add_url(template, outputs, listener, listener.load_balancer_arn)
    for logical_id, service in stack.of_type(EcsService):
        description = f"ARN of the service {service.service_name}"
        shown = _output(description, template.reference(logical_id))
        outputs[ids[logical_id]] = {**shown, **template.presence(logical_id)}
    for logical_id, definition in stack.of_type(TaskDefinition):
        description = f"ARN of the task definition {definition.family}"
        outputs[ids[logical_id]] = _output(description, template.reference(logical_id))
    for logical_id, repository in inputs.of_type(Repository):
        description = f"Where {repository.repository_name} is pushed to"
        outputs[ids[logical_id]] = _output(description, template.resolve(Ref(logical_id, "uri")))
    for logical_id, task in stack.of_type(RunTask):
        outputs[ids[logical_id]] = _output("Runs the job", _command(template, task))
    for logical_id, secret in inputs.resources.items():
        if isinstance(secret, SecretParameter | ManagedSecret):
            program, call = set_command(secret, overwrite=True).split(" ", 1)
            command = sub_function([f"{program} --region ", TaggedValue("!Ref", "AWS::Region"), f" {call}"])
            outputs[ids[logical_id]] = _output("Gives the secret another value, from a file", command)
    return outputs


def _output(description: str, value: Any) -> dict[str, Any]:
    return {"Description": description, "Value": value}


def _add_url(
    template: TemplateWithOutputs, outputs: dict[str, Any], listener: Listener, balancer: Ref
) -> None:
    """Say where a listener answers, unless its load balancer is one of the user's."""
    if isinstance(template.stack.get(balancer), Existing):
        return
    protocol = listener.protocol.lower()
    usual = {"http": 80, "https": 443}.get(protocol) == listener.port
    dns = template.resolve(balancer._replace(attribute="dns"))
    url = sub_function([f"{protocol}://", dns, "" if usual else f":{listener.port}"])
    name = f"Url{listener.port}"
    name = name if name not in outputs else name + protocol.title()
    outputs[name] = _output("Where the load balancer answers", url)


def _command(template: JobTemplate, task: RunTask) -> TaggedValue:
    """Write the call that runs a job, its JSON put together from what CloudFormation knows."""
    parts = ["aws ecs run-task --region ", TaggedValue("!Ref", "AWS::Region"), " --cli-input-json '"]
    request = [
        part.replace("'", "'\\''") if isinstance(part, str) else part
        for part in run_task_request(template, task)
    ]
    return TaggedValue("!Join", ["", joined_text([*parts, *request, "'"])])
