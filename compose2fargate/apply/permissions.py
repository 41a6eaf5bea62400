"""The least that whoever deploys a stack has to be allowed, as an IAM policy. Nothing is asked: names are the stack's.

Each rule says which actions, on what, and since when (a type of resource, or a command). What supports it is limited to
names; what has an id that only AWS knows is limited to the stack's tag; listing supports neither.
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from compose2fargate.apply.handlers.core import PROJECT_TAG
from compose2fargate.apply.handlers.discovery import BY_ECS
from compose2fargate.apply.places import name_of, sources
from compose2fargate.aws import resources as aws
from compose2fargate.aws.policies import VERSION
from compose2fargate.aws.stack import Stack
from compose2fargate.aws.values import BuiltImage
from compose2fargate.diagnostics import Diagnostic, Severity

Json = dict[str, Any]

COMMANDS: Final = ("apply", "push", "run", "status", "logs", "rollback", "exec", "secrets")
MANAGED_POLICY_CHARACTERS: Final = 6144
"""What a managed policy may hold, blanks not counted: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
QUOTAS_URL: Final = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"
FEW: Final = 4
"""Up to so many names are listed; more become one pattern, where they have a beginning in common that is the stack's."""


class Where(NamedTuple):
    """The account that ARNs are made for; `*` where nobody said."""

    stack: Stack
    project: str
    region: str = "*"
    account: str = "*"

    def arn(self, service: str, rest: str, *, region: str | None = None) -> str:
        """Make an ARN or a pattern of one."""
        partition = next((p for begin, p in _PARTITIONS if self.region.startswith(begin)), "aws")
        place = self.region if region is None else region
        return f"arn:{partition}:{service}:{place}:{self.account}:{rest}"


_PARTITIONS = (("cn-", "aws-cn"), ("us-gov-", "aws-us-gov"))


class Rule(NamedTuple):
    """Actions that go together.

    Attributes:
        sid: What they are for.
        actions: The actions of one service, without its name, or with it.
        on: Gives the resources; none means that the rule does not apply.
        condition: Gives the condition; empty for none.
        kinds: The rule is there when the stack has a resource of one of these types; empty for always.
    """

    sid: str
    actions: tuple[str, ...]
    on: Callable[[Where], list[str]]
    condition: Callable[[Where], Json] = lambda _: {}
    kinds: tuple[type[Any], ...] = ()


# -- what resources are called


def _everything(_: Where) -> list[str]:
    return ["*"]


def _narrow(names: Iterable[str], stack: str) -> list[str]:
    """List a few names; of many give what they have in common, if that is the stack's alone."""
    names = sorted(set(names))
    if len(names) < 2:
        return names
    common = names[0]
    while not names[-1].startswith(common):  # what the first and the last share, all between them do
        common = common[:-1]
    few = (
        1 if common.endswith(f"/{stack}/") else FEW
    )  # a folder of its own holds nothing of `shop-production`
    return names if stack not in common or len(names) <= few else [f"{common}*"]


def _of(kind: type[Any], member: str, *existing: str) -> Callable[[Where], list[str]]:
    """Name the resources of a type, and those that the user has of some kinds."""

    def names(where: Where) -> list[str]:
        own = [str(getattr(resource, member)) for _, resource in where.stack.of_type(kind)]
        others = [e.identifier for _, e in where.stack.of_type(aws.Existing) if e.kind in existing]
        return _narrow(own, where.stack.name) + sorted(others)

    return names


def _arns(
    service: str, names: Callable[[Where], list[str]], *forms: str, region: str | None = None
) -> Callable[[Where], list[str]]:
    """Make ARNs of names; a name that is one already stays."""

    def arns(where: Where) -> list[str]:
        return [
            name if name.startswith("arn:") else where.arn(service, form.format(name=name), region=region)
            for name in names(where)
            for form in forms
        ]

    return arns


