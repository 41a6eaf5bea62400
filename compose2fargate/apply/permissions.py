"""The least that whoever deploys a stack has to be allowed, as an IAM policy. Nothing is asked: names are the stack's.

Each rule says which actions, on what, and since when (a type of resource, or a command). What supports it is limited to
names; what has an id that only AWS knows is limited to the stack's tag; listing supports neither.
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from compose2fargate.apply.day_two.aws_names import log_sources, name_of
from compose2fargate.apply.handlers.discovery_handlers import BY_ECS
from compose2fargate.apply.permission_rules import (
    ArnScope,
    PermissionRule,
    cloud_map,
    everything,
    names_of,
    narrow,
    ours,
)
from compose2fargate.apply.store_permissions import SEE_STORES, STORE_RULES
from compose2fargate.aws import resources as aws
from compose2fargate.aws.ownership import PROJECT_TAG

Json = dict[str, Any]

COMMANDS: Final = ("apply", "push", "run", "status", "logs", "rollback", "exec", "secrets")
MANAGED_POLICY_CHARACTERS: Final = 6144
"""What a managed policy may hold, blanks not counted: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""
QUOTAS_URL: Final = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"


def _arns(
    service: str, names: Callable[[ArnScope], list[str]], *forms: str, region: str | None = None
) -> Callable[[ArnScope], list[str]]:
    """Make ARNs of names; a name that is one already stays."""

    def arns(where: ArnScope) -> list[str]:
        return [
            name if name.startswith("arn:") else where.arn(service, form.format(name=name), region=region)
            for name in names(where)
            for form in forms
        ]

    return arns


def _clusters(where: ArnScope) -> list[str]:
    clusters = [service.cluster for _, service in where.stack.of_type(aws.EcsService)]
    clusters += [job.cluster for _, job in where.stack.of_type(aws.RunTask)]
    used = {name_of(where.stack, cluster) for cluster in clusters}
    own = {cluster.cluster_name for _, cluster in where.stack.of_type(aws.Cluster)}
    return sorted(used | own | {where.stack.name})


def _families(where: ArnScope) -> list[str]:
    return narrow((one.family for _, one in where.stack.of_type(aws.TaskDefinition)), where.stack.name)


def _groups(where: ArnScope) -> list[str]:
    own = [one.log_group_name for _, one in where.stack.of_type(aws.LogGroup)]
    return narrow([*own, *(source.group for source in log_sources(where.stack))], where.stack.name)


def _balancers(*forms: str) -> Callable[[ArnScope], list[str]]:
    """Make the ARNs of load balancers and of what hangs on them: their names are part of all of them."""
    letters = {"application": "app", "network": "net"}

    def arns(where: ArnScope) -> list[str]:
        every = [one for _, one in where.stack.of_type(aws.LoadBalancer)]
        names = [f"{letters.get(one.type, 'app')}/{one.name}" for one in every]
        kinds = ("LoadBalancer", "Listener")
        others = [e.identifier for _, e in where.stack.of_type(aws.Existing) if e.kind in kinds]
        names += [_tail(other) if other.startswith("arn:") else f"app/{other}" for other in others]
        return [where.arn("elasticloadbalancing", form.format(name=name)) for name in names for form in forms]

    return arns


def _tail(arn: str) -> str:
    return "/".join(arn.split("/")[1:3])


def _roles(where: ArnScope) -> list[str]:
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
    return narrow(own, where.stack.name) + sorted(set(given))


def _parameters(where: ArnScope) -> list[str]:
    own = [one.name.lstrip("/") for _, one in where.stack.of_type(aws.SecretParameter)]
    return narrow(own, where.stack.name)


def _keyed(where: ArnScope) -> list[str]:
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


def _repositories(where: ArnScope) -> list[str]:
    """Name the repositories of the stack, and those in the account that images come from."""
    own = [one.repository_name for _, one in where.stack.of_type(aws.Repository)]
    others = [
        container.image.partition("/")[2].partition("@")[0].partition(":")[0]
        for _, task in where.stack.of_type(aws.TaskDefinition)
        for container in task.container_definitions
        if isinstance(container.image, str) and ".dkr.ecr." in container.image
    ]
    built = [image.repository for image in where.stack.built_images()]
    named = [name_of(where.stack, one) for one in built if isinstance(where.stack.get(one), aws.Existing)]
    return narrow(own, where.stack.name) + sorted({*others, *named} - set(own))


