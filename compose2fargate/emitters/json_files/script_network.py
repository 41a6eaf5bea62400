"""Lines of `commands.sh` for the network: security groups, load balancing and private DNS."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import (
    DiscoveryService,
    DnsNamespace,
    Existing,
    IngressRule,
    Listener,
    ListenerAction,
    ListenerRule,
    LoadBalancer,
    MountTargets,
    Namespace,
    SecurityGroup,
    TargetGroup,
    VpcNetwork,
)
from compose2fargate.emitters.json_files.json_scaling import label_of
from compose2fargate.emitters.json_files.script_variables import (
    VPC,
    CommandsScript,
    is_named,
    name_filter,
    spelled,
    tag_arguments,
)
from compose2fargate.emitters.resource_graph import with_choice_of_addresses
from compose2fargate.text.shell_text import ShellVariable, json_option, option, query_text, quote


def network_lines(work: CommandsScript, _: str, network: VpcNetwork) -> list[str]:
    """Look up what the settings do not say: the default VPC and its subnets."""
    needs_vpc = any(
        isinstance(r, (SecurityGroup, TargetGroup, DnsNamespace)) for r in work.stack.resources.values()
    )
    needs_subnets = any(isinstance(r, (LoadBalancer, MountTargets)) for r in work.stack.resources.values())
    lines = []
    if not network.vpc_id and network.subnet_ids and needs_vpc:
        given = json_option("subnet-ids", network.subnet_ids[:1])
        lines.append(f"make aws ec2 describe-subnets {given} --query 'Subnets[0].VpcId'")
        lines.append("vpc=$found")
    elif not network.vpc_id and (needs_vpc or not network.subnet_ids):
        lines.append(
            "make aws ec2 describe-vpcs --filters Name=is-default,Values=true --query 'Vpcs[0].VpcId'"
        )
        lines.append("vpc=$found")
    noted = work.note(str(work.resolve(Ref("network", "subnet_ids"))[0]), "$subnets")
    if not network.subnet_ids and (noted or needs_subnets):
        look = _subnets_of_vpc if network.vpc_id else _default_subnets
        lines += [*look(work, network), *noted]
    return lines


def _default_subnets(_: CommandsScript, __: VpcNetwork) -> list[str]:
    """Look up the subnets that AWS made: one in each availability zone."""
    filters = json_option("filters", [name_filter("vpc-id", VPC), name_filter("default-for-az", "true")])
    return [f"make aws ec2 describe-subnets {filters} --query 'Subnets[].SubnetId'", "subnets=$found"]


def _subnets_of_vpc(work: CommandsScript, network: VpcNetwork) -> list[str]:
    """Look up one subnet of each availability zone: one that suits the tasks' addresses, where there is one.

    A file system and a load balancer take no more: https://docs.aws.amazon.com/efs/latest/ug/accessing-fs.html
    """
    filters = json_option("filters", [name_filter("vpc-id", network.vpc_id)])
    public = str(with_choice_of_addresses(work.stack)[1] == "ENABLED").lower()
    query = f"[Subnets[?MapPublicIpOnLaunch==`{public}`], Subnets][][].[AvailabilityZone,SubnetId]"
    return [
        f"make aws ec2 describe-subnets {filters} --query {quote(query)}",
        "subnets=$(echo \"$found\" | awk '!zone[$1]++ { print $2 }')",
        '[ -n "$subnets" ] || { echo "the VPC has no subnets" >&2; exit 1; }',
    ]


def security_group_lines(work: CommandsScript, logical_id: str, group: SecurityGroup) -> list[str]:
    """Give the lines for a security group."""
    vpc = work.value(group.vpc_id)
    filters = [name_filter("group-name", group.group_name), name_filter("vpc-id", vpc)]
    tags = [{"ResourceType": "security-group", "Tags": tag_arguments(group.tags)}]
    return [
        (
            f"known aws ec2 describe-security-groups {json_option('filters', filters)} "
            "--query 'SecurityGroups[0].GroupId' ||"
        ),
        (
            f"  make aws ec2 create-security-group {option('group-name', group.group_name)} {option('vpc-id', vpc)} "
            f"{option('description', group.description)} {json_option('tag-specifications', tags)} --query GroupId"
        ),
        *work.keep(logical_id, "id"),
        *([] if group.everything_out else _nothing_out(work.value(Ref(logical_id, "id")))),
    ]


def _nothing_out(group: str | ShellVariable) -> list[str]:
    """Take away the rules that AWS gives every group; the second time there are none."""
    return [
        (
            f"rules=$(aws ec2 describe-security-group-rules {json_option('filters', [name_filter('group-id', group)])} "
            "--query 'SecurityGroupRules[?IsEgress].SecurityGroupRuleId' --output text) || exit 1"
        ),
        (
            f'[ -z "$rules" ] || aws ec2 revoke-security-group-egress {option("group-id", group)} '
            "--security-group-rule-ids $rules >/dev/null || exit 1"
        ),
    ]


def ingress_rule_lines(work: CommandsScript, _: str, rule: IngressRule) -> list[str]:
    """Give the lines for an ingress rule."""
    description = {"Description": rule.description}
    ports = {"FromPort": rule.from_port, "ToPort": rule.to_port}
    given = {"IpProtocol": rule.ip_protocol} | {key: port for key, port in ports.items() if port is not None}
    group = None if rule.source_group_id is None else work.value(rule.source_group_id)
    sources = {
        "UserIdGroupPairs": group and {"GroupId": group},
        "IpRanges": rule.cidr_ip and {"CidrIp": rule.cidr_ip},
        "Ipv6Ranges": rule.cidr_ipv6 and {"CidrIpv6": rule.cidr_ipv6},
    }
    # A call for each: the second time, one that is there would keep the others of its call from being made.
    return [
        (
            f"once aws ec2 authorize-security-group-ingress {option('group-id', work.value(rule.group_id))} "
            f"{json_option('ip-permissions', [{**given, member: [{**source, **description}]}])}"
        )
        for member, source in sources.items()
        if source
    ]


def existing_lines(work: CommandsScript, logical_id: str, existing: Existing) -> list[str]:
    """Look up the load balancer that the user named."""
    if not is_named(existing):
        return []
    names = json_option("names", [existing.identifier])
    return [
        f"make aws elbv2 describe-load-balancers {names} --query 'LoadBalancers[0].LoadBalancerArn'",
        f"{work.variables[logical_id]}=$found",
    ]


def load_balancer_lines(work: CommandsScript, logical_id: str, balancer: LoadBalancer) -> list[str]:
    """Give the lines for a load balancer."""
    groups = [work.value(group) for group in balancer.security_groups]
    given = work.given_subnets(balancer.subnets)
    subnets = json_option("subnets", given) if given else "--subnets $subnets"
    return [
        (
            f"known aws elbv2 describe-load-balancers {option('names', balancer.name)} "
            "--query 'LoadBalancers[0].LoadBalancerArn' ||"
        ),
        (
            f"  make aws elbv2 create-load-balancer {option('name', balancer.name)} {option('type', balancer.type)} "
            f"{option('scheme', balancer.scheme)} {subnets} {json_option('security-groups', groups)} "
            f"{json_option('tags', tag_arguments(balancer.tags))} --query 'LoadBalancers[0].LoadBalancerArn'"
        ),
        *work.keep(logical_id, "arn"),
        (
            f"aws elbv2 modify-load-balancer-attributes {option('load-balancer-arn', ShellVariable(work.variables[logical_id]))} "
            f"{json_option('attributes', _attributes(balancer.attributes))}"
        ),
    ]


def _attributes(attributes: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in attributes.items()]


def target_group_lines(work: CommandsScript, logical_id: str, group: TargetGroup) -> list[str]:
    """Give the lines for a target group."""
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
    }
    shown = " ".join(option(key, str(value)) for key, value in options.items() if value is not None)
    if group.matcher:
        shown += " " + json_option("matcher", {"HttpCode": group.matcher.http_code})
    arn = option("target-group-arn", ShellVariable(work.variables[logical_id]))
    return [
        (
            f"known aws elbv2 describe-target-groups {option('names', group.name)} "
            "--query 'TargetGroups[0].TargetGroupArn' ||"
        ),
        (
            f"  make aws elbv2 create-target-group {option('name', group.name)} {option('vpc-id', work.value(group.vpc_id))} "
            f"{shown} {json_option('tags', tag_arguments(group.tags))} --query 'TargetGroups[0].TargetGroupArn'"
        ),
        *work.keep(logical_id, "arn"),
        *_label(work, logical_id),
        (
            f"aws elbv2 modify-target-group-attributes {arn} "
            f"{json_option('attributes', _attributes(group.attributes))}"
        ),
    ]


def _label(work: CommandsScript, logical_id: str) -> list[str]:
    """Note what autoscaling by requests knows a target group by: the ends of two ARNs.

    https://docs.aws.amazon.com/autoscaling/application/APIReference/API_PredefinedMetricSpecification.html
    """
    placeholder = work.words.put(label_of(Ref(logical_id, "arn")))
    if spelled(placeholder) not in work.placeholders:
        return []
    listener = work.stack.resources.get("listener/existing")
    if isinstance(listener, Existing):  # …:listener/app/NAME/ID/LISTENER
        balancer = quote(spelled(listener.identifier.partition(":listener/")[2].rpartition("/")[0]))
    else:
        arn = work.value(Ref("load-balancer", "arn"))
        balancer = (
            f'"${{{arn.name}##*:loadbalancer/}}"'
            if isinstance(arn, ShellVariable)
            else quote(spelled(arn.partition(":loadbalancer/")[2]))
        )
    label = f'{balancer}"/${{{work.variables[logical_id]}##*:}}"'
    return work.note(placeholder, label)


def listener_lines(work: CommandsScript, logical_id: str, listener: Listener) -> list[str]:
    """Give the lines for a listener."""
    balancer = option("load-balancer-arn", work.value(listener.load_balancer_arn))
    first, others = listener.certificates[:1], listener.certificates[1:]
    secured = (
        f" {_certificate(first[0].certificate_arn)} {option('ssl-policy', str(listener.ssl_policy))}"
        if first
        else ""
    )
    lines = [
        (
            f"known aws elbv2 describe-listeners {balancer} "
            f"--query 'Listeners[?Port==`{int(listener.port)}`].ListenerArn | [0]' ||"
        ),
        (
            f"  make aws elbv2 create-listener {balancer} {option('protocol', listener.protocol)} "
            f"--port {int(listener.port)}{secured} "
            f"{json_option('default-actions', [_action(work, one) for one in listener.default_actions])} "
            f"{json_option('tags', tag_arguments(listener.tags))} --query 'Listeners[0].ListenerArn'"
        ),
        *work.keep(logical_id, "arn"),
    ]
    lines.extend(
        f"aws elbv2 add-listener-certificates {option('listener-arn', ShellVariable(work.variables[logical_id]))} "
        f"{_certificate(certificate.certificate_arn)}"
        for certificate in others
    )
    return lines


def _certificate(arn: object) -> str:
    return json_option("certificates", [{"CertificateArn": str(arn)}])


def _action(work: CommandsScript, action: ListenerAction) -> dict[str, Any]:
    if action.redirect_config:
        to = action.redirect_config
        redirect = {"Protocol": to.protocol, "Port": to.port, "StatusCode": to.status_code}
        return {"Type": "redirect", "RedirectConfig": redirect}
    if action.fixed_response_config:
        answer = action.fixed_response_config
        fixed = {"StatusCode": answer.status_code, "ContentType": answer.content_type}
        return {"Type": "fixed-response", "FixedResponseConfig": fixed}
    return {"Type": "forward", "TargetGroupArn": work.value(action.target_group_arn or "")}


_CONDITIONS = {"host-header": "HostHeaderConfig", "path-pattern": "PathPatternConfig"}
"""Where a condition's values stand: directly in it, AWS takes only one.
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_RuleCondition.html"""


def listener_rule_lines(work: CommandsScript, _: str, rule: ListenerRule) -> list[str]:
    """Give the lines for a listener rule."""
    listener = option("listener-arn", work.value(rule.listener_arn))
    conditions = [{"Field": c.field, _CONDITIONS[c.field]: {"Values": c.values}} for c in rule.conditions]
    query = f"Rules[?Priority=={query_text(str(rule.priority))}].RuleArn | [0]"
    return [
        f"known aws elbv2 describe-rules {listener} --query {quote(query)} ||",
        (
            f"  make aws elbv2 create-rule {listener} --priority {int(rule.priority)} {json_option('conditions', conditions)} "
            f"{json_option('actions', [_action(work, one) for one in rule.actions])} "
            f"{json_option('tags', tag_arguments(rule.tags))} --query 'Rules[0].RuleArn'"
        ),
    ]


def namespace_lines(_: CommandsScript, __: str, namespace: Namespace) -> list[str]:
    """Make the namespace of Service Connect; ECS would make one with the cluster, but without the stack's tags."""
    return _namespace_lines("HTTP", "http", namespace)