def _clusters(where: Where) -> list[str]:
    clusters = [service.cluster for _, service in where.stack.of_type(aws.EcsService)]
    clusters += [job.cluster for _, job in where.stack.of_type(aws.RunTask)]
    used = {name_of(where.stack, cluster) for cluster in clusters}
    own = {cluster.cluster_name for _, cluster in where.stack.of_type(aws.Cluster)}
    return sorted(used | own | {where.stack.name})


def _families(where: Where) -> list[str]:
    return _narrow((one.family for _, one in where.stack.of_type(aws.TaskDefinition)), where.stack.name)


def _groups(where: Where) -> list[str]:
    own = [one.log_group_name for _, one in where.stack.of_type(aws.LogGroup)]
    return _narrow([*own, *(source.group for source in sources(where.stack))], where.stack.name)


def _balancers(*forms: str) -> Callable[[Where], list[str]]:
    """Make the ARNs of load balancers and of what hangs on them: their names are part of all of them."""
    letters = {"application": "app", "network": "net"}

    def arns(where: Where) -> list[str]:
        every = [one for _, one in where.stack.of_type(aws.LoadBalancer)]
        names = [f"{letters.get(one.type, 'app')}/{one.name}" for one in every]
        kinds = ("LoadBalancer", "Listener")
        others = [e.identifier for _, e in where.stack.of_type(aws.Existing) if e.kind in kinds]
        names += [_tail(other) if other.startswith("arn:") else f"app/{other}" for other in others]
        return [where.arn("elasticloadbalancing", form.format(name=name)) for name in names for form in forms]

    return arns


def _tail(arn: str) -> str:
    return "/".join(arn.split("/")[1:3])


def _roles(where: Where) -> list[str]:
    """Name the roles that are handed to tasks and schedules: the stack's and the user's."""
    own = [role.role_name for _, role in where.stack.of_type(aws.Role)]
    given = [e.identifier for _, e in where.stack.of_type(aws.Existing) if e.kind == "Role"]
    for _, task in where.stack.of_type(aws.TaskDefinition):
        given += [r for r in (task.execution_role_arn, task.task_role_arn) if isinstance(r, str)]
    given += [
        one.target.role_arn
        for _, one in where.stack.of_type(aws.Schedule)
        if isinstance(one.target.role_arn, str)
    ]
    return _narrow(own, where.stack.name) + sorted(set(given))


def _parameters(where: Where) -> list[str]:
    own = [one.name.lstrip("/") for _, one in where.stack.of_type(aws.SecretParameter)]
    return _narrow(own, where.stack.name)


def _keyed(where: Where) -> list[str]:
    """Give the secrets of the user's of which a JSON key is read: whether it is there shows in the value only."""
    found = {
        ":".join(secret.value_from.split(":")[:7])
        for _, task in where.stack.of_type(aws.TaskDefinition)
        for container in task.container_definitions
        for secret in container.secrets
        if isinstance(secret.value_from, str)
        and ":secretsmanager:" in secret.value_from
        and len(secret.value_from.split(":")) > 7
        and secret.value_from.split(":")[7]
    }
    return sorted(found)


def _repositories(where: Where) -> list[str]:
    """Name the repositories of the stack, and those in the account that images come from."""
    own = [one.repository_name for _, one in where.stack.of_type(aws.Repository)]
    others = [
        container.image.partition("/")[2].partition("@")[0].partition(":")[0]
        for _, task in where.stack.of_type(aws.TaskDefinition)
        for container in task.container_definitions
        if isinstance(container.image, str) and ".dkr.ecr." in container.image
    ]
    built = [
        container.image.repository
        for _, task in where.stack.of_type(aws.TaskDefinition)
        for container in task.container_definitions
        if isinstance(container.image, BuiltImage)
    ]
    named = [name_of(where.stack, one) for one in built if isinstance(where.stack.get(one), aws.Existing)]
    return _narrow(own, where.stack.name) + sorted({*others, *named} - set(own))