# -- conditions


def _by_ecs(_: ArnScope) -> Json:
    return {"Null": {f"aws:ResourceTag/{BY_ECS}": "false"}}


def _new(where: ArnScope) -> Json:
    return {"StringEquals": {f"aws:RequestTag/{PROJECT_TAG}": where.project}}


def _when_created(*actions: str) -> Callable[[ArnScope], Json]:
    return lambda _: {"StringEquals": {"ec2:CreateAction": list(actions)}}


def _in_clusters(where: ArnScope) -> Json:
    clusters = [where.arn("ecs", f"cluster/{_last(name)}") for name in _clusters(where)]
    return {"ArnEquals": {"ecs:cluster": clusters}}


def _last(name: str) -> str:
    return name.rpartition("/")[2]


def _passed(_: ArnScope) -> Json:
    services = ["ecs-tasks.amazonaws.com", "ecs.amazonaws.com", "scheduler.amazonaws.com"]
    return {"StringEquals": {"iam:PassedToService": services}}


def _linked(_: ArnScope) -> Json:
    names = [
        "ecs", "ecs.application-autoscaling", "elasticache", "elasticfilesystem", "elasticloadbalancing", "rds",
    ]  # fmt: skip
    return {"StringEquals": {"iam:AWSServiceName": [f"{name}.amazonaws.com" for name in names]}}


def _attached(where: ArnScope) -> Json:
    arns = sorted(
        {
            str(arn)
            for _, role in where.stack.of_type(aws.Role)
            for arn in role.managed_policy_arns
            if isinstance(arn, str)
        }
    )
    return {"ArnEquals": {"iam:PolicyARN": arns}} if arns else {}


def _only_ecs(_: ArnScope) -> Json:
    return {"StringEquals": {"application-autoscaling:service-namespace": "ecs"}}


# -- the rules

_CLUSTER = _arns("ecs", _clusters, "cluster/{name}")
_SERVICES = _arns("ecs", _clusters, "service/{name}/*")
_TASKS = _arns("ecs", _clusters, "task/{name}/*")
_DEFINITIONS = _arns("ecs", _families, "task-definition/{name}:*")
_LOGS = _arns("logs", _groups, "log-group:{name}", "log-group:{name}:*")
_ROLES = _arns("iam", _roles, "role/{name}", region="")
_OWN_ROLES = _arns("iam", names_of(aws.Role, "role_name"), "role/{name}", region="")
_PARAMETERS = _arns("ssm", _parameters, "parameter/{name}")
_SECRETS = _arns("secretsmanager", names_of(aws.ManagedSecret, "name"), "secret:{name}-*")
_ECR = _arns("ecr", _repositories, "repository/{name}")
_SCHEDULES = _arns("scheduler", names_of(aws.Schedule, "name"), "schedule/default/{name}")
_TARGET_GROUPS = _arns("elasticloadbalancing", names_of(aws.TargetGroup, "name"), "targetgroup/{name}/*")


def _ec2(*forms: str) -> Callable[[ArnScope], list[str]]:
    return lambda where: [where.arn("ec2", form) for form in forms]


def _has(where: ArnScope, kind: str) -> bool:
    """Tell whether the stack uses something of this kind that the user has."""
    return any(one.kind == kind for _, one in where.stack.of_type(aws.Existing))


def _existing(kind: str) -> Callable[[ArnScope], list[str]]:
    return lambda where: sorted(e.identifier for _, e in where.stack.of_type(aws.Existing) if e.kind == kind)


def _efs(*forms: str) -> Callable[[ArnScope], list[str]]:
    return lambda where: [where.arn("elasticfilesystem", form) for form in forms]


def _alarms(where: ArnScope) -> list[str]:
    return [where.arn("cloudwatch", f"alarm:TargetTracking-service/{name}/*") for name in _clusters(where)]


