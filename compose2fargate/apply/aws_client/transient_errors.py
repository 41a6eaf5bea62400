"""What AWS refuses for a while only: one table of errors that pass by themselves, and how long each is waited for.

AWS is consistent eventually: a role that was just made cannot be assumed yet, a network interface of a stopped task
still holds its security group. `AwsAccount` asks this table about every refusal, and calls again where it says so.
docs/apply.md shows the table; a test keeps the two equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from compose2fargate.records import NamedTuple


class TransientError(NamedTuple):
    """An error that passes.

    Attributes:
        service: The service, as boto3 names its client.
        operations: The calls that it is an answer to.
        codes: The error's code, in each spelling that is known.
        text: A part of the message, where the code alone says too little; "" for any.
        awaits: What is waited for, to be read after "waiting for".
        seconds: How long, in all.
        url: Where AWS documents it.
        example: The message, as AWS words it.
        hint: What to do when it does not pass; "" for running it again.
    """

    service: str
    operations: tuple[str, ...]
    codes: tuple[str, ...]
    text: str
    awaits: str
    seconds: float
    url: str
    example: str
    hint: str = ""


FIRST_DELAY: Final = 1.0
LONGEST_DELAY: Final = 10.0
GROWTH: Final = 1.5

_ECS = "https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_"
_ELB = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_"
_EFS = "https://docs.aws.amazon.com/efs/latest/ug/API_"
_IAM = "https://docs.aws.amazon.com/IAM/latest/APIReference/API_"
_LOGS = "https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_"
_MAP = "https://docs.aws.amazon.com/cloud-map/latest/api/API_"
_SCALING = "https://docs.aws.amazon.com/autoscaling/application/APIReference/API_"
_SCHEDULER = "https://docs.aws.amazon.com/scheduler/latest/APIReference/API_"
_RDS = "https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_"
_CACHE = "https://docs.aws.amazon.com/AmazonElastiCache/latest/APIReference/API_"
_SSM = "https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_"
_LINKED_ROLES = "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using-service-linked-roles.html"
_NEW_ROLES = "https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency"
_NEW_IN_EC2 = "https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html"
_INTERFACES = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/requester-managed-eni.html"

_LINKED_ROLE = "the service-linked role, made by the first call of an account"
_LINKED_HINT = (
    "create it: aws iam create-service-linked-role --aws-service-name {name}.amazonaws.com; then run it again"
)
_NEW_ROLE = "a role that was just made"
_ROLE_HINT = "check the role's trust policy: it must allow {who} sts:AssumeRole; compose2fargate apply --verify checks it"
_NEW_GROUP = "a security group that was just made"
_HELD = "network interfaces of stopped tasks, load balancers and mount targets that still hold the group"
_HELD_HINT = (
    "aws ec2 describe-network-interfaces --filters Name=group-id,Values=GROUP lists what holds it;"
    " delete that if it is not part of the stack, and run it again"
)
_CLUSTER_BUSY = "the cluster, which another change keeps busy"
_BUSY_CLUSTER_TEXT = "The specified cluster is in a busy state. Please try again."

PASSING: Final[tuple[TransientError, ...]] = (
    TransientError("ecs", ("CreateCluster", "CreateService", "PutClusterCapacityProviders", "RunTask"),
            ("InvalidParameterException", "ClientException"), "service linked role", _LINKED_ROLE, 60, _LINKED_ROLES,
            "Unable to assume the service linked role. Please verify that the ECS service linked role exists.",
            _LINKED_HINT.format(name="ecs")),
    TransientError("elbv2", ("CreateLoadBalancer",),
            ("InvalidParameterException", "ClientException", "OperationNotPermitted", "ValidationError"),
            "service linked role", _LINKED_ROLE, 60,
            "https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/elb-service-linked-roles.html",
            "Unable to assume the service linked role. Please verify that the service linked role exists.",
            _LINKED_HINT.format(name="elasticloadbalancing")),
    TransientError("ecs", ("CreateService", "UpdateService"), ("InvalidParameterException",),
            "does not have an associated load balancer", "the listener's link to the target group", 60,
            f"{_ECS}CreateService.html",
            "The target group with targetGroupArn arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/shop-web/1"
            " does not have an associated load balancer.",
            "a listener or a rule must forward to the target group"),
    TransientError("ecs", ("CreateService", "UpdateService", "RunTask"), ("InvalidParameterException", "ClientException"),
            "unable to assume the role", _NEW_ROLE, 60, _NEW_ROLES,
            "ECS was unable to assume the role 'arn:aws:iam::123456789012:role/shop-web' that was provided for this task."
            " Please verify that the role being passed has the proper trust relationship and permissions and that your IAM"
            " user has permissions to pass this role.",
            _ROLE_HINT.format(who="ecs-tasks.amazonaws.com")),
    TransientError("ecs", ("CreateService", "UpdateService"), ("InvalidParameterException",),
            "has the proper permissions", _NEW_ROLE, 60, _NEW_ROLES,
            "Unable to assume role and validate the specified targetGroupArn. Please verify that the ECS service role being"
            " passed has the proper permissions.",
            _ROLE_HINT.format(who="ecs.amazonaws.com")),
    TransientError("ecs", ("CreateService", "UpdateService", "RunTask"), ("InvalidParameterException", "ClientException"),
            "InvalidGroup.NotFound", _NEW_GROUP, 60, _NEW_IN_EC2,
            "Error retrieving security group information for [sg-1]: The security group 'sg-1' does not exist"
            " (ErrorCode: InvalidGroup.NotFound)"),
    TransientError("ecs", ("CreateService",), ("InvalidParameterException",), "still Draining",
            "the service of the same name to end its tasks", 300, f"{_ECS}DeleteService.html",
            "Unable to Start a service that is still Draining."),
    TransientError("ecs", ("CreateService", "UpdateService"), ("InvalidParameterException",), "SC service is already used",
            "Service Connect to give back the name of a deleted service", 120,
            "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect-concepts.html",
            "SC service is already used by service discovery namespace arn:aws:servicediscovery:eu-central-1:123456789012:"
            "namespace/ns-1.",
            "another service of the namespace has this name; another project name or --environment NAME gives the stack a"
            " namespace of its own"),
    TransientError("ecs", ("CreateService",), ("ClusterNotFoundException",), "", "the cluster that was just made", 30,
            f"{_ECS}CreateService.html", "Cluster not found."),
    TransientError("ecs", ("DeleteService",), ("InvalidParameterException",), "cannot be stopped while deployments are active",
            "the service's deployment to end", 300, f"{_ECS}DeleteService.html",
            "The service cannot be stopped while deployments are active."),
    TransientError("ecs", ("UpdateCluster", "PutClusterCapacityProviders", "DeleteCluster"),
            ("UpdateInProgressException", "ResourceInUseException"), "", _CLUSTER_BUSY, 300,
            f"{_ECS}PutClusterCapacityProviders.html", _BUSY_CLUSTER_TEXT),
    TransientError("ecs", ("PutClusterCapacityProviders",), ("ClientException",), "Cluster was not ACTIVE", _CLUSTER_BUSY, 60,
            f"{_ECS}PutClusterCapacityProviders.html", "Cluster was not ACTIVE."),
    TransientError("ecs", ("DeleteCluster",), ("ClusterContainsServicesException", "ClusterContainsTasksException"), "",
            "the cluster's services and tasks to end", 300, f"{_ECS}DeleteCluster.html",
            "The Cluster cannot be deleted while Tasks are active.",
            "aws ecs list-tasks --cluster CLUSTER and aws ecs list-services --cluster CLUSTER name what is left in it"),
    TransientError("ecs", ("RegisterTaskDefinition",), ("ClientException",), "Too many concurrent attempts",
            "other registrations of the same family", 60, f"{_ECS}RegisterTaskDefinition.html",
            "Too many concurrent attempts to create a new revision of the specified family."),
    TransientError("ecs", ("RegisterTaskDefinition",), ("ClientException",), "Role is not valid", _NEW_ROLE, 30, _NEW_ROLES,
            "Role is not valid", "the task definition names a role that does not exist"),
    TransientError("scheduler", ("CreateSchedule", "UpdateSchedule"), ("ValidationException",), "to assume the role", _NEW_ROLE,
            60, _NEW_ROLES,
            "The execution role you provide must allow AWS EventBridge Scheduler to assume the role.",
            _ROLE_HINT.format(who="scheduler.amazonaws.com")),
    TransientError("scheduler", ("UpdateSchedule", "DeleteSchedule"), ("ConflictException",), "",
            "another change of the schedule", 60, f"{_SCHEDULER}UpdateSchedule.html",
            "Updating or deleting the resource can cause an inconsistent state."),
    TransientError("application-autoscaling", ("RegisterScalableTarget", "DeregisterScalableTarget", "PutScalingPolicy",
                                        "DeleteScalingPolicy"),
            ("ConcurrentUpdateException",), "", "another change of the scaling", 60, f"{_SCALING}PutScalingPolicy.html",
            "Concurrent updates caused an exception, for example, if you request an update to an Application Auto Scaling"
            " resource that already has a pending update."),
    TransientError("application-autoscaling", ("RegisterScalableTarget",), ("ValidationException",), "ECS service doesn't exist",
            "the service, which autoscaling does not see yet", 60, f"{_SCALING}RegisterScalableTarget.html",
            "ECS service doesn't exist: service/shop/web"),
    TransientError("application-autoscaling", ("RegisterScalableTarget",), ("ValidationException",), "Unable to assume IAM role",
            _LINKED_ROLE, 60, f"{_SCALING}RegisterScalableTarget.html",
            "Unable to assume IAM role: arn:aws:iam::123456789012:role/aws-service-role/ecs.application-autoscaling.amazonaws"
            ".com/AWSServiceRoleForApplicationAutoScaling_ECSService",
            _LINKED_HINT.format(name="ecs.application-autoscaling")),
    TransientError("application-autoscaling", ("PutScalingPolicy", "DeleteScalingPolicy"), ("FailedResourceAccessException",), "",
            _LINKED_ROLE, 60, f"{_SCALING}PutScalingPolicy.html",
            "Unable to retrieve alarms for scaling policy: the security token included in the request is invalid"),
    TransientError("application-autoscaling", ("PutScalingPolicy",), ("ObjectNotFoundException",), "",
            "the scalable target that was just registered", 30, f"{_SCALING}PutScalingPolicy.html",
            "No scalable target registered for service namespace: ecs, resource ID: service/shop/web"),
    TransientError("ec2", ("AuthorizeSecurityGroupIngress", "AuthorizeSecurityGroupEgress"), ("InvalidGroup.NotFound",), "",
            _NEW_GROUP, 60, _NEW_IN_EC2, "The security group 'sg-1' does not exist"),
    TransientError("elbv2", ("CreateLoadBalancer", "SetSecurityGroups"), ("InvalidSecurityGroup", "InvalidGroup.NotFound"), "",
            _NEW_GROUP, 60, _NEW_IN_EC2, "The security group 'sg-1' does not exist"),
    TransientError("efs", ("CreateMountTarget", "ModifyMountTargetSecurityGroups"),
            ("SecurityGroupNotFound", "InvalidGroup.NotFound"), "", _NEW_GROUP, 60, _NEW_IN_EC2,
            "One of the specified security groups does not exist: sg-1"),
    TransientError("ec2", ("DeleteSecurityGroup",), ("DependencyViolation", "InvalidGroup.InUse", "ResourceInUse"), "", _HELD, 900,
            _INTERFACES, "resource sg-1 has a dependent object", _HELD_HINT),
    TransientError("elbv2", ("CreateListener", "CreateRule", "ModifyListener", "ModifyRule"), ("TargetGroupAssociationLimit",), "",
            "a deleted load balancer to let go of its target groups", 120, f"{_ELB}CreateListener.html",
            "The following target groups cannot be associated with more than one load balancer: arn:aws:elasticloadbalancing:"
            "eu-central-1:123456789012:targetgroup/shop-web/1"),
    TransientError("elbv2", ("DeleteTargetGroup",), ("ResourceInUse", "ResourceInUseException"), "",
            "deleted listeners and rules to let go of the target group", 300, f"{_ELB}DeleteTargetGroup.html",
            "Target group 'arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/shop-web/1' is currently in use"
            " by a listener or a rule",
            "a listener or rule of another stack forwards to it: aws elbv2 describe-target-groups shows its load balancers"),
    TransientError("elbv2", ("DeleteLoadBalancer",), ("ResourceInUse", "ResourceInUseException"), "",
            "others to let go of the load balancer", 120, f"{_ELB}DeleteLoadBalancer.html",
            "A specified resource is in use."),
    TransientError("elbv2", ("DeleteLoadBalancer",), ("OperationNotPermitted",), "deletion protection",
            "the load balancer, whose protection was just switched off", 60, f"{_ELB}DeleteLoadBalancer.html",
            "Load balancer 'arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/shop/1' cannot be deleted"
            " because deletion protection is enabled"),
    TransientError("efs", ("CreateMountTarget", "CreateAccessPoint", "PutBackupPolicy", "PutFileSystemPolicy",
                   "UpdateFileSystem"),
            ("IncorrectFileSystemLifeCycleState",), "", "the file system to be ready", 300, f"{_EFS}CreateMountTarget.html",
            "The file system is not in the available state."),
    TransientError("efs", ("ModifyMountTargetSecurityGroups",), ("IncorrectMountTargetState",), "", "the mount target to be ready",
            300, f"{_EFS}ModifyMountTargetSecurityGroups.html", "The mount target is not in the available state."),
    TransientError("efs", ("DeleteFileSystem",), ("FileSystemInUse", "IncorrectFileSystemLifeCycleState"), "",
            "its mount targets to be gone", 300, f"{_EFS}DeleteFileSystem.html",
            "The file system has mount targets created in it.",
            "aws efs describe-mount-targets --file-system-id ID names what is left"),
    TransientError("efs", ("CreateMountTarget", "DeleteMountTarget", "DeleteFileSystem", "DeleteAccessPoint"),
            ("DependencyTimeout",), "", "EC2, which did not answer EFS in time", 120, f"{_EFS}DeleteMountTarget.html",
            "The service timed out trying to fulfill the request, and the client should try the call again."),
    TransientError("servicediscovery", ("DeleteService",), ("ResourceInUse",), "", "ECS to take the last tasks out of the name",
            300, f"{_MAP}DeleteService.html",
            "Service contains registered instances; delete the instances before deleting the service",
            "aws servicediscovery list-instances --service-id ID names what is registered"),
    TransientError("rds", ("CreateDBInstance",), ("InvalidParameterValue", "InvalidParameterCombination"), "service linked role",
            _LINKED_ROLE, 60, f"{_RDS}CreateDBInstance.html",
            "Unable to create the resource. Verify that you have permission to create service linked role. Otherwise wait and try"
            " again later",
            _LINKED_HINT.format(name="rds")),
    TransientError("rds", ("ModifyDBInstance", "DeleteDBInstance"), ("InvalidDBInstanceState",), "", "the database to be ready", 900,
            f"{_RDS}ModifyDBInstance.html", "Database instance shop-db is not in available state.",
            "aws rds describe-db-instances shows its state"),
    TransientError("rds", ("ModifyDBParameterGroup", "ResetDBParameterGroup", "DeleteDBParameterGroup"),
            ("InvalidDBParameterGroupState",), "", "databases to let go of the parameter group", 900,
            f"{_RDS}DeleteDBParameterGroup.html",
            "One or more database instances are still members of this parameter group shop-db-postgres16, so the group cannot be"
            " deleted"),
    TransientError("rds", ("DeleteDBSubnetGroup",), ("InvalidDBSubnetGroupStateFault", "InvalidDBSubnetStateFault"), "",
            "databases to let go of the subnet group", 900, f"{_RDS}DeleteDBSubnetGroup.html",
            "Cannot delete the subnet group 'shop' because at least one database instance: shop-db is still using it."),
    TransientError("elasticache", ("ModifyReplicationGroup", "DeleteReplicationGroup", "IncreaseReplicaCount", "DecreaseReplicaCount",
                           "AddTagsToResource", "RemoveTagsFromResource"),
            ("InvalidReplicationGroupState", "InvalidReplicationGroupStateFault"), "", "the cache to be ready", 900,
            f"{_CACHE}ModifyReplicationGroup.html", "Replication group must be in available state: shop-cache",
            "aws elasticache describe-replication-groups shows its state"),
    TransientError("elasticache", ("ModifyCacheParameterGroup", "ResetCacheParameterGroup", "DeleteCacheParameterGroup"),
            ("InvalidCacheParameterGroupState",), "", "caches to let go of the parameter group", 900,
            f"{_CACHE}DeleteCacheParameterGroup.html",
            "One or more cache clusters are still members of this parameter group shop-cache-valkey8."),
    TransientError("elasticache", ("DeleteCacheSubnetGroup",), ("CacheSubnetGroupInUse",), "",
            "caches to let go of the subnet group", 900, f"{_CACHE}DeleteCacheSubnetGroup.html",
            "Cache subnet group shop is currently in use by a cache cluster."),
    TransientError("iam", ("PutRolePolicy", "AttachRolePolicy"), ("NoSuchEntity",), "", _NEW_ROLE, 20, _NEW_ROLES,
            "The role with name shop-web cannot be found."),
    TransientError("iam", ("AttachRolePolicy", "CreateRole", "DeleteRole", "DeleteRolePolicy", "DetachRolePolicy", "PutRolePolicy",
                    "TagRole", "UntagRole", "UpdateAssumeRolePolicy", "UpdateRole"),
            ("ConcurrentModification", "ConcurrentModificationException"), "", "another change of the role", 60,
            f"{_IAM}UpdateAssumeRolePolicy.html",
            "The request was rejected because multiple requests to change this object were submitted simultaneously."),
    TransientError("iam", ("DeleteRole",), ("DeleteConflict",), "policies", "the role's policies to be gone", 60,
            f"{_IAM}DeleteRole.html", "Cannot delete entity, must detach all policies first."),
    TransientError("logs", ("CreateLogGroup", "DeleteLogGroup", "PutRetentionPolicy"), ("OperationAbortedException",), "",
            "another change of the log group", 60, f"{_LOGS}CreateLogGroup.html",
            "A conflicting operation is currently in progress against this resource. Please try again."),
    TransientError("ssm", ("PutParameter", "AddTagsToResource", "RemoveTagsFromResource", "DeleteParameter"),
            ("TooManyUpdates",), "", "another change of the parameter", 60, f"{_SSM}PutParameter.html",
            "There are concurrent updates for a resource that supports one update at a time."),
)  # fmt: skip
"""The table: services in the order in which an apply and then a destroy meet them."""


def find_transient_error(service: str, operation: str, code: str, message: str) -> TransientError | None:
    """Look a refusal up; None for one that does not pass by itself."""
    plain = _plain(message)
    return next(
        (
            one
            for one in PASSING
            if one.service == service
            and operation in one.operations
            and code in one.codes
            and _plain(one.text) in plain
        ),
        None,
    )


def _plain(text: str) -> str:
    """Leave out what AWS does not write the same everywhere: capitals, and `service-linked`."""
    return text.lower().replace("-", " ")


def retry_delays(seconds: float) -> Iterator[float]:
    """Yield the pauses between calls until `seconds` are over: short ones first, since most of it passes soon."""
    delay, left = FIRST_DELAY, seconds
    while left > 0:
        yield min(delay, left)
        left -= delay
        delay = min(delay * GROWTH, LONGEST_DELAY)


def as_markdown() -> str:
    """Write the table for docs/apply.md."""
    lines = ["| waiting for | answer | calls | at most |", "|---|---|---|---|"]
    for one in PASSING:
        answer = " or ".join(f"`{code}`" for code in one.codes) + (f": “…{one.text}…”" if one.text else "")
        calls = ", ".join(f"`{one.service}:{operation}`" for operation in one.operations)
        lines.append(f"| [{one.awaits}]({one.url}) | {answer} | {calls} | {one.seconds:.0f} s |")
    return "\n".join(lines) + "\n"
