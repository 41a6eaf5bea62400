"""The load balancers of a stack as a configuration of HAProxy, and the private DNS as one of dnsmasq.

Health checks are what a load balancer of AWS sends: a plain GET with the target's address as Host, the matcher's codes,
the thresholds. They are sent more often than on AWS; when a target counts as failed is decided by who watches.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import (
    Listener,
    ListenerAction,
    ListenerRule,
    RuleCondition,
    TargetGroup,
)
from compose2fargate.rehearsal.configuration_text import configuration, format_text, string, word
from compose2fargate.rehearsal.rehearsal_plan import RehearsalPlan
from compose2fargate.rehearsal.task_network import FOLDER, Subnet

STATISTICS_PORT: Final = 51680
EAGER: Final = "500ms"
CHECK_TIMEOUT: Final = 5
"""Seconds: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html"""
_HTTP: Final = frozenset({"HTTP", "HTTPS"})


def haproxy_listeners(plan: RehearsalPlan) -> dict[str, Listener]:
    """Give the listeners of the stack by logical id, those that are added to a load balancer of the user's included."""
    return {node: listener for node, listener in plan.stack.of_type(Listener) if listener.protocol != "UDP"}


def dns_configuration(plan: RehearsalPlan) -> str:
    """Give dnsmasq's configuration: names of the private namespace here, everything else where the engine asks."""
    lines = [
        "port=53",
        "no-hosts",
        "domain-needed",
        f"hostsdir={FOLDER}/names",
        "local-ttl=10",
        "cache-size=0",
    ]
    return configuration([*lines, *([f"local=/{plan.domain}/"] if plan.domain else [])])


def haproxy_configuration(plan: RehearsalPlan, subnet: Subnet) -> str:
    """Give HAProxy's configuration for all listeners, rules and target groups of a stack."""
    return configuration(_lines(plan, subnet))


def _lines(plan: RehearsalPlan, subnet: Subnet) -> Iterator[str]:
    yield "global"
    yield f"  stats socket ipv4@127.0.0.1:{STATISTICS_PORT} level user"
    yield "defaults"
    yield "  timeout connect 10s"
    yield "  timeout client 60s"  # https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-load-balancer-attributes.html
    yield "  timeout server 60s"
    yield "  timeout tunnel 60s"
    yield "frontend idle"  # HAProxy wants at least one
    yield "  mode http"
    yield "  bind 127.0.0.1:51681"
    yield "  http-request return status 404"
    rules = [(node, rule) for node, rule in plan.stack.of_type(ListenerRule)]
    backends: dict[str, Iterable[str]] = {}
    for node, listener in haproxy_listeners(plan).items():
        own = sorted(
            ((r.priority, n, r) for n, r in rules if _at(r.listener_arn) == node), key=lambda item: item[:2]
        )
        yield from _frontend(node, listener, [(n, r) for _, n, r in own], backends)
    for name, group in plan.stack.of_type(TargetGroup):
        yield from _backend(plan, subnet, name, group)
    for lines in backends.values():
        yield from lines


def _at(link: Any) -> str:
    return link.logical_id if isinstance(link, Ref) else str(link)


