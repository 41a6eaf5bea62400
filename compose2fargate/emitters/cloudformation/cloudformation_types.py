"""What each type is in CloudFormation: tables of types and of members, and how the odd ones are written.

A member of ours is CloudFormation's in Pascal case unless a table says otherwise; `cloudformation` writes templates by them.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from compose2fargate.aws.api_values import BuiltImage, JoinedText, Ref, Resolve, pascal_case
from compose2fargate.aws.policies import file_system_policy_document
from compose2fargate.aws.resources import (
    AccessPoint,
    AccountIdentity,
    Cluster,
    Condition,
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
    Trust,
    VpcNetwork,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.aws.store_resources import (
    CacheParameterGroup,
    CacheReplicationGroup,
    CacheSubnetGroup,
    DbInstance,
    DbParameterGroup,
    DbSubnetGroup,
    DiscoveryInstance,
)
from compose2fargate.emitters.resource_graph import PUBLIC, ResourceGraph
from compose2fargate.records import NamedTuple
from compose2fargate.text.yaml_text import TaggedValue


class TemplateValues(Protocol):
    """What the tables below ask of the template that they are written for."""

    stack: Stack
    graph: ResourceGraph
    retention: int
    certificate: str | None

    def api(self, value: Any) -> Any:
        """Give a value as CloudFormation spells it."""

    def resolve(self, ref: Ref) -> Any:
        """Give the function that a link is."""

    def reference(self, logical_id: str) -> TaggedValue:
        """Give what `Ref` gives of a resource."""

    def link(self, value: Ref | JoinedText | BuiltImage, resolve: Resolve) -> Any:
        """Put a text with links in it together."""

    def role(self, value: str | Ref) -> Any:
        """Give a role's ARN."""

    def statement(self, statement: Any) -> dict[str, Any]:
        """Give a statement of a policy."""

    def conditions_of(self, conditions: tuple[Condition, ...]) -> dict[str, dict[str, Any]]:
        """Give the conditions of a statement, in a policy or in a role's trust."""

    def count(self, service: EcsService) -> Any:
        """Give the desired count of a service, if the template writes one."""

    def deployment(self, service: EcsService) -> Any:
        """Give how one version of a service follows another."""


class TemplateProperty(NamedTuple):
    """How one field is written where Pascal case does not say it: under `name`, made by `make`; no name, not at all."""

    name: str
    make: Callable[[TemplateValues, Any], Any] | None = None


class CloudFormationType(NamedTuple):
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
    members: Mapping[str, TemplateProperty] = {}
    always: Mapping[str, Any] = {}
    tags: str = "Tags"
    more: Callable[[TemplateValues, Any], Mapping[str, Any]] | None = None
    policies: Mapping[str, str] = {}
    one_of: tuple[str, ...] = ()


LEFT_OUT = TemplateProperty("")
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


def spell_member(name: str) -> str:
    """Spell a member as CloudFormation does."""
    return _SPELLINGS.get(name) or pascal_case(name)


def _role(template: TemplateValues, value: Any) -> Any:
    return template.role(value)


def _attribute(name: str) -> Callable[[TemplateValues, Any], Any]:
    """Write a link by another attribute than its own: ARNs where a name would do as well."""
    return lambda template, value: (
        value if isinstance(value, str) else template.resolve(Ref(value.logical_id, name))
    )


def _pairs(_: TemplateValues, attributes: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in attributes.items()]


def _trust(template: TemplateValues, trust: Trust) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"Service": trust.principal}, "Action": "sts:AssumeRole"}
    conditions = template.conditions_of(trust.conditions)
    return {
        "Version": "2012-10-17",
        "Statement": [statement | ({"Condition": conditions} if conditions else {})],
    }


def _policies(template: TemplateValues, policies: tuple[Policy, ...]) -> list[dict[str, Any]]:
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


def _actions(template: TemplateValues, actions: Any) -> list[dict[str, Any]]:
    made = template.api(actions)
    for action in made:
        response = action.get("FixedResponseConfig")
        if response and not response["MessageBody"]:
            del response["MessageBody"]
    return list(made)


def _certificates(template: TemplateValues, certificates: Any) -> list[dict[str, Any]]:
    chosen = TaggedValue("!Ref", "CertificateArn")
    arns = [c.certificate_arn for c in certificates]
    return [{"CertificateArn": chosen if arn == template.certificate else template.api(arn)} for arn in arns]


