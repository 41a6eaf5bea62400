"""Deploying as a whole: which account, whose resources, plan, carry out, save for later. What `api` calls."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from compose2fargate.apply import planner
from compose2fargate.apply.account import Account, open_account, translated
from compose2fargate.apply.executor import Options, Progress, Result, execute, trim
from compose2fargate.apply.handlers.core import Context, Owner
from compose2fargate.apply.observe import Observed, observe
from compose2fargate.apply.planner import Choices, Plan
from compose2fargate.apply.verify import verify
from compose2fargate.aws.resources import Cluster, Existing, TaskDefinition
from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import Diagnostic, Severity, UsageError

PLAN_FORMAT: Final = 1


class Target(NamedTuple):
    """Where to deploy to.

    Attributes:
        region: The region; "" for the one of boto3's chain.
        profile: A profile of the AWS configuration; "" for the default.
        sandbox: The folder whose sandbox is meant; "" for AWS itself.
    """

    region: str = ""
    profile: str = ""
    sandbox: str = ""


class Deployment(NamedTuple):
    """A stack, and the account that it is deployed to."""

    stack: Stack
    context: Context
    sandbox: bool = False

    @property
    def account(self) -> Account:
        """The account."""
        return self.context.account


def open_deployment(
    stack: Stack,
    target: Target,
    *,
    project: str,
    environment: str = "",
    secret_value: Callable[[str], str] | None = None,
) -> Deployment:
    """Find credentials and region, and say whose the resources are.

    Args:
        stack: What is wanted.
        target: Where.
        project: The compose project's name.
        environment: The environment's name; "" for none.
        secret_value: Reads the value of a secret by its name in AWS, when it is written and not before.

    Raises:
        AwsError: There are no credentials or no region, or AWS does not take them.
        UsageError: The sandbox cannot be started.
    """
    if target.sandbox:
        from compose2fargate.apply.sandbox.session import open_sandbox

        account = open_sandbox(target.sandbox, target.region)
    else:
        account = open_account(target.region, target.profile)
    owner = Owner(project, environment, stack.name)
    context = Context(account, owner, _clusters(stack))
    if secret_value is not None:
        context = context._replace(secret_value=secret_value)
    return Deployment(stack, context, bool(target.sandbox))


def account_id(deployment: Deployment) -> str:
    """Ask whose credentials these are."""
    with translated("asking for the account"):
        return str(deployment.account.client("sts").get_caller_identity()["Account"])


def _clusters(stack: Stack) -> tuple[str, ...]:
    own = [cluster.cluster_name for _, cluster in stack.of_type(Cluster)]
    guests = [e.identifier.rpartition("/")[2] for _, e in stack.of_type(Existing) if e.kind == "Cluster"]
    return (*own, *guests)


def check_first(deployment: Deployment) -> list[Diagnostic]:
    """Check what a stack needs and does not make: images, secrets, roles, subnets; nothing is changed.

    In the sandbox nothing is pulled and nothing runs, so missing images are no errors there.
    """
    with translated("checking what the stack needs"):
        found = verify(deployment.stack, deployment.context)
    if not deployment.sandbox:
        return found
    return [
        one._replace(severity=Severity.INFO) if one.code in ("C2F470", "C2F471") else one for one in found
    ]


def make_plan(deployment: Deployment, choices: Choices) -> Plan:
    """Look at what there is, and say what has to be done.

    Raises:
        AwsError: Something cannot be read.
    """
    with translated("reading what exists"):
        return planner.plan(
            deployment.stack, _observed(deployment, deployment.stack), deployment.context, choices
        )


def plan_destruction(deployment: Deployment, choices: Choices) -> tuple[Deployment, Plan]:
    """Give the plan that deletes everything that is the stack's, and the deployment to carry it out with."""
    nothing = Stack(deployment.stack.name, {}, {}, {})
    with translated("reading what exists"):
        planned = planner.destruction(_observed(deployment, nothing), deployment.context, choices)
        identity = deployment.account.client("sts").get_caller_identity()
    return deployment._replace(stack=nothing), planned._replace(account=identity["Account"])


def _observed(deployment: Deployment, stack: Stack) -> Observed:
    return observe(stack, deployment.context)


def carry_out(
    deployment: Deployment, planned: Plan, options: Options, progress: Progress | None = None
) -> Result:
    """Do what a plan says; afterwards drop old revisions, where that was asked for."""
    result = execute(deployment.stack, planned, deployment.context, options, progress)
    if options.keep_revisions and not result.diagnostics and not result.interrupted:
        families = [definition.family for _, definition in deployment.stack.of_type(TaskDefinition)]
        with translated("dropping old revisions"):
            trim(families, options.keep_revisions, deployment.context)
    return result


# -- plans for later


class Saved(NamedTuple):
    """A plan that was written down: what reproduces it, and what it was made of.

    There is no value of a variable or secret in it.
    """

    options: Mapping[str, Any]
    settings: Mapping[str, Any]
    choices: Choices
    target: Target
    fingerprint: str
    actions: Mapping[str, str]


def save_plan(file: str, planned: Plan, saved: Saved) -> None:
    """Write a plan to a file.

    Raises:
        UsageError: It cannot be written.
    """
    document = {
        "tool": "compose2fargate",
        "format": PLAN_FORMAT,
        "options": saved.options,
        "settings": saved.settings,
        "choices": saved.choices._asdict(),
        "target": saved.target._asdict(),
        "plan": planner.as_json(planned),
    }
    try:
        with open(file, "w", encoding="utf-8") as stream:
            stream.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    except OSError as error:
        raise UsageError(_file_problem(file, f"cannot be written: {error.strerror or error}")) from None


def load_plan(file: str) -> Saved:
    """Read a plan back.

    Raises:
        UsageError: It cannot be read, or is no plan of this version.
    """
    try:
        with open(file, encoding="utf-8") as stream:
            document = json.load(stream)
        if document["tool"] != "compose2fargate" or document["format"] != PLAN_FORMAT:
            raise UsageError(_file_problem(file, "is no plan of this version"))
        written = document["plan"]
        choices = {**document["choices"], "rerun": tuple(document["choices"].get("rerun", ()))}
        return Saved(
            document["options"],
            document["settings"],
            Choices(**choices),
            Target(**document["target"]),
            written["fingerprint"],
            {action["id"]: action["action"] for action in written["actions"]},
        )
    except OSError as error:
        raise UsageError(_file_problem(file, f"cannot be read: {error.strerror or error}")) from None
    except (ValueError, KeyError, TypeError):
        raise UsageError(_file_problem(file, "is no plan: plan --out FILE writes one")) from None


def _file_problem(file: str, what: str) -> Diagnostic:
    return Diagnostic(
        "C2F418", Severity.ERROR, f"{os.path.basename(file)} {what}", hint="compose2fargate plan --out FILE"
    )


def moved(saved: Saved, planned: Plan) -> Diagnostic | None:
    """Say what is not as it was when a plan was saved; None when nothing moved."""
    if saved.fingerprint == planned.fingerprint:
        return None
    now = {action.logical_id: action.kind for action in planned.actions}
    other = [
        f"{node}: {saved.actions.get(node, 'not there')} then, {now.get(node, 'not there')} now"
        for node in dict.fromkeys([*saved.actions, *now])
        if saved.actions.get(node) != now.get(node)
    ]
    what = "; ".join(other[:5]) or "the same resources, with other values"
    return Diagnostic(
        "C2F419",
        Severity.ERROR,
        f"the plan is out of date, and nothing was done: {what}",
        hint="plan again and look at it: the compose files or AWS have changed since",
    )
