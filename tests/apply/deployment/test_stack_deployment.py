"""`plan` and `apply` refuse stores that AWS runs by name, before anything is read or made: other targets deploy them."""

from __future__ import annotations

import pytest

from compose2fargate.apply.deployment.stack_deployment import refuse_stores
from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import UsageError
from compose2fargate.sample_stack import sample_stack


def test_a_stack_with_stores_is_refused_and_the_other_targets_are_named() -> None:
    with pytest.raises(UsageError) as raised:
        refuse_stores(sample_stack())
    (one,) = raised.value.diagnostics
    assert (one.code, one.message.rpartition(": ")[2]) == ("C2F575", "orders, sessions")
    assert "terraform" in one.hint


def test_a_stack_without_stores_is_not() -> None:
    refuse_stores(Stack("shop", {}, {}, {}))