# -- conditions


def _ours(where: Where) -> Json:
    return {"StringEquals": {f"aws:ResourceTag/{PROJECT_TAG}": where.project}}


def _by_ecs(_: Where) -> Json:
    return {"Null": {f"aws:ResourceTag/{BY_ECS}": "false"}}


def _new(where: Where) -> Json:
    return {"StringEquals": {f"aws:RequestTag/{PROJECT_TAG}": where.project}}


def _when_created(*actions: str) -> Callable[[Where], Json]:
    return lambda _: {"StringEquals": {"ec2:CreateAction": list(actions)}}


def _in_clusters(where: Where) -> Json:
    clusters = [where.arn("ecs", f"cluster/{_last(name)}") for name in _clusters(where)]
    return {"ArnEquals": {"ecs:cluster": clusters}}


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _passed(_: Where) -> Json:
    services = ["ecs-tasks.amazonaws.com", "ecs.amazonaws.com", "scheduler.amazonaws.com"]
    return {"StringEquals": {"iam:PassedToService": services}}


def _linked(_: Where) -> Json:
    names = ["ecs", "ecs.application-autoscaling", "elasticfilesystem", "elasticloadbalancing"]
    return {"StringEquals": {"iam:AWSServiceName": [f"{name}.amazonaws.com" for name in names]}}


def _attached(where: Where) -> Json:
    arns = sorted(
        {
            str(arn)
            for _, role in where.stack.of_type(aws.Role)
            for arn in role.managed_policy_arns
            if isinstance(arn, str)
        }
    )
    return {"ArnEquals": {"iam:PolicyARN": arns}} if arns else {}


def _only_ecs(_: Where) -> Json:
    return {"StringEquals": {"application-autoscaling:service-namespace": "ecs"}}


# -- the rules

_CLUSTER = _arns("ecs", _clusters, "cluster/{name}")
_SERVICES = _arns("ecs", _clusters, "service/{name}/*")
_TASKS = _arns("ecs", _clusters, "task/{name}/*")
_DEFINITIONS = _arns("ecs", _families, "task-definition/{name}:*")
_LOGS = _arns("logs", _groups, "log-group:{name}", "log-group:{name}:*")
_ROLES = _arns("iam", _roles, "role/{name}", region="")
_OWN_ROLES = _arns("iam", _of(aws.Role, "role_name"), "role/{name}", region="")
_PARAMETERS = _arns("ssm", _parameters, "parameter/{name}")
_SECRETS = _arns("secretsmanager", _of(aws.ManagedSecret, "name"), "secret:{name}-*")
_ECR = _arns("ecr", _repositories, "repository/{name}")
_SCHEDULES = _arns("scheduler", _of(aws.Schedule, "name"), "schedule/default/{name}")
_TARGET_GROUPS = _arns("elasticloadbalancing", _of(aws.TargetGroup, "name"), "targetgroup/{name}/*")


def _ec2(*forms: str) -> Callable[[Where], list[str]]:
    return lambda where: [where.arn("ec2", form) for form in forms]


def _has(where: Where, kind: str) -> bool:
    """Tell whether the stack uses something of this kind that the user has."""
    return any(one.kind == kind for _, one in where.stack.of_type(aws.Existing))


def _existing(kind: str) -> Callable[[Where], list[str]]:
    return lambda where: sorted(e.identifier for _, e in where.stack.of_type(aws.Existing) if e.kind == kind)


def _efs(*forms: str) -> Callable[[Where], list[str]]:
    return lambda where: [where.arn("elasticfilesystem", form) for form in forms]


def _cloud_map(*forms: str) -> Callable[[Where], list[str]]:
    return lambda where: [where.arn("servicediscovery", form) for form in forms]


def _alarms(where: Where) -> list[str]:
    return [where.arn("cloudwatch", f"alarm:TargetTracking-service/{name}/*") for name in _clusters(where)]


