"""Databases and caches in the fake AWS: loaded when they are first called, and known to what stands around them.

moto's RDS takes a quarter of a second to load, which a stack without databases does not wait for.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final

_patched: set[str] = set()
_RDS, _CACHES = "moto.rds.models", "moto.elasticache.models"


def prepare_stores(service: str) -> None:
    """Replace what moto lacks of a service that is called, once per process."""
    if service not in ("rds", "elasticache") or service in _patched:
        return
    _patched.add(service)
    if service == "rds":
        from compose2fargate.apply.sandbox.fake_databases import patch_databases

        patch_databases()
    else:
        from compose2fargate.apply.sandbox.fake_caches import patch_caches

        patch_caches()


def _backend(module: str, account: str, region: str) -> Any:
    """Give a backend of a service that somebody called; None where nobody did."""
    if module not in sys.modules:
        return None
    service = module.split(".")[1]
    return getattr(sys.modules[module], f"{service}_backends")[account][region]


def groups_of_stores(ec2: Any) -> set[str]:
    """Give the security groups that databases and caches are in."""
    databases = _backend(_RDS, ec2.account_id, ec2.region_name)
    caches = _backend(_CACHES, ec2.account_id, ec2.region_name)
    found = {
        group
        for instance in (databases.databases.values() if databases else ())
        for group in instance.vpc_security_group_ids
    }
    records = caches.__dict__.get("sandbox_caches") if caches else None
    for node in records.nodes.values() if records else ():
        found.update(node["SecurityGroupIds"])
    return found


def tagged_stores(account: str, region: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield what RDS and ElastiCache have, with its tags, as the tagging API lists it.

    https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
    """
    rds, caches = _backend(_RDS, account, region), _backend(_CACHES, account, region)
    if rds:
        for every in (rds.databases, rds.db_parameter_groups, rds.subnet_groups):
            for one in every.values():
                yield one.arn, {tag["Key"]: tag["Value"] for tag in one.get_tags()}
    if caches:
        records = caches.__dict__.get("sandbox_caches")
        own = [*records.groups.values(), *records.parameters.values()] if records else []
        arns = [one["ARN"] for one in own] + [one.arn for one in caches.cache_subnet_groups.values()]
        for arn in arns:
            yield arn, caches.tagging_service.get_tag_dict_for_resource(arn)


_CNAME: Final = "CNAME"


def patch_instances() -> None:
    """Keep one instance of an id, and refuse what Cloud Map refuses about names that lead somewhere else.

    https://docs.aws.amazon.com/cloud-map/latest/api/API_RegisterInstance.html,
    https://docs.aws.amazon.com/cloud-map/latest/api/API_DnsRecord.html
    """
    from moto.core.exceptions import JsonRESTError
    from moto.servicediscovery.models import ServiceDiscoveryBackend as Backend

    register, delete, create = Backend.register_instance, Backend.delete_service, Backend.create_service

    def register_once(self: Any, service_id: str, instance_id: str, *rest: Any, **named: Any) -> Any:
        service = self.get_service(service_id)
        service.instances[:] = [one for one in service.instances if one.instance_id != instance_id]
        return register(self, service_id, instance_id, *rest, **named)

    def delete_empty(self: Any, service_id: str) -> None:
        if service_id in self.services and self.services[service_id].instances:
            raise JsonRESTError(
                "ResourceInUse",
                "Service contains registered instances; delete the instances before deleting the service",
            )
        delete(self, service_id)

    def create_checked(self: Any, *arguments: Any, **named: Any) -> Any:
        dns = named.get("dns_config") or {}
        aliases = any(record["Type"] == _CNAME for record in dns.get("DnsRecords") or ())
        if aliases and (dns.get("RoutingPolicy") != "WEIGHTED" or named.get("health_check_config")):
            raise JsonRESTError(
                "InvalidInput", "CNAME records need the routing policy WEIGHTED, and have no health check"
            )
        return create(self, *arguments, **named)

    Backend.register_instance = register_once
    Backend.delete_service = delete_empty
    Backend.create_service = create_checked
