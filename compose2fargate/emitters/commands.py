"""`commands.sh`: the AWS calls that make a stack from the files of the json target, in order.

The script is there to be read, to copy from, and to run. What exists already is looked up and left as it is, so it can run
again. Ids that only AWS knows stand as placeholders in the files: the script notes what each became, and fills them in when
it uses a file.

To add a type of resource: a function that gives its lines, and its place in `SECTIONS`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

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
    ListenerAction,
    ListenerRule,
    LoadBalancer,
    LogGroup,
    ManagedSecret,
    MountTargets,
    Namespace,
    Network,
    Repository,
    RunTask,
    Schedule,
    SecretParameter,
    SecurityGroup,
    TargetGroup,
    TaskDefinition,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.aws.values import Ref, Resolve, Tag
from compose2fargate.emitters.json_roles import role_calls
from compose2fargate.emitters.json_scaling import label_of, scaling_calls

PLACEHOLDER = "REPLACE_ME"
"""What stands in every placeholder, so that AWS refuses it."""
ACCOUNT = "ACCOUNT_ID"
"""What stands for the account's id, inside of ARNs and addresses."""
_PLACEHOLDER = re.compile(rf'"([^"]*{PLACEHOLDER}[^"]*)"')

_HEAD = r"""#!/bin/sh
# The AWS calls that use the files in this folder, in order. Read them first; run what you need.
# What exists already is left as it is, so that the script can run again; jobs run each time.
cd "$(dirname "$0")" || exit 1
# Version 1 of the AWS CLI reads the second name only.
export AWS_REGION={region} AWS_DEFAULT_REGION={region} AWS_PAGER=
# Gives whether a look-up finds something, and that in $found.
known() {{ found=$("$@" --output text 2>/dev/null) && [ -n "$found" ] && [ "$found" != None ]; }}
# Makes something, and gives its id in $found.
make() {{ found=$("$@" --output text) || exit 1; }}
# Makes something that nobody needs the id of; that it exists already is no failure.
once() {{ said=$("$@" 2>&1) || case $said in *Duplicate*|*xists*) ;; *) echo "$said" >&2; exit 1 ;; esac; }}
"""
_FILLING = r"""# Notes what a placeholder in the files stands for, and prints a file with all of them filled in.
ids=$(mktemp) || exit 1
trap 'rm -f "$ids"' EXIT
note() {{ printf 's|"%s"|"%s"|g\n' "$1" "$2" >>"$ids"; }}
fill() {{ sed -f "$ids"{account} "$1"; }}
"""


_WAITING = r"""# Waits until the tasks of a job (after its cluster and its container) have ended, ten minutes at most, and ended well.
ended() {
  cluster=$1 container=$2
  shift 2
  aws ecs wait tasks-stopped --cluster "$cluster" --tasks "$@" || exit 1
  query="tasks[].containers[?name=='$container'].exitCode[]"
  codes=$(aws ecs describe-tasks --cluster "$cluster" --tasks "$@" --query "$query" --output text) || exit 1
  for code in ${codes:-unknown}; do [ "$code" = 0 ] || { echo "$container did not end well: $code" >&2; exit 1; }; done
}
"""


