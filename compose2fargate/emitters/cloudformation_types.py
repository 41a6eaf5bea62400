"""What each type is in CloudFormation: tables of types and of members, and how the odd ones are written.

A member of ours is CloudFormation's in Pascal case unless a table says otherwise; `cloudformation` writes templates by them.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from compose2fargate.aws.resources import (
    AccessPoint,
    Account,
    Cluster,
    DiscoveryService,
    DnsNamespace,
    EcsService,
    Existing,
    FileSystem,
    IngressRule,
    Listener,
    ListenerRule,
    LoadBalancer,
    LogGroup,
    ManagedSecret,
    MountTargets,
    Namespace,
    Network,
    Policy,
    Repository,
    Role,
    RunTask,
    ScalableTarget,
    ScalingPolicy,
    Schedule,
    SecretParameter,
    SecurityGroup,
    TargetGroup,
    TaskDefinition,
)
from compose2fargate.aws.values import Join, Ref, pascal
from compose2fargate.emitters.graph import PUBLIC
from compose2fargate.emitters.yaml_text import Tagged

if TYPE_CHECKING:
    from compose2fargate.emitters.cloudformation import Template


class Member(NamedTuple):
    """How one field is written where Pascal case does not say it: under `name`, made by `make`; no name, not at all."""

    name: str
    make: Callable[[Template, Any], Any] | None = None


class Kind(NamedTuple):
    """A resource type in CloudFormation.

    Attributes:
        type: Its name.
        attributes: Attribute of ours to the one that `Fn::GetAtt` takes; "" is what `Ref` gives.
        members: Fields that are not written in Pascal case.
        always: What is the same for all.
        tags: The property that holds tags; "" where there is none.
        more: Properties that are made of several fields.
        policies: What becomes of it when it is removed or replaced.
        one_of: Fields of which a resource has one: with several there are several resources.
    """

    type: str
    attributes: Mapping[str, str] = {}
    members: Mapping[str, Member] = {}
    always: Mapping[str, Any] = {}
    tags: str = "Tags"
    more: Callable[[Template, Any], Mapping[str, Any]] | None = None
    policies: Mapping[str, str] = {}
    one_of: tuple[str, ...] = ()


LEFT_OUT = Member("")
# Members of nested values, wherever they are, that CloudFormation spells its own way.
_SPELLINGS = {
    "efs_volume_configuration": "EFSVolumeConfiguration",
    "file_system_id": "FilesystemId",
    "iam": "IAM",
    "managed_ebs_volume": "ManagedEBSVolume",
    "awsvpc_configuration": "AwsvpcConfiguration",
    "enable_ecs_managed_tags": "EnableECSManagedTags",
    "source_security_group_id": "SourceSecurityGroupId",
}


def spell(name: str) -> str:
    """Spell a member as CloudFormation does."""
    return _SPELLINGS.get(name) or pascal(name)


def _role(template: Template, value: Any) -> Any:
    return template.role(value)


def _attribute(name: str) -> Callable[[Template, Any], Any]:
    """Write a link by another attribute than its own: ARNs where a name would do as well."""
    return lambda template, value: (
        value if isinstance(value, str) else template.resolve(Ref(value.logical_id, name))
    )


def _pairs(_: Template, attributes: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in attributes.items()]


def _trust(_: Template, principal: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"Service": principal}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def _policies(template: Template, policies: tuple[Policy, ...]) -> list[dict[str, Any]]:
    return [
        {
            "PolicyName": policy.name,
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [template.statement(statement) for statement in policy.statements],
            },
        }
        for policy in policies
    ]


def _actions(template: Template, actions: Any) -> list[dict[str, Any]]:
    made = template.api(actions)
    for action in made:
        response = action.get("FixedResponseConfig")
        if response and not response["MessageBody"]:
            del response["MessageBody"]
    return list(made)


def _certificates(template: Template, certificates: Any) -> list[dict[str, Any]]:
    chosen = Tagged("!Ref", "CertificateArn")
    arns = [c.certificate_arn for c in certificates]
    return [{"CertificateArn": chosen if arn == template.certificate else template.api(arn)} for arn in arns]


def _conditions(_: Template, conditions: Any) -> list[dict[str, Any]]:
    return [
        {"Field": c.field, f"{pascal(c.field.replace('-', '_'))}Config": {"Values": list(c.values)}}
        for c in conditions
    ]


def _dns(template: Template, service: DiscoveryService) -> dict[str, Any]:
    return {
        "DnsConfig": {
            "NamespaceId": template.resolve(service.namespace_id._replace(attribute="id")),
            "RoutingPolicy": "MULTIVALUE",
            "DnsRecords": [{"Type": "A", "TTL": service.ttl}],
        }
    }


def _backup(_: Template, value: bool) -> dict[str, str]:  # noqa: FBT001 - a member of the file system
    return {"Status": "ENABLED" if value else "DISABLED"}


def _lifecycle(_: Template, keep: int) -> dict[str, str]:
    return {
        "LifecyclePolicyText": (
            '{"rules":[{"rulePriority":1,'
            f'"description":"Keep the newest {keep} images",'
            f'"selection":{{"tagStatus":"any","countType":"imageCountMoreThan","countNumber":{keep}}},'
            '"action":{"type":"expire"}}]}'
        )
    }


def _scan(_: Template, value: bool) -> dict[str, bool]:  # noqa: FBT001 - a member of the repository
    return {"ScanOnPush": value}


_EVERYTHING_OUT = [
    {"IpProtocol": "-1", "CidrIp": "0.0.0.0/0", "Description": "Everything out"},
    {"IpProtocol": "-1", "CidrIpv6": "::/0", "Description": "Everything out"},
]
# AWS gives a group that rule, unless it is given another:
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-securitygroup.html
_NOTHING_OUT = [{"IpProtocol": "-1", "CidrIp": "127.0.0.1/32", "Description": "Nothing out"}]


def _egress(_: Template, group: SecurityGroup) -> dict[str, Any]:
    return {"SecurityGroupEgress": _EVERYTHING_OUT if group.everything_out else _NOTHING_OUT}


def _retention(template: Template, days: int) -> Any:
    return Tagged("!Ref", "LogRetentionInDays") if days == template.retention else days


def _scaled(template: Template, service: Ref) -> Any:
    target = template.stack.get(service)
    cluster = target.cluster if isinstance(target, EcsService) else ""
    name = target.service_name if isinstance(target, EcsService) else ""
    named = Ref(cluster.logical_id, "name") if isinstance(cluster, Ref) else cluster
    return template.link(Join(("service/", named, f"/{name}")), template.resolve)


def _tracking(template: Template, policy: ScalingPolicy) -> dict[str, Any]:
    metric: dict[str, Any] = {"PredefinedMetricType": policy.metric}
    if policy.target_group:
        group = policy.target_group
        balancer = template.graph.load_balancer_of(group.logical_id) or ""
        full = balancer._replace(attribute="full") if isinstance(balancer, Ref) else balancer
        parts = Join((full, "/", group._replace(attribute="full")))
        metric["ResourceLabel"] = template.link(parts, template.resolve)
    return {
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": policy.target_value,
            "ScaleInCooldown": policy.scale_in_cooldown,
            "ScaleOutCooldown": policy.scale_out_cooldown,
            "PredefinedMetricSpecification": metric,
        }
    }


def _desired_count(template: Template, service: EcsService) -> dict[str, Any]:
    """Leave out the count that Application Auto Scaling writes: CloudFormation then leaves it alone."""
    count = template.count(service)
    return {} if count is None else {"DesiredCount": count}


_GOES = {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}
_STAYS = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
_REF = {"name": "", "id": "", "arn": "Arn"}
KINDS: Mapping[type[Any], Kind] = {
    Cluster: Kind("AWS::ECS::Cluster", _REF, {"settings": Member("ClusterSettings")}),
    # Service Connect takes the ARN where it takes the name; the name is no attribute here.
    Namespace: Kind("AWS::ServiceDiscovery::HttpNamespace", {"id": "", "arn": "Arn", "name": "Arn"}),
    DnsNamespace: Kind("AWS::ServiceDiscovery::PrivateDnsNamespace", {"id": "", "arn": "Arn"}),
    DiscoveryService: Kind(
        "AWS::ServiceDiscovery::Service",
        {"id": "", "arn": "Arn", "name": "Name"},
        {"namespace_id": LEFT_OUT, "ttl": LEFT_OUT},
        more=_dns,
    ),
    SecurityGroup: Kind(
        "AWS::EC2::SecurityGroup", {"id": "GroupId"},
        {"description": Member("GroupDescription"), "everything_out": LEFT_OUT},
        more=_egress,
    ),
    IngressRule: Kind(
        "AWS::EC2::SecurityGroupIngress", {},
        {"source_group_id": Member("SourceSecurityGroupId")},
        tags="", one_of=("source_group_id", "cidr_ip", "cidr_ipv6"),
    ),
    LoadBalancer: Kind(
        "AWS::ElasticLoadBalancingV2::LoadBalancer", {"arn": "", "dns": "DNSName", "full": "LoadBalancerFullName"},
        {"attributes": Member("LoadBalancerAttributes", _pairs)},
    ),
    TargetGroup: Kind(
        "AWS::ElasticLoadBalancingV2::TargetGroup", {"arn": "", "full": "TargetGroupFullName"},
        {"attributes": Member("TargetGroupAttributes", _pairs)},
    ),
    Listener: Kind(
        "AWS::ElasticLoadBalancingV2::Listener", {"arn": ""},
        {"default_actions": Member("DefaultActions", _actions), "certificates": Member("Certificates", _certificates)},
        tags="",
    ),
    ListenerRule: Kind(
        "AWS::ElasticLoadBalancingV2::ListenerRule", {"arn": ""},
        {"actions": Member("Actions", _actions), "conditions": Member("Conditions", _conditions)}, tags="",
    ),
    Role: Kind(
        "AWS::IAM::Role", {"name": "", "arn": "Arn"},
        {"principal": Member("AssumeRolePolicyDocument", _trust), "policies": Member("Policies", _policies)},
    ),
    LogGroup: Kind(
        "AWS::Logs::LogGroup", {"name": "", "arn": "Arn"}, {"retention_in_days": Member("RetentionInDays", _retention)},
        policies=_GOES,
    ),
    Repository: Kind(
        "AWS::ECR::Repository", {"name": "", "arn": "Arn", "uri": "RepositoryUri"},
        {"scan_on_push": Member("ImageScanningConfiguration", _scan), "keep": Member("LifecyclePolicy", _lifecycle)},
        policies=_GOES,
    ),
    ManagedSecret: Kind("AWS::SecretsManager::Secret", {"arn": "", "id": "", "name": ""}, policies=_GOES),
    FileSystem: Kind(
        "AWS::EFS::FileSystem", {"id": "", "arn": "Arn"},
        {"creation_token": LEFT_OUT, "backup": Member("BackupPolicy", _backup)}, tags="FileSystemTags",
        policies=_STAYS,
    ),
    AccessPoint: Kind(
        "AWS::EFS::AccessPoint", {"id": "", "arn": "Arn"},
        {"file_system_id": Member("FileSystemId")}, tags="AccessPointTags",
    ),
    TaskDefinition: Kind(
        "AWS::ECS::TaskDefinition", {"arn": ""},
        {"execution_role_arn": Member("ExecutionRoleArn", _role), "task_role_arn": Member("TaskRoleArn", _role)},
        # A refused update must not take the running revision away.
        policies={"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Retain"},
    ),
    EcsService: Kind(
        "AWS::ECS::Service", {"arn": "", "name": "Name"},
        {
            "cluster": Member("Cluster", _attribute("arn")),
            "task_definition": Member("TaskDefinition", _attribute("arn")),
            "desired_count": LEFT_OUT,
        },
        more=_desired_count,
    ),
    Schedule: Kind("AWS::Scheduler::Schedule", {"arn": "Arn", "name": ""}, tags=""),
    ScalableTarget: Kind(
        "AWS::ApplicationAutoScaling::ScalableTarget", {"id": ""}, {"service": Member("ResourceId", _scaled)},
        {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}, tags="",
    ),
    ScalingPolicy: Kind(
        "AWS::ApplicationAutoScaling::ScalingPolicy", {},
        {
            "scalable_target": Member("ScalingTargetId", lambda template, ref: template.reference(ref.logical_id)),
            "metric": LEFT_OUT, "target_value": LEFT_OUT, "scale_in_cooldown": LEFT_OUT,
            "scale_out_cooldown": LEFT_OUT, "target_group": LEFT_OUT,
        },
        {"PolicyType": "TargetTrackingScaling"},
        tags="",
        more=_tracking,
    ),
}  # fmt: skip
"""How each type is written. What is not here: `NOT_RESOURCES`."""

NOT_RESOURCES: Mapping[type[Any], str] = {
    Account: "pseudo parameters",
    Network: "parameters",
    Existing: "names and ARNs",
    RunTask: "an output with the command",
    MountTargets: "a mount target for each of the first subnets",
    SecretParameter: "CloudFormation makes no SecureString: the output with the command that sets it makes it",
}
"""Types that are no resource of their own in a template, and what stands for them."""

PSEUDO = {"region": "AWS::Region", "id": "AWS::AccountId", "partition": "AWS::Partition"}
NETWORK = {
    "vpc_id": Tagged("!Ref", "VpcId"),
    "subnet_ids": Tagged("!Ref", "SubnetIds"),
    "load_balancer_subnet_ids": Tagged(
        "!If",
        ["HasLoadBalancerSubnets", Tagged("!Ref", "LoadBalancerSubnetIds"), Tagged("!Ref", "SubnetIds")],
    ),
    PUBLIC: Tagged("!Ref", "AssignPublicIp"),
}
ARNS: Mapping[str, tuple[str, str]] = {
    "Role": ("iam", "role/"),
    "Cluster": ("ecs", "cluster/"),
    "TaskDefinition": ("ecs", "task-definition/"),
    "SecretParameter": ("ssm", "parameter/"),
    "ManagedSecret": ("secretsmanager", "secret:"),
    "Repository": ("ecr", "repository/"),
    "LogGroup": ("logs", "log-group:"),
    "FileSystem": ("elasticfilesystem", "file-system/"),
    "AccessPoint": ("elasticfilesystem", "access-point/"),
}
SECRET_CALLS: Mapping[type[Any], tuple[str, str, str]] = {
    SecretParameter: (
        "ssm put-parameter --overwrite --type SecureString --region ",
        "--name",
        "--value file://value.txt",
    ),
    ManagedSecret: (
        "secretsmanager put-secret-value --region ",
        "--secret-id",
        "--secret-string file://value.txt",
    ),
}
