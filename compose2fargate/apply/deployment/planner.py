"""What has to be done, as data: observed against wanted, resource by resource.

A plan can be printed, saved as its fingerprint, and carried out. Nothing in it has been done.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Final

from compose2fargate.apply.deployment.differences import StateChange, state_changes
from compose2fargate.apply.deployment.read_state import ObservedState, wanted_state
from compose2fargate.apply.deployment.redeployments import find_redeployments, starts_a_deployment
from compose2fargate.apply.deployment.resource_words import found_id, titled, why_left, word_of
from compose2fargate.apply.handlers import DELETION_RANK, HANDLERS, handler_of
from compose2fargate.apply.handlers.handler import FoundResource, Handler, HandlerContext, Json, PendingValue
from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import (
    AccountIdentity,
    EcsService,
    Existing,
    LoadBalancer,
    RunTask,
    ScalableTarget,
    ScalingPolicy,
    Schedule,
    SecurityGroup,
    TaskDefinition,
    VpcNetwork,
)
from compose2fargate.aws.resources import name_of as name_in_stack
from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import Diagnostic, Severity
from compose2fargate.records import NamedTuple

CREATE, UPDATE, REPLACE, DELETE = "create", "update", "replace", "delete"
RUN, KEEP, FOREIGN, LEFT, REFUSED = "run", "unchanged", "foreign", "left over", "refused"
LOOKED_UP: Final = (AccountIdentity, VpcNetwork, Existing)


class Action(NamedTuple):
    """What is done about one resource.

    Attributes:
        kind: create, update, replace, delete, run (a job), unchanged, foreign (somebody else's, so nothing is done),
            "left over" (ours, no longer in the compose file, deleted with `--prune` only), or refused (it would lose data).
        logical_id: The resource's id in the stack; of one that is not in it, `TYPE/NAME`.
        type: The class's name.
        name: What AWS calls it.
        changes: Member by member, for update and replace.
        note: Why, where that is not plain.
    """

    kind: str
    logical_id: str
    type: str
    name: str
    changes: tuple[StateChange, ...] = ()
    note: str = ""

    @property
    def does_something(self) -> bool:
        """Whether AWS is changed by it."""
        return self.kind in (CREATE, UPDATE, REPLACE, DELETE, RUN)


class PlanOptions(NamedTuple):
    """What the user decided about a plan.

    Attributes:
        adopt: Take over resources of the same name that are not ours.
        prune: Delete what is ours and no longer in the compose file.
        rerun: Services whose job runs again though nothing changed.
        volumes: When destroying: delete file systems and what is on them.
        images: When destroying: delete image repositories.
        secrets: When destroying: delete secrets.
        stores: When destroying: delete databases and caches, after a last snapshot.
    """

    adopt: bool = False
    prune: bool = False
    rerun: tuple[str, ...] = ()
    volumes: bool = False
    images: bool = False
    secrets: bool = True
    stores: bool = False


class Plan(NamedTuple):
    """What is to be done, in the order of the stack; deletions last.

    Attributes:
        actions: One for each resource.
        found: Logical id to what there is.
        account: The AWS account's id.
        region: The region.
        fingerprint: A hash of all that was observed and wanted: equal fingerprints mean that nothing moved.
        diagnostics: What there is to say about it.
    """

    actions: tuple[Action, ...]
    found: Mapping[str, FoundResource]
    account: str
    region: str
    fingerprint: str
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def pending(self) -> tuple[Action, ...]:
        """The actions that change something."""
        return tuple(action for action in self.actions if action.does_something)


def make_plan(
    stack: Stack,
    observed: ObservedState,
    context: HandlerContext,
    choices: PlanOptions = PlanOptions(),  # noqa: B008 - frozen
) -> Plan:
    """Compare what is wanted with what there is.

    Args:
        stack: What is wanted.
        observed: What there is.
        context: Whose it is, and where.
        choices: What the user decided.
    """
    made = _Planner(stack, observed, context, choices)
    actions = [made.action(logical_id) for logical_id in stack.resources]
    late = deployed_again(stack, {action.logical_id: action for action in actions}, observed.found)
    actions = [
        _again(action, late[action.logical_id]) if action.logical_id in late else action for action in actions
    ]
    actions += made.leftovers()
    found = {**observed.found, **made.extra}
    where = observed.found.get("account")
    return Plan(
        tuple(actions),
        found,
        str(where.attributes["id"]) if where else "",
        context.account.region,
        _fingerprint(actions, made.wants, found),
        tuple(dict.fromkeys(made.report)),
    )


def deployed_again(
    stack: Stack, actions: Mapping[str, Action], found: Mapping[str, FoundResource]
) -> Mapping[str, tuple[str, ...]]:
    """Give the services that are deployed again to find others, which are made by these actions or were made since, with these.

    With none, as their last deployment failed.
    """
    made = {node for node, action in actions.items() if action.kind in (CREATE, REPLACE)}
    staying = {node for node, action in actions.items() if _stays(action)}
    return find_redeployments(stack, made, staying, found)


def _stays(action: Action) -> bool:
    """Whether a service stays in the deployment that it has."""
    changed = {_root(change) for change in action.changes}
    return action.kind == KEEP or (action.kind == UPDATE and not starts_a_deployment(changed))


def _again(action: Action, late: Iterable[str]) -> Action:
    names = ", ".join(node.partition("/")[2] for node in late)
    why = f"to find {names}" if names else "as its last deployment failed"
    return action._replace(kind=UPDATE, note=f"deployed again, {why}")


class _Planner:
    """Goes through the stack in order; what is replaced gives its dependents unknown values."""

    def __init__(
        self, stack: Stack, observed: ObservedState, context: HandlerContext, choices: PlanOptions
    ) -> None:
        self.stack, self.observed, self.context, self.choices = stack, observed, context, choices
        self.wants: dict[str, Json] = {}
        self.extra: dict[str, FoundResource] = {}
        self.report: list[Diagnostic] = []
        self._renewed: set[str] = set()
        self._revised: set[str] = set()
        self._scaled = {t.service.logical_id for _, t in stack.of_type(ScalableTarget)}
        self._scheduled = {node.partition("/")[2] for node, _ in stack.of_type(Schedule)}
        self._awaited = {after.logical_id for entries in stack.after.values() for after in entries}
        self._kinds: dict[str, Action] = {}
        self._groups = {str(one.key): one.name for one in observed.owned.get(SecurityGroup, ())}

    def action(self, logical_id: str) -> Action:
        """Decide what is done about one resource; what it refers to is decided first."""
        if logical_id in self._kinds:
            return self._kinds[logical_id]
        from compose2fargate.apply.deployment.read_state import referenced_ids

        resource = self.stack.resources[logical_id]
        for other in referenced_ids(resource):
            if other != logical_id and other in self.stack.resources:
                self.action(other)
        self._kinds[logical_id] = action = self._decide(logical_id, resource)
        return action

    def _decide(self, logical_id: str, resource: Any) -> Action:
        found = self.observed.found.get(logical_id)
        name = name_in_stack(resource) or (found.name if found else "")
        about = Action(KEEP, logical_id, type(resource).__name__, name)
        if isinstance(resource, LOOKED_UP):
            return about
        want = self.wants[logical_id] = wanted_state(
            self.stack, logical_id, resource, self._resolve, self.context
        )
        if isinstance(resource, RunTask):
            return self._job(about, want)
        if isinstance(resource, ScalingPolicy) and resource.target_group and self._balancer_is_new():
            metric = want["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"]
            metric["ResourceLabel"] = PendingValue("load-balancer", "resource label")
        if found is None:
            self._renewed.add(logical_id)
            return about._replace(kind=CREATE)
        handler = handler_of(resource)
        region = handler.region_of(found)
        if region and region != self.context.account.region and self.context.owner.owns(found.tags or {}):
            self.report.append(
                _in_use_elsewhere(self.context.owner.stack, region, self.context.account.region)
            )
            return about._replace(kind=FOREIGN, note=f"the role of the stack in {region}")
        if self._is_foreign(found):
            self.report.append(_foreign(about))
            return about._replace(kind=FOREIGN, note="not created for this stack; --adopt takes it over")
        return self._compare(about, handler, found, want)

    def _compare(self, about: Action, handler: Handler, found: FoundResource, want: Json) -> Action:
        if about.logical_id in self._scaled:
            want["desiredCount"] = found.state.get("desiredCount", want["desiredCount"])
        changes = tuple(c for c in state_changes(dict(found.state), want) if _root(c) not in handler.inputs)
        changed = {_root(change) for change in changes}
        for member in sorted(changed & handler.fixed):
            self.report.append(_cannot_change(about, member))
        changed -= handler.fixed
        changes = tuple(c for c in changes if _root(c) in changed)
        self._stale(about, found)
        if not changes:
            return about
        why, hint = handler.refusal(found, want, frozenset(changed))
        if why:
            self.report.append(_would_lose(about, why, hint))
            return about._replace(kind=REFUSED, changes=changes, note="nothing is done about it")
        if changed & handler.immutable:
            self._renewed.add(about.logical_id)
            if about.type == EcsService.__name__:
                self.report.append(_interrupted(about))
            return about._replace(
                kind=REPLACE, changes=changes, note=_why_replaced(changed & handler.immutable)
            )
        if about.type == TaskDefinition.__name__ and changed != {"tags"}:
            self._revised.add(about.logical_id)
            return about._replace(kind=UPDATE, changes=changes, note="a new revision")
        note = "interrupts it for some minutes" if changed & handler.interrupting else ""
        return about._replace(kind=UPDATE, changes=changes, note=note)

    def _balancer_is_new(self) -> bool:
        return any(node in self._renewed for node, _ in self.stack.of_type(LoadBalancer))

    def _job(self, about: Action, want: Json) -> Action:
        service = about.logical_id.partition("/")[2]
        name = str(self.stack.origins.get(about.logical_id, service))
        about = about._replace(name=name)
        if service in self._scheduled and about.logical_id not in self._awaited:
            return about._replace(note="runs by its schedule")
        found = self.observed.found.get(about.logical_id)
        if {service, name} & set(self.choices.rerun):
            return about._replace(kind=RUN, note="asked for")
        if (
            found is None
            or self._resolve(Ref(f"task-definition/{service}", "arn")) != found.attributes["arn"]
        ):
            unknown = isinstance(want["taskDefinition"], PendingValue)
            return about._replace(
                kind=RUN, note="its task definition is new" if unknown else "it has not ended well yet"
            )
        return about._replace(note=f"has run at {found.extra}")

    def _resolve(self, ref: Ref) -> Any:
        found = self.observed.found.get(ref.logical_id)
        if found is None or ref.logical_id in self._renewed or ref.attribute not in found.attributes:
            return PendingValue(*ref)
        if ref.logical_id in self._revised and ref.attribute in ("arn", "revision"):
            return PendingValue(*ref)
        return found.attributes[ref.attribute]

    def _is_foreign(self, found: FoundResource) -> bool:
        if found.tags is None or self.choices.adopt:
            return False
        return not self.context.owner.owns(found.tags)

    def _stale(self, about: Action, found: FoundResource) -> None:
        """Remember what a replacement that did not end left behind; it is deleted in any case."""
        stale = found.extra if isinstance(found.extra, list) else []
        for one in stale:
            self.extra[f"{about.logical_id} (replaced)"] = one

    # -- what is no longer wanted

    def leftovers(self) -> list[Action]:
        """Give what is ours and not in the stack, in the order in which it would be deleted."""
        kept = {
            (kind, _key(part))
            for node, found in self.observed.found.items()
            for kind in [type(self.stack.resources[node])]
            for part in HANDLERS[kind].parts(found)
        }
        actions = [
            Action(
                DELETE,
                node,
                type(self.stack.resources[node.partition(" (")[0]]).__name__,
                found.name,
                note="left by a replacement",
            )
            for node, found in self.extra.items()
        ]
        kept |= {
            (type(self.stack.resources[node.partition(" (")[0]]), _key(found.key))
            for node, found in self.extra.items()
        }
        left = [
            (kind, one)
            for kind in sorted(self.observed.owned, key=lambda kind: DELETION_RANK[kind])
            # By name: AWS lists in the order of creation, which is another in each concurrent deployment.
            for one in sorted(self.observed.owned[kind], key=lambda one: (one.name, _key(one.key)))
            if (kind, _key(one.key)) not in kept and (self.choices.prune or not HANDLERS[kind].is_going(one))
        ]
        held = {
            (other, _key(key)): titled(word_of(kind.__name__), one.name)
            for kind, one in left
            if not self._may_go(kind, one) or HANDLERS[kind].deletion_refusal(one)[0]
            for other, key in HANDLERS[kind].holds(one)
        }
        return [
            *actions,
            *(self._leftover(kind, one, held.get((kind, _key(one.key)), "")) for kind, one in left),
        ]

    def _leftover(self, kind: type[Any], found: FoundResource, holder: str) -> Action:
        node = found_id(kind, found, self.context.owner.stack, self._groups)
        while node in self.extra or node in self.stack.resources:
            node += "'"
        self.extra[node] = found
        why = why_left(kind, found, self.stack)
        about = Action(LEFT, node, kind.__name__, found.name, note=f"{why}; --prune deletes it")
        if not self.choices.prune:
            return about
        if not self._may_go(kind, found):
            return about._replace(note=_KEPT[kind.__name__])
        if holder:
            return about._replace(note=f"{holder} uses it")
        problem, hint = HANDLERS[kind].deletion_refusal(found)
        if problem:
            self.report.append(_not_deleted(about, problem, hint))
            return about._replace(kind=REFUSED, note="it is not deleted")
        leaves = HANDLERS[kind].deletion_note(found)
        reasons = [why if self.stack.resources else "", leaves]
        return about._replace(kind=DELETE, note="; ".join(filter(None, reasons)))

    def _may_go(self, kind: type[Any], found: FoundResource) -> bool:
        """Whether something may be deleted by a plan that deletes."""
        if not HANDLERS[kind].keeps_data or HANDLERS[kind].is_going(found):
            return True
        return bool(getattr(self.choices, _DATA[kind.__name__]))


_DATA = {
    "FileSystem": "volumes",
    "Repository": "images",
    "SecretParameter": "secrets",
    "ManagedSecret": "secrets",
    "DbInstance": "stores",
    "CacheReplicationGroup": "stores",
}
_KEPT = {
    "FileSystem": "holds data; --volumes deletes it too",
    "Repository": "holds images; --images deletes it too",
    "SecretParameter": "kept, as --keep-secrets says",
    "ManagedSecret": "kept, as --keep-secrets says",
    "DbInstance": "holds data; --stores deletes it too, after a last snapshot",
    "CacheReplicationGroup": "holds data; --stores deletes it too, after a last snapshot",
}


_STORES_URL: Final = (
    "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/Overview.DBInstance.Modifying.html"
)


def _root(change: StateChange) -> str:
    return change.member.partition(".")[0].partition("[")[0]


def _key(key: Any) -> str:
    return json.dumps(key, default=str)


def _why_replaced(members: set[str] | frozenset[str]) -> str:
    return f"AWS cannot change {', '.join(sorted(members))} of an existing one"


def _foreign(about: Action) -> Diagnostic:
    return Diagnostic(
        "C2F420",
        Severity.ERROR,
        f"{titled(about.logical_id, about.name)} exists and was not made for this stack, so it is left alone",
        hint="--adopt takes it over, --environment NAME gives every name another ending",
    )


def _would_lose(about: Action, why: str, hint: str) -> Diagnostic:
    return Diagnostic(
        "C2F576", Severity.ERROR, f"{titled(about.logical_id, about.name)}: {why}", hint=hint, url=_STORES_URL
    )


def _not_deleted(about: Action, why: str, hint: str) -> Diagnostic:
    return Diagnostic("C2F577", Severity.ERROR, f"{titled(about.logical_id, about.name)}: {why}", hint=hint)


def _in_use_elsewhere(stack: str, there: str, here: str) -> Diagnostic:
    return Diagnostic(
        "C2F422",
        Severity.ERROR,
        f"the stack {stack} runs in {there} already, and IAM roles have no region: here, in {here}, it would take the roles of that one",
        ("name",),
        hint=f"give this one a name of its own: --environment NAME or -p NAME; --region {there} is for the other one",
        url="https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html#reference_iam-quotas-names",
    )


def _cannot_change(about: Action, member: str) -> Diagnostic:
    return Diagnostic(
        "C2F421",
        Severity.WARNING,
        f"{titled(about.logical_id, about.name)}: {member} is not as the compose file wants it, and AWS cannot change it",
        hint="leave it as it is, or destroy the stack (keep the data of its volumes) and apply again",
    )


def _interrupted(about: Action) -> Diagnostic:
    return Diagnostic(
        "C2F492",
        Severity.WARNING,
        f"{about.name} must be deleted and recreated because AWS cannot change a Service Connect port's protocol; expect downtime",
        hint="to avoid downtime, add a second service with the new app_protocol, and remove this one once nothing uses it",
        url="https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PortMapping.html",
    )


def _fingerprint(actions: list[Action], wants: Mapping[str, Json], found: Mapping[str, FoundResource]) -> str:
    content = [
        [action.kind, action.logical_id, wants.get(action.logical_id), _seen(found.get(action.logical_id))]
        for action in actions
    ]
    return sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _seen(found: FoundResource | None) -> Any:
    return found and [found.key, found.state, found.tags]


# -- destroying


def plan_destruction(observed: ObservedState, context: HandlerContext, choices: PlanOptions) -> Plan:
    """Plan to delete everything that is ours, whatever the compose file says now."""
    empty = Stack(context.owner.stack, {}, {}, {})
    return make_plan(empty, observed, context, choices._replace(prune=True))
