"""Listeners and their rules."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from compose2fargate.apply.handlers.handler import (
    FoundResource,
    HandlerContext,
    Json,
    by_key,
    delete_when_free,
    has_pending,
    normalise_state,
    read_or_none,
    shown_tags,
    tag_list,
)
from compose2fargate.apply.handlers.load_balancer_handlers import (
    LoadBalancerHandler,
    LoadBalancingHandler,
    TargetGroupHandler,
)
from compose2fargate.aws import resources as aws


def _actions(actions: Iterable[Json]) -> list[Json]:
    """Normalise what a listener does: fill in what redirects keep, drop the second spelling of a target group."""
    shown = []
    for action in actions:
        kept = {
            key: value
            for key, value in action.items()
            if key in ("Type", "TargetGroupArn", "RedirectConfig", "FixedResponseConfig")
        }
        if "RedirectConfig" in kept:
            kept["RedirectConfig"] = {
                "Host": "#{host}",
                "Path": "/#{path}",
                "Query": "#{query}",
                **kept["RedirectConfig"],
            }
        groups = (action.get("ForwardConfig") or {}).get("TargetGroups") or []
        if action.get("Type") == "forward" and "TargetGroupArn" not in kept and len(groups) == 1:
            kept["TargetGroupArn"] = groups[0]["TargetGroupArn"]
        elif len(groups) > 1:
            kept["ForwardConfig"] = {"TargetGroups": groups}
        shown.append(kept)
    return shown


def _balancers(context: HandlerContext) -> dict[str, bool]:
    """Give the load balancers that something of ours may hang on, and whether they are ours, too."""
    used = {arn: False for group in TargetGroupHandler().ours(context) for arn in group["LoadBalancerArns"]}
    return used | {one.key: True for one in LoadBalancerHandler().owned(context)}


class ListenerHandler(LoadBalancingHandler):
    """Listeners: found by load balancer and port."""

    kind = aws.Listener
    missing = frozenset({"ListenerNotFound", "LoadBalancerNotFound"})
    exists = frozenset({"DuplicateListener"})
    immutable = frozenset({"LoadBalancerArn", "Port"})

    def fill(self, members: Json) -> Json:
        """Fill in what AWS does."""
        members["DefaultActions"] = normalise_state(_actions(members["DefaultActions"]))
        members["Certificates"] = [
            certificate["CertificateArn"] for certificate in members.get("Certificates", [])
        ]
        if members["Certificates"] and "SslPolicy" not in members:
            members["SslPolicy"] = "ELBSecurityPolicy-2016-08"
        return normalise_state(members)  # type: ignore[no-any-return]

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look among the load balancer's listeners."""
        if has_pending(want["LoadBalancerArn"]):
            return None
        listeners = self._listeners(want["LoadBalancerArn"], context)
        return next((self._found(one, context) for one in listeners if one["Port"] == want["Port"]), None)

    def _listeners(self, balancer: str, context: HandlerContext) -> list[Json]:
        pages = partial(context.account.pages, "elbv2", "describe_listeners", "Listeners")
        return read_or_none(self, lambda: list(pages(LoadBalancerArn=balancer))) or []

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """List the listeners of our load balancers, and those with our tags of the user's."""
        for balancer, ours in _balancers(context).items():
            for listener in self._listeners(balancer, context):
                found = self._found(listener, context)
                if ours or context.owner.owns(found.tags or {}):
                    yield found

    def _found(self, listener: Json, context: HandlerContext) -> FoundResource:
        arn = listener["ListenerArn"]
        tags = self.tags_of(context, [arn]).get(arn, {})
        certificates = [one["CertificateArn"] for one in listener.get("Certificates") or []]
        if certificates:
            extra = context.account.pages(
                "elbv2", "describe_listener_certificates", "Certificates", ListenerArn=arn
            )
            certificates += [c["CertificateArn"] for c in extra if c["CertificateArn"] not in certificates]
        state = {
            "LoadBalancerArn": listener["LoadBalancerArn"],
            "Port": listener["Port"],
            "Protocol": listener["Protocol"],
            "DefaultActions": _actions(listener["DefaultActions"]),
            "Certificates": certificates,
            "SslPolicy": listener.get("SslPolicy") if certificates else None,
            "tags": shown_tags(tags),
        }
        return FoundResource(arn, {"arn": arn}, normalise_state(state), tags, name=f"port {listener['Port']}")

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Open the port."""
        client = context.account.client("elbv2")
        answer = client.create_listener(
            **_listener_members(want), LoadBalancerArn=want["LoadBalancerArn"], Tags=tag_list(want["tags"])
        )
        arn = answer["Listeners"][0]["ListenerArn"]
        _more_certificates(client, arn, want.get("Certificates", [])[1:], [])
        return FoundResource(arn, {"arn": arn}, want, want["tags"])

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Change protocol, certificates, what it does, and tags."""
        client = context.account.client("elbv2")
        if changed - {"tags"}:
            client.modify_listener(ListenerArn=found.key, **_listener_members(want))
            _more_certificates(
                client, found.key, want.get("Certificates", [])[1:], found.state.get("Certificates", [])[1:]
            )
        if "tags" in changed:
            self.retag(found, want, context)
        return found

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Close the port."""
        client = context.account.client("elbv2")
        delete_when_free(self, lambda: client.delete_listener(ListenerArn=found.key), context)


def _listener_members(want: Json) -> Json:
    members: Json = {
        key: want[key] for key in ("Port", "Protocol", "DefaultActions", "SslPolicy") if key in want
    }
    if want.get("Certificates"):
        members["Certificates"] = [{"CertificateArn": want["Certificates"][0]}]
    return members


def _more_certificates(client: Any, arn: str, wanted: list[str], there: list[str]) -> None:
    """Certificates beyond the first are added to a listener, and removed, one call each way."""
    added = [{"CertificateArn": one} for one in wanted if one not in there]
    removed = [{"CertificateArn": one} for one in there if one not in wanted]
    if added:
        client.add_listener_certificates(ListenerArn=arn, Certificates=added)
    if removed:
        client.remove_listener_certificates(ListenerArn=arn, Certificates=removed)


class ListenerRuleHandler(LoadBalancingHandler):
    """Rules of a listener: found by listener and priority."""

    kind = aws.ListenerRule
    missing = frozenset({"RuleNotFound", "ListenerNotFound"})
    exists = frozenset({"PriorityInUse"})
    immutable = frozenset({"ListenerArn", "Priority"})

    def fill(self, members: Json) -> Json:
        """Sort conditions; normalise actions."""
        members["Actions"] = normalise_state(_actions(members["Actions"]))
        members["Conditions"] = _conditions(members["Conditions"])
        return members

    def find(self, want: Json, context: HandlerContext) -> FoundResource | None:
        """Look among the listener's rules."""
        if has_pending(want["ListenerArn"]):
            return None
        rules = self._rules(want["ListenerArn"], context)
        priority = str(want["Priority"])
        return next(
            (self._found(r, want["ListenerArn"], context) for r in rules if r["Priority"] == priority), None
        )

    def _rules(self, listener: str, context: HandlerContext) -> list[Json]:
        pages = partial(context.account.pages, "elbv2", "describe_rules", "Rules")
        rules = read_or_none(self, lambda: list(pages(ListenerArn=listener))) or []
        return [rule for rule in rules if not rule["IsDefault"]]

    def owned(self, context: HandlerContext) -> Iterable[FoundResource]:
        """List the rules of our load balancers' listeners, and those with our tags of the user's."""
        listeners = ListenerHandler()
        for balancer, ours in _balancers(context).items():
            for listener in listeners._listeners(balancer, context):  # noqa: SLF001 - the same family
                arn = listener["ListenerArn"]
                rules = self._rules(arn, context)
                tags = {} if ours else self.tags_of(context, [rule["RuleArn"] for rule in rules])
                for rule in rules:
                    if ours or context.owner.owns(tags.get(rule["RuleArn"], {})):
                        yield self._found(rule, arn, context)

    def _found(self, rule: Json, listener: str, context: HandlerContext) -> FoundResource:
        arn = rule["RuleArn"]
        tags = self.tags_of(context, [arn]).get(arn, {})
        state = {
            "ListenerArn": listener,
            "Priority": int(rule["Priority"]),
            "Conditions": _conditions(rule["Conditions"]),
            "Actions": _actions(rule["Actions"]),
            "tags": shown_tags(tags),
        }
        return FoundResource(
            arn, {"arn": arn}, normalise_state(state), tags, name=f"priority {rule['Priority']}"
        )

    def create(self, want: Json, context: HandlerContext) -> FoundResource:
        """Add the rule."""
        answer = context.account.client("elbv2").create_rule(
            ListenerArn=want["ListenerArn"],
            Priority=want["Priority"],
            Conditions=_condition_inputs(want["Conditions"]),
            Actions=want["Actions"],
            Tags=tag_list(want["tags"]),
        )
        arn = answer["Rules"][0]["RuleArn"]
        return FoundResource(arn, {"arn": arn}, want, want["tags"])

    def update(
        self, found: FoundResource, want: Json, changed: frozenset[str], context: HandlerContext
    ) -> FoundResource:
        """Change what it matches and where it sends to."""
        if changed - {"tags"}:
            context.account.client("elbv2").modify_rule(
                RuleArn=found.key, Conditions=_condition_inputs(want["Conditions"]), Actions=want["Actions"]
            )
        if "tags" in changed:
            self.retag(found, want, context)
        return found

    def delete(self, found: FoundResource, context: HandlerContext) -> None:
        """Take the rule away."""
        client = context.account.client("elbv2")
        delete_when_free(self, lambda: client.delete_rule(RuleArn=found.key), context)


def _conditions(conditions: Iterable[Json]) -> list[Json]:
    """Normalise conditions: AWS answers with the values in two places."""
    shown = []
    for condition in conditions:
        values = condition.get("Values")
        for member, config in condition.items():
            if not values and member.endswith("Config"):
                values = config.get("Values")
        shown.append({"Field": condition["Field"], "Values": sorted(values or [])})
    return sorted(shown, key=by_key("Field"))


_CONFIGS = {"host-header": "HostHeaderConfig", "path-pattern": "PathPatternConfig"}


def _condition_inputs(conditions: Iterable[Json]) -> list[Json]:
    """Write conditions in the spelling that takes several values."""
    return [{"Field": one["Field"], _CONFIGS[one["Field"]]: {"Values": one["Values"]}} for one in conditions]
