"""IAM policies that allow what commands call, as documents of the size that IAM takes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from compose2fargate.apply.permission_rules import ArnScope, Json, PermissionRule
from compose2fargate.apply.permissions import COMMANDS, INCLUDED, MANAGED_POLICY_CHARACTERS, QUOTAS_URL
from compose2fargate.aws import resources as aws
from compose2fargate.aws.policies import VERSION
from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import Diagnostic, Severity

# -- the document


def policy_for_commands(
    stack: Stack, project: str, commands: Iterable[str], region: str = "", account: str = ""
) -> Json:
    """Give the policy document for some commands.

    Args:
        stack: The stack.
        project: The compose project's name, which its tags hold.
        commands: Of `COMMANDS`.
        region: Where it is deployed; the stack's own where empty, and any where that is empty too.
        account: The account's id; in the same way.
    """
    known = next((resource for _, resource in stack.of_type(aws.AccountIdentity)), aws.AccountIdentity())
    where = ArnScope(stack, project, region or known.region or "*", account or known.id or "*")
    rules = [rule for name in COMMANDS if name in set(commands) for rule in INCLUDED[name]]
    return {"Version": VERSION, "Statement": list(_statements(rules, where))}


def _uncovered(resources: Iterable[str]) -> list[str]:
    """Leave out what a pattern of the same list holds already."""
    every = list(dict.fromkeys(resources))
    patterns = [one for one in every if one.endswith("*")]
    return [one for one in every if not any(one != p and one.startswith(p[:-1]) for p in patterns)]


def _only_reads(rule: PermissionRule) -> bool:
    """Tell whether a rule only reads: whoever looks a policy through wants what may write anywhere apart."""
    return all(action.partition(":")[2].startswith(("Describe", "Get", "List")) for action in rule.actions)


def _statements(rules: Iterable[PermissionRule], where: ArnScope) -> Iterator[Json]:
    """Write rules as statements; those on the same things under the same conditions become one."""
    kinds = {type(resource) for resource in where.stack.resources.values()}
    merged: dict[str, tuple[str, set[str], Json, list[str]]] = {}
    for rule in rules:
        resources = _uncovered(rule.on(where))
        if not resources or (rule.kinds and not kinds & set(rule.kinds)):
            continue
        condition = rule.condition(where)
        apart = [] if resources != ["*"] or condition else [_only_reads(rule) or rule.sid]
        key = json.dumps([sorted(resources), condition, apart], sort_keys=True)
        merged.setdefault(key, (rule.sid, set(), condition, resources))[1].update(rule.actions)
    taken: set[str] = set()
    for sid, actions, condition, resources in merged.values():
        name = next(s for s in (sid, *(f"{sid}{n}" for n in range(2, 99))) if s not in taken)
        taken.add(name)
        statement: Json = {
            "Sid": name,
            "Effect": "Allow",
            "Action": sorted(actions),
            "Resource": sorted(resources) if len(resources) > 1 else resources[0],
        }
        yield {**statement, "Condition": condition} if condition else statement


def policy_size(document: Json) -> int:
    """Count the characters of a policy as IAM does: without blanks."""
    return len("".join(json.dumps(document, separators=(",", ":")).split()))


def too_large(document: Json) -> Diagnostic | None:
    """Say when a policy is larger than a managed policy may be."""
    length = policy_size(document)
    if length <= MANAGED_POLICY_CHARACTERS:
        return None
    message = (
        f"the policy has {length} characters; a managed policy can have {MANAGED_POLICY_CHARACTERS} at most"
    )
    count = len(split_policy(document))
    hint = f"print {count} that fit: --parts (a role or user takes ten); aws iam put-role-policy takes 10240 characters"
    return Diagnostic("C2F490", Severity.WARNING, message, hint=hint, url=QUOTAS_URL)


def split_policy(document: Json) -> list[Json]:
    """Cut a policy into as many as are needed, none larger than a managed policy may be."""
    cut: list[Json] = []
    for statement in document["Statement"]:
        longer = {**document, "Statement": [*(cut[-1]["Statement"] if cut else []), statement]}
        if cut and policy_size(longer) <= MANAGED_POLICY_CHARACTERS:
            cut[-1] = longer
        else:
            cut.append({**document, "Statement": [statement]})
    return cut


def policy_allows(document: Json, action: str) -> bool:
    """Tell whether a policy allows an action on something."""
    from fnmatch import fnmatchcase

    every = (one for statement in document["Statement"] for one in statement["Action"])
    return any(fnmatchcase(action, one) for one in every)