def backend_name(node: str) -> str:
    """Give the name of a target group, listener or rule in HAProxy."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", node)


def _frontend(
    node: str,
    listener: Listener,
    rules: Iterable[tuple[str, ListenerRule]],
    backends: dict[str, Iterable[str]],
) -> Iterator[str]:
    http = listener.protocol in _HTTP
    secure = listener.protocol in ("HTTPS", "TLS")
    yield f"frontend {backend_name(node)}"
    yield f"  mode {'http' if http else 'tcp'}"
    yield f"  bind :{listener.port}" + (f" ssl crt {FOLDER}/bundle.pem" if secure else "")
    if http:
        yield "  option forwardfor"
        yield f"  http-request set-header X-Forwarded-Proto {listener.protocol.lower()}"
        yield f"  http-request set-header X-Forwarded-Port {listener.port}"
        for name, rule in rules:
            condition = " ".join(filter(None, map(_condition, rule.conditions)))
            yield f"  use_backend {_action(name, rule.actions, backends)}" + (
                f" if {condition}" if condition else ""
            )
    yield f"  default_backend {_action(node, listener.default_actions, backends)}"


def _condition(condition: RuleCondition) -> str:
    patterns = " ".join(word(_pattern(value)) for value in condition.values)
    if condition.field == "path-pattern":
        return f"{{ path -m reg {patterns} }}"
    if condition.field == "host-header":
        return f"{{ req.hdr(host),field(1,:) -m reg -i {patterns} }}"
    return ""


def _pattern(value: str) -> str:
    """Give a pattern of a rule, in which * and ? stand for characters, as a regular expression."""
    text = re.escape(value).replace(r"\*", ".*").replace(r"\?", ".")
    return f"^{text}$"


def _action(node: str, actions: Iterable[ListenerAction], backends: dict[str, Iterable[str]]) -> str:
    """Give the backend that does what a listener or rule does; answers of its own are backends without servers."""
    action = next(iter(actions))
    if action.type == "forward":
        return backend_name(_at(action.target_group_arn))
    name = f"answer-{backend_name(node)}"
    backends[name] = tuple(_answer(name, action))
    return name


def _answer(name: str, action: ListenerAction) -> Iterator[str]:
    yield f"backend {name}"
    yield "  mode http"
    if action.redirect_config is not None:
        to = action.redirect_config
        scheme = "https" if to.protocol.lower() == "https" else "http"
        port = f":{to.port}" if to.port.isdecimal() and to.port not in ("443", "80") else ""
        code = "301" if to.status_code == "HTTP_301" else "302"
        host = "%[req.hdr(host),field(1,:)]"
        yield f"  http-request redirect location {scheme}://{host}{port}%[pathq] code {code}"
    elif action.fixed_response_config is not None:
        fixed = action.fixed_response_config
        body = string(fixed.message_body)
        content = f" content-type {word(fixed.content_type)} string {body}" if fixed.message_body else ""
        yield f"  http-request return status {word(fixed.status_code)}{content}"


def _backend(plan: RehearsalPlan, subnet: Subnet, node: str, group: TargetGroup) -> Iterator[str]:
    http = group.protocol in _HTTP
    check = group.health_check_protocol or group.protocol
    secure = " ssl verify none" if group.protocol == "HTTPS" else ""
    if group.protocol_version in ("HTTP2", "GRPC"):
        secure += " proto h2"
    yield f"backend {backend_name(node)}"
    yield f"  mode {'http' if http else 'tcp'}"
    timeout = group.health_check_timeout_seconds or CHECK_TIMEOUT
    yield f"  timeout check {timeout}s"
    if check in _HTTP:
        path = word(format_text(group.health_check_path or "/"))
        agent = "hdr User-Agent ELB-HealthChecker/2.0 hdr Connection close"
        yield "  option httpchk"
        yield f"  http-check send meth GET uri {path} ver HTTP/1.1 hdr Host %[srv_name] {agent}"
        codes = re.sub("[^0-9,-]", "", group.matcher.http_code if group.matcher else "200")
        yield f"  http-check expect status {codes or 200}"
    for unit in plan.units.values():
        for target in unit.targets:
            for byte in unit.addresses if target.group == node else ():
                address = f"{subnet.at(byte)}:{target.port}"
                # One success brings a new target in: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html
                # HAProxy takes `inter` for the time that connecting may take, and the other two for how often it checks what is not
                # sure to be up, as everything is at the beginning with `fall 2`.
                often = f"inter {timeout}s fastinter {EAGER} downinter {EAGER} rise 1 fall 2"
                yield f"  server {address} {address} check {often}{secure}"