_LOOK = Rule(
    "Look",
    (
        "application-autoscaling:DescribeScalableTargets", "application-autoscaling:DescribeScalingPolicies",
        "application-autoscaling:ListTagsForResource",
        "ec2:DescribeRouteTables", "ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups",
        "ec2:DescribeSubnets", "ec2:DescribeVpcEndpoints", "ec2:DescribeVpcs",
        "ecr:DescribeRepositories", "ecr:GetLifecyclePolicy", "ecr:ListTagsForResource",
        "ecs:DescribeTaskDefinition", "ecs:ListServices", "ecs:ListTaskDefinitionFamilies",
        "ecs:ListTaskDefinitions", "ecs:ListTasks",
        "elasticfilesystem:DescribeAccessPoints", "elasticfilesystem:DescribeBackupPolicy",
        "elasticfilesystem:DescribeFileSystems", "elasticfilesystem:DescribeMountTargetSecurityGroups",
        "elasticfilesystem:DescribeMountTargets",
        "elasticloadbalancing:Describe*",
        "iam:ListRoles",
        "logs:DescribeLogGroups", "logs:ListTagsForResource",
        "scheduler:GetSchedule", "scheduler:ListSchedules",
        "secretsmanager:DescribeSecret", "secretsmanager:ListSecrets",
        "servicediscovery:GetOperation", "servicediscovery:GetService", "servicediscovery:ListNamespaces",
        "servicediscovery:ListServices", "servicediscovery:ListTagsForResource",
        "ssm:DescribeParameters", "ssm:ListTagsForResource",
        "tag:GetResources",
    ),
    _everything,
)  # fmt: skip
"""What a plan reads: what is there of every type, also of those that left the compose file."""

_PASS = Rule("PassRoles", ("iam:PassRole",), _ROLES, _passed, (aws.TaskDefinition,))

