"""What has to be done, as data: observed against wanted, resource by resource.

A plan can be printed, saved as its fingerprint, and carried out. Nothing in it has been done.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple

from compose2fargate.apply.differences import Change, differences
from compose2fargate.apply.handlers import DELETION_RANK, HANDLERS, handler_of
from compose2fargate.apply.handlers.core import Context, Found, Handler, Json, Pending
from compose2fargate.apply.observe import Observed, wanted
from compose2fargate.aws.resources import (
    Account,
    EcsService,
    Existing,
    LoadBalancer,
    Network,
    RunTask,
    ScalableTarget,
    ScalingPolicy,
    Schedule,
    TaskDefinition,
)
from compose2fargate.aws.resources import name_of as name_in_stack
from compose2fargate.aws.stack import Stack
from compose2fargate.aws.values import Ref
from compose2fargate.diagnostics import Diagnostic, Severity

CREATE, UPDATE, REPLACE, DELETE = "create", "update", "replace", "delete"
RUN, KEEP, FOREIGN, LEFT = "run", "unchanged", "foreign", "left over"
LOOKED_UP: Final = (Account, Network, Existing)


class Action(NamedTuple):
    """What is done about one resource.

    Attributes:
        kind: create, update, replace, delete, run (a job), unchanged, foreign (somebody else's, so nothing is done),
            or "left over" (ours, no longer in the compose file, deleted with `--prune` only).
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
    changes: tuple[Change, ...] = ()
    note: str = ""

    @property
    def does_something(self) -> bool:
        """Whether AWS is changed by it."""
        return self.kind in (CREATE, UPDATE, REPLACE, DELETE, RUN)


class Choices(NamedTuple):
    """What the user decided about a plan.

    Attributes:
        adopt: Take over resources of the same name that are not ours.
        prune: Delete what is ours and no longer in the compose file.
        rerun: Services whose job runs again though nothing changed.
        volumes: When destroying: delete file systems and what is on them.
        images: When destroying: delete image repositories.
        secrets: When destroying: delete secrets.
    """

    adopt: bool = False
    prune: bool = False
    rerun: tuple[str, ...] = ()
    volumes: bool = False
    images: bool = False
    secrets: bool = True


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
    found: Mapping[str, Found]
    account: str
    region: str
    fingerprint: str
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def pending(self) -> tuple[Action, ...]:
        """The actions that change something."""
        return tuple(action for action in self.actions if action.does_something)


def plan(stack: Stack, observed: Observed, context: Context, choices: Choices = Choices()) -> Plan:  # noqa: B008 - frozen
    """Compare what is wanted with what there is.

    Args:
        stack: What is wanted.
        observed: What there is.
        context: Whose it is, and where.
        choices: What the user decided.
    """
    made = _Planner(stack, observed, context, choices)
    actions = [made.action(logical_id) for logical_id in stack.resources]
    actions += made.leftovers()
    found = {**observed.found, **made.extra}
    where = observed.found.get("account")
    return Plan(
        tuple(actions),
        found,
        str(where.attributes["id"]) if where else "",
        context.account.region,
        _fingerprint(actions, made.wants, found),
        tuple(made.report),
    )


class _Planner:
    """Goes through the stack in order; what is replaced gives its dependents unknown values."""

    def __init__(self, stack: Stack, observed: Observed, context: Context, choices: Choices) -> None:
        self.stack, self.observed, self.context, self.choices = stack, observed, context, choices
        self.wants: dict[str, Json] = {}
        self.extra: dict[str, Found] = {}
        self.report: list[Diagnostic] = []
        self._renewed: set[str] = set()
        self._revised: set[str] = set()
        self._scaled = {t.service.logical_id for _, t in stack.of_type(ScalableTarget)}
        self._scheduled = {node.partition("/")[2] for node, _ in stack.of_type(Schedule)}
        self._awaited = {after.logical_id for entries in stack.after.values() for after in entries}
        self._kinds: dict[str, Action] = {}

    def action(self, logical_id: str) -> Action:
        """Decide what is done about one resource; what it refers to is decided first."""
        if logical_id in self._kinds:
            return self._kinds[logical_id]
        from compose2fargate.apply.observe import references

        resource = self.stack.resources[logical_id]
        for other in references(resource):
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
        want = self.wants[logical_id] = wanted(self.stack, logical_id, resource, self._resolve, self.context)
        if isinstance(resource, RunTask):
            return self._job(about, want)
        if isinstance(resource, ScalingPolicy) and resource.target_group and self._balancer_is_new():
            metric = want["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"]
            metric["ResourceLabel"] = Pending("load-balancer", "resource label")
        if found is None:
            self._renewed.add(logical_id)
            return about._replace(kind=CREATE)
        handler = handler_of(resource)
        if self._is_foreign(found):
            self.report.append(_foreign(about))
            return about._replace(kind=FOREIGN, note="not made for this stack; --adopt takes it over")
        return self._compare(about, handler, found, want)

    def _compare(self, about: Action, handler: Handler, found: Found, want: Json) -> Action:
        if about.logical_id in self._scaled:
            want["desiredCount"] = found.state.get("desiredCount", want["desiredCount"])
        changes = tuple(differences(dict(found.state), want))
        changed = {change.member.partition(".")[0].partition("[")[0] for change in changes}
        for member in sorted(changed & handler.fixed):
            self.report.append(_cannot_change(about, member))
        changed -= handler.fixed
        changes = tuple(c for c in changes if c.member.partition(".")[0].partition("[")[0] in changed)
        self._stale(about, found)
        if not changes:
            return about
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
        return about._replace(kind=UPDATE, changes=changes)

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
            unknown = isinstance(want["taskDefinition"], Pending)
            return about._replace(
                kind=RUN, note="its task definition is new" if unknown else "it has not ended well yet"
            )
        return about._replace(note=f"has run at {found.extra}")

    def _resolve(self, ref: Ref) -> Any:
        found = self.observed.found.get(ref.logical_id)
        if found is None or ref.logical_id in self._renewed or ref.attribute not in found.attributes:
            return Pending(*ref)
        if ref.logical_id in self._revised and ref.attribute in ("arn", "revision"):
            return Pending(*ref)
        return found.attributes[ref.attribute]

    def _is_foreign(self, found: Found) -> bool:
        if found.tags is None or self.choices.adopt:
            return False
        return not self.context.owner.owns(found.tags)

    def _stale(self, about: Action, found: Found) -> None:
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
        for kind in sorted(self.observed.owned, key=lambda kind: DELETION_RANK[kind]):
            owned = self.observed.owned[kind]
            actions += [self._leftover(kind, one) for one in owned if (kind, _key(one.key)) not in kept]
        return actions

    def _leftover(self, kind: type[Any], found: Found) -> Action:
        node = f"{kind.__name__}/{found.name or found.key}"
        while node in self.extra:
            node += "'"
        self.extra[node] = found
        about = Action(
            LEFT, node, kind.__name__, found.name, note="no longer in the compose file; --prune deletes it"
        )
        if not self.choices.prune:
            return about
        if HANDLERS[kind].keeps_data and not self._may_go(kind):
            return about._replace(note=f"holds data; {_FLAGS[kind.__name__]} deletes it too")
        return about._replace(
            kind=DELETE, note="no longer in the compose file" if self.stack.resources else ""
        )

    def _may_go(self, kind: type[Any]) -> bool:
        return bool(getattr(self.choices, _DATA[kind.__name__]))


_DATA = {
    "FileSystem": "volumes",
    "Repository": "images",
    "SecretParameter": "secrets",
    "ManagedSecret": "secrets",
}
_FLAGS = {
    "FileSystem": "--volumes",
    "Repository": "--images",
    "SecretParameter": "--secrets",
    "ManagedSecret": "--secrets",
}


def _key(key: Any) -> str:
    return json.dumps(key, default=str)


def _why_replaced(members: set[str] | frozenset[str]) -> str:
    return f"AWS does not change {', '.join(sorted(members))} of what exists"


def _foreign(about: Action) -> Diagnostic:
    return Diagnostic(
        "C2F420",
        Severity.ERROR,
        f"{about.type} {about.name} exists and was not made for this stack, so it is left alone",
        hint="--adopt takes it over, --environment NAME gives every name another ending",
    )


def _cannot_change(about: Action, member: str) -> Diagnostic:
    return Diagnostic(
        "C2F421",
        Severity.WARNING,
        f"{about.type} {about.name}: {member} is not as the compose file wants it, and AWS cannot change it",
        hint="it stays as it is; to have it otherwise, destroy the stack (keep what the volumes hold) and apply again",
    )


def _interrupted(about: Action) -> Diagnostic:
    return Diagnostic(
        "C2F492",
        Severity.WARNING,
        f"{about.name} is deleted and made anew, since AWS does not change what a Service Connect port speaks: nothing serves meanwhile",
        hint="to go on serving: a second service with the new app_protocol, and this one removed when nobody uses it any more",
        url="https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_PortMapping.html",
    )


def _fingerprint(actions: list[Action], wants: Mapping[str, Json], found: Mapping[str, Found]) -> str:
    content = [
        [action.kind, action.logical_id, wants.get(action.logical_id), _seen(found.get(action.logical_id))]
        for action in actions
    ]
    return sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _seen(found: Found | None) -> Any:
    return found and [found.key, found.state, found.tags]


# -- destroying


def destruction(observed: Observed, context: Context, choices: Choices) -> Plan:
    """Plan to delete everything that is ours, whatever the compose file says now."""
    empty = Stack(context.owner.stack, {}, {}, {})
    return plan(empty, observed, context, choices._replace(prune=True))


# -- showing


_SIGNS: Mapping[str, str] = {
    CREATE: "+",
    UPDATE: "~",
    REPLACE: "±",
    DELETE: "-",
    RUN: ">",
    KEEP: " ",
    FOREIGN: "!",
    LEFT: "?",
}


def as_text(
    planned: Plan, *, unchanged: bool = False, paint: Callable[[str, str], str] = lambda text, _: text
) -> str:
    """Write a plan for people: a line per resource, one per changed member, and the sum."""
    from compose2fargate.apply.differences import shown

    lines = []
    for action in planned.actions:
        if (action.kind == KEEP and not unchanged) or (action.kind == KEEP and action.type in _QUIET):
            continue
        title = f"{_SIGNS[action.kind]} {action.kind:<9} {action.logical_id}"
        title += f"  {action.name}" if action.name and action.name not in action.logical_id else ""
        lines.append(paint(title + (f"  ({action.note})" if action.note else ""), action.kind))
        lines += [
            f"      {c.member}: {shown(c.member, c.before)} -> {shown(c.member, c.after)}"
            for c in action.changes
        ]
    return "\n".join([*lines, summary(planned)]) + "\n"


_QUIET = frozenset(kind.__name__ for kind in LOOKED_UP)


def summary(planned: Plan) -> str:
    """Say in one line how much there is to do."""
    counts = {
        kind: sum(action.kind == kind for action in planned.actions if action.type not in _QUIET)
        for kind in _SIGNS
    }
    if not planned.pending:
        text = f"nothing to do: {counts[KEEP]} resources are as the compose file wants them"
    else:
        parts = (
            (CREATE, "to create"),
            (UPDATE, "to update"),
            (REPLACE, "to replace"),
            (DELETE, "to delete"),
            (RUN, "to run"),
            (KEEP, "unchanged"),
        )
        text = ", ".join(f"{counts[kind]} {words}" for kind, words in parts if counts[kind])
    if counts[LEFT]:
        text += f"; {counts[LEFT]} left over (--prune)"
    return text + (f"; {counts[FOREIGN]} not ours" if counts[FOREIGN] else "")


def as_json(planned: Plan) -> Json:
    """Give a plan as plain JSON; what looks like a secret is hidden in it too."""
    from compose2fargate.apply.differences import shown

    return {
        "account": planned.account,
        "region": planned.region,
        "fingerprint": planned.fingerprint,
        "in_sync": not planned.pending,
        "actions": [
            {
                "action": action.kind,
                "id": action.logical_id,
                "type": action.type,
                "name": action.name,
                **({"note": action.note} if action.note else {}),
                **(
                    {
                        "changes": [
                            {
                                "member": c.member,
                                "before": shown(c.member, c.before),
                                "after": shown(c.member, c.after),
                            }
                            for c in action.changes
                        ]
                    }
                    if action.changes
                    else {}
                ),
            }
            for action in planned.actions
        ],
    }
