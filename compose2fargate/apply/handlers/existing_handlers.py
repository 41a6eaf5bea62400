"""What the user has already: looked up by name, id or ARN, never created or changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from compose2fargate.apply.handlers.access_handlers import RoleHandler
from compose2fargate.apply.handlers.cluster_handlers import ClusterHandler
from compose2fargate.apply.handlers.discovery_handlers import DnsNamespaceHandler, NamespaceHandler
from compose2fargate.apply.handlers.handler import FoundResource, Handler, HandlerContext, Json
from compose2fargate.apply.handlers.log_group_handlers import LogGroupHandler
from compose2fargate.apply.handlers.repository_handlers import RepositoryHandler
from compose2fargate.apply.handlers.task_definition_handlers import TaskDefinitionHandler
from compose2fargate.aws import resources as aws
from compose2fargate.aws.api_values import Ref
from compose2fargate.diagnostics import AwsError, Diagnostic, Severity


class ExistingHandler(Handler):
    """Dispatches on the kind of resource that it stands in for."""

    kind = aws.Existing
    taggable = False

    def want(self, resource: Any, resolve: Callable[[Ref], Any], context: HandlerContext) -> Json:
        """Nothing about it is compared."""
        return {"kind": resource.kind, "identifier": resource.identifier}

    def find(self, want: Json, context: HandlerContext) -> FoundResource:
        """Look it up.

        Raises:
            AwsError: There is no such thing.
        """
        found = _LOOKUPS[want["kind"]](want["identifier"], context)
        if found is None:
            hint = _HINTS.get(
                want["kind"], "correct the name, or remove it: then one is created for the stack"
            )
            message = f"there is no {_WORDS.get(want['kind'], want['kind'])} {want['identifier']} in {context.account.region}"
            raise AwsError(Diagnostic("C2F414", Severity.ERROR, message, hint=hint))
        return found._replace(state={}, tags=None)

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """Nothing: it is the user's."""
        return ()


def _named(handler: Handler, member: str) -> Callable[[str, HandlerContext], FoundResource | None]:
    """Make a lookup by name out of a handler's own; of an ARN the last part is the name."""
    return lambda identifier, context: handler.find({member: identifier.rpartition("/")[2]}, context)


def _file_system(identifier: str, context: HandlerContext) -> FoundResource | None:
    efs, key = context.account.client("efs"), identifier.rpartition("/")[2]
    try:
        one = efs.describe_file_systems(FileSystemId=key)["FileSystems"][0]
    except efs.exceptions.FileSystemNotFound:
        return None
    return FoundResource(key, {"id": key, "arn": one.get("FileSystemArn", ""), "name": key}, {})


def _access_point(identifier: str, context: HandlerContext) -> FoundResource | None:
    efs, key = context.account.client("efs"), identifier.rpartition("/")[2]
    try:
        one = efs.describe_access_points(AccessPointId=key)["AccessPoints"][0]
    except efs.exceptions.AccessPointNotFound:
        return None
    return FoundResource(key, {"id": key, "arn": one.get("AccessPointArn", "")}, {})


def _security_group(identifier: str, context: HandlerContext) -> FoundResource | None:
    member = "group-id" if identifier.startswith("sg-") else "group-name"
    filters = [{"Name": member, "Values": [identifier]}]
    groups = context.account.client("ec2").describe_security_groups(Filters=filters)["SecurityGroups"]
    return (
        FoundResource(groups[0]["GroupId"], {"id": groups[0]["GroupId"], "name": groups[0]["GroupName"]}, {})
        if groups
        else None
    )


def _load_balancer(identifier: str, context: HandlerContext) -> FoundResource | None:
    client = context.account.client("elbv2")
    given = {"LoadBalancerArns": [identifier]} if identifier.startswith("arn:") else {"Names": [identifier]}
    try:
        one = client.describe_load_balancers(**given)["LoadBalancers"][0]
    except client.exceptions.LoadBalancerNotFoundException:
        return None
    arn = one["LoadBalancerArn"]
    attributes = {"arn": arn, "name": one["LoadBalancerName"], "dns_name": one.get("DNSName", "")}
    groups = one.get("SecurityGroups") or []
    return FoundResource(arn, {**attributes, "security_group_id": groups[0] if groups else ""}, {})


def _listener(identifier: str, context: HandlerContext) -> FoundResource | None:
    pages = context.account.pages("elbv2", "describe_listeners", "Listeners", ListenerArns=[identifier])
    try:
        one = next(pages)
    except context.account.client("elbv2").exceptions.ListenerNotFoundException:
        return None
    return FoundResource(one["ListenerArn"], {"arn": one["ListenerArn"]}, {}, name=f"port {one['Port']}")


def _target_group(identifier: str, context: HandlerContext) -> FoundResource | None:
    client = context.account.client("elbv2")
    given = {"TargetGroupArns": [identifier]} if identifier.startswith("arn:") else {"Names": [identifier]}
    try:
        one = client.describe_target_groups(**given)["TargetGroups"][0]
    except client.exceptions.TargetGroupNotFoundException:
        return None
    return FoundResource(
        one["TargetGroupArn"], {"arn": one["TargetGroupArn"], "name": one["TargetGroupName"]}, {}
    )


def _namespace(identifier: str, context: HandlerContext) -> FoundResource | None:
    every = [*NamespaceHandler()._read(context), *DnsNamespaceHandler()._read(context)]  # noqa: SLF001 - the same family
    return next((one for one in every if identifier in one.attributes.values()), None)


def _parameter(identifier: str, context: HandlerContext) -> FoundResource | None:
    name = identifier.partition(":parameter")[2] or identifier
    filters = [{"Key": "Name", "Option": "Equals", "Values": [name]}]
    found = list(context.account.pages("ssm", "describe_parameters", "Parameters", ParameterFilters=filters))
    return FoundResource(name, {"name": name, "arn": found[0].get("ARN", "")}, {}) if found else None


def _secret(identifier: str, context: HandlerContext) -> FoundResource | None:
    client = context.account.client("secretsmanager")
    try:
        one = client.describe_secret(SecretId=identifier)
    except client.exceptions.ResourceNotFoundException:
        return None
    return FoundResource(one["ARN"], {"name": one["Name"], "arn": one["ARN"]}, {})


_LOOKUPS: Mapping[str, Callable[[str, HandlerContext], FoundResource | None]] = {
    "Cluster": _named(ClusterHandler(), "clusterName"),
    "Role": _named(RoleHandler(), "roleName"),
    "TaskDefinition": _named(TaskDefinitionHandler(), "family"),
    "LogGroup": lambda identifier, context: LogGroupHandler().find({"logGroupName": identifier}, context),
    "Repository": lambda identifier, context: RepositoryHandler().find(
        {"repositoryName": identifier}, context
    ),
    "Namespace": _namespace,
    "DnsNamespace": _namespace,
    "FileSystem": _file_system,
    "AccessPoint": _access_point,
    "SecurityGroup": _security_group,
    "LoadBalancer": _load_balancer,
    "Listener": _listener,
    "TargetGroup": _target_group,
    "SecretParameter": _parameter,
    "ManagedSecret": _secret,
}
_HINTS = {"Repository": "create it with its images: compose2fargate push"}
_WORDS = {
    "Repository": "repository",
    "Cluster": "cluster",
    "Role": "role",
    "Namespace": "namespace",
    "FileSystem": "file system",
    "SecurityGroup": "security group",
    "LoadBalancer": "load balancer",
    "Listener": "listener",
    "TargetGroup": "target group",
    "SecretParameter": "parameter",
    "ManagedSecret": "secret",
}