_APPLY: Final = (
    _LOOK,
    Rule("LookAtRoles", ("iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"),
         lambda where: [where.arn("iam", f"role/{where.stack.name}*", region=""), *_ROLES(where)]),
    Rule("NewCluster", ("ecs:CreateCluster",), _everything, _new, (aws.Cluster,)),
    Rule("Clusters", ("ecs:DescribeClusters",), _CLUSTER),
    Rule("OwnCluster", ("ecs:DeleteCluster", "ecs:PutClusterCapacityProviders", "ecs:TagResource",
                        "ecs:UntagResource", "ecs:UpdateCluster"), _CLUSTER, kinds=(aws.Cluster,)),
    Rule("StopTasks", ("ecs:StopTask",), _TASKS, kinds=(aws.Cluster,)),
    Rule("NewRevisions", ("ecs:RegisterTaskDefinition",), _everything, _new, (aws.TaskDefinition,)),
    Rule("OldRevisions", ("ecs:DeregisterTaskDefinition",), _everything, kinds=(aws.TaskDefinition,)),
    Rule("Revisions", ("ecs:TagResource", "ecs:UntagResource"), _DEFINITIONS, kinds=(aws.TaskDefinition,)),
    Rule("Services", ("ecs:DescribeServices",), _SERVICES),
    Rule("Services", ("ecs:CreateService", "ecs:DeleteService", "ecs:TagResource", "ecs:UntagResource",
                      "ecs:UpdateService"), _SERVICES, kinds=(aws.EcsService,)),
    Rule("Tasks", ("ecs:DescribeTasks",), _TASKS),
    Rule("RunJobs", ("ecs:RunTask",), _DEFINITIONS, _in_clusters, (aws.RunTask,)),
    Rule("TagTasks", ("ecs:TagResource",), _TASKS, kinds=(aws.RunTask,)),
    _PASS,
    Rule("ServiceLinkedRoles", ("iam:CreateServiceLinkedRole",), _everything, _linked),
    Rule("Roles", ("iam:CreateRole", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:PutRolePolicy", "iam:TagRole",
                   "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole"), _OWN_ROLES, kinds=(aws.Role,)),
    Rule("RolePolicies", ("iam:AttachRolePolicy",), _OWN_ROLES, _attached, (aws.Role,)),
    Rule("NoRolePolicies", ("iam:DetachRolePolicy",), _OWN_ROLES, kinds=(aws.Role,)),
    Rule("LogGroups", ("logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:PutRetentionPolicy", "logs:TagResource",
                       "logs:UntagResource"), _LOGS, kinds=(aws.LogGroup,)),
    Rule("ReadFailures", ("logs:GetLogEvents",), _LOGS, kinds=(aws.TaskDefinition,)),
    Rule("NewSecurityGroups", ("ec2:CreateSecurityGroup",), _ec2("security-group/*", "vpc/*"),
         kinds=(aws.SecurityGroup,)),
    Rule("TagNewSecurityGroups", ("ec2:CreateTags",), _ec2("security-group/*"),
         _when_created("CreateSecurityGroup"), (aws.SecurityGroup,)),
    Rule("SecurityGroups", ("ec2:AuthorizeSecurityGroupIngress", "ec2:CreateTags", "ec2:DeleteSecurityGroup",
                            "ec2:DeleteTags", "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress",
                            "ec2:UpdateSecurityGroupRuleDescriptionsIngress"),
         _ec2("security-group/*"), _ours, (aws.SecurityGroup, aws.IngressRule)),
    Rule("LoadBalancers", ("elasticloadbalancing:AddTags", "elasticloadbalancing:CreateListener",
                           "elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:DeleteLoadBalancer",
                           "elasticloadbalancing:ModifyLoadBalancerAttributes", "elasticloadbalancing:RemoveTags",
                           "elasticloadbalancing:SetSecurityGroups", "elasticloadbalancing:SetSubnets"),
         _balancers("loadbalancer/{name}/*"), kinds=(aws.LoadBalancer, aws.Listener)),
    Rule("Listeners", ("elasticloadbalancing:AddListenerCertificates", "elasticloadbalancing:AddTags",
                       "elasticloadbalancing:CreateRule", "elasticloadbalancing:DeleteListener",
                       "elasticloadbalancing:DeleteRule", "elasticloadbalancing:ModifyListener",
                       "elasticloadbalancing:ModifyRule", "elasticloadbalancing:RemoveListenerCertificates",
                       "elasticloadbalancing:RemoveTags"),
         _balancers("listener/{name}/*", "listener-rule/{name}/*"), kinds=(aws.Listener, aws.ListenerRule)),
    Rule("TargetGroups", ("elasticloadbalancing:AddTags", "elasticloadbalancing:CreateTargetGroup",
                          "elasticloadbalancing:DeleteTargetGroup", "elasticloadbalancing:ModifyTargetGroup",
                          "elasticloadbalancing:ModifyTargetGroupAttributes", "elasticloadbalancing:RemoveTags"),
         _TARGET_GROUPS, kinds=(aws.TargetGroup,)),
    Rule("NewNamespaces", ("servicediscovery:CreateHttpNamespace", "servicediscovery:CreatePrivateDnsNamespace"),
         _everything, _new, (aws.Namespace, aws.DnsNamespace)),
    Rule("Names", ("servicediscovery:CreateService", "servicediscovery:DeleteNamespace",
                   "servicediscovery:DeleteService", "servicediscovery:UntagResource",
                   "servicediscovery:UpdateService"),
         _cloud_map("namespace/*", "service/*"), _ours,
         (aws.Namespace, aws.DnsNamespace, aws.DiscoveryService)),
    Rule("NamesOfServiceConnect", ("servicediscovery:DeleteService",), _cloud_map("service/*"), _by_ecs,
         (aws.Namespace, aws.DnsNamespace)),
    Rule("TagNames", ("servicediscovery:TagResource",), _cloud_map("namespace/*", "service/*"), _new,
         (aws.Namespace, aws.DnsNamespace, aws.DiscoveryService)),
    Rule("NamesElsewhere", ("servicediscovery:CreateService",),
         lambda where: _cloud_map("namespace/*")(where) if _has(where, "DnsNamespace") else [],
         kinds=(aws.DiscoveryService,)),
    Rule("PrivateZones", ("ec2:DescribeRegions", "route53:AssociateVPCWithHostedZone", "route53:CreateHostedZone",
                          "route53:DeleteHostedZone", "route53:GetHostedZone", "route53:ListHostedZonesByName",
                          "route53:ListHostedZonesByVPC"),
         _everything, kinds=(aws.DnsNamespace,)),
    Rule("Repositories", ("ecr:CreateRepository", "ecr:DeleteRepository", "ecr:PutImageScanningConfiguration",
                          "ecr:PutImageTagMutability", "ecr:PutLifecyclePolicy", "ecr:TagResource",
                          "ecr:UntagResource"), _ECR, kinds=(aws.Repository,)),
    Rule("SeeImages", ("ecr:DescribeImages",), _ECR),
    Rule("SecretKeys", ("secretsmanager:GetSecretValue",), _keyed),
    Rule("Parameters", ("ssm:AddTagsToResource", "ssm:DeleteParameter", "ssm:GetParameter", "ssm:PutParameter",
                        "ssm:RemoveTagsFromResource"), _PARAMETERS, kinds=(aws.SecretParameter,)),
    Rule("Secrets", ("secretsmanager:CreateSecret", "secretsmanager:DeleteSecret", "secretsmanager:RestoreSecret",
                     "secretsmanager:TagResource", "secretsmanager:UntagResource", "secretsmanager:UpdateSecret"),
         _SECRETS, kinds=(aws.ManagedSecret,)),
    Rule("NewFileSystems", ("elasticfilesystem:CreateFileSystem",), _everything, _new, (aws.FileSystem,)),
    Rule("FileSystems", ("elasticfilesystem:CreateAccessPoint", "elasticfilesystem:CreateMountTarget",
                         "elasticfilesystem:DeleteAccessPoint", "elasticfilesystem:DeleteFileSystem",
                         "elasticfilesystem:DeleteMountTarget", "elasticfilesystem:ModifyMountTargetSecurityGroups",
                         "elasticfilesystem:PutBackupPolicy", "elasticfilesystem:UntagResource",
                         "elasticfilesystem:UpdateFileSystem"),
         _efs("file-system/*", "access-point/*"), _ours, (aws.FileSystem, aws.MountTargets, aws.AccessPoint)),
    Rule("TagFileSystems", ("elasticfilesystem:TagResource",), _efs("file-system/*", "access-point/*"), _new,
         (aws.FileSystem, aws.AccessPoint)),
    Rule("AccessPoints", ("elasticfilesystem:CreateAccessPoint", "elasticfilesystem:CreateMountTarget"),
         _arns("elasticfilesystem", _existing("FileSystem"), "file-system/{name}"), kinds=(aws.AccessPoint,)),
    Rule("MountTargets", ("ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
                          "ec2:DescribeNetworkInterfaces", "ec2:ModifyNetworkInterfaceAttribute"),
         _everything, kinds=(aws.MountTargets,)),
    Rule("Schedules", ("scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:UpdateSchedule"),
         _SCHEDULES, kinds=(aws.Schedule,)),
    Rule("Scaling", ("application-autoscaling:DeleteScalingPolicy", "application-autoscaling:DeregisterScalableTarget",
                     "application-autoscaling:PutScalingPolicy", "application-autoscaling:RegisterScalableTarget"),
         _everything, _only_ecs, (aws.ScalableTarget, aws.ScalingPolicy)),
    Rule("TagScaling", ("application-autoscaling:TagResource", "application-autoscaling:UntagResource"),
         lambda where: [where.arn("application-autoscaling", "scalable-target/*")], kinds=(aws.ScalableTarget,)),
    Rule("ScalingAlarms", ("cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm"),
         _alarms, kinds=(aws.ScalingPolicy,)),
)  # fmt: skip