class Script(NamedTuple):
    """What the lines of a resource need to know.

    Attributes:
        stack: The stack.
        resolve: What a Ref is in the files: a literal or a placeholder.
        texts: The files by name.
        variables: Logical id to the shell variable that holds its id or ARN.
        placeholders: The placeholders that stand in the files.
        scheduled: The files of jobs that a schedule runs.
        by_type: The resources of each type, with their places in the stack's order.
        awaited: The jobs that something waits for.
    """

    stack: Stack
    resolve: Resolve
    texts: Mapping[str, str]
    variables: Mapping[str, str]
    placeholders: frozenset[str]
    scheduled: frozenset[str]
    by_type: Mapping[type[Any], Sequence[tuple[int, str, Any]]]
    awaited: frozenset[str]

    def value(self, value: str | Ref) -> str:
        """Spell a text or a link as a word of the shell."""
        if not isinstance(value, Ref):
            return quote(value)
        resource = self.stack.get(value)
        if isinstance(resource, Existing):
            return _looked_up(resource) or quote(str(self.resolve(value)))
        if isinstance(resource, Network):
            return {"vpc_id": '"$vpc"', "subnet_ids": "$subnets"}.get(
                value.attribute, "$load_balancer_subnets"
            )
        return (
            f'"${self.variables[value.logical_id]}"'
            if value.logical_id in self.variables
            else quote(str(self.resolve(value)))
        )

    def keep(self, logical_id: str, attribute: str) -> list[str]:
        """Keep what was found or made in the resource's variable, and note it for the files that name it."""
        variable = self.variables[logical_id]
        placeholder = str(self.resolve(Ref(logical_id, attribute)))
        lines = [f"{variable}=$found"]
        if placeholder in self.placeholders:
            lines.append(f'note {quote(placeholder)} "${variable}"')
        return lines

    def document(self, path: str) -> str:
        """Give the word that hands a file to the AWS CLI, filled in where it has placeholders."""
        text = self.texts[path]
        return f'"$(fill {quote(path)})"' if PLACEHOLDER in text or ACCOUNT in text else f"file://{path}"

    def input(self, path: str) -> str:
        """Give the option that hands a whole input over."""
        return f"--cli-input-json {self.document(path)}"


Lines = Callable[[Script, str, Any], Sequence[str]]
Section = Callable[[Script], Sequence[str]]


def script(stack: Stack, resolve: Resolve, texts: Mapping[str, str], region: str) -> str:
    """Write the script for the files in `texts`."""
    used = frozenset(
        found for text in texts.values() if PLACEHOLDER in text for found in _PLACEHOLDER.findall(text)
    )
    scheduled = frozenset(stack.files[logical_id] for logical_id, _ in stack.of_type(Schedule))
    work = Script(stack, resolve, texts, _variables(stack), used, scheduled, _by_type(stack), _awaited(stack))
    lines = _HEAD.format(region=quote(region)).splitlines()
    needs_account = any(ACCOUNT in text for text in texts.values())
    if used or needs_account:
        lines += _FILLING.format(
            account=f' -e "s|{ACCOUNT}|$account|g"' if needs_account else ""
        ).splitlines()
    if needs_account:
        lines.append("account=$(aws sts get-caller-identity --query Account --output text) || exit 1")
    if _awaited(stack):
        lines += _WAITING.splitlines()
    for title, render in SECTIONS:
        calls = render(work)
        if calls:
            lines += ["", f"# {title}", *calls]
    return "\n".join(lines) + "\n"


def _by_type(stack: Stack) -> Mapping[type[Any], Sequence[tuple[int, str, Any]]]:
    found: dict[type[Any], list[tuple[int, str, Any]]] = {}
    for place, (logical_id, resource) in enumerate(stack.resources.items()):
        found.setdefault(type(resource), []).append((place, logical_id, resource))
    return found


def _looked_up(resource: Existing) -> str:
    """Give the ARN of a load balancer that the user named, which holds an id that only AWS knows; "" of anything else."""
    if resource.kind != "LoadBalancer" or resource.identifier.startswith("arn:"):
        return ""
    return (
        f'"$(aws elbv2 describe-load-balancers --names {quote(resource.identifier)} '
        "--query 'LoadBalancers[0].LoadBalancerArn' --output text)\""
    )


_IDENTIFIED = (
    SecurityGroup, LoadBalancer, TargetGroup, Listener, DnsNamespace, DiscoveryService, FileSystem, AccessPoint,
)  # fmt: skip
"""Types that others refer to by what AWS calls them when it makes them."""


def _variables(stack: Stack) -> dict[str, str]:
    """Give each resource that others refer to by an id a shell variable of its own."""
    given: dict[str, str] = {}
    taken = {
        "vpc",
        "subnets",
        "load_balancer_subnets",
        "found",
        "said",
        "ids",
        "account",
        "tries",
        "operation",
    }
    for logical_id, resource in stack.resources.items():
        if isinstance(resource, _IDENTIFIED):
            name = base = re.sub(r"[^A-Za-z0-9]", "_", logical_id).lower()
            number = 1
            while name in taken:
                number += 1
                name = f"{base}_{number}"
            taken.add(name)
            given[logical_id] = name
    return given