def _conditions(_: TemplateValues, conditions: Any) -> list[dict[str, Any]]:
    return [
        {"Field": c.field, f"{pascal_case(c.field.replace('-', '_'))}Config": {"Values": list(c.values)}}
        for c in conditions
    ]


def _dns(template: TemplateValues, service: DiscoveryService) -> dict[str, Any]:
    of_tasks = service.record_type == "A"
    config = {
        "NamespaceId": template.resolve(service.namespace_id._replace(attribute="id")),
        "RoutingPolicy": "MULTIVALUE" if of_tasks else "WEIGHTED",
        "DnsRecords": [{"Type": service.record_type, "TTL": service.ttl}],
    }
    # ECS tells Cloud Map which tasks are healthy:
    # https://docs.aws.amazon.com/cloud-map/latest/api/API_HealthCheckCustomConfig.html
    health = {"HealthCheckCustomConfig": {"FailureThreshold": 1}} if of_tasks else {}
    return {"DnsConfig": config, **health}


SECRET_MEMBERS = frozenset({"MasterUserPassword"})
"""Properties that CloudFormation fills from a secret: what stands in the template is where to read it."""


def _password(template: TemplateValues, ref: Ref) -> str:
    """Read a password when the database is made: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/dynamic-references.html."""
    secret = template.stack.get(ref)
    name = secret.identifier if isinstance(secret, Existing) else ""
    if isinstance(secret, Existing) and secret.kind == "ManagedSecret":
        return f"{{{{resolve:secretsmanager:{name}:SecretString}}}}"
    return f"{{{{resolve:ssm-secure:{name.partition(':parameter')[2] or name}}}}}"


def _target(template: TemplateValues, target: Ref) -> dict[str, Any]:
    return {"AWS_INSTANCE_CNAME": template.resolve(target)}


def _backup(_: TemplateValues, value: bool) -> dict[str, str]:  # noqa: FBT001 - a member of the file system
    return {"Status": "ENABLED" if value else "DISABLED"}


def _lifecycle(_: TemplateValues, value: str) -> list[dict[str, str]]:
    return [{"TransitionToIA": value}]


def _file_system_policy(_: TemplateValues, value: bool) -> dict[str, Any] | None:  # noqa: FBT001 - as above
    return file_system_policy_document() if value else None


_EVERYTHING_OUT = [
    {"IpProtocol": "-1", "CidrIp": "0.0.0.0/0", "Description": "Everything out"},
    {"IpProtocol": "-1", "CidrIpv6": "::/0", "Description": "Everything out"},
]
# AWS gives a group that rule, unless it is given another:
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-securitygroup.html
_NOTHING_OUT = [{"IpProtocol": "-1", "CidrIp": "127.0.0.1/32", "Description": "Nothing out"}]


def _egress(_: TemplateValues, group: SecurityGroup) -> dict[str, Any]:
    return {"SecurityGroupEgress": _EVERYTHING_OUT if group.everything_out else _NOTHING_OUT}


def _retention(template: TemplateValues, days: int) -> Any:
    return TaggedValue("!Ref", "LogRetentionInDays") if days == template.retention else days


def _scaled(template: TemplateValues, service: Ref) -> Any:
    """Name a service by its path; its name is a reference, so that the service is there before it is scaled."""
    target = template.stack.get(service)
    cluster = target.cluster if isinstance(target, EcsService) else ""
    named = Ref(cluster.logical_id, "name") if isinstance(cluster, Ref) else cluster
    return template.link(
        JoinedText(("service/", named, "/", service._replace(attribute="name"))), template.resolve
    )


def _tracking(template: TemplateValues, policy: ScalingPolicy) -> dict[str, Any]:
    metric: dict[str, Any] = {"PredefinedMetricType": policy.metric}
    if policy.target_group:
        group = policy.target_group
        balancer = template.graph.load_balancer_of(group.logical_id) or ""
        full = balancer._replace(attribute="full") if isinstance(balancer, Ref) else balancer
        parts = JoinedText((full, "/", group._replace(attribute="full")))
        metric["ResourceLabel"] = template.link(parts, template.resolve)
    return {
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": policy.target_value,
            "ScaleInCooldown": policy.scale_in_cooldown,
            "ScaleOutCooldown": policy.scale_out_cooldown,
            "PredefinedMetricSpecification": metric,
        }
    }