_LOOK = PermissionRule(
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
        "elasticfilesystem:DescribeFileSystemPolicy", "elasticfilesystem:DescribeFileSystems",
        "elasticfilesystem:DescribeLifecycleConfiguration",
        "elasticfilesystem:DescribeMountTargetSecurityGroups",
        "elasticfilesystem:DescribeMountTargets",
        "elasticloadbalancing:Describe*",
        "elasticache:DescribeCacheClusters", "elasticache:DescribeCacheParameterGroups",
        "elasticache:DescribeCacheParameters", "elasticache:DescribeCacheSubnetGroups",
        "elasticache:DescribeReplicationGroups", "elasticache:ListTagsForResource",
        "iam:ListRoles",
        "logs:DescribeLogGroups", "logs:ListTagsForResource",
        "rds:DescribeDBInstances", "rds:DescribeDBParameterGroups", "rds:DescribeDBParameters",
        "rds:DescribeDBSubnetGroups", "rds:ListTagsForResource",
        "scheduler:GetSchedule", "scheduler:ListSchedules",
        "secretsmanager:DescribeSecret", "secretsmanager:ListSecrets",
        "servicediscovery:GetOperation", "servicediscovery:GetService", "servicediscovery:ListNamespaces",
        "servicediscovery:ListInstances", "servicediscovery:ListServices", "servicediscovery:ListTagsForResource",
        "ssm:DescribeParameters", "ssm:ListTagsForResource",
        "tag:GetResources",
    ),
    everything,
)  # fmt: skip
"""What a plan reads: what is there of every type, also of those that left the compose file."""

_PASS = PermissionRule("PassRoles", ("iam:PassRole",), _ROLES, _passed, (aws.TaskDefinition,))

