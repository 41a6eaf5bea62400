"""Deploying as a whole: which account, whose resources, plan, carry out, save for later. What `api` calls."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any, Final

from compose2fargate.apply.aws_client.account import AwsAccount, open_account, translated_errors
from compose2fargate.apply.deployment import planner
from compose2fargate.apply.deployment.execution import ExecutionOptions, ExecutionResult, ProgressListener
from compose2fargate.apply.deployment.executor import execute_plan, prune_revisions
from compose2fargate.apply.deployment.plan_display import plan_as_json
from compose2fargate.apply.deployment.planner import Plan, PlanOptions
from compose2fargate.apply.deployment.preflight import verify_prerequisites
from compose2fargate.apply.deployment.read_state import ObservedState, read_state
from compose2fargate.apply.handlers.handler import HandlerContext, StackOwner
from compose2fargate.aws.resources import Cluster, Existing, TaskDefinition
from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import Diagnostic, Location, Severity, UsageError
from compose2fargate.disk.folder import replace_file
from compose2fargate.disk.reading import read_json
from compose2fargate.records import NamedTuple

PLAN_FORMAT: Final = 1


class DeploymentTarget(NamedTuple):
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
    context: HandlerContext
    sandbox: bool = False

    @property
    def account(self) -> AwsAccount:
        """The account."""
        return self.context.account


def open_deployment(
    stack: Stack,
    target: DeploymentTarget,
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
        from compose2fargate.apply.sandbox.sandbox_session import open_sandbox

        account = open_sandbox(target.sandbox, target.region)
    else:
        account = open_account(target.region, target.profile)
    owner = StackOwner(project, environment, stack.name)
    context = HandlerContext(account, owner, _clusters(stack), stores=stack.has_stores)
    if secret_value is not None:
        context = context._replace(secret_value=secret_value)
    return Deployment(stack, context, bool(target.sandbox))


def account_id(deployment: Deployment) -> str:
    """Ask whose credentials these are."""
    with translated_errors("asking for the account"):
        return str(deployment.account.client("sts").get_caller_identity()["Account"])


def _clusters(stack: Stack) -> tuple[str, ...]:
    own = [cluster.cluster_name for _, cluster in stack.of_type(Cluster)]
    guests = [e.identifier.rpartition("/")[2] for _, e in stack.of_type(Existing) if e.kind == "Cluster"]
    return (*own, *guests)


def check_first(deployment: Deployment) -> list[Diagnostic]:
    """Check what a stack needs and does not make: images, secrets, roles, subnets; nothing is changed.

    In the sandbox nothing is pulled and nothing runs, so missing images are no errors there.
    """
    with translated_errors("checking what the stack needs"):
        found = verify_prerequisites(deployment.stack, deployment.context)
    if not deployment.sandbox:
        return found
    return [
        one._replace(severity=Severity.INFO) if one.code in ("C2F470", "C2F471") else one for one in found
    ]


def make_plan(deployment: Deployment, choices: PlanOptions) -> Plan:
    """Look at what there is, and say what has to be done.

    Raises:
        AwsError: Something cannot be read.
    """
    with translated_errors("reading what exists"):
        return planner.make_plan(
            deployment.stack, _observed(deployment, deployment.stack), deployment.context, choices
        )


def plan_destruction(deployment: Deployment, choices: PlanOptions) -> tuple[Deployment, Plan]:
    """Give the plan that deletes everything that is the stack's, and the deployment to carry it out with."""
    nothing = Stack(deployment.stack.name, {}, {}, {})
    with translated_errors("reading what exists"):
        planned = planner.plan_destruction(_observed(deployment, nothing), deployment.context, choices)
        identity = deployment.account.client("sts").get_caller_identity()
    return deployment._replace(stack=nothing), planned._replace(account=identity["Account"])


def _observed(deployment: Deployment, stack: Stack) -> ObservedState:
    return read_state(stack, deployment.context)


def carry_out(
    deployment: Deployment, planned: Plan, options: ExecutionOptions, progress: ProgressListener | None = None
) -> ExecutionResult:
    """Do what a plan says; afterwards drop old revisions, where that was asked for."""
    result = execute_plan(deployment.stack, planned, deployment.context, options, progress)
    if options.keep_revisions and not result.diagnostics and not result.interrupted:
        families = [definition.family for _, definition in deployment.stack.of_type(TaskDefinition)]
        with translated_errors("dropping old revisions"):
            prune_revisions(families, options.keep_revisions, deployment.context)
    return result


# -- plans for later


class SavedPlan(NamedTuple):
    """A plan that was written down: what reproduces it, and what it was made of.

    There is no value of a variable or secret in it.
    """

    options: Mapping[str, Any]
    settings: Mapping[str, Any]
    choices: PlanOptions
    target: DeploymentTarget
    fingerprint: str
    actions: Mapping[str, str]


def save_plan(file: str, planned: Plan, saved: SavedPlan) -> None:
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
        "plan": plan_as_json(planned),
    }
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    try:
        replace_file(file, text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise UsageError(_file_problem(file, f"cannot be written: {error.strerror or error}")) from None


def load_plan(file: str) -> SavedPlan:
    """Read a plan back.

    Raises:
        UsageError: It cannot be read, or is no plan of this version.
    """
    try:
        document = read_json(file, stream=True)
        if document["tool"] != "compose2fargate" or document["format"] != PLAN_FORMAT:
            raise UsageError(_file_problem(file, "is not a plan of this version"))
        written = document["plan"]
        choices = {**document["choices"], "rerun": tuple(document["choices"].get("rerun", ()))}
        return SavedPlan(
            document["options"],
            document["settings"],
            PlanOptions(**choices),
            DeploymentTarget(**document["target"]),
            written["fingerprint"],
            {action["id"]: action["action"] for action in written["actions"]},
        )
    except OSError as error:
        raise UsageError(_file_problem(file, f"cannot be read: {error.strerror or error}")) from None
    except (ValueError, KeyError, TypeError):
        raise UsageError(_file_problem(file, "is not a plan: plan --out FILE writes one")) from None


def _file_problem(file: str, what: str) -> Diagnostic:
    return Diagnostic(
        "C2F418",
        Severity.ERROR,
        f"{os.path.basename(file)} {what}",
        (),
        Location(file, 1, 1),
        "plan again: compose2fargate plan --out FILE",
    )


def plan_drift(saved: SavedPlan, planned: Plan) -> Diagnostic | None:
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
        f"the plan is out of date, and nothing was changed: {what}",
        hint="plan again and review it: the compose files or AWS have changed since",
    )