def _desired_count(template: TemplateValues, service: EcsService) -> dict[str, Any]:
    """Leave out the count that Application Auto Scaling writes: CloudFormation then leaves it alone."""
    count = template.count(service)
    written = {} if count is None else {"DesiredCount": count}
    return {**written, "DeploymentConfiguration": template.deployment(service)}


_GOES = {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}
# What a first deployment made goes with it where that fails: nothing is in it yet, and it would be there twice.
_STAYS = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
_SNAPSHOT = {"DeletionPolicy": "Snapshot", "UpdateReplacePolicy": "Snapshot"}
_REF = {"name": "", "id": "", "arn": "Arn"}
KINDS: Mapping[type[Any], CloudFormationType] = {
    Cluster: CloudFormationType("AWS::ECS::Cluster", _REF, {"settings": TemplateProperty("ClusterSettings")}),
    # Service Connect takes the ARN where it takes the name; the name is no attribute here.
    Namespace: CloudFormationType("AWS::ServiceDiscovery::HttpNamespace", {"id": "", "arn": "Arn", "name": "Arn"}),
    DnsNamespace: CloudFormationType("AWS::ServiceDiscovery::PrivateDnsNamespace", {"id": "", "arn": "Arn"}),
    DiscoveryService: CloudFormationType(
        "AWS::ServiceDiscovery::Service",
        {"id": "", "arn": "Arn", "name": "Name"},
        {"namespace_id": LEFT_OUT, "ttl": LEFT_OUT, "record_type": LEFT_OUT},
        more=_dns,
    ),
    SecurityGroup: CloudFormationType(
        "AWS::EC2::SecurityGroup", {"id": "GroupId"},
        {"description": TemplateProperty("GroupDescription"), "everything_out": LEFT_OUT},
        more=_egress,
    ),
    IngressRule: CloudFormationType(
        "AWS::EC2::SecurityGroupIngress", {},
        {"source_group_id": TemplateProperty("SourceSecurityGroupId")},
        tags="", one_of=("source_group_id", "cidr_ip", "cidr_ipv6"),
    ),
    LoadBalancer: CloudFormationType(
        "AWS::ElasticLoadBalancingV2::LoadBalancer", {"arn": "", "dns": "DNSName", "full": "LoadBalancerFullName"},
        {"attributes": TemplateProperty("LoadBalancerAttributes", _pairs)},
    ),
    TargetGroup: CloudFormationType(
        "AWS::ElasticLoadBalancingV2::TargetGroup", {"arn": "", "full": "TargetGroupFullName"},
        {"attributes": TemplateProperty("TargetGroupAttributes", _pairs)},
    ),
    Listener: CloudFormationType(
        "AWS::ElasticLoadBalancingV2::Listener", {"arn": ""},
        {"default_actions": TemplateProperty("DefaultActions", _actions), "certificates": TemplateProperty("Certificates", _certificates)},
        tags="",
    ),
    ListenerRule: CloudFormationType(
        "AWS::ElasticLoadBalancingV2::ListenerRule", {"arn": ""},
        {"actions": TemplateProperty("Actions", _actions), "conditions": TemplateProperty("Conditions", _conditions)}, tags="",
    ),
    Role: CloudFormationType(
        "AWS::IAM::Role", {"name": "", "arn": "Arn"},
        {"trust": TemplateProperty("AssumeRolePolicyDocument", _trust), "policies": TemplateProperty("Policies", _policies)},
    ),
    LogGroup: CloudFormationType(
        "AWS::Logs::LogGroup", {"name": "", "arn": "Arn"}, {"retention_in_days": TemplateProperty("RetentionInDays", _retention)},
        policies=_GOES,
    ),
    FileSystem: CloudFormationType(
        "AWS::EFS::FileSystem", {"id": "", "arn": "Arn"},
        {"creation_token": LEFT_OUT, "transition_to_ia": TemplateProperty("LifecyclePolicies", _lifecycle),
         "backup": TemplateProperty("BackupPolicy", _backup),
         "restricted": TemplateProperty("FileSystemPolicy", _file_system_policy)}, tags="FileSystemTags",
        policies=_STAYS,
    ),
    AccessPoint: CloudFormationType(
        "AWS::EFS::AccessPoint", {"id": "", "arn": "Arn"},
        {"file_system_id": TemplateProperty("FileSystemId")}, tags="AccessPointTags",
    ),
    TaskDefinition: CloudFormationType(
        "AWS::ECS::TaskDefinition", {"arn": ""},
        {"execution_role_arn": TemplateProperty("ExecutionRoleArn", _role), "task_role_arn": TemplateProperty("TaskRoleArn", _role)},
        # A refused update must not take the running revision away.
        policies={"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Retain"},
    ),
    EcsService: CloudFormationType(
        "AWS::ECS::Service", {"arn": "", "name": "Name"},
        {
            "cluster": TemplateProperty("Cluster", _attribute("arn")),
            "task_definition": TemplateProperty("TaskDefinition", _attribute("arn")),
            "desired_count": LEFT_OUT,
        },
        more=_desired_count,
    ),
    Schedule: CloudFormationType("AWS::Scheduler::Schedule", {"arn": "Arn", "name": ""}, tags=""),
    ScalableTarget: CloudFormationType(
        "AWS::ApplicationAutoScaling::ScalableTarget", {"id": ""}, {"service": TemplateProperty("ResourceId", _scaled)},
        {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}, tags="",
    ),
    ScalingPolicy: CloudFormationType(
        "AWS::ApplicationAutoScaling::ScalingPolicy", {},
        {
            "scalable_target": TemplateProperty("ScalingTargetId", lambda template, ref: template.reference(ref.logical_id)),
            "metric": LEFT_OUT, "target_value": LEFT_OUT, "scale_in_cooldown": LEFT_OUT,
            "scale_out_cooldown": LEFT_OUT, "target_group": LEFT_OUT,
        },
        {"PolicyType": "TargetTrackingScaling"},
        tags="",
        more=_tracking,
    ),
    DbSubnetGroup: CloudFormationType("AWS::RDS::DBSubnetGroup", {"name": ""}),
    DbParameterGroup: CloudFormationType(
        "AWS::RDS::DBParameterGroup", {"name": ""}, {"db_parameter_group_family": TemplateProperty("Family")},
    ),
    DbInstance: CloudFormationType(
        "AWS::RDS::DBInstance", {"name": "", "endpoint": "Endpoint.Address"},
        {
            "vpc_security_group_ids": TemplateProperty("VPCSecurityGroups"),
            "master_user_password": TemplateProperty("MasterUserPassword", _password),
        },
        policies=_SNAPSHOT,
    ),
    CacheSubnetGroup: CloudFormationType(
        "AWS::ElastiCache::SubnetGroup", {"name": ""}, {"cache_subnet_group_description": TemplateProperty("Description")},
    ),
    CacheParameterGroup: CloudFormationType(
        "AWS::ElastiCache::ParameterGroup", {"name": ""},
        # Its name is CloudFormation's own to give.
        {"cache_parameter_group_name": LEFT_OUT, "parameters": TemplateProperty("Properties")},
    ),
    CacheReplicationGroup: CloudFormationType(
        "AWS::ElastiCache::ReplicationGroup", {"name": "", "endpoint": "PrimaryEndPoint.Address"}, policies=_SNAPSHOT,
    ),
    DiscoveryInstance: CloudFormationType(
        "AWS::ServiceDiscovery::Instance", {}, {"target": TemplateProperty("InstanceAttributes", _target)}, tags="",
    ),
}  # fmt: skip
"""How each type is written. What is not here: `NOT_RESOURCES`."""

NOT_RESOURCES: Mapping[type[Any], str] = {
    AccountIdentity: "pseudo parameters",
    VpcNetwork: "parameters",
    Existing: "names and ARNs",
    RunTask: "a custom resource where it runs with the stack, and an output with the command",
    MountTargets: "a mount target for each of the first subnets",
    Repository: "its name: it is there before, with its images",
    SecretParameter: "its name: it is there before, with its value",
    ManagedSecret: "its ARN: it is there before, with its value",
}
"""Types that are no resource of their own in a template, and what stands for them."""

PSEUDO = {"region": "AWS::Region", "id": "AWS::AccountId", "partition": "AWS::Partition"}
NETWORK = {
    "vpc_id": TaggedValue("!Ref", "VpcId"),
    "subnet_ids": TaggedValue("!Ref", "SubnetIds"),
    "load_balancer_subnet_ids": TaggedValue(
        "!If",
        [
            "HasLoadBalancerSubnets",
            TaggedValue("!Ref", "LoadBalancerSubnetIds"),
            TaggedValue("!Ref", "SubnetIds"),
        ],
    ),
    PUBLIC: TaggedValue("!Ref", "AssignPublicIp"),
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