_SEE_REVISIONS = Rule("SeeRevisions", ("ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions"), _everything)
_SEE = (
    Rule("Services", ("ecs:DescribeServices",), _SERVICES),
    Rule("ListTasks", ("ecs:ListTasks",), _everything, _in_clusters),
    Rule("Tasks", ("ecs:DescribeTasks",), _TASKS),
    _SEE_REVISIONS,
)
_FAILURES = (
    Rule("SeeTargets", ("elasticloadbalancing:DescribeTargetHealth",), _everything, kinds=(aws.TargetGroup,)),
    Rule("ReadFailures", ("logs:GetLogEvents",), _LOGS, kinds=(aws.TaskDefinition,)),
)

_INCLUDED: Mapping[str, tuple[Rule, ...]] = {
    "apply": _APPLY,
    "push": (
        Rule("Registry", ("ecr:GetAuthorizationToken",), _everything),
        Rule("PushImages", ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload",
                            "ecr:CreateRepository", "ecr:DescribeImages", "ecr:DescribeRepositories",
                            "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:ListImages",
                            "ecr:PutImage", "ecr:PutLifecyclePolicy", "ecr:TagResource", "ecr:UploadLayerPart"), _ECR),
    ),
    "run": (
        *_SEE,
        *_FAILURES,
        Rule("RunTasks", ("ecs:RunTask",), _DEFINITIONS, _in_clusters, (aws.TaskDefinition,)),
        Rule("TagTasks", ("ecs:StopTask", "ecs:TagResource"), _TASKS),
        Rule("FindClusters", ("ecs:DescribeClusters",), _CLUSTER),
        Rule("FindNetwork", ("ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"), _everything),
        Rule("ReadLogs", ("logs:FilterLogEvents",), _LOGS, kinds=(aws.TaskDefinition,)),
        _PASS,
    ),
    "status": (
        *_SEE,
        Rule("SeeAddresses", ("elasticloadbalancing:DescribeLoadBalancers",), _everything, kinds=(aws.LoadBalancer,)),
        Rule("SeeSchedules", ("scheduler:GetSchedule",), _SCHEDULES, kinds=(aws.Schedule,)),
        Rule("SeeLastRuns", ("logs:DescribeLogStreams",), _LOGS, kinds=(aws.RunTask,)),
    ),
    "logs": (
        Rule("ReadLogs", ("logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents"), _LOGS,
             kinds=(aws.TaskDefinition,)),
    ),
    "rollback": (
        *_SEE,
        *_FAILURES,
        Rule("GoBack", ("ecs:UpdateService",), _SERVICES, kinds=(aws.EcsService,)),
        _PASS,
    ),
    "exec": (
        *_SEE[:3],
        Rule("Execute", ("ecs:ExecuteCommand",), lambda where: [*_CLUSTER(where), *_TASKS(where)]),
    ),
    "secrets": (
        Rule("FindSecrets", ("secretsmanager:DescribeSecret", "ssm:DescribeParameters", "ssm:ListTagsForResource"),
             _everything),
        Rule("WriteParameters", ("ssm:AddTagsToResource", "ssm:GetParameter", "ssm:PutParameter"), _PARAMETERS,
             kinds=(aws.SecretParameter,)),
        Rule("WriteSecrets", ("secretsmanager:CreateSecret", "secretsmanager:PutSecretValue",
                              "secretsmanager:RestoreSecret", "secretsmanager:TagResource",
                              "secretsmanager:UpdateSecret"), _SECRETS, kinds=(aws.ManagedSecret,)),
    ),
}  # fmt: skip