# -- lines by type ---------------------------------------------------------------------------------------------


def _network(work: Script, _: str, network: Network) -> list[str]:
    """Look up what the settings do not say: the default VPC and its subnets."""
    needs_vpc = any(
        isinstance(r, (SecurityGroup, TargetGroup, DnsNamespace)) for r in work.stack.resources.values()
    )
    has_balancer = any(isinstance(r, LoadBalancer) for r in work.stack.resources.values())
    has_mounts = "mount-targets" in work.stack.resources
    lines = []
    if network.vpc_id:
        lines.append(f"vpc={quote(network.vpc_id)}")
    elif network.subnet_ids and needs_vpc:
        lines.append(
            f"make aws ec2 describe-subnets --subnet-ids {quote(network.subnet_ids[0])} --query 'Subnets[0].VpcId'"
        )
        lines.append("vpc=$found")
    elif needs_vpc or not network.subnet_ids:
        lines.append(
            "make aws ec2 describe-vpcs --filters Name=is-default,Values=true --query 'Vpcs[0].VpcId'"
        )
        lines.append("vpc=$found")
    placeholder = str(work.resolve(Ref("network", "subnet_ids"))[0])
    if network.subnet_ids:
        lines += [f"subnets={quote(' '.join(network.subnet_ids))}"] if has_balancer or has_mounts else []
    elif placeholder in work.placeholders:
        default = "" if network.vpc_id else " Name=default-for-az,Values=true"
        lines += [
            f"make aws ec2 describe-subnets --filters \"Name=vpc-id,Values=$vpc\"{default} --query 'Subnets[].SubnetId'",
            "subnets=$(echo $found)",
            f"""note {placeholder} "$(echo "$subnets" | sed 's/ /","/g')\"""",
        ]
    if has_balancer:
        given = (
            quote(" ".join(network.load_balancer_subnet_ids))
            if network.load_balancer_subnet_ids
            else "$subnets"
        )
        lines.append(f"load_balancer_subnets={given}")
    return lines


def _security_group(work: Script, logical_id: str, group: SecurityGroup) -> list[str]:
    name, vpc = quote(group.group_name), work.value(group.vpc_id)
    return [
        (
            f"known aws ec2 describe-security-groups --filters Name=group-name,Values={name} Name=vpc-id,Values={vpc} "
            "--query 'SecurityGroups[0].GroupId' ||"
        ),
        (
            f"  make aws ec2 create-security-group --group-name {name} --vpc-id {vpc} --description {quote(group.description)} "
            f"--tag-specifications {quote(f'ResourceType=security-group,Tags=[{_ec2_tags(group.tags)}]')} --query GroupId"
        ),
        *work.keep(logical_id, "id"),
        *([] if group.everything_out else _nothing_out(work.value(Ref(logical_id, "id")))),
    ]


def _nothing_out(group: str) -> list[str]:
    """Take away the rules that AWS gives every group; the second time there are none."""
    return [
        (
            f"rules=$(aws ec2 describe-security-group-rules --filters Name=group-id,Values={group} "
            "--query 'SecurityGroupRules[?IsEgress].SecurityGroupRuleId' --output text) || exit 1"
        ),
        (
            f'[ -z "$rules" ] || aws ec2 revoke-security-group-egress --group-id {group} --security-group-rule-ids $rules '
            ">/dev/null || exit 1"
        ),
    ]


def _ec2_tags(tags: Sequence[Tag]) -> str:
    return ",".join(f"{{Key={tag.key},Value={tag.value}}}" for tag in tags)


def _tags(tags: Sequence[Tag]) -> str:
    return "".join(f" {quote(f'Key={tag.key},Value={tag.value}')}" for tag in tags)


