"""What a target states of the network: security groups and their rules, target groups, listeners and their rules.

Everything is named as AWS names it; what the user has already, and what only AWS knows, is `LINK`. Each fact is a line
of text, so that a difference reads as what one side says and the other does not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import (
    IngressRule,
    Listener,
    ListenerAction,
    ListenerRule,
    LoadBalancer,
    SecurityGroup,
    TargetGroup,
)
from compose2fargate.aws.stack import Stack
from compose2fargate.emitters.terraform.terraform_network import (
    _LOAD_BALANCER_ATTRIBUTES,
    _STICKINESS,
    _TARGET_GROUP_ATTRIBUTES,
)
from tests.parity.calls import Call
from tests.parity.service_facts import LINK

_CHECK = ("protocol", "port", "path", "interval", "timeout", "healthy", "unhealthy", "matcher")


_USUAL = (None, "", "HTTP1", "traffic-port")
_ALL = ["0.0.0.0/0", "::/0"]
_NONE = "127.0.0.1/32"
"""How a template says that nothing goes out: a group that is given no rule gets one for everything."""


def _line(kind: str, **facts: Any) -> str:
    given = {key: value for key, value in facts.items() if value not in (None, "", [], ())}
    return f"{kind} {json.dumps(given, sort_keys=True, default=list)}"


# -- the stack -----------------------------------------------------------------------------------------------


def of_stack(stack: Stack) -> list[str]:
    return sorted(_of_stack(stack))


def _of_stack(stack: Stack) -> Iterator[str]:
    for _, made in stack.of_type(SecurityGroup):
        yield _line("security group", name=made.group_name, out=_ALL if made.everything_out else [])
    for _, rule in stack.of_type(IngressRule):
        for source in (rule.source_group_id, rule.cidr_ip, rule.cidr_ipv6):
            if source is not None:
                yield _line(
                    "ingress",
                    group=_named(stack, rule.group_id),
                    protocol=rule.ip_protocol,
                    ports=None if rule.ip_protocol == "-1" else [rule.from_port, rule.to_port],
                    description=rule.description,
                    source=_named(stack, source) if source == rule.source_group_id else source,
                )
    for _, balancer in stack.of_type(LoadBalancer):
        yield _line(
            "load balancer", name=balancer.name, type=balancer.type, scheme=balancer.scheme,
            attributes=sorted(balancer.attributes.items()),
        )  # fmt: skip
    for _, group in stack.of_type(TargetGroup):
        values = (
            group.health_check_protocol, group.health_check_port, group.health_check_path,
            group.health_check_interval_seconds, group.health_check_timeout_seconds,
            group.healthy_threshold_count, group.unhealthy_threshold_count,
            group.matcher.http_code if group.matcher else None,
        )  # fmt: skip
        yield _target_group(
            (group.name, group.protocol, group.port, group.target_type, group.protocol_version), values,
            group.attributes,
        )  # fmt: skip
    for _, listener in stack.of_type(Listener):
        yield _line(
            "listener",
            on=_listener_name(stack, listener),
            protocol=listener.protocol,
            ssl=listener.ssl_policy,
            secured=bool(listener.certificates),
            actions=[_action(stack, action) for action in listener.default_actions],
        )
    for _, listener_rule in stack.of_type(ListenerRule):
        on = listener_rule.listener_arn
        listens = stack.get(on) if isinstance(on, Ref) else None
        yield _line(
            "listener rule",
            on=_listener_name(stack, listens) if isinstance(listens, Listener) else LINK,
            priority=listener_rule.priority,
            conditions=sorted([c.field, sorted(c.values)] for c in listener_rule.conditions),
            actions=[_action(stack, action) for action in listener_rule.actions],
        )


def _target_group(basics: tuple[Any, ...], check: Iterable[Any], attributes: Mapping[str, Any]) -> str:
    """Leave out what AWS takes where nothing is said."""
    usual = (*_USUAL, "/AWS.ALB/healthcheck", "12") if "GRPC" in basics else _USUAL
    checks = {name: str(value) for name, value in zip(_CHECK, check, strict=True) if value not in usual}
    return _line(
        "target group",
        basics=[None if value in _USUAL else str(value) for value in basics],
        check=checks,
        attributes=sorted(attributes.items()),
    )


def _named(stack: Stack, link: Any) -> str:
    resource = stack.get(link) if isinstance(link, Ref) else None
    if isinstance(resource, SecurityGroup):
        return resource.group_name
    return resource.name if isinstance(resource, LoadBalancer | TargetGroup) else LINK


def _listener_name(stack: Stack, listener: Listener) -> str:
    return f"{_named(stack, listener.load_balancer_arn)}:{listener.port}"


def _action(stack: Stack, action: ListenerAction) -> list[Any]:
    redirect, fixed = action.redirect_config, action.fixed_response_config
    if redirect:
        return [action.type, redirect.protocol, redirect.port, redirect.status_code]
    if fixed:
        return [action.type, fixed.status_code, fixed.content_type]
    return [action.type, _named(stack, action.target_group_arn)]


def _pairs(items: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {item["Key"]: item["Value"] for item in items}


# -- CloudFormation ------------------------------------------------------------------------------------------


def of_template(template: Mapping[str, Any]) -> list[str]:
    return sorted(_of_template(template["Resources"]))


def _of_template(resources: Mapping[str, Any]) -> Iterator[str]:
    def named(link: Any) -> str:
        name = link.get("Ref") or link.get("Fn::GetAtt", "") if isinstance(link, Mapping) else ""
        name = name[0] if isinstance(name, list) else name.partition(".")[0]
        properties = resources.get(name, {}).get("Properties", {})
        return str(properties.get("GroupName") or properties.get("Name") or LINK)

    def listener(properties: Mapping[str, Any]) -> str:
        return f"{named(properties['LoadBalancerArn'])}:{properties['Port']}"

    def action(one: Mapping[str, Any]) -> list[Any]:
        if "RedirectConfig" in one:
            redirect = one["RedirectConfig"]
            return [one["Type"], redirect["Protocol"], redirect["Port"], redirect["StatusCode"]]
        if "FixedResponseConfig" in one:
            fixed = one["FixedResponseConfig"]
            return [one["Type"], fixed["StatusCode"], fixed["ContentType"]]
        return [one["Type"], named(one["TargetGroupArn"])]

    for resource in resources.values():
        p = resource.get("Properties", {})
        if resource["Type"] == "AWS::EC2::SecurityGroup":
            out = [rule.get("CidrIp") or rule.get("CidrIpv6") for rule in p["SecurityGroupEgress"]]
            yield _line("security group", name=p["GroupName"], out=[one for one in out if one != _NONE])
        if resource["Type"] == "AWS::EC2::SecurityGroupIngress":
            yield _line(
                "ingress",
                group=named(p["GroupId"]),
                protocol=p["IpProtocol"],
                ports=None if p["IpProtocol"] == "-1" else [p["FromPort"], p["ToPort"]],
                description=p["Description"],
                source=p.get("CidrIp") or p.get("CidrIpv6") or named(p["SourceSecurityGroupId"]),
            )
        elif resource["Type"] == "AWS::ElasticLoadBalancingV2::LoadBalancer":
            yield _line(
                "load balancer", name=p["Name"], type=p["Type"], scheme=p["Scheme"],
                attributes=sorted(_pairs(p.get("LoadBalancerAttributes", ())).items()),
            )  # fmt: skip
        elif resource["Type"] == "AWS::ElasticLoadBalancingV2::TargetGroup":
            check = [p.get(name) for name in ("HealthCheckProtocol", "HealthCheckPort", "HealthCheckPath",
                "HealthCheckIntervalSeconds", "HealthCheckTimeoutSeconds", "HealthyThresholdCount",
                "UnhealthyThresholdCount")]  # fmt: skip
            yield _target_group(
                (p["Name"], p["Protocol"], p["Port"], p["TargetType"], p.get("ProtocolVersion")),
                (*check, p.get("Matcher", {}).get("HttpCode")), _pairs(p.get("TargetGroupAttributes", ())),
            )  # fmt: skip
        elif resource["Type"] == "AWS::ElasticLoadBalancingV2::Listener":
            yield _line(
                "listener", on=listener(p), protocol=p["Protocol"], ssl=p.get("SslPolicy"),
                secured=bool(p.get("Certificates")), actions=[action(one) for one in p["DefaultActions"]],
            )  # fmt: skip
        elif resource["Type"] == "AWS::ElasticLoadBalancingV2::ListenerRule":
            on = (
                resources.get(p["ListenerArn"].get("Ref", ""))
                if isinstance(p["ListenerArn"], Mapping)
                else None
            )
            fields = (
                [c["Field"], sorted(next(v for k, v in c.items() if k != "Field")["Values"])]
                for c in p["Conditions"]
            )
            yield _line(
                "listener rule", on=listener(on["Properties"]) if on else LINK, priority=p["Priority"],
                conditions=sorted(fields), actions=[action(one) for one in p["Actions"]],
            )  # fmt: skip


# -- Terraform -----------------------------------------------------------------------------------------------

_BLOCK = re.compile(r'^resource "(\w+)" "(\w+)" \{\n(.*?)^\}$', re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"^ +(\w+) += (aws_\w+\.\w+)\.\w+$", re.MULTILINE)


_STATED = {
    "protocol_version": re.compile(r"HTTP1|HTTP2|GRPC"),
    "ssl_policy": re.compile(r"ELBSecurityPolicy-.*"),
    "path": re.compile(r"/.*"),
    "matcher": re.compile(r"\d{1,3}([-,]\d{1,3})*"),
}


def _stated(values: Mapping[str, Any], name: str) -> Any:
    """Give what the module says; a mock makes up a word where it says nothing and AWS would choose."""
    value = values.get(name)
    form = _STATED.get(name)
    return None if form and isinstance(value, str) and not form.fullmatch(value) else value


def of_module(made: Path, resources: list[Mapping[str, Any]]) -> list[str]:
    """Take values from the evaluated state, and links from the text: a mock gives every resource the same ARN."""
    values = {f"{r['type']}.{r['name']}": r["values"] for r in resources if r["mode"] == "managed"}
    texts = "\n".join(path.read_text("utf-8") for path in sorted(made.glob("*.tf")))
    links: dict[str, dict[str, str]] = {}
    for kind, label, body in _BLOCK.findall(texts):
        if kind == "terraform_data":  # runs a job, and is nothing of AWS
            continue
        links[f"{kind}.{label}"] = dict(_LINK.findall(body))
        values[f"{kind}.{label}"]["stated"] = frozenset(_ARGUMENT.findall(body))
    return sorted(_of_module(values, links))


_ARGUMENT = re.compile(r"^ +(\w+) += ", re.MULTILINE)


def _attributes(values: Mapping[str, Any], table: Mapping[str, tuple[str, Any]]) -> dict[str, str]:
    """Give those of a resource's arguments that the API has as attributes, where the module states them."""
    sticky = (values.get("stickiness") or [{}])[0]
    kind = sticky.get("type")
    found = {}
    for key, (argument, _) in table.items():
        of_another_kind = key.startswith(("stickiness.lb", "stickiness.app")) and str(kind) not in key
        value = sticky.get(argument) if key.startswith("stickiness.") else values.get(argument)
        if argument in values["stated"] and value not in (None, "") and not of_another_kind:
            found[key] = str(value).lower() if isinstance(value, bool) else str(value)
    return found


