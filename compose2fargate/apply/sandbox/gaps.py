"""What moto leaves out or takes too lightly, besides ECS: closed here, once per process.

Checked against moto 5.1 to 5.2; the package pins that range, since names inside moto are replaced.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

Json = dict[str, Any]
_closed = [False]


def close() -> None:
    """Replace what is missing in moto."""
    if _closed[0]:
        return
    _closed[0] = True
    from compose2fargate.apply.sandbox import ecs

    ecs.patch()
    for patch in (
        _autoscaling,
        _backup_policies,
        _target_health,
        _names_taken,
        _load_balancers,
        _balancers_of_groups,
        _security_groups,
        _dns_namespaces,
        _retention,
        _tagged,
        _managed_policies,
        _rule_descriptions,
    ):
        patch()


def _autoscaling() -> None:
    """Keep tags of scalable targets.

    https://docs.aws.amazon.com/autoscaling/application/APIReference/API_ListTagsForResource.html
    """
    from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse as Responses

    register = Responses.register_scalable_target

    def tags_of(response: Any) -> Json:
        backend = response.applicationautoscaling_backend
        tags: Json = backend.__dict__.setdefault("sandbox_tags", {})
        found: Json = tags.setdefault(response._get_param("ResourceARN"), {})
        return found

    def untag(response: Any) -> str:
        for key in response._get_param("TagKeys"):
            tags_of(response).pop(key, None)
        return "{}"

    def tag(response: Any) -> str:
        tags_of(response).update(response._get_param("Tags"))
        return "{}"

    def register_with_tags(response: Any) -> str:
        answer: str = register(response)
        tags = response.applicationautoscaling_backend.__dict__.setdefault("sandbox_tags", {})
        if response._get_param("Tags"):
            tags.setdefault(json.loads(answer)["ScalableTargetARN"], {}).update(response._get_param("Tags"))
        return answer

    Responses.list_tags_for_resource = lambda response: json.dumps({"Tags": tags_of(response)})
    Responses.tag_resource = tag
    Responses.untag_resource = untag
    Responses.register_scalable_target = register_with_tags


def _backup_policies() -> None:
    """Keep EFS backup policies, and change file systems.

    https://docs.aws.amazon.com/efs/latest/ug/API_PutBackupPolicy.html
    """
    from moto.efs.responses import EFSResponse as Responses

    def answer(enabled: bool) -> Any:  # noqa: FBT001 - the one thing there is to say
        policy = {"BackupPolicy": {"Status": "ENABLED" if enabled else "DISABLED"}}
        return json.dumps(policy), {"Content-Type": "application/json"}

    def put(response: Any) -> Any:
        file_system = response.efs_backend.file_systems_by_id[response._get_param("FileSystemId")]
        file_system._backup = response._get_param("BackupPolicy")["Status"] == "ENABLED"
        return answer(file_system._backup)

    def describe(response: Any) -> Any:
        return answer(response.efs_backend.file_systems_by_id[response._get_param("FileSystemId")]._backup)

    def update(response: Any) -> Any:
        file_system = response.efs_backend.file_systems_by_id[response._get_param("FileSystemId")]
        file_system.throughput_mode = response._get_param("ThroughputMode") or file_system.throughput_mode
        return json.dumps(file_system.info_json()), {"status": 202, "Content-Type": "application/json"}

    Responses.update_file_system = update
    Responses.put_backup_policy = put
    Responses.describe_backup_policy = describe


def _names_taken() -> None:
    """Refuse what exists: access points with the same token, namespaces and names with the same name.

    https://docs.aws.amazon.com/efs/latest/ug/API_CreateAccessPoint.html,
    https://docs.aws.amazon.com/cloud-map/latest/api/API_CreateHttpNamespace.html
    """
    from moto.efs.models import EFSBackend
    from moto.servicediscovery.models import ServiceDiscoveryBackend as Map

    _refuse_second(EFSBackend, "create_access_point", "AccessPointAlreadyExists", _same_token)
    for kind, operation in (
        ("HTTP", "create_http_namespace"),
        ("DNS_PRIVATE", "create_private_dns_namespace"),
    ):
        _refuse_second(Map, operation, "NamespaceAlreadyExists", partial(_same_namespace, kind))
    _refuse_second(Map, "create_service", "ServiceAlreadyExists", _same_service)


def _refuse_second(backend: Any, operation: str, code: str, exists: Callable[[Any, Json], bool]) -> None:
    from inspect import signature

    from moto.core.exceptions import JsonRESTError

    create = getattr(backend, operation)

    def checked(self: Any, *arguments: Any, **named: Any) -> Any:
        if exists(self, signature(create).bind(self, *arguments, **named).arguments):
            raise JsonRESTError(code, "it exists already")
        return create(self, *arguments, **named)

    setattr(backend, operation, checked)


def _same_token(backend: Any, given: Json) -> bool:
    return any(point.client_token == given["client_token"] for point in backend.access_points.values())


def _same_namespace(kind: str, backend: Any, given: Json) -> bool:
    return any((one.type, one.name) == (kind, given["name"]) for one in backend.namespaces.values())


def _same_service(backend: Any, given: Json) -> bool:
    wanted = (_namespace(given["namespace_id"], given["dns_config"]), given["name"])
    return any(
        (_namespace(one.namespace_id, one.dns_config), one.name) == wanted
        for one in backend.services.values()
    )


def _namespace(named: str | None, dns: Json | None) -> str | None:
    """Give the namespace of a service; older callers name it within the DNS settings alone."""
    return named or (dns or {}).get("NamespaceId")


def _target_health() -> None:
    """Let the tasks of a service be the targets of its target groups."""
    from moto.core.responses import ActionResult
    from moto.elbv2.responses import ELBV2Response as Responses

    def describe(response: Any) -> Any:
        arn = response._get_param("TargetGroupArn")
        response.elbv2_backend.describe_target_health(arn, [])
        health = list(_targets(response.current_account, response.region, arn))
        return ActionResult({"TargetHealthDescriptions": health})

    Responses.describe_target_health = describe


def _targets(account: str, region: str, arn: str) -> Any:
    from moto.ecs.models import ecs_backends

    from compose2fargate.apply.sandbox.ecs import BEHAVIOURS, Account

    ours = Account.of(ecs_backends[account][region])
    for record in ours.services.values():
        for balancer in record["loadBalancers"]:
            if balancer.get("targetGroupArn") != arn or record["status"] != "ACTIVE":
                continue
            sick = BEHAVIOURS.get(record["serviceName"])
            wanted = {"State": "healthy"}
            if sick and sick.kind == "target":
                reason = sick.reason or "Health checks failed with these codes: [500]"
                wanted = {
                    "State": "unhealthy",
                    "Reason": "Target.ResponseCodeMismatch",
                    "Description": reason,
                }
            for task in ours.tasks_of(record["serviceName"], record["clusterArn"])[-4:]:
                if task["lastStatus"] == "RUNNING" or wanted["State"] == "unhealthy":
                    address = task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"]
                    port = balancer["containerPort"]
                    yield {
                        "Target": {"Id": address, "Port": port},
                        "HealthCheckPort": str(port),
                        "TargetHealth": wanted,
                    }


def _load_balancers() -> None:
    """Names of load balancers: at most 32 characters and each once; an application load balancer has two subnets.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
    """
    from moto.core.responses import ActionResult
    from moto.elbv2.responses import ELBV2Response as Responses

    create = Responses.create_load_balancer

    def checked(response: Any) -> Any:
        name = response._get_param("Name")
        kind = response._get_param("Type") or "application"
        subnets = response._get_param("Subnets") or []
        existing = {b.name: b for b in response.elbv2_backend.load_balancers.values()}
        if len(name) > 32:
            raise _query_error(
                "ValidationError", f"The load balancer name '{name}' cannot be longer than '32' characters"
            )
        if kind == "application" and len(subnets) < 2:
            raise _query_error(
                "ValidationError",
                "At least two subnets in two different Availability Zones must be specified",
            )
        if name in existing:
            if existing[name].type != kind:
                raise _query_error(
                    "DuplicateLoadBalancerName", f"A load balancer with the same name '{name}' exists"
                )
            return ActionResult({"LoadBalancers": [existing[name]]})  # the same wish twice makes one
        return create(response)

    Responses.create_load_balancer = checked
    listen = Responses.create_listener

    def listen_once(response: Any) -> Any:
        arn, port = response._get_param("LoadBalancerArn"), str(response._get_param("Port"))
        balancer = response.elbv2_backend.load_balancers.get(arn)
        if balancer and any(str(one.port) == port for one in balancer.listeners.values()):
            raise _query_error("DuplicateListener", "A listener already exists on this port")
        return listen(response)

    Responses.create_listener = listen_once


def _balancers_of_groups() -> None:
    """Let a target group know the load balancers that use it, also after a listener or a rule was changed."""
    from moto.elbv2.models import ELBv2Backend as Backend

    describe = Backend.describe_target_groups

    def described(self: Any, *arguments: Any, **named: Any) -> Any:
        used = used_groups(self)
        for arn, group in self.target_groups.items():
            group.load_balancer_arns = sorted(used.get(arn, ()))
        return describe(self, *arguments, **named)

    Backend.describe_target_groups = described


def used_groups(elb: Any) -> dict[str, set[str]]:
    """Give each target group that a listener or rule sends requests to, and the load balancers of these."""
    used: dict[str, set[str]] = {}
    for balancer in elb.load_balancers.values():
        for listener in balancer.listeners.values():
            for actions in (listener.default_actions, *(rule.actions for rule in listener.rules.values())):
                for action in actions:
                    used.setdefault(action.data.get("TargetGroupArn", ""), set()).add(balancer.arn)
    return used


def _query_error(code: str, message: str) -> Exception:
    from moto.elbv2.exceptions import ELBClientError

    error: Exception = ELBClientError(code, message)
    return error


def _security_groups() -> None:
    """Refuse to delete a security group that something uses.

    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DeleteSecurityGroup.html
    """
    from moto.ec2.models.security_groups import SecurityGroupBackend as Backend

    delete = Backend.delete_security_group

    def checked(self: Any, name: str | None = None, group_id: str | None = None) -> Any:
        from moto.ec2.exceptions import DependencyViolationError

        if group_id and any(group_id in used(self) for used in _USERS):
            raise DependencyViolationError(f"resource {group_id} has a dependent object")
        return delete(self, name, group_id)

    Backend.delete_security_group = checked


def _rule_descriptions() -> None:
    """Let rules from group to group have a description, as rules from addresses do."""
    from moto.ec2.models.security_groups import SecurityGroupRule as Rule

    Rule.description = property(
        lambda rule: rule.ip_range.get("Description") or rule.source_group.get("Description")
    )
    Rule.__eq__ = lambda rule, other: _meaning(rule) == _meaning(other)


def _meaning(rule: Any) -> tuple[Any, ...]:
    """What makes two rules the same; a description does not."""
    source = (rule.cidr_ipv4, rule.cidr_ipv6, rule.source_group.get("GroupId"), rule.prefix_list_id)
    return (rule.ip_protocol, rule.from_port, rule.to_port, *source)


def _dns_namespaces() -> None:
    """Let a VPC have several private DNS namespaces; moto refuses the second, whatever its name.

    https://docs.aws.amazon.com/cloud-map/latest/api/API_CreatePrivateDnsNamespace.html
    """
    from moto.servicediscovery.models import ServiceDiscoveryBackend as Backend

    create = Backend.create_private_dns_namespace

    def beside_others(self: Any, name: str, *arguments: Any, **named: Any) -> str:
        others = {key: namespace for key, namespace in self.namespaces.items() if namespace.name != name}
        for key in others:
            del self.namespaces[key]
        try:
            return str(create(self, name, *arguments, **named))
        finally:
            self.namespaces.update(others)

    Backend.create_private_dns_namespace = beside_others


def _groups_of_rules(ec2: Any) -> set[str]:
    groups = [group for by_vpc in ec2.groups.values() for group in by_vpc.values()]
    return {
        rule.source_group.get("GroupId", "")
        for group in groups
        for rule in (*group.ingress_rules, *group.egress_rules)
        if rule.source_group.get("GroupId") != group.id
    }


def _groups_of_services(ec2: Any) -> set[str]:
    from moto.ecs.models import ecs_backends

    from compose2fargate.apply.sandbox.ecs import Account

    ours = Account.of(ecs_backends[ec2.account_id][ec2.region_name])
    active = [r for r in ours.services.values() if r["status"] == "ACTIVE"]
    networks = [(r.get("networkConfiguration") or {}).get("awsvpcConfiguration") or {} for r in active]
    return {group for network in networks for group in network.get("securityGroups") or []}


def _groups_of_balancers(ec2: Any) -> set[str]:
    from moto.elbv2.models import elbv2_backends

    balancers = elbv2_backends[ec2.account_id][ec2.region_name].load_balancers.values()
    return {group for balancer in balancers for group in balancer.security_groups or []}


def _groups_of_mounts(ec2: Any) -> set[str]:
    from moto.efs.models import efs_backends

    mounts = efs_backends[ec2.account_id][ec2.region_name].mount_targets_by_id.values()
    return {group for mount in mounts for group in mount.security_groups or []}


_USERS: tuple[Callable[[Any], set[str]], ...] = (
    _groups_of_rules,
    _groups_of_services,
    _groups_of_balancers,
    _groups_of_mounts,
)


def _retention() -> None:
    """CloudWatch's list of retentions, which moto does not check."""
    from moto.logs.models import LogsBackend as Backend

    put = Backend.put_retention_policy

    def checked(self: Any, log_group_name: str, retention_in_days: Any) -> Any:
        from moto.logs.exceptions import InvalidParameterException

        from compose2fargate.aws.fargate import LOG_RETENTION_DAYS

        if int(retention_in_days) not in LOG_RETENTION_DAYS:
            raise InvalidParameterException("put_retention_policy", "retentionInDays", str(retention_in_days))
        return put(self, log_group_name, retention_in_days)

    Backend.put_retention_policy = checked