def _ingress_rule(work: Script, _: str, rule: IngressRule) -> list[str]:
    description = f"Description={_shorthand(rule.description)}"
    ports = f"IpProtocol={rule.ip_protocol},FromPort={rule.from_port},ToPort={rule.to_port}"
    group = None if rule.source_group_id is None else work.value(rule.source_group_id)
    sources = {
        "UserIdGroupPairs": group and f"GroupId={group}",
        "IpRanges": rule.cidr_ip and f"CidrIp={rule.cidr_ip}",
        "Ipv6Ranges": rule.cidr_ipv6 and f"CidrIpv6={rule.cidr_ipv6}",
    }
    # A call for each: the second time, one that is there would keep the others of its call from being made.
    return [
        (
            f"once aws ec2 authorize-security-group-ingress --group-id {work.value(rule.group_id)} "
            f"--ip-permissions {_words(f'{ports},{member}=[{{{source},{description}}}]')}"
        )
        for member, source in sources.items()
        if source
    ]


def _shorthand(text: str) -> str:
    """A value in the AWS CLI's shorthand syntax."""
    return '"' + re.sub(r"[\"\\]", "-", text) + '"' if re.search(r"[^A-Za-z0-9._:/-]", text) else text


def _words(text: str) -> str:
    """Quote a word in which `"$name"` stands for a variable."""
    parts = re.split(r'("\$[a-z0-9_]+")', text)
    return "".join(part if part.startswith('"$') else f"'{part}'" for part in parts if part)


def _load_balancer(work: Script, logical_id: str, balancer: LoadBalancer) -> list[str]:
    name = quote(balancer.name)
    groups = " ".join(work.value(group) for group in balancer.security_groups)
    subnets = (
        work.value(balancer.subnets)
        if isinstance(balancer.subnets, Ref)
        else quote(" ".join(balancer.subnets))
    )
    variable = work.variables[logical_id]
    return [
        f"known aws elbv2 describe-load-balancers --names {name} --query 'LoadBalancers[0].LoadBalancerArn' ||",
        (
            f"  make aws elbv2 create-load-balancer --name {name} --type {balancer.type} --scheme {balancer.scheme} "
            f"--subnets {subnets} --security-groups {groups} --tags{_tags(balancer.tags)} "
            "--query 'LoadBalancers[0].LoadBalancerArn'"
        ),
        *work.keep(logical_id, "arn"),
        f'aws elbv2 modify-load-balancer-attributes --load-balancer-arn "${variable}" --attributes{_attributes(balancer.attributes)}',
    ]


def _attributes(attributes: Mapping[str, str]) -> str:
    return "".join(f" {quote(f'Key={key},Value={value}')}" for key, value in attributes.items())


def _target_group(work: Script, logical_id: str, group: TargetGroup) -> list[str]:
    name = quote(group.name)
    options = {
        "protocol": group.protocol,
        "protocol-version": group.protocol_version,
        "port": group.port,
        "target-type": group.target_type,
        "health-check-protocol": group.health_check_protocol,
        "health-check-port": group.health_check_port,
        "health-check-path": group.health_check_path,
        "health-check-interval-seconds": group.health_check_interval_seconds,
        "health-check-timeout-seconds": group.health_check_timeout_seconds,
        "healthy-threshold-count": group.healthy_threshold_count,
        "unhealthy-threshold-count": group.unhealthy_threshold_count,
        "matcher": group.matcher and f'HttpCode="{group.matcher.http_code}"',
    }
    shown = " ".join(f"--{key} {quote(str(value))}" for key, value in options.items() if value is not None)
    variable = work.variables[logical_id]
    return [
        f"known aws elbv2 describe-target-groups --names {name} --query 'TargetGroups[0].TargetGroupArn' ||",
        (
            f"  make aws elbv2 create-target-group --name {name} --vpc-id {work.value(group.vpc_id)} {shown} "
            f"--tags{_tags(group.tags)} --query 'TargetGroups[0].TargetGroupArn'"
        ),
        *work.keep(logical_id, "arn"),
        *_label(work, logical_id),
        f'aws elbv2 modify-target-group-attributes --target-group-arn "${variable}" --attributes{_attributes(group.attributes)}',
    ]