def _of_module(values: Mapping[str, Any], links: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    def named(address: str, link: str) -> str:
        return str(values.get(links[address].get(link, ""), {}).get("name") or LINK)

    def listener(address: str) -> str:
        return f"{named(address, 'load_balancer_arn')}:{values[address]['port']}"

    def action(address: str, one: Mapping[str, Any]) -> list[Any]:
        if one["redirect"]:
            (redirect,) = one["redirect"]
            return [one["type"], redirect["protocol"], redirect["port"], redirect["status_code"]]
        if one["fixed_response"]:
            (fixed,) = one["fixed_response"]
            return [one["type"], fixed["status_code"], fixed["content_type"]]
        return [one["type"], named(address, "target_group_arn")]

    for address, v in values.items():
        kind = address.partition(".")[0]
        if kind == "aws_security_group":
            rules = (
                values[rule]
                for rule, link in links.items()
                if rule.startswith("aws_vpc_security_group_egress_rule.")
                and link["security_group_id"] == address
            )
            out = sorted(rule["cidr_ipv4"] or rule["cidr_ipv6"] for rule in rules)
            yield _line("security group", name=v["name"], out=out)
        elif kind == "aws_vpc_security_group_ingress_rule":
            yield _line(
                "ingress",
                group=named(address, "security_group_id"),
                protocol=v["ip_protocol"],
                ports=None if v["ip_protocol"] == "-1" else [v["from_port"], v["to_port"]],
                description=v["description"],
                source=v["cidr_ipv4"] or v["cidr_ipv6"] or named(address, "referenced_security_group_id"),
            )
        elif kind == "aws_lb":
            yield _line(
                "load balancer", name=v["name"], type=v["load_balancer_type"],
                scheme="internal" if v["internal"] else "internet-facing",
                attributes=sorted(_attributes(v, _LOAD_BALANCER_ATTRIBUTES).items()),
            )  # fmt: skip
        elif kind == "aws_lb_target_group":
            (check,) = v["health_check"] or [{}]
            names = ("protocol", "port", "path", "interval", "timeout", "healthy_threshold",
                     "unhealthy_threshold", "matcher")  # fmt: skip
            yield _target_group(
                (v["name"], v["protocol"], v["port"], v["target_type"], _stated(v, "protocol_version")),
                tuple(_stated(check, name) for name in names),
                _attributes(v, {**_TARGET_GROUP_ATTRIBUTES, **_STICKINESS}),
            )  # fmt: skip
        elif kind == "aws_lb_listener":
            yield _line(
                "listener", on=listener(address), protocol=v["protocol"], ssl=_stated(v, "ssl_policy"),
                secured=bool(v["certificate_arn"]), actions=[action(address, one) for one in v["default_action"]],
            )  # fmt: skip
        elif kind == "aws_lb_listener_rule":
            on = links[address].get("listener_arn", "")
            fields = (
                [name.replace("_", "-"), sorted(one[name][0]["values"])]
                for one in v["condition"] for name in ("host_header", "path_pattern") if one[name]
            )  # fmt: skip
            yield _line(
                "listener rule", on=listener(on) if on in values else LINK, priority=v["priority"],
                conditions=sorted(fields), actions=[action(address, one) for one in v["action"]],
            )  # fmt: skip


# -- commands.sh and apply -----------------------------------------------------------------------------------


def of_calls(calls: list[Call]) -> list[str]:
    return sorted(_of_calls(calls))


def _of_calls(calls: list[Call]) -> Iterator[str]:
    named = {"CreateSecurityGroup": "GroupName", "CreateLoadBalancer": "Name", "CreateTargetGroup": "Name"}
    made = {call.given[named[call.operation]] for call in calls if call.operation in named}
    closed = {call.given["GroupId"] for call in calls if call.operation == "RevokeSecurityGroupEgress"}
    attributes = {
        call.given.get("LoadBalancerArn") or call.given["TargetGroupArn"]: _pairs(call.given["Attributes"])
        for call in calls
        if call.operation in ("ModifyLoadBalancerAttributes", "ModifyTargetGroupAttributes")
    }

    def name(word: str) -> str:
        return word if word in made else LINK

    def listener(balancer: str, port: str | int) -> str:
        return f"{name(balancer)}:{port}"

    def action(one: Mapping[str, Any]) -> list[Any]:
        if "RedirectConfig" in one:
            redirect = one["RedirectConfig"]
            return [one["Type"], redirect["Protocol"], redirect["Port"], redirect["StatusCode"]]
        if "FixedResponseConfig" in one:
            fixed = one["FixedResponseConfig"]
            return [one["Type"], fixed["StatusCode"], fixed["ContentType"]]
        return [one["Type"], name(one["TargetGroupArn"])]

    for operation, given, *_ in calls:
        if operation == "CreateSecurityGroup":
            out = [] if given["GroupName"] in closed else _ALL
            yield _line("security group", name=given["GroupName"], out=out)
        elif operation == "AuthorizeSecurityGroupIngress":
            for rule in given["IpPermissions"]:
                sources = [(source, name(source["GroupId"])) for source in rule.get("UserIdGroupPairs", ())]
                sources += [(source, source["CidrIp"]) for source in rule.get("IpRanges", ())]
                sources += [(source, source["CidrIpv6"]) for source in rule.get("Ipv6Ranges", ())]
                every = rule["IpProtocol"] == "-1"
                for source, said in sources:
                    yield _line(
                        "ingress", group=name(given["GroupId"]), protocol=rule["IpProtocol"], source=said,
                        ports=None if every else [int(rule["FromPort"]), int(rule["ToPort"])],
                        description=source["Description"],
                    )  # fmt: skip
        elif operation == "CreateLoadBalancer":
            yield _line(
                "load balancer", name=given["Name"], type=given["Type"], scheme=given["Scheme"],
                attributes=sorted(attributes.get(given["Name"], {}).items()),
            )  # fmt: skip
        elif operation == "CreateTargetGroup":
            options = ("HealthCheckProtocol", "HealthCheckPort", "HealthCheckPath", "HealthCheckIntervalSeconds",
                       "HealthCheckTimeoutSeconds", "HealthyThresholdCount", "UnhealthyThresholdCount")  # fmt: skip
            basics = (given["Name"], given["Protocol"], given["Port"], given["TargetType"])
            yield _target_group(
                (*basics, given.get("ProtocolVersion")),
                (*map(given.get, options), "".join(given.get("Matcher", {}).values())),
                attributes.get(given["Name"], {}),
            )
        elif operation == "CreateListener":
            yield _line(
                "listener", on=listener(given["LoadBalancerArn"], given["Port"]), protocol=given["Protocol"],
                ssl=given.get("SslPolicy"), secured=bool(given.get("Certificates")),
                actions=[action(one) for one in given["DefaultActions"]],
            )  # fmt: skip
        elif operation == "CreateRule":
            balancer, _, port = given["ListenerArn"].rpartition(":")
            yield _line(
                "listener rule", on=listener(balancer, port) if balancer in made or port.isdigit() else LINK,
                priority=int(given["Priority"]), conditions=sorted(map(_condition, given["Conditions"])),
                actions=[action(one) for one in given["Actions"]],
            )  # fmt: skip


def _condition(condition: Mapping[str, Any]) -> list[Any]:
    """Give the field and its values, which the API takes in two places."""
    values = condition.get("Values") or next(v for k, v in condition.items() if k != "Field")["Values"]
    return [condition["Field"], sorted(values)]
