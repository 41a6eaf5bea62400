"""Lines of `commands.sh` for databases and caches: all are begun, and then each is waited for and gets its name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import Existing, ManagedSecret, name_of
from compose2fargate.aws.store_resources import (
    CacheParameterGroup,
    CacheReplicationGroup,
    CacheSubnetGroup,
    DbInstance,
    DbParameterGroup,
    DbSubnetGroup,
    DiscoveryInstance,
)
from compose2fargate.emitters.json_files.script_variables import CommandsScript, spelled, tag_arguments
from compose2fargate.text.shell_text import json_option, option, plain_value, quote

PASSWORDS = r"""# Reads a secret's value, and gives it in $found as it stands between the quotes of JSON.
value_of() { found=$("$@" --output json) || exit 1; found=${found#\"}; found=${found%\"}; }
# Hands a file over, filled in, with what is in $found for the placeholder $2: a password. It is on the disk while the call runs and no
# longer, in a folder that only its owner can read, and not among the ids.
secretly() {
  private=$(mktemp -d) || exit 1
  trap 'rm -rf "$ids" "$private"' EXIT
  cp "$ids" "$private/ids" || exit 1
  (ids=$private/ids && note "$2" "$found" && fill "$1") >"$private/input" || exit 1
  found=
  shift 2
  "$@" --cli-input-json "file://$private/input" >/dev/null || exit 1
  rm -rf "$private"
}
"""
_MOST_PARAMETERS = 20
"""What one call changes: https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBParameterGroup.html"""


def database_subnet_lines(work: CommandsScript, _: str, group: DbSubnetGroup) -> list[str]:
    """Give the lines for the subnets of databases."""
    return [
        (
            f"once aws rds create-db-subnet-group {option('db-subnet-group-name', group.db_subnet_group_name)} "
            f"{option('db-subnet-group-description', group.db_subnet_group_description)} "
            f"--subnet-ids {work.subnets(group.subnet_ids)} {json_option('tags', tag_arguments(group.tags))}"
        ),
    ]


def database_parameter_lines(_: CommandsScript, __: str, group: DbParameterGroup) -> list[str]:
    """Give the lines for the settings of a database."""
    name = option("db-parameter-group-name", group.db_parameter_group_name)
    values = [
        {"ParameterName": key, "ParameterValue": value, "ApplyMethod": "pending-reboot"}
        for key, value in sorted(group.parameters.items())
    ]
    return [
        (
            f"once aws rds create-db-parameter-group {name} "
            f"{option('db-parameter-group-family', group.db_parameter_group_family)} "
            f"{option('description', group.description)} {json_option('tags', tag_arguments(group.tags))}"
        ),
        *(
            f"aws rds modify-db-parameter-group {name} {json_option('parameters', part)} >/dev/null || exit 1"
            for part in _parts(values)
        ),
    ]


def database_lines(work: CommandsScript, logical_id: str, made: DbInstance) -> list[str]:
    """Make a database: its input is on no command line, since the password is in it by then."""
    path = f"db-instances/{work.stack.files[logical_id]}.json"
    name = option("db-instance-identifier", made.db_instance_identifier)
    return [
        f"known aws rds describe-db-instances {name} --query 'DBInstances[0].DBInstanceIdentifier' || {{",
        f"  {_password(work, made.master_user_password)}",
        f"  secretly {quote(path)} {_placeholder(work, made.master_user_password)} aws rds create-db-instance",
        "}",
    ]


def _placeholder(work: CommandsScript, ref: Ref) -> str:
    return quote(spelled(str(work.resolve(ref))))


def _password(work: CommandsScript, ref: Ref) -> str:
    secret = work.stack.get(ref)
    name = name_of(secret)
    is_managed = isinstance(secret, ManagedSecret) or (
        isinstance(secret, Existing) and secret.kind == "ManagedSecret"
    )
    if is_managed:
        call = f"aws secretsmanager get-secret-value {option('secret-id', name)} --query SecretString"
    else:
        call = f"aws ssm get-parameter --with-decryption {option('name', name)} --query Parameter.Value"
    return f"value_of {call}"


def cache_subnet_lines(work: CommandsScript, _: str, group: CacheSubnetGroup) -> list[str]:
    """Give the lines for the subnets of caches."""
    return [
        (
            f"once aws elasticache create-cache-subnet-group {option('cache-subnet-group-name', group.cache_subnet_group_name)} "
            f"{option('cache-subnet-group-description', group.cache_subnet_group_description)} "
            f"--subnet-ids {work.subnets(group.subnet_ids)} {json_option('tags', tag_arguments(group.tags))}"
        ),
    ]


def cache_parameter_lines(_: CommandsScript, __: str, group: CacheParameterGroup) -> list[str]:
    """Give the lines for the settings of a cache."""
    name = option("cache-parameter-group-name", group.cache_parameter_group_name)
    values = [
        {"ParameterName": key, "ParameterValue": value} for key, value in sorted(group.parameters.items())
    ]
    return [
        (
            f"once aws elasticache create-cache-parameter-group {name} "
            f"{option('cache-parameter-group-family', group.cache_parameter_group_family)} "
            f"{option('description', group.description)} {json_option('tags', tag_arguments(group.tags))}"
        ),
        *(
            f"aws elasticache modify-cache-parameter-group {name} {json_option('parameter-name-values', part)} >/dev/null || exit 1"
            for part in _parts(values)
        ),
    ]


def cache_lines(work: CommandsScript, logical_id: str, made: CacheReplicationGroup) -> list[str]:
    """Give the lines for a cache."""
    path = f"cache-replication-groups/{work.stack.files[logical_id]}.json"
    name = option("replication-group-id", made.replication_group_id)
    return [
        f"known aws elasticache describe-replication-groups {name} --query 'ReplicationGroups[0].ReplicationGroupId' ||",
        f"  make aws elasticache create-replication-group {work.input(path)} --query ReplicationGroup.ReplicationGroupId",
    ]


def store_name_lines(work: CommandsScript, _: str, made: DiscoveryInstance) -> list[str]:
    """Wait for a store, and give it its name: its endpoint is known only then, and clients start after that."""
    store = work.stack.get(made.target)
    service = work.variables[made.service_id.logical_id]
    operation = "\"[Operation][?Status=='SUCCESS'].Id | [0]\""
    return [
        *_wait(store),
        (
            f'make aws servicediscovery register-instance --service-id "${{{service}##*/}}" '
            f'{option("instance-id", made.instance_id)} --attributes "AWS_INSTANCE_CNAME=$found" --query OperationId'
        ),
        "operation=$found tries=0",
        f'until known aws servicediscovery get-operation --operation-id "$operation" --query {operation}; do',
        '  tries=$((tries + 1)); [ "$tries" -lt 60 ] || { echo "the name of a store does not come" >&2; exit 1; }',
        "  sleep 5",
        "done",
    ]


def _wait(store: Any) -> list[str]:
    """Give the lines that wait for a store, and leave its endpoint in `$found`."""
    if isinstance(store, DbInstance):
        name = option("db-instance-identifier", store.db_instance_identifier)
        return [
            f"aws rds wait db-instance-available {name} || exit 1",
            f"make aws rds describe-db-instances {name} --query 'DBInstances[0].Endpoint.Address'",
        ]
    name = option("replication-group-id", store.replication_group_id)
    endpoint = "ReplicationGroups[0].NodeGroups[0].PrimaryEndpoint.Address"
    return [
        # One wait gives up after ten minutes, which a cache can take.
        "tries=0",
        f"until aws elasticache wait replication-group-available {name}; do",
        '  tries=$((tries + 1)); [ "$tries" -lt 4 ] || { echo "the cache does not come" >&2; exit 1; }',
        "done",
        f"make aws elasticache describe-replication-groups {name} --query {plain_value(endpoint)}",
    ]


def _parts(values: Sequence[Any]) -> Iterator[list[Any]]:
    left = iter(values)
    while part := list(islice(left, _MOST_PARAMETERS)):
        yield part
