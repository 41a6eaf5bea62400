"""Whether a service of AWS may take a role: what its trust policy says, and under which conditions.

A role that is not there is left to whoever asks for it: the sandbox makes none that a person has in the account.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

from compose2fargate.apply.sandbox.task_behaviour import Json


def may_assume(backend: Any, role: str, principal: str, source: str) -> bool:
    """Tell whether `principal` may take a role for the resource `source` of this account.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html
    """
    from moto.iam.models import iam_backends

    roles = iam_backends[backend.account_id][backend.partition].roles.values()
    found = next((one for one in roles if role in (one.arn, one.name)), None)
    if found is None:
        return True
    known = {"aws:SourceAccount": backend.account_id, "aws:SourceArn": source}
    return any(_allows(one, principal, known) for one in _listed(_read(found).get("Statement", [])))


def _read(role: Any) -> Json:
    document = role.assume_role_policy_document
    read: Json = json.loads(document) if isinstance(document, str) else document
    return read


def _allows(statement: Json, principal: str, known: dict[str, str]) -> bool:
    if statement["Effect"] != "Allow" or principal not in _listed(statement["Principal"].get("Service")):
        return False
    return all(
        any(fnmatchcase(known.get(name, ""), value) for value in _listed(values))
        for pairs in statement.get("Condition", {}).values()
        for name, values in pairs.items()
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