def _label(work: Script, logical_id: str) -> list[str]:
    """Note what autoscaling by requests knows a target group by: the ends of two ARNs.

    https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PredefinedMetricSpecification.html
    """
    placeholder = label_of(Ref(logical_id, "arn"))
    if placeholder not in work.placeholders:
        return []
    listener = work.stack.resources.get("listener/existing")
    if isinstance(listener, Existing):  # …:listener/app/NAME/ID/LISTENER
        balancer = quote(listener.identifier.partition(":listener/")[2].rpartition("/")[0])
    else:
        balancer = f"\"$(echo {work.value(Ref('load-balancer', 'arn'))} | sed 's|.*:loadbalancer/||')\""
    return [f'note {quote(placeholder)} {balancer}"/${{{work.variables[logical_id]}##*:}}"']


def _listener(work: Script, logical_id: str, listener: Listener) -> list[str]:
    balancer = work.value(listener.load_balancer_arn)
    first, others = listener.certificates[:1], listener.certificates[1:]
    secured = (
        f" --certificates CertificateArn={quote(str(first[0].certificate_arn))} --ssl-policy {listener.ssl_policy}"
        if first
        else ""
    )
    lines = [
        (
            f"known aws elbv2 describe-listeners --load-balancer-arn {balancer} "
            f"--query 'Listeners[?Port==`{listener.port}`].ListenerArn | [0]' ||"
        ),
        (
            f"  make aws elbv2 create-listener --load-balancer-arn {balancer} --protocol {listener.protocol} "
            f"--port {listener.port}{secured} --default-actions {_actions(work, listener.default_actions)} "
            f"--tags{_tags(listener.tags)} --query 'Listeners[0].ListenerArn'"
        ),
        *work.keep(logical_id, "arn"),
    ]
    lines.extend(
        f'aws elbv2 add-listener-certificates --listener-arn "${work.variables[logical_id]}" '
        f"--certificates CertificateArn={quote(str(certificate.certificate_arn))}"
        for certificate in others
    )
    return lines


def _actions(work: Script, actions: Sequence[ListenerAction]) -> str:
    return " ".join(_words(_action(work, action)) for action in actions)


def _action(work: Script, action: ListenerAction) -> str:
    if action.redirect_config:
        to = action.redirect_config
        return f"Type=redirect,RedirectConfig={{Protocol={to.protocol},Port={to.port},StatusCode={to.status_code}}}"
    if action.fixed_response_config:
        answer = action.fixed_response_config
        return f"Type=fixed-response,FixedResponseConfig={{StatusCode={answer.status_code},ContentType={answer.content_type}}}"
    return f"Type=forward,TargetGroupArn={work.value(action.target_group_arn or '')}"


_CONDITIONS = {"host-header": "HostHeaderConfig", "path-pattern": "PathPatternConfig"}
"""Where a condition's values stand: directly in it, AWS takes only one.
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RuleCondition.html"""


def _listener_rule(work: Script, _: str, rule: ListenerRule) -> list[str]:
    listener = work.value(rule.listener_arn)
    conditions = " ".join(
        _words(f"Field={c.field},{_CONDITIONS[c.field]}={{Values=[{','.join(map(_shorthand, c.values))}]}}")
        for c in rule.conditions
    )
    return [
        f"known aws elbv2 describe-rules --listener-arn {listener} --query 'Rules[?Priority==`\"{rule.priority}\"`].RuleArn | [0]' ||",
        (
            f"  make aws elbv2 create-rule --listener-arn {listener} --priority {rule.priority} --conditions {conditions} "
            f"--actions {_actions(work, rule.actions)} --tags{_tags(rule.tags)} --query 'Rules[0].RuleArn'"
        ),
    ]