def _tagged() -> None:
    """Let the tagging API know log groups and repositories.

    https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
    """
    from moto.core.responses import ActionResult
    from moto.resourcegroupstaggingapi.responses import ResourceGroupsTaggingAPIResponse as Responses

    get = Responses.get_resources
    known = {"logs:log-group": _log_groups, "ecr:repository": _repositories}

    def with_more(response: Any) -> Any:
        (kind, *_) = response._get_param("ResourceTypeFilters") or [""]
        if kind not in known:
            return get(response)
        filters = response._get_param("TagFilters", []) or []
        found = [
            {"ResourceARN": arn, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
            for arn, tags in known[kind](response.current_account, response.region)
            if all(tags.get(one["Key"]) in (one.get("Values") or [tags.get(one["Key"])]) for one in filters)
        ]
        return ActionResult({"PaginationToken": "", "ResourceTagMappingList": found})

    Responses.get_resources = with_more


def _log_groups(account: str, region: str) -> Iterator[tuple[str, dict[str, str]]]:
    from moto.logs.models import logs_backends

    logs = logs_backends[account][region]
    for group in logs.groups.values():
        arn = group.arn.removesuffix(":*")
        yield arn, logs.list_tags_for_resource(arn)


def _repositories(account: str, region: str) -> Iterator[tuple[str, dict[str, str]]]:
    from moto.ecr.models import ecr_backends

    ecr = ecr_backends[account][region]
    for one in ecr.repositories.values():
        yield one.arn, ecr.tagger.get_tag_dict_for_resource(one.arn)


def _managed_policies() -> None:
    """AWS's own policies, each made when it is asked for: moto makes all 1,600 of them, in each partition."""
    from moto.iam.models import IAMBackend as Backend

    attach, get = Backend.attach_role_policy, Backend.get_policy

    def attach_known(self: Any, policy_arn: str, role_name: str) -> Any:
        _make_policy(self, policy_arn)
        return attach(self, policy_arn, role_name)

    def get_known(self: Any, policy_arn: str) -> Any:
        _make_policy(self, policy_arn)
        return get(self, policy_arn)

    Backend._init_aws_policies = lambda _: []
    Backend.attach_role_policy = attach_known
    Backend.get_policy = get_known


def _make_policy(backend: Any, arn: str) -> None:
    from moto.iam.models import AWSManagedPolicy

    name = arn.rpartition("/")[2]
    if ":iam::aws:policy/" not in arn or arn in backend.managed_policies or name not in _policies():
        return
    policy = AWSManagedPolicy.from_data(name, backend.account_id, backend.region_name, _policies()[name])
    backend.managed_policies[policy.arn] = policy


@cache
def _policies() -> Json:
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    policies: Json = json.loads(aws_managed_policies_data)
    return policies


def prepare_region(service: str, region: str) -> None:
    """Give the default VPC of a region the internet gateway and the route that moto's lacks."""
    if service != "ec2":
        return
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.ec2.models import ec2_backends

    backend = ec2_backends[DEFAULT_ACCOUNT_ID][region]
    if "sandbox" in backend.__dict__:
        return
    backend.sandbox = True
    vpc = next((vpc for vpc in backend.vpcs.values() if str(vpc.is_default).lower() == "true"), None)
    if vpc is None:
        return
    gateway = backend.create_internet_gateway()
    backend.attach_internet_gateway(gateway.id, vpc.id)
    table = next(table for table in backend.route_tables.values() if table.vpc_id == vpc.id)
    backend.create_route(table.id, destination_cidr_block="0.0.0.0/0", gateway_id=gateway.id)
