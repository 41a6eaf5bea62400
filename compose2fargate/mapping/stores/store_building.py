"""What a store is made of in AWS: the database or cache, where it is placed, how it is set up, who reaches it, and its name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from hashlib import sha256

from compose2fargate.aws import prices
from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import (
    DiscoveryService,
    DnsNamespace,
    Existing,
    IngressRule,
    Resource,
    SecurityGroup,
)
from compose2fargate.aws.stack import DeploymentDependencies
from compose2fargate.aws.store_resources import (
    CacheParameterGroup,
    CacheReplicationGroup,
    CacheSubnetGroup,
    DbInstance,
    DbParameterGroup,
    DbSubnetGroup,
    DiscoveryInstance,
)
from compose2fargate.mapping.access.iam_roles import project_tags
from compose2fargate.mapping.access.secrets import store_password
from compose2fargate.mapping.coverage_table import CoverageRow, KeyOutcome
from compose2fargate.mapping.names import dns_name, ecs_name, private_domain
from compose2fargate.mapping.stores.managed_store import EXTERNAL, STORE_CLIENTS, ManagedStore
from compose2fargate.mapping.stores.store_report import STORES_URL
from compose2fargate.mapping.translation_findings import TranslationFindings
from compose2fargate.mapping.translation_input import TranslationInput

MADE, REFUSED_STORE = "C2F570", "C2F571"
_MAX_INSTANCE_NAME, _MAX_CACHE_NAME, _MAX_GROUP_NAME = 63, 40, 255


def store_resources(ctx: TranslationInput) -> Iterator[tuple[str, Resource, ManagedStore | None]]:
    """Yield logical id and resource of all that the stores need, with the store where it is for one alone."""
    for store in ctx.stores.values():
        yield from ((logical_id, made, store) for logical_id, made in _resources(ctx, store))
    if any(not store.engine.is_cache for store in ctx.stores.values()):
        name = aws_name(ctx.stack, "", 255)
        said = f"Subnets of the databases of {ctx.stack}"
        group = DbSubnetGroup(name, said, Ref("network", "subnet_ids"), project_tags(ctx))
        yield "db-subnet-group", group, None
    if any(store.engine.is_cache for store in ctx.stores.values()):
        name = aws_name(ctx.stack, "", 255)
        said = f"Subnets of the caches of {ctx.stack}"
        yield (
            "cache-subnet-group",
            CacheSubnetGroup(name, said, Ref("network", "subnet_ids"), project_tags(ctx)),
            None,
        )
    if ctx.stores:
        namespace = DnsNamespace(private_domain(ctx.stack), Ref("network", "vpc_id"), project_tags(ctx))
        yield "dns-namespace", namespace, None


def _resources(ctx: TranslationInput, store: ManagedStore) -> Iterator[tuple[str, Resource]]:
    name = ctx.names[store.service.name]
    tags = ctx.tags[store.service.name]
    group = Ref(f"security-group/store:{name}", "id")
    engine = store.engine
    yield (
        group.logical_id,
        SecurityGroup(
            ecs_name(f"{ctx.stack}-store-{name}"),
            f"The store {ecs_name(name)} of {ctx.stack}",
            Ref("network", "vpc_id"),
            tags,
            everything_out=False,
        ),
    )
    yield (
        f"ingress-rule/store:{name}",
        IngressRule(
            group,
            "tcp",
            engine.port,
            engine.port,
            f"TCP {engine.port} from its clients",
            STORE_CLIENTS,
            tags=tags,
        ),
    )
    made = _cache(ctx, store, group) if engine.is_cache else _database(ctx, store, group)
    yield from made.items()
    *_, last = made
    yield (
        f"discovery-service/{name}",
        DiscoveryService(dns_name(store.service.name), Ref("dns-namespace", "id"), 60, tags, "CNAME"),
    )
    yield (
        _discovery_id(ctx, store),
        DiscoveryInstance("endpoint", Ref(f"discovery-service/{name}", "id"), Ref(last, "endpoint")),
    )


def _database(ctx: TranslationInput, store: ManagedStore, group: Ref) -> dict[str, Resource]:
    name, tags, engine = ctx.names[store.service.name], ctx.tags[store.service.name], store.engine
    called = aws_name(ctx.stack, name, _MAX_INSTANCE_NAME)
    own = store.options
    password = store_password(ctx, store)
    needed: dict[str, Resource] = {}
    if store.password.kind == EXTERNAL:
        kind = "ManagedSecret" if ":secretsmanager:" in store.password.name else "SecretParameter"
        needed[password.logical_id] = Existing(kind, store.password.name)
    return {
        **needed,
        f"db-parameter-group/{name}": DbParameterGroup(
            _settings_name(ctx, store),
            _family(store),
            f"Settings of {ecs_name(name)} of {ctx.stack}",
            store.parameters,
            tags,
        ),
        f"db-instance/{name}": DbInstance(
            db_instance_identifier=called,
            db_instance_class=store.size,
            engine=engine.name,
            engine_version=store.version,
            allocated_storage=store.storage,
            max_allocated_storage=int(own.get("max_storage") or max(100, 2 * store.storage)),
            db_name=store.database or None,
            master_username=store.user,
            master_user_password=password,
            port=engine.port,
            db_subnet_group_name=Ref("db-subnet-group", "name"),
            vpc_security_group_ids=(group,),
            db_parameter_group_name=Ref(f"db-parameter-group/{name}", "name"),
            multi_az=store.is_multi_zone,
            backup_retention_period=int(own.get("backup_days", 7)),
            enable_cloudwatch_logs_exports=engine.logs,
            deletion_protection=own.get("deletion_protection", True) is not False,
            allow_major_version_upgrade=own.get("allow_major_version_upgrade") or None,
            tags=tags,
        ),
    }


def _cache(ctx: TranslationInput, store: ManagedStore, group: Ref) -> dict[str, Resource]:
    name, tags, engine = ctx.names[store.service.name], ctx.tags[store.service.name], store.engine
    called = aws_name(ctx.stack, name, _MAX_CACHE_NAME)
    several = store.is_multi_zone
    return {
        f"cache-parameter-group/{name}": CacheParameterGroup(
            _settings_name(ctx, store),
            _family(store),
            f"Settings of {ecs_name(name)} of {ctx.stack}",
            store.parameters,
            tags,
        ),
        f"cache-replication-group/{name}": CacheReplicationGroup(
            replication_group_id=called,
            replication_group_description=f"The cache {ecs_name(name)} of {ctx.stack}",
            engine=engine.name,
            engine_version=store.version,
            cache_node_type=store.size,
            num_cache_clusters=2 if several else 1,
            automatic_failover_enabled=several,
            multi_az_enabled=several,
            cache_parameter_group_name=Ref(f"cache-parameter-group/{name}", "name"),
            cache_subnet_group_name=Ref("cache-subnet-group", "name"),
            security_group_ids=(group,),
            port=engine.port,
            snapshot_retention_limit=int(store.options.get("backup_days", 1)),
            tags=tags,
        ),
    }


def _family(store: ManagedStore) -> str:
    return store.engine.family.format(version=store.version, major=store.version.partition(".")[0])


def _settings_name(ctx: TranslationInput, store: ManagedStore) -> str:
    """Name a parameter group after its family too: with the next major version another is made while a database uses this one."""
    family = _family(store).replace(".", "-")
    return aws_name(ctx.stack, f"{ctx.names[store.service.name]}-{family}", _MAX_GROUP_NAME)


def _discovery_id(ctx: TranslationInput, store: ManagedStore) -> str:
    """Give what has to be there before a client of a store starts: its name, which is made after the store."""
    return f"discovery-instance/{ctx.names[store.service.name]}"


def aws_name(stack: str, name: str, limit: int) -> str:
    """Give a name as RDS and ElastiCache take them: a letter, then small letters, digits and single hyphens."""
    text = f"{stack}-{name}" if name else stack
    legal = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    legal = legal if legal[:1].isalpha() else f"c2f-{legal}"
    if legal == text and len(legal) <= limit:
        return legal
    digits = sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{legal[: limit - 9].rstrip('-')}-{digits}"


def store_waits(
    ctx: TranslationInput, deployed: Mapping[str, str]
) -> dict[str, tuple[DeploymentDependencies, ...]]:
    """Give what the tasks of clients wait for, by the logical id of what runs them: the names of their stores."""
    found: dict[str, dict[str, None]] = {}
    for store in ctx.stores.values():
        for client in store.clients:
            leader = ctx.groups.leaders.get(client, "")
            if leader in deployed:
                found.setdefault(deployed[leader], {})[_discovery_id(ctx, store)] = None
    return {
        logical_id: tuple(DeploymentDependencies(one, "started") for one in sorted(names))
        for logical_id, names in found.items()
    }


# -- findings ------------------------------------------------------------------------------------------------


def report_stores(ctx: TranslationInput, findings: TranslationFindings) -> None:
    """Say what each store becomes, what it costs, and who reaches it under which name."""
    for store in ctx.stores.values():
        _report(findings, store)
    if ctx.stores and not ctx.project.tree.get("volumes"):
        findings.outcomes[("volumes",)] = CoverageRow(
            KeyOutcome.APPROXIMATED, "no file system: what AWS runs keeps its data itself, and begins empty"
        )
    if ctx.stores and len(ctx.settings.subnets) == 1:
        findings.refuse(
            REFUSED_STORE,
            ("x-fargate", "subnets"),
            "a store is placed in subnets of at least two availability zones, and one subnet is given",
            hint="--subnet once more, with a subnet of another zone",
            url=STORES_URL,
        )


def _report(findings: TranslationFindings, store: ManagedStore) -> None:
    name, engine = store.service.name, store.engine
    path = ("services", name)
    instances = 2 if store.is_multi_zone else 1
    storage = 0 if engine.is_cache else store.storage
    month = prices.store_month(store.size, instances, storage)
    cost = (
        f"about {month:.2f} USD a month (prices of {prices.REGION}, {prices.DATE})"
        if month is not None
        else "at a price that is not in the table here"
    )
    size = f"{store.size}, {storage} GiB" if storage else store.size
    kept = (
        "a snapshot a day, and what was written since the last one is lost with its node"
        if engine.is_cache
        else "backups of 7 days, protected against deletion"
    )
    if not engine.is_cache and store.options.get("backup_days", 7) != 7:
        kept = f"backups of {store.options['backup_days']} days"
    findings.info(
        MADE,
        path,
        f"{name} becomes {engine.service} {store.version} ({size}), {cost}, with {kept}; "
        f"it begins empty, and clients reach it as {store.host}",
        hint=f"x-fargate: {{managed: {{class: …, storage: …, multi_az: true}}}} under {name} chooses another size",
        url=STORES_URL,
    )
    if not store.clients:
        findings.warn(
            MADE,
            path,
            f"nothing in the project names {name} as a host or depends on it: no task is let in",
            hint=f"add depends_on: [{name}] to its clients, and tell them {store.host}",
            url=STORES_URL,
        )