def _dns_namespace(work: Script, logical_id: str, namespace: DnsNamespace) -> list[str]:
    """Make a namespace, which takes a minute: the call gives an operation to wait for."""
    name = quote(namespace.name)
    listed = f"\"Namespaces[?Name=='{namespace.name}'].Id | [0]\""
    done = "\"[Operation][?Status=='SUCCESS'].Targets.NAMESPACE | [0]\""
    return [
        f"known aws servicediscovery list-namespaces --filters Name=TYPE,Values=DNS_PRIVATE --query {listed} || {{",
        (
            f"  make aws servicediscovery create-private-dns-namespace --name {name} --vpc {work.value(namespace.vpc)} "
            f"--tags{_tags(namespace.tags)} --query OperationId"
        ),
        "  operation=$found tries=0",
        f'  until known aws servicediscovery get-operation --operation-id "$operation" --query {done}; do',
        '    tries=$((tries + 1)); [ "$tries" -lt 60 ] || { echo "the DNS namespace does not come" >&2; exit 1; }',
        "    sleep 5",
        "  done",
        "}",
        *work.keep(logical_id, "id"),
    ]


def _discovery_service(work: Script, logical_id: str, service: DiscoveryService) -> list[str]:
    namespace = work.value(service.namespace_id)
    return [
        (
            f"known aws servicediscovery list-services --filters Name=NAMESPACE_ID,Values={namespace} "
            f"--query \"Services[?Name=='{service.name}'].Arn | [0]\" ||"
        ),
        (
            f"  make aws servicediscovery create-service --name {quote(service.name)} --namespace-id {namespace} "
            f"--dns-config 'RoutingPolicy=MULTIVALUE,DnsRecords=[{{Type=A,TTL={service.ttl}}}]' "
            f"--health-check-custom-config FailureThreshold=1 --tags{_tags(service.tags)} --query Service.Arn"
        ),
        *work.keep(logical_id, "arn"),
    ]


def _cluster(work: Script, _: str, cluster: Cluster) -> list[str]:
    namespace = next(found.name for _, found in work.stack.of_type(Namespace))
    options = [f"--cluster-name {quote(cluster.cluster_name)}"]
    options += [f"--settings name={each.name},value={each.value}" for each in cluster.settings]
    if cluster.capacity_providers:
        options.append(f"--capacity-providers {' '.join(cluster.capacity_providers)}")
    options.append(f"--service-connect-defaults namespace={quote(namespace)}")
    return [f"aws ecs create-cluster {' '.join(options)}"]


def _repository(_: Script, __: str, repository: Repository) -> list[str]:
    name = quote(repository.repository_name)
    return [
        f"once aws ecr create-repository --repository-name {name} --image-scanning-configuration scanOnPush=true"
    ]


def _log_group(_: Script, __: str, group: LogGroup) -> list[str]:
    name = quote(group.log_group_name)
    return [
        f"once aws logs create-log-group --log-group-name {name}",
        f"aws logs put-retention-policy --log-group-name {name} --retention-in-days {group.retention_in_days}",
    ]


def _task_definition(work: Script, logical_id: str, _: TaskDefinition) -> list[str]:
    path = f"task-definitions/{work.stack.files[logical_id]}.json"
    return [f"aws ecs register-task-definition {work.input(path)}"]


def _awaited(stack: Stack) -> frozenset[str]:
    """The jobs that something waits for."""
    after = {entry.logical_id for entries in stack.after.values() for entry in entries}
    return frozenset(logical_id for logical_id, _ in stack.of_type(RunTask) if logical_id in after)


def _run_task(work: Script, logical_id: str, job: RunTask) -> list[str]:
    """Run a job when the services that it needs are there, and wait for it where others do.

    One that has a schedule is not run by hand.
    """
    name = work.stack.files[logical_id]
    if name in work.scheduled:
        return []
    call = f"aws ecs run-task {work.input(f'run-tasks/{name}.json')}"
    cluster = work.value(job.cluster)
    needed = [
        service.service_name
        for entry in work.stack.after.get(logical_id, ())
        if isinstance(service := work.stack.resources.get(entry.logical_id), EcsService)
    ]
    lines = []
    if needed:
        names = " ".join(map(quote, needed))
        lines.append(f"aws ecs wait services-stable --cluster {cluster} --services {names} || exit 1")
    if logical_id not in work.awaited:
        return [*lines, call]
    return [
        *lines,
        f"make {call} --query 'tasks[].taskArn'",
        f"ended {cluster} {quote(_container(work, job))} $found",
    ]