def dns_namespace_lines(work: CommandsScript, logical_id: str, namespace: DnsNamespace) -> list[str]:
    """Make the namespace, and keep its id for the names in it."""
    vpc = f"{option('vpc', work.value(namespace.vpc))} "
    return [
        *_namespace_lines("DNS_PRIVATE", "private-dns", namespace, vpc),
        *work.keep(logical_id, "id"),
    ]


def _namespace_lines(
    kind: str, command: str, namespace: Namespace | DnsNamespace, options: str = ""
) -> list[str]:
    """Make a namespace, which takes a minute: the call gives an operation to wait for."""
    listed = quote(f"Namespaces[?Name=={query_text(namespace.name)}].Id | [0]")
    done = "\"[Operation][?Status=='SUCCESS'].Targets.NAMESPACE | [0]\""
    word = kind.partition("_")[0]
    tags = f"{json_option('tags', tag_arguments(namespace.tags))} " if namespace.tags else ""
    return [
        f"known aws servicediscovery list-namespaces --filters Name=TYPE,Values={kind} --query {listed} || {{",
        (
            f"  make aws servicediscovery create-{command}-namespace {option('name', namespace.name)} "
            f"{options}{tags}--query OperationId"
        ),
        "  operation=$found tries=0",
        f'  until known aws servicediscovery get-operation --operation-id "$operation" --query {done}; do',
        f'    tries=$((tries + 1)); [ "$tries" -lt 60 ] || {{ echo "the {word} namespace does not come" >&2; exit 1; }}',
        "    sleep 5",
        "  done",
        "}",
    ]


def discovery_service_lines(work: CommandsScript, logical_id: str, service: DiscoveryService) -> list[str]:
    """Give the lines for a discovery service."""
    namespace = work.value(service.namespace_id)
    of_tasks = service.record_type == "A"
    records = {
        "RoutingPolicy": "MULTIVALUE" if of_tasks else "WEIGHTED",
        "DnsRecords": [{"Type": service.record_type, "TTL": service.ttl}],
    }
    health = "--health-check-custom-config FailureThreshold=1 " if of_tasks else ""
    return [
        (
            f"known aws servicediscovery list-services {json_option('filters', [name_filter('NAMESPACE_ID', namespace)])} "
            f"--query {quote(f'Services[?Name=={query_text(service.name)}].Arn | [0]')} ||"
        ),
        (
            f"  make aws servicediscovery create-service {option('name', service.name)} {option('namespace-id', namespace)} "
            f"{json_option('dns-config', records)} {health}"
            f"{json_option('tags', tag_arguments(service.tags))} --query Service.Arn"
        ),
        *work.keep(logical_id, "arn"),
    ]
