"""What AWS refuses for a while only: it is waited for, and told when it does not pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from compose2fargate.apply.aws_client.account import AwsAccount, diagnose_error, error_code
from compose2fargate.apply.aws_client.transient_errors import (
    PASSING,
    TransientError,
    as_markdown,
    find_transient_error,
    retry_delays,
)
from compose2fargate.apply.deployment import executor, planner
from compose2fargate.apply.deployment.read_state import read_state
from compose2fargate.apply.sandbox.server import Sandbox
from compose2fargate.aws.stack import Stack
from tests.apply.world import Recorder, World
from tests.conftest import ROOT

SIGNED = {"elbv2": "elasticloadbalancing", "efs": "elasticfilesystem"}
"""Signing names that are not those of the clients."""
REFUSED_AT_ONCE = "InvalidRequestForTheTest"


def least(shape: Any) -> Any:
    """Make the smallest value that botocore takes for a shape."""
    if shape.type_name == "structure":
        return {name: least(shape.members[name]) for name in shape.required_members}
    if shape.type_name == "list":
        return [least(shape.member)]
    values: dict[str, Any] = {"string": "x" * 20, "map": {}, "boolean": True, "double": 1.0}
    return (
        (shape.enum or [values["string"]])[0]
        if shape.type_name == "string"
        else values.get(shape.type_name, 1)
    )


def call(account: AwsAccount, service: str, operation: str) -> Any:
    from botocore import xform_name

    client = account.client(service)
    shape = client.meta.service_model.operation_model(operation).input_shape
    return getattr(client, xform_name(operation))(**least(shape))


def name(row: TransientError) -> str:
    return f"{row.service}-{row.operations[0]}-{row.codes[0]}"


@pytest.mark.parametrize("row", PASSING, ids=name)
def test_an_answer_that_passes_is_waited_for(
    sandbox: Sandbox, one_account: AwsAccount, row: TransientError
) -> None:
    for operation in row.operations:
        for code in row.codes:
            sandbox.clear()
            at = {"service": SIGNED.get(row.service, row.service), "operation": operation}
            sandbox.fault(**at, code=code, text=row.example, times=2)
            sandbox.fault(**at, code=REFUSED_AT_ONCE, skip=2, times=1)
            with pytest.raises(one_account.client_error) as refused:
                call(one_account, row.service, operation)
            assert error_code(refused.value) == REFUSED_AT_ONCE
            assert [one.operation for one in sandbox.calls] == [operation] * 3


@pytest.mark.parametrize("row", [row for row in PASSING if row.text], ids=name)
def test_the_same_code_with_another_text_is_final(row: TransientError) -> None:
    assert find_transient_error(row.service, row.operations[0], row.codes[0], row.example) == row
    assert (
        find_transient_error(row.service, row.operations[0], row.codes[0], "Subnets can not be blank.")
        is None
    )


def test_every_operation_of_the_table_exists(one_account: AwsAccount) -> None:
    for row in PASSING:
        names = one_account.client(row.service).meta.service_model.operation_names
        assert set(row.operations) <= set(names), row
        assert row.url.startswith("https://docs.aws.amazon.com/")


def test_pauses_grow_and_end_in_time() -> None:
    assert list(retry_delays(5))[:2] == [1.0, 1.5]
    assert sum(retry_delays(900)) == pytest.approx(900)
    assert max(retry_delays(900)) == 10.0


def test_the_documentation_shows_the_table() -> None:
    text = (ROOT / "docs" / "apply.md").read_text("utf-8")
    assert as_markdown() in text, "put the output of passing.as_markdown() into docs/apply.md"


# -- what does not pass


@pytest.fixture
def impatient(sandbox: Sandbox, one_session: Any) -> AwsAccount:
    """An account whose waiting takes no time."""
    return AwsAccount(one_session, rates={}, pause=0, attempts=1)


def test_what_does_not_pass_is_told_with_what_was_waited_for(sandbox: Sandbox, impatient: AwsAccount) -> None:
    text = "resource sg-0 has a dependent object"
    sandbox.fault(operation="DeleteSecurityGroup", code="DependencyViolation", text=text, times=1000)
    with pytest.raises(impatient.client_error) as refused:
        impatient.client("ec2").delete_security_group(GroupId="sg-0")
    assert 90 < len(sandbox.calls) < 110
    told = diagnose_error(refused.value, "security-group/web")
    assert told is not None
    assert told.code == "C2F496"
    assert "waited 900 seconds for network interfaces" in told.message
    assert "describe-network-interfaces" in told.hint


def test_the_progress_says_what_is_waited_for(applied: World, sandbox: Sandbox) -> None:
    text = "resource sg-0 has a dependent object"
    sandbox.fault(operation="DeleteSecurityGroup", code="DependencyViolation", text=text, times=2)
    nothing = Stack(applied.stack.name, {}, {}, {})
    chosen = planner.PlanOptions(volumes=True, images=True)
    planned = planner.plan_destruction(read_state(nothing, applied.context), applied.context, chosen)
    progress = Recorder()
    assert executor.execute_plan(nothing, planned, applied.context, progress=progress).exit_code == 0
    waits = [text for _, state, text in progress.told if state == "waiting"]
    assert any(text.startswith("for network interfaces of stopped tasks") for text in waits)


# -- a whole apply and destroy in an account that is never ready at once

CREATING = ("Create", "Register", "Put", "Authorize", "Run", "Attach")


def each_answer_once(sandbox: Sandbox, *beginnings: str) -> Iterator[tuple[str, str]]:
    """Inject each row's answer, one after the other where a call has several."""
    before: dict[tuple[str, str], int] = {}
    for row in PASSING:
        service = SIGNED.get(row.service, row.service)
        for operation in row.operations:
            if operation.startswith(beginnings):
                at = (service, operation)
                sandbox.fault(
                    service=service,
                    operation=operation,
                    code=row.codes[0],
                    text=row.example,
                    skip=before.get(at, 0),
                )
                before[at] = before.get(at, 0) + 1
                yield at


def test_an_apply_and_a_destroy_wait_for_everything(sandbox: Sandbox, account: AwsAccount) -> None:
    empty = World(account).everything()
    world = World(account)
    sandbox.clear()
    creating = set(each_answer_once(sandbox, *CREATING))
    result = world.apply()
    assert result.exit_code == 0, result.diagnostics
    met = {(c.service, c.operation) for c in sandbox.calls if c.faulted}
    assert creating - met == NOT_IN_THE_SAMPLE
    assert world.kinds() == {}
    sandbox.clear()
    deleting = set(each_answer_once(sandbox, "Delete", "Deregister"))
    result = world.destroy()
    assert result.exit_code == 0, result.diagnostics
    met = {(c.service, c.operation) for c in sandbox.calls if c.faulted}
    assert deleting - met == set()
    left = {what: count - empty[what] for what, count in world.everything().items() if count != empty[what]}
    assert left in ({}, {"certificates": 1}), left


NOT_IN_THE_SAMPLE = {
    ("ecs", "PutClusterCapacityProviders"),
    ("ec2", "AuthorizeSecurityGroupEgress"),
}
"""Calls that the sample stack needs for a change only."""
