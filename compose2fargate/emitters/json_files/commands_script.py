"""`commands.sh`: the AWS calls that make a stack from the files of the json target, in order.

The script is there to be read, to copy from, and to run. What exists already is looked up and left as it is, so it can run
again. Ids that only AWS knows stand as placeholders in the files: the script notes what each became, and fills them in when
it uses a file.

To add a type of resource: a function that gives its lines, and its place in `SECTIONS`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from compose2fargate.aws.api_values import Resolve
from compose2fargate.aws.resources import (
    AccessPoint,
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
    RunTask,
    Schedule,
    SecretParameter,
    SecurityGroup,
    TargetGroup,
    TaskDefinition,
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
from compose2fargate.emitters.json_files.json_roles import role_calls
from compose2fargate.emitters.json_files.script_ecs import (
    autoscaling_lines,
    awaited_jobs,
    cluster_lines,
    redeployment_lines,
    run_task_lines,
    schedule_lines,
    service_lines,
    task_definition_lines,
)
from compose2fargate.emitters.json_files.script_network import (
    discovery_service_lines,
    dns_namespace_lines,
    existing_lines,
    ingress_rule_lines,
    listener_lines,
    listener_rule_lines,
    load_balancer_lines,
    namespace_lines,
    network_lines,
    security_group_lines,
    target_group_lines,
)
from compose2fargate.emitters.json_files.script_storage import (
    access_point_lines,
    file_system_lines,
    image_lines,
    log_group_lines,
    mount_targets_lines,
    secret_lines,
)
from compose2fargate.emitters.json_files.script_stores import (
    PASSWORDS,
    cache_lines,
    cache_parameter_lines,
    cache_subnet_lines,
    database_lines,
    database_parameter_lines,
    database_subnet_lines,
    store_name_lines,
)
from compose2fargate.emitters.json_files.script_variables import CommandsScript, Lines, Section, is_named
from compose2fargate.emitters.placeholders import Placeholders
from compose2fargate.text.shell_text import quote

_HEAD = r"""#!/bin/sh
# The AWS calls that use the files in this folder, in order. Read them first; run what you need.
# What exists already is left as it is, so that the script can run again; jobs run each time.
# The first call that fails ends it: no job or service starts on what is not there.
set -e
cd "$(dirname "$0")" || exit 1
# Version 1 of the AWS CLI reads the second name only.
export AWS_REGION={region} AWS_DEFAULT_REGION={region} AWS_PAGER=
# What AWS answers is split into words, and never taken for the names of files.
set -f
# Gives whether a look-up finds something, and that in $found.
known() { found=$("$@" --output text 2>/dev/null) && [ -n "$found" ] && [ "$found" != None ]; }
# Makes something, and gives its id in $found.
make() { found=$("$@" --output text) || exit 1; }
# Makes something that nobody needs the id of; that it exists already is no failure.
once() { said=$("$@" 2>&1) || case $said in *Duplicate*|*xists*) ;; *) echo "$said" >&2; exit 1 ;; esac; }
"""
_FILLING = r"""# Notes the ids of AWS that a placeholder in the files stands for, both as JSON spells them.
ids=$(mktemp) || exit 1
# An EXIT trap alone does not run when a signal ends some shells, as dash.
trap 'rm -f "$ids"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
tab=$(printf '\t') line='
'
note() {
  placeholder=$1 noted=
  shift
  for id; do
    case $id in *"$tab"* | *"$line"*) echo "this is no id of AWS: $id" >&2; exit 1 ;; esac
    noted=$noted${noted:+$tab}$id
  done
  printf '%s\n%s\n' "$placeholder" "$noted" >>"$ids"
}
# Prints a file with each placeholder filled in: a whole text of JSON at a time, so that nothing else is touched.
fill() {
  ids=$ids account=$account LC_ALL=C awk '
    function put(text, old, new,    at, done) {
      while ((at = index(text, old)) > 0) {
        done = done substr(text, 1, at - 1) new
        text = substr(text, at + length(old))
      }
      return done text
    }
    BEGIN {
      while ((getline old < ENVIRON["ids"]) > 0) {
        getline noted < ENVIRON["ids"]
        last = split(noted, each, "\t")
        new = each[1]
        for (n = 2; n <= last; n++) new = new "\",\"" each[n]
        olds[++count] = "\"" old "\""
        news[count] = "\"" new "\""
      }
      olds[++count] = "%ACCOUNT%"
      news[count] = ENVIRON["account"]
    }
    { for (n = 1; n <= count; n++) $0 = put($0, olds[n], news[n]); print }' <"$1"
}
"""
_ACCOUNT = "account=$(aws sts get-caller-identity --query Account --output text) || exit 1"


_WAITING = r"""# Waits until the tasks of a job have ended, ten minutes at most, and ended well.
# Before them stand their cluster, and their container: as it is, and as --query has it.
ended() {
  cluster=$1 container=$2 query="tasks[].containers[?name==$3].exitCode[]"
  shift 3
  aws ecs wait tasks-stopped --cluster "$cluster" --tasks "$@" || exit 1
  codes=$(aws ecs describe-tasks --cluster "$cluster" --tasks "$@" --query "$query" --output text) || exit 1
  for code in ${codes:-unknown}; do [ "$code" = 0 ] || { echo "$container did not end well: $code" >&2; exit 1; }; done
}
"""


_PUSHED = r"""# Stops unless an image is in its repository: a service would wait for it in vain.
pushed() {
  known aws ecr describe-images --repository-name="$1" --image-ids "$2" --query 'imageDetails[0].imageDigest' ||
    { echo "$1 has no image with $2: push it first (compose2fargate push, or push --print)" >&2; exit 1; }
}
"""
_PARAMETER = r"""# Makes a parameter from a file of the folder that SECRETS names, or gives it its value where REPLACE_ME stands for one.
parameter() {
  if known aws ssm get-parameter --with-decryption --name="$1" --query Parameter.Value; then
    [ "$found" = REPLACE_ME ] || return 0
    aws ssm put-parameter --overwrite --type SecureString --name="$1" --value "file://${SECRETS:?}/$2" >/dev/null || exit 1
  else
    once aws ssm put-parameter --type SecureString --name="$1" --value "file://${SECRETS:?}/$2"
  fi
}
"""
_MANAGED = r"""# Makes a secret from a file of the folder that SECRETS names, or gives it its value where it has none.
secret() {
  if known aws secretsmanager describe-secret --secret-id="$1" --query 'VersionIdsToStages && keys(VersionIdsToStages)[0]'; then
    return 0
  elif known aws secretsmanager describe-secret --secret-id="$1" --query ARN; then
    aws secretsmanager put-secret-value --secret-id="$1" --secret-string "file://${SECRETS:?}/$2" >/dev/null || exit 1
  else
    once aws secretsmanager create-secret --name="$1" --secret-string "file://${SECRETS:?}/$2"
  fi
}
"""


def commands_script(
    stack: Stack, resolve: Resolve, texts: Mapping[str, str], region: str, placeholders: Placeholders
) -> str:
    """Write the script for the files in `texts`."""
    used = frozenset(
        found for text in texts.values() if placeholders.word in text for found in placeholders.found(text)
    )
    scheduled = frozenset(stack.files[logical_id] for logical_id, _ in stack.of_type(Schedule))
    variables, by_type, awaited = _variables(stack), _by_type(stack), awaited_jobs(stack)
    work = CommandsScript(stack, resolve, texts, variables, used, placeholders, scheduled, by_type, awaited)
    lines = [_HEAD.replace("{region}", quote(region)).removesuffix("\n")]
    needs_account = any(placeholders.account in text for text in texts.values())
    if used or needs_account:
        lines += _FILLING.replace("%ACCOUNT%", placeholders.account).splitlines()
        lines.append(_ACCOUNT if needs_account else "account=")
    lines += [line for function in _functions(stack, work) for line in function.splitlines()]
    for title, render in SECTIONS:
        calls = render(work)
        if calls:
            lines += ["", f"# {title}", *calls]
    return "\n".join(lines) + "\n"


def _functions(stack: Stack, work: CommandsScript) -> Iterator[str]:
    """Yield the functions that some section uses."""
    if any(True for _ in stack.built_images()):
        yield _PUSHED
    if SecretParameter in work.by_type:
        yield _PARAMETER
    if ManagedSecret in work.by_type:
        yield _MANAGED
    if DbInstance in work.by_type:
        yield PASSWORDS
    if work.awaited:
        yield _WAITING


def _by_type(stack: Stack) -> Mapping[type[Any], Sequence[tuple[int, str, Any]]]:
    found: dict[type[Any], list[tuple[int, str, Any]]] = {}
    for place, (logical_id, resource) in enumerate(stack.resources.items()):
        found.setdefault(type(resource), []).append((place, logical_id, resource))
    return found


_IDENTIFIED = (
    SecurityGroup, LoadBalancer, TargetGroup, Listener, DnsNamespace, DiscoveryService, FileSystem, AccessPoint,
)  # fmt: skip
"""Types that others refer to by what AWS calls them when it makes them."""


_OWN_VARIABLES = (
    "vpc", "subnets", "subnet", "found", "said", "ids", "id", "tab", "line", "account", "tries", "operation", "rules", "placeholder",
    "noted", "cluster", "container", "query", "codes", "code", "private",
)  # fmt: skip
"""Variables of the script itself."""


def _variables(stack: Stack) -> dict[str, str]:
    """Give each resource that others refer to by an id a shell variable of its own."""
    given: dict[str, str] = {}
    taken = set(_OWN_VARIABLES)
    for logical_id, resource in stack.resources.items():
        if isinstance(resource, _IDENTIFIED) or is_named(resource):
            # Each begins with the type, so none is one that a shell or a program knows.
            name = base = re.sub(r"[^A-Za-z0-9]", "_", logical_id).lower()
            number = 1
            while name in taken:
                number += 1
                name = f"{base}_{number}"
            taken.add(name)
            given[logical_id] = name
    return given


def _each(lines: Mapping[type[Any], Lines]) -> Section:
    """Give the lines of every resource of some types, in the order of the stack."""

    def render(work: CommandsScript) -> Sequence[str]:
        listed = sorted(chain.from_iterable(work.by_type.get(kind, ()) for kind in lines))
        return [
            line
            for _, logical_id, resource in listed
            for line in lines[type(resource)](work, logical_id, resource)
        ]

    return render


def _roles(work: CommandsScript) -> Sequence[str]:
    return role_calls(work.stack, work.resolve, work.document)


SECTIONS: tuple[tuple[str, Section], ...] = (
    ("images that are built here, which are there before anything is made", image_lines),
    (
        "secrets: those without a value get it from a folder that SECRETS names, with a file for each, without a line end after the value",
        _each({SecretParameter: secret_lines, ManagedSecret: secret_lines}),
    ),
    ("the namespace in which services find each other", _each({Namespace: namespace_lines})),
    ("the cluster", _each({Cluster: cluster_lines})),
    ("log groups", _each({LogGroup: log_group_lines})),
    ("where tasks and load balancers are placed", _each({VpcNetwork: network_lines})),
    ("security groups", _each({SecurityGroup: security_group_lines})),
    ("who may reach whom", _each({IngressRule: ingress_rule_lines})),
    (
        "the file system of the volumes, and a directory for each",
        _each(
            {
                FileSystem: file_system_lines,
                AccessPoint: access_point_lines,
                MountTargets: mount_targets_lines,
            }
        ),
    ),
    (
        "databases and caches, which take some minutes: each is waited for further below",
        _each(
            {
                DbSubnetGroup: database_subnet_lines,
                DbParameterGroup: database_parameter_lines,
                DbInstance: database_lines,
                CacheSubnetGroup: cache_subnet_lines,
                CacheParameterGroup: cache_parameter_lines,
                CacheReplicationGroup: cache_lines,
            }
        ),
    ),
    ("roles: what containers may do, and ECS for them", _roles),
    ("load balancers", _each({Existing: existing_lines, LoadBalancer: load_balancer_lines})),
    ("target groups", _each({TargetGroup: target_group_lines})),
    ("listeners", _each({Listener: listener_lines})),
    ("rules of the listeners", _each({ListenerRule: listener_rule_lines})),
    (
        "the private DNS namespace, and the names in it",
        _each({DnsNamespace: dns_namespace_lines, DiscoveryService: discovery_service_lines}),
    ),
    ("the names of databases and caches, once these are there", _each({DiscoveryInstance: store_name_lines})),
    ("task definitions: each call registers a new revision", _each({TaskDefinition: task_definition_lines})),
    (
        "jobs, each of which runs once, and services; aws ecs update-service changes one that exists",
        _each({RunTask: run_task_lines, EcsService: service_lines}),
    ),
    ("services that were deployed before one that they talk to", redeployment_lines),
    ("autoscaling", autoscaling_lines),
    ("schedules", _each({Schedule: schedule_lines})),
)
"""Title, and what gives the lines, in the order of the script."""