# -- the document


def policy(stack: Stack, project: str, commands: Iterable[str], region: str = "", account: str = "") -> Json:
    """Give the policy document for some commands.

    Args:
        stack: The stack.
        project: The compose project's name, which its tags hold.
        commands: Of `COMMANDS`.
        region: Where it is deployed; the stack's own where empty, and any where that is empty too.
        account: The account's id; in the same way.
    """
    known = next((resource for _, resource in stack.of_type(aws.Account)), aws.Account())
    where = Where(stack, project, region or known.region or "*", account or known.id or "*")
    rules = [rule for name in COMMANDS if name in set(commands) for rule in _INCLUDED[name]]
    return {"Version": VERSION, "Statement": list(_statements(rules, where))}


def _uncovered(resources: Iterable[str]) -> list[str]:
    """Leave out what a pattern of the same list holds already."""
    every = list(dict.fromkeys(resources))
    patterns = [one for one in every if one.endswith("*")]
    return [one for one in every if not any(one != p and one.startswith(p[:-1]) for p in patterns)]


def _only_reads(rule: Rule) -> bool:
    """Tell whether a rule only reads: whoever looks a policy through wants what may write anywhere apart."""
    return all(action.partition(":")[2].startswith(("Describe", "Get", "List")) for action in rule.actions)