_APPLY: Final = (
    _LOOK,
    PermissionRule("LookAtRoles", ("iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies", "iam:ListRolePolicies"),
         lambda where: [where.arn("iam", f"role/{where.stack.name}*", region=""), *_ROLES(where)]),
    PermissionRule("NewCluster", ("ecs:CreateCluster",), everything, _new, (aws.Cluster,)),
    PermissionRule("Clusters", ("ecs:DescribeClusters",), _CLUSTER),
    PermissionRule("OwnCluster", ("ecs:DeleteCluster", "ecs:PutClusterCapacityProviders", "ecs:TagResource",
                        "ecs:UntagResource", "ecs:UpdateCluster"), _CLUSTER, kinds=(aws.Cluster,)),
    PermissionRule("StopTasks", ("ecs:StopTask",), _TASKS, kinds=(aws.Cluster,)),
    PermissionRule("NewRevisions", ("ecs:RegisterTaskDefinition",), everything, _new, (aws.TaskDefinition,)),
    PermissionRule("OldRevisions", ("ecs:DeregisterTaskDefinition",), everything, kinds=(aws.TaskDefinition,)),
    PermissionRule("Revisions", ("ecs:TagResource", "ecs:UntagResource"), _DEFINITIONS, kinds=(aws.TaskDefinition,)),
    PermissionRule("Services", ("ecs:DescribeServices",), _SERVICES),
    PermissionRule("Services", ("ecs:CreateService", "ecs:DeleteService", "ecs:TagResource", "ecs:UntagResource",
                      "ecs:UpdateService"), _SERVICES, kinds=(aws.EcsService,)),
    PermissionRule("Tasks", ("ecs:DescribeTasks",), _TASKS),
    PermissionRule("RunJobs", ("ecs:RunTask",), _DEFINITIONS, _in_clusters, (aws.RunTask,)),
    PermissionRule("TagTasks", ("ecs:TagResource",), _TASKS, kinds=(aws.RunTask,)),
    _PASS,
    PermissionRule("ServiceLinkedRoles", ("iam:CreateServiceLinkedRole",), everything, _linked),
    PermissionRule("Roles", ("iam:CreateRole", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:PutRolePolicy", "iam:TagRole",
                   "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole"), _OWN_ROLES, kinds=(aws.Role,)),
    PermissionRule("RolePolicies", ("iam:AttachRolePolicy",), _OWN_ROLES, _attached, (aws.Role,)),
    PermissionRule("NoRolePolicies", ("iam:DetachRolePolicy",), _OWN_ROLES, kinds=(aws.Role,)),
    PermissionRule("LogGroups", ("logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:PutRetentionPolicy", "logs:TagResource",
                       "logs:UntagResource"), _LOGS, kinds=(aws.LogGroup,)),
    PermissionRule("ReadFailures", ("logs:GetLogEvents",), _LOGS, kinds=(aws.TaskDefinition,)),
    PermissionRule("NewSecurityGroups", ("ec2:CreateSecurityGroup",), _ec2("security-group/*", "vpc/*"),
         kinds=(aws.SecurityGroup,)),
    PermissionRule("TagNewSecurityGroups", ("ec2:CreateTags",), _ec2("security-group/*"),
         _when_created("CreateSecurityGroup"), (aws.SecurityGroup,)),
    PermissionRule("SecurityGroups", ("ec2:AuthorizeSecurityGroupIngress", "ec2:CreateTags", "ec2:DeleteSecurityGroup",
                            "ec2:DeleteTags", "ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress",
                            "ec2:UpdateSecurityGroupRuleDescriptionsIngress"),
         _ec2("security-group/*"), ours, (aws.SecurityGroup, aws.IngressRule)),
    PermissionRule("LoadBalancers", ("elasticloadbalancing:AddTags", "elasticloadbalancing:CreateListener",
                           "elasticloadbalancing:CreateLoadBalancer", "elasticloadbalancing:DeleteLoadBalancer",
                           "elasticloadbalancing:ModifyLoadBalancerAttributes", "elasticloadbalancing:RemoveTags",
                           "elasticloadbalancing:SetSecurityGroups", "elasticloadbalancing:SetSubnets"),
         _balancers("loadbalancer/{name}/*"), kinds=(aws.LoadBalancer, aws.Listener)),
    PermissionRule("Listeners", ("elasticloadbalancing:AddListenerCertificates", "elasticloadbalancing:AddTags",
                       "elasticloadbalancing:CreateRule", "elasticloadbalancing:DeleteListener",
                       "elasticloadbalancing:DeleteRule", "elasticloadbalancing:ModifyListener",
                       "elasticloadbalancing:ModifyRule", "elasticloadbalancing:RemoveListenerCertificates",
                       "elasticloadbalancing:RemoveTags"),
         _balancers("listener/{name}/*", "listener-rule/{name}/*"), kinds=(aws.Listener, aws.ListenerRule)),
    PermissionRule("TargetGroups", ("elasticloadbalancing:AddTags", "elasticloadbalancing:CreateTargetGroup",
                          "elasticloadbalancing:DeleteTargetGroup", "elasticloadbalancing:ModifyTargetGroup",
                          "elasticloadbalancing:ModifyTargetGroupAttributes", "elasticloadbalancing:RemoveTags"),
         _TARGET_GROUPS, kinds=(aws.TargetGroup,)),
    PermissionRule("NewNamespaces", ("servicediscovery:CreateHttpNamespace", "servicediscovery:CreatePrivateDnsNamespace"),
         everything, _new, (aws.Namespace, aws.DnsNamespace)),
    PermissionRule("Names", ("servicediscovery:CreateService", "servicediscovery:DeleteNamespace",
                   "servicediscovery:DeleteService", "servicediscovery:UntagResource",
                   "servicediscovery:UpdateService"),
         cloud_map("namespace/*", "service/*"), ours,
         (aws.Namespace, aws.DnsNamespace, aws.DiscoveryService)),
    PermissionRule("NamesOfServiceConnect", ("servicediscovery:DeleteService",), cloud_map("service/*"), _by_ecs,
         (aws.Namespace, aws.DnsNamespace)),
    PermissionRule("TagNames", ("servicediscovery:TagResource",), cloud_map("namespace/*", "service/*"), _new,
         (aws.Namespace, aws.DnsNamespace, aws.DiscoveryService)),
    PermissionRule("NamesElsewhere", ("servicediscovery:CreateService",),
         lambda where: cloud_map("namespace/*")(where) if _has(where, "DnsNamespace") else [],
         kinds=(aws.DiscoveryService,)),
    PermissionRule("PrivateZones", ("ec2:DescribeRegions", "route53:AssociateVPCWithHostedZone", "route53:CreateHostedZone",
                          "route53:DeleteHostedZone", "route53:GetHostedZone", "route53:ListHostedZonesByName",
                          "route53:ListHostedZonesByVPC"),
         everything, kinds=(aws.DnsNamespace,)),
    PermissionRule("Repositories", ("ecr:CreateRepository", "ecr:DeleteRepository", "ecr:PutImageScanningConfiguration",
                          "ecr:PutImageTagMutability", "ecr:PutLifecyclePolicy", "ecr:TagResource",
                          "ecr:UntagResource"), _ECR, kinds=(aws.Repository,)),
    PermissionRule("SeeImages", ("ecr:DescribeImages",), _ECR),
    PermissionRule("SecretKeys", ("secretsmanager:GetSecretValue",), _keyed),
    PermissionRule("Parameters", ("ssm:AddTagsToResource", "ssm:DeleteParameter", "ssm:GetParameter", "ssm:PutParameter",
                        "ssm:RemoveTagsFromResource"), _PARAMETERS, kinds=(aws.SecretParameter,)),
    PermissionRule("Secrets", ("secretsmanager:CreateSecret", "secretsmanager:DeleteSecret", "secretsmanager:GetSecretValue",
                     "secretsmanager:RestoreSecret",
                     "secretsmanager:TagResource", "secretsmanager:UntagResource", "secretsmanager:UpdateSecret"),
         _SECRETS, kinds=(aws.ManagedSecret,)),
    PermissionRule("NewFileSystems", ("elasticfilesystem:CreateFileSystem",), everything, _new, (aws.FileSystem,)),
    PermissionRule("FileSystems", ("elasticfilesystem:CreateAccessPoint", "elasticfilesystem:CreateMountTarget",
                         "elasticfilesystem:DeleteAccessPoint", "elasticfilesystem:DeleteFileSystem",
                         "elasticfilesystem:DeleteMountTarget", "elasticfilesystem:ModifyMountTargetSecurityGroups",
                         "elasticfilesystem:DeleteFileSystemPolicy", "elasticfilesystem:PutBackupPolicy",
                         "elasticfilesystem:PutFileSystemPolicy", "elasticfilesystem:PutLifecycleConfiguration",
                         "elasticfilesystem:UntagResource",
                         "elasticfilesystem:UpdateFileSystem"),
         _efs("file-system/*", "access-point/*"), ours, (aws.FileSystem, aws.MountTargets, aws.AccessPoint)),
    PermissionRule("TagFileSystems", ("elasticfilesystem:TagResource",), _efs("file-system/*", "access-point/*"), _new,
         (aws.FileSystem, aws.AccessPoint)),
    PermissionRule("AccessPoints", ("elasticfilesystem:CreateAccessPoint", "elasticfilesystem:CreateMountTarget"),
         _arns("elasticfilesystem", _existing("FileSystem"), "file-system/{name}"), kinds=(aws.AccessPoint,)),
    PermissionRule("MountTargets", ("ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
                          "ec2:DescribeNetworkInterfaces", "ec2:ModifyNetworkInterfaceAttribute"),
         everything, kinds=(aws.MountTargets,)),
    *STORE_RULES,
    PermissionRule("Schedules", ("scheduler:CreateSchedule", "scheduler:DeleteSchedule", "scheduler:UpdateSchedule"),
         _SCHEDULES, kinds=(aws.Schedule,)),
    PermissionRule("Scaling", ("application-autoscaling:DeleteScalingPolicy", "application-autoscaling:DeregisterScalableTarget",
                     "application-autoscaling:PutScalingPolicy", "application-autoscaling:RegisterScalableTarget"),
         everything, _only_ecs, (aws.ScalableTarget, aws.ScalingPolicy)),
    PermissionRule("TagScaling", ("application-autoscaling:TagResource", "application-autoscaling:UntagResource"),
         lambda where: [where.arn("application-autoscaling", "scalable-target/*")], kinds=(aws.ScalableTarget,)),
    PermissionRule("ScalingAlarms", ("cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm"),
         _alarms, kinds=(aws.ScalingPolicy,)),
)  # fmt: skip