def _container(work: Script, job: RunTask) -> str:
    """The container whose end is the job's end."""
    definition = work.stack.get(job.task_definition) if isinstance(job.task_definition, Ref) else None
    containers = definition.container_definitions if isinstance(definition, TaskDefinition) else ()
    return next((container.name for container in containers if container.essential), "")


def _service(work: Script, logical_id: str, service: EcsService) -> list[str]:
    cluster = work.value(service.cluster)
    path = f"services/{work.stack.files[logical_id]}.json"
    return [
        (
            f"known aws ecs describe-services --cluster {cluster} --services {quote(service.service_name)} "
            "--query \"services[?status=='ACTIVE'].serviceName\" ||"
        ),
        f"  aws ecs create-service {work.input(path)}",
    ]


def _schedule(work: Script, logical_id: str, _: Schedule) -> list[str]:
    return [
        f"once aws scheduler create-schedule {work.input(f'schedules/{work.stack.files[logical_id]}.json')}"
    ]


def _each(lines: Mapping[type[Any], Lines]) -> Section:
    """Give the lines of every resource of some types, in the order of the stack."""

    def render(work: Script) -> Sequence[str]:
        listed = sorted(chain.from_iterable(work.by_type.get(kind, ()) for kind in lines))
        return [
            line
            for _, logical_id, resource in listed
            for line in lines[type(resource)](work, logical_id, resource)
        ]

    return render


def _roles(work: Script) -> Sequence[str]:
    return role_calls(work.stack, work.resolve, work.document)


def _autoscaling(work: Script) -> Sequence[str]:
    return scaling_calls(work.stack, work.resolve, work.document)


def _secret(work: Script, _: str, secret: SecretParameter) -> list[str]:
    """Put a secret's value, from a file of the user's: never from the command line, where others can see it."""
    return [
        f"once aws ssm put-parameter --type SecureString --name {quote(secret.name)} --value {_secret_file(work, secret.name)}"
    ]


def _managed_secret(work: Script, _: str, secret: ManagedSecret) -> list[str]:
    return [
        f"once aws secretsmanager create-secret --name {quote(secret.name)} --secret-string {_secret_file(work, secret.name)}"
    ]


def _secret_file(work: Script, name: str) -> str:
    return f'"file://${{SECRETS:?}}/{name.removeprefix(f"/{work.stack.name}/")}"'


def _file_system(work: Script, logical_id: str, system: FileSystem) -> list[str]:
    """Make the file system, and wait until it can be used: the call gives an id long before that."""
    token, variable = quote(system.creation_token), work.variables[logical_id]
    backup = " --backup" if system.backup else ""
    encrypted = " --encrypted" if system.encrypted else ""
    state = "aws efs describe-file-systems --query"
    return [
        f"known {state} 'FileSystems[0].FileSystemId' --creation-token {token} ||",
        (
            f"  make aws efs create-file-system --creation-token {token}{encrypted}{backup} "
            f"--throughput-mode {system.throughput_mode} --tags{_tags(system.tags)} --query FileSystemId"
        ),
        *work.keep(logical_id, "id"),
        *_note_arn(work, logical_id, "file-system"),
        "tries=0",
        f'until known {state} "FileSystems[?LifeCycleState==\'available\'].FileSystemId" --file-system-id "${variable}"; do',
        '  tries=$((tries + 1)); [ "$tries" -lt 60 ] || { echo "the file system does not come" >&2; exit 1; }',
        "  sleep 5",
        "done",
    ]


def _note_arn(work: Script, logical_id: str, kind: str) -> list[str]:
    """Note the ARN of something of EFS, of which only the id is known."""
    placeholder = str(work.resolve(Ref(logical_id, "arn")))
    if placeholder not in work.placeholders:
        return []
    start = placeholder.partition(f":{kind}/")[0]
    account = start.replace(ACCOUNT, "$account") if ACCOUNT in start else start
    return [f'note {quote(placeholder)} "{account}:{kind}/${work.variables[logical_id]}"']


