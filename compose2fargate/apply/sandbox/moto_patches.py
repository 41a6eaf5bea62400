"""What moto leaves out or takes too lightly, besides ECS: closed here, once per process.

Checked against moto 5.1 to 5.2; the package pins that range, since names inside moto are replaced.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

from compose2fargate.apply.sandbox.fake_ecs_inputs import is_mountable
from compose2fargate.apply.sandbox.moto_network_patches import patch_network
from compose2fargate.apply.sandbox.moto_store_patches import patch_instances, prepare_stores, tagged_stores

Json = dict[str, Any]
_closed = [False]


def patch_moto() -> None:
    """Replace what is missing in moto."""
    if _closed[0]:
        return
    _closed[0] = True
    from compose2fargate.apply.sandbox import fake_ecs, fake_scheduler

    fake_ecs.patch_moto_ecs()
    fake_scheduler.patch_moto_scheduler()
    for patch in (
        _autoscaling,
        _backup_policies,
        _throughput_modes,
        _mount_targets,
        _names_taken,
        patch_instances,
        _retention,
        _tagged,
        _managed_policies,
        patch_network,
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
    """Keep EFS backup policies, and delete the policies of file systems.

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

    def delete(response: Any) -> Any:
        response.efs_backend.file_systems_by_id[response._get_param("FileSystemId")].file_system_policy = None
        return "", {"status": 200, "Content-Type": "application/json"}

    Responses.delete_file_system_policy = delete
    Responses.put_backup_policy = put
    Responses.describe_backup_policy = describe


def _throughput_modes() -> None:
    """Change the throughput of EFS file systems, and refuse modes that do not go together.

    https://docs.aws.amazon.com/efs/latest/ug/API_CreateFileSystem.html
    """
    from moto.efs.exceptions import BadRequest
    from moto.efs.responses import EFSResponse as Responses

    def create(response: Any) -> Any:
        mode = response._get_param("ThroughputMode")
        if mode == "elastic" and response._get_param("PerformanceMode") == "maxIO":
            raise BadRequest("Elastic throughput is not supported for the Max I/O performance mode.")
        if (mode == "provisioned") != bool(response._get_param("ProvisionedThroughputInMibps")):
            raise BadRequest("ProvisionedThroughputInMibps goes with the throughput mode provisioned only.")
        return create_file_system(response)

    def update(response: Any) -> Any:
        file_system = response.efs_backend.file_systems_by_id[response._get_param("FileSystemId")]
        file_system.throughput_mode = response._get_param("ThroughputMode") or file_system.throughput_mode
        file_system.provisioned_throughput_in_mibps = (
            response._get_param("ProvisionedThroughputInMibps")
            if file_system.throughput_mode == "provisioned"
            else None
        )
        return json.dumps(file_system.info_json()), {"status": 202, "Content-Type": "application/json"}

    create_file_system = Responses.create_file_system
    Responses.create_file_system = create
    Responses.update_file_system = update


def _mount_targets() -> None:
    """Let mount targets come some time after they are made: https://docs.aws.amazon.com/efs/latest/ug/API_CreateMountTarget.html."""
    from moto.efs.models import MountTarget

    described = MountTarget.info_json

    def info_json(target: Any) -> Json:
        seen: Json = described(target)
        return seen if is_mountable(target) else {**seen, "LifeCycleState": "creating"}

    MountTarget.info_json = info_json


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
    """Let the tagging API know log groups, repositories, databases and caches.

    https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
    """
    from moto.core.responses import ActionResult
    from moto.resourcegroupstaggingapi.responses import ResourceGroupsTaggingAPIResponse as Responses

    get = Responses.get_resources
    known = {"logs:log-group": _log_groups, "ecr:repository": _repositories, "rds": tagged_stores}

    def with_more(response: Any) -> Any:
        (kind, *_) = response._get_param("ResourceTypeFilters") or [""]
        arns = response._get_param("ResourceARNList") or []
        if any(":elasticache:" in arn for arn in arns):
            kind = "rds"
        if kind not in known:
            return get(response)
        filters = response._get_param("TagFilters", []) or []
        found = [
            {"ResourceARN": arn, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
            for arn, tags in known[kind](response.current_account, response.region)
            # What never had a tag is not listed.
            if (tags and arn in arns if arns else True)
            and all(tags.get(one["Key"]) in (one.get("Values") or [tags.get(one["Key"])]) for one in filters)
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
    """Give the default VPC of a region the internet gateway and the route that moto's lacks; load what is called first."""
    prepare_stores(service)
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