_SEE_REVISIONS = PermissionRule(
    "SeeRevisions", ("ecs:DescribeTaskDefinition", "ecs:ListTaskDefinitions"), everything
)
_SEE = (
    PermissionRule("Services", ("ecs:DescribeServices",), _SERVICES),
    PermissionRule("ListTasks", ("ecs:ListTasks",), everything, _in_clusters),
    PermissionRule("Tasks", ("ecs:DescribeTasks",), _TASKS),
    _SEE_REVISIONS,
)
_FAILURES = (
    PermissionRule(
        "SeeTargets", ("elasticloadbalancing:DescribeTargetHealth",), everything, kinds=(aws.TargetGroup,)
    ),
    PermissionRule("ReadFailures", ("logs:GetLogEvents",), _LOGS, kinds=(aws.TaskDefinition,)),
)

INCLUDED: Mapping[str, tuple[PermissionRule, ...]] = {
    "apply": _APPLY,
    "push": (
        PermissionRule("Registry", ("ecr:GetAuthorizationToken",), everything),
        PermissionRule("PushImages", ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload",
                            "ecr:CreateRepository", "ecr:DescribeImages", "ecr:DescribeRepositories",
                            "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:ListImages",
                            "ecr:PutImage", "ecr:PutLifecyclePolicy", "ecr:TagResource", "ecr:UploadLayerPart"), _ECR),
    ),
    "run": (
        *_SEE,
        *_FAILURES,
        PermissionRule("RunTasks", ("ecs:RunTask",), _DEFINITIONS, _in_clusters, (aws.TaskDefinition,)),
        PermissionRule("TagTasks", ("ecs:StopTask", "ecs:TagResource"), _TASKS),
        PermissionRule("FindClusters", ("ecs:DescribeClusters",), _CLUSTER),
        PermissionRule("FindNetwork", ("ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs"), everything),
        PermissionRule("ReadLogs", ("logs:FilterLogEvents",), _LOGS, kinds=(aws.TaskDefinition,)),
        _PASS,
    ),
    "status": (
        *_SEE,
        PermissionRule("SeeAddresses", ("elasticloadbalancing:DescribeLoadBalancers",), everything, kinds=(aws.LoadBalancer,)),
        PermissionRule("SeeSchedules", ("scheduler:GetSchedule",), _SCHEDULES, kinds=(aws.Schedule,)),
        PermissionRule("SeeLastRuns", ("logs:DescribeLogStreams",), _LOGS, kinds=(aws.RunTask,)),
        *SEE_STORES,
    ),
    "logs": (
        PermissionRule("ReadLogs", ("logs:DescribeLogStreams", "logs:FilterLogEvents", "logs:GetLogEvents"), _LOGS,
             kinds=(aws.TaskDefinition,)),
    ),
    "rollback": (
        *_SEE,
        *_FAILURES,
        PermissionRule("GoBack", ("ecs:UpdateService",), _SERVICES, kinds=(aws.EcsService,)),
        _PASS,
    ),
    "exec": (
        *_SEE[:3],
        PermissionRule("Execute", ("ecs:ExecuteCommand",), lambda where: [*_CLUSTER(where), *_TASKS(where)]),
    ),
    "secrets": (
        PermissionRule("FindSecrets", ("secretsmanager:DescribeSecret", "ssm:DescribeParameters", "ssm:ListTagsForResource"),
             everything),
        PermissionRule("WriteParameters", ("ssm:AddTagsToResource", "ssm:GetParameter", "ssm:PutParameter"), _PARAMETERS,
             kinds=(aws.SecretParameter,)),
        PermissionRule("WriteSecrets", ("secretsmanager:CreateSecret", "secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue",
                              "secretsmanager:RestoreSecret", "secretsmanager:TagResource",
                              "secretsmanager:UpdateSecret"), _SECRETS, kinds=(aws.ManagedSecret,)),
    ),
}  # fmt: skip