def _statements(rules: Iterable[Rule], where: Where) -> Iterator[Json]:
    """Write rules as statements; those on the same things under the same conditions become one."""
    kinds = {type(resource) for resource in where.stack.resources.values()}
    merged: dict[str, tuple[str, set[str], Json, list[str]]] = {}
    for rule in rules:
        resources = _uncovered(rule.on(where))
        if not resources or (rule.kinds and not kinds & set(rule.kinds)):
            continue
        condition = rule.condition(where)
        apart = [] if resources != ["*"] or condition else [_only_reads(rule) or rule.sid]
        key = json.dumps([sorted(resources), condition, apart], sort_keys=True)
        merged.setdefault(key, (rule.sid, set(), condition, resources))[1].update(rule.actions)
    taken: set[str] = set()
    for sid, actions, condition, resources in merged.values():
        name = next(s for s in (sid, *(f"{sid}{n}" for n in range(2, 99))) if s not in taken)
        taken.add(name)
        statement: Json = {
            "Sid": name,
            "Effect": "Allow",
            "Action": sorted(actions),
            "Resource": sorted(resources) if len(resources) > 1 else resources[0],
        }
        yield {**statement, "Condition": condition} if condition else statement


def size(document: Json) -> int:
    """Count the characters of a policy as IAM does: without blanks."""
    return len("".join(json.dumps(document, separators=(",", ":")).split()))


def too_large(document: Json) -> Diagnostic | None:
    """Say when a policy is larger than a managed policy may be."""
    length = size(document)
    if length <= MANAGED_POLICY_CHARACTERS:
        return None
    message = f"the policy has {length} characters, and a managed policy may have {MANAGED_POLICY_CHARACTERS}"
    count = len(parts(document))
    hint = f"--parts prints {count} that fit, of which a role or user takes ten; aws iam put-role-policy takes 10240 characters"
    return Diagnostic("C2F490", Severity.WARNING, message, hint=hint, url=QUOTAS_URL)


def parts(document: Json) -> list[Json]:
    """Cut a policy into as many as are needed, none larger than a managed policy may be."""
    cut: list[Json] = []
    for statement in document["Statement"]:
        longer = {**document, "Statement": [*(cut[-1]["Statement"] if cut else []), statement]}
        if cut and size(longer) <= MANAGED_POLICY_CHARACTERS:
            cut[-1] = longer
        else:
            cut.append({**document, "Statement": [statement]})
    return cut


def allows(document: Json, action: str) -> bool:
    """Tell whether a policy allows an action on something."""
    from fnmatch import fnmatchcase

    every = (one for statement in document["Statement"] for one in statement["Action"])
    return any(fnmatchcase(action, one) for one in every)