def _access_point(work: Script, logical_id: str, point: AccessPoint) -> list[str]:
    made, user = point.root_directory.creation_info, point.posix_user
    root = {
        "Path": point.root_directory.path,
        "CreationInfo": {
            "OwnerUid": made.owner_uid,
            "OwnerGid": made.owner_gid,
            "Permissions": made.permissions,
        },
    }
    system = work.value(point.file_system_id)
    token = quote(f"{work.stack.name}-{logical_id.partition('/')[2]}"[:64])
    owner = f" --posix-user Uid={user.uid},Gid={user.gid}" if user else ""
    return [
        (
            f"known aws efs describe-access-points --file-system-id {system} "
            f'--query "AccessPoints[?ClientToken=={_literal(token)}].AccessPointId | [0]" ||'
        ),
        (
            f"  make aws efs create-access-point --file-system-id {system} --client-token {token} "
            f"--root-directory {quote(json.dumps(root))}{owner} --tags{_tags(point.tags)} --query AccessPointId"
        ),
        *work.keep(logical_id, "id"),
        *_note_arn(work, logical_id, "access-point"),
    ]


def _literal(word: str) -> str:
    """A quoted word of the shell as a text of a query."""
    return word if word.startswith("'") else f"'{word}'"


def _mount_targets(work: Script, _: str, targets: MountTargets) -> list[str]:
    """Make a mount target in each subnet; EFS allows one in each availability zone."""
    subnets = (
        work.value(targets.subnet_ids)
        if isinstance(targets.subnet_ids, Ref)
        else " ".join(targets.subnet_ids)
    )
    groups = " ".join(work.value(group) for group in targets.security_groups)
    system = work.value(targets.file_system_id)
    call = f'aws efs create-mount-target --file-system-id {system} --subnet-id "$subnet" --security-groups {groups}'
    return [f"for subnet in {subnets}; do once {call}; done"]


SECTIONS: tuple[tuple[str, Section], ...] = (
    ("the cluster, with the namespace in which services find each other", _each({Cluster: _cluster})),
    ("repositories for the images built here", _each({Repository: _repository})),
    (
        "secrets: SECRETS names a folder with a file for each, without a line end after its value",
        _each({SecretParameter: _secret, ManagedSecret: _managed_secret}),
    ),
    ("log groups", _each({LogGroup: _log_group})),
    ("where tasks and load balancers are placed", _each({Network: _network})),
    ("security groups", _each({SecurityGroup: _security_group})),
    ("who may reach whom", _each({IngressRule: _ingress_rule})),
    (
        "the file system of the volumes, and a directory for each",
        _each({FileSystem: _file_system, AccessPoint: _access_point, MountTargets: _mount_targets}),
    ),
    ("roles: what containers may do, and ECS for them", _roles),
    ("load balancers", _each({LoadBalancer: _load_balancer})),
    ("target groups", _each({TargetGroup: _target_group})),
    ("listeners", _each({Listener: _listener})),
    ("rules of the listeners", _each({ListenerRule: _listener_rule})),
    (
        "the private DNS namespace, and the names in it",
        _each({DnsNamespace: _dns_namespace, DiscoveryService: _discovery_service}),
    ),
    ("task definitions: each call registers a new revision", _each({TaskDefinition: _task_definition})),
    (
        "jobs, each of which runs once, and services; aws ecs update-service changes one that exists",
        _each({RunTask: _run_task, EcsService: _service}),
    ),
    ("autoscaling", _autoscaling),
    ("schedules", _each({Schedule: _schedule})),
)
"""Title, and what gives the lines, in the order of the script."""


def quote(text: str) -> str:
    """Quote for a POSIX shell where that is needed."""
    plain = text.replace("-", "").replace("_", "").replace("/", "").replace(".", "").isalnum()
    return text if plain and text.isascii() else "'" + text.replace("'", "'\\''") + "'"
