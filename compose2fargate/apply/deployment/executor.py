"""Carries a plan out: in the order of the links, everything at once that can be, and each step safe to repeat.

An action never relies on what a run before has done: what is there already is taken, if it is ours. So a run that was
interrupted, or failed, or was killed, is finished by running it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from compose2fargate.apply.aws_client.account import StoppedError, diagnose_error
from compose2fargate.apply.aws_client.hidden_texts import hide_in_text
from compose2fargate.apply.deployment import concurrent_graph
from compose2fargate.apply.deployment.differences import state_changes
from compose2fargate.apply.deployment.execution import (
    ActionOutcome,
    ExecutionOptions,
    ExecutionResult,
    ProgressListener,
)
from compose2fargate.apply.deployment.planner import (
    CREATE,
    DELETE,
    REPLACE,
    RUN,
    UPDATE,
    Action,
    Plan,
    deployed_again,
)
from compose2fargate.apply.deployment.read_state import creation_order, wanted_state
from compose2fargate.apply.deployment.resource_words import titled
from compose2fargate.apply.deployment.rollout import (
    RolloutFailedError,
    RolloutFailure,
    RolloutWaiter,
    wait_for_job,
    wait_for_service,
)
from compose2fargate.apply.handlers import DELETION_RANK, HANDLERS, handler_of
from compose2fargate.apply.handlers.discovery_handlers import OperationFailedError
from compose2fargate.apply.handlers.handler import (
    FoundResource,
    Handler,
    HandlerContext,
    Json,
    NoSecretValueError,
)
from compose2fargate.apply.handlers.job_handlers import JobNotStartedError, RunTaskHandler
from compose2fargate.apply.handlers.task_definition_handlers import TaskDefinitionHandler
from compose2fargate.aws.api_values import Ref
from compose2fargate.aws.resources import EcsService, RunTask, ScalableTarget
from compose2fargate.aws.stack import Stack
from compose2fargate.diagnostics import AwsError, Diagnostic, Severity

_WAIT, _DELETE, _BARRIER, _AGAIN = "wait:", "delete:", "barrier:", "again:"

DONE, FAILED, SKIPPED = "done", "failed", "not done"


def execute_plan(
    stack: Stack,
    planned: Plan,
    context: HandlerContext,
    options: ExecutionOptions | None = None,
    progress: ProgressListener | None = None,
) -> ExecutionResult:
    """Carry `planned` out.

    Args:
        stack: What is wanted: the stack that the plan was made of.
        planned: What is to be done.
        context: Whose it is, and where.
        options: How.
        progress: Is told what happens.
    """
    return _Executor(
        stack, planned, context, options or ExecutionOptions(), progress or ProgressListener()
    ).run()


class _Executor:
    def __init__(
        self,
        stack: Stack,
        planned: Plan,
        context: HandlerContext,
        options: ExecutionOptions,
        progress: ProgressListener,
    ) -> None:
        self.values: dict[str, str] = {}
        self._secret_value, context = context.secret_value, context._replace(secret_value=self._read_secret)
        self.stack, self.plan, self.context, self.options = stack, planned, context, options
        self.progress = progress
        self.actions = {action.logical_id: action for action in planned.pending}
        self.attributes: dict[str, Mapping[str, Any]] = {
            node: f.attributes for node, f in planned.found.items()
        }
        self.replaced: dict[str, FoundResource] = {}
        self.tasks: dict[str, list[str]] = {}
        self.notes: dict[str, str] = {}
        self.seconds: dict[str, float] = {}
        self.stop = context.account.begin()
        self.waiter = RolloutWaiter(context.account, options.timeout, self.stop)
        self._scaled = {t.service.logical_id for _, t in stack.of_type(ScalableTarget)}
        self._late = deployed_again(stack, self.actions, planned.found)

    def run(self) -> ExecutionResult:
        """Carry everything out, and tell what became of it."""
        self.context.account.forget()
        edges = self._edges()
        self.progress.begin(tuple(self.actions.values()))
        try:
            ran = concurrent_graph.run_graph(edges, self._work, workers=self.options.workers, stop=self.stop)
        finally:
            self.progress.end()
        return self._result(ran)

    def _read_secret(self, name: str) -> str:
        """Read a secret's value, and remember to hide it in what AWS may say about it."""
        self.values[name] = value = self._secret_value(name)
        return value

    def _hidden(self, node: str, diagnostic: Diagnostic) -> Diagnostic:
        """Hide the value of the secret that a refusal is about: AWS may repeat what it does not take."""
        value = self.values.get(getattr(self.stack.resources.get(node), "name", ""))
        return diagnostic._replace(message=hide_in_text(diagnostic.message, value)) if value else diagnostic

    # -- the graph

    def _edges(self) -> dict[str, set[str]]:
        """Give every step and what it waits for; steps that change nothing are left out, their links kept."""
        links = creation_order(self.stack)
        edges = {node: self._through(links, node) for node, a in self.actions.items() if a.kind != DELETE}
        for node, entries in self.stack.after.items():
            if node in edges:
                edges[node] |= {
                    s for after in entries for s in self._awaited(after.logical_id, after.condition)
                }
        for node in [node for node in edges if self._is_awaited(node)]:
            edges[_WAIT + node] = {node}
        made = {node for node in edges if self._is_new_service(node)}
        for node in made.intersection(self.stack.again):
            edges[_AGAIN + node] = set(made)
        for node, late in self._late.items():
            if late:
                edges[_AGAIN + node] = {node, *(one for one in late if one in edges)}
        return {**edges, **self._deletions(set(edges))}

    def _is_new_service(self, node: str) -> bool:
        return (
            node in self.actions
            and self.actions[node].kind in (CREATE, REPLACE)
            and isinstance(self.stack.resources[node], EcsService)
        )

    def _through(self, links: Mapping[str, set[str]], node: str) -> set[str]:
        """Follow links over resources that nothing is done about."""
        found: set[str] = set()
        seen: set[str] = set()
        left = list(links[node])
        while left:
            other = left.pop()
            if other in seen:
                continue
            seen.add(other)
            if other in self.actions:
                found.add(other)
            else:
                left.extend(links[other])
        return found - {node}

    def _awaited(self, logical_id: str, condition: str) -> set[str]:
        if logical_id not in self.actions:
            return set()
        return {logical_id} if condition == "started" else {_WAIT + logical_id}

    def _is_awaited(self, node: str) -> bool:
        resource = self.stack.resources[node]
        if isinstance(resource, RunTask):
            return True
        needed = any(
            after.logical_id == node and after.condition != "started"
            for waiting, entries in self.stack.after.items()
            for after in entries
            if waiting in self.actions
        )
        return isinstance(resource, EcsService) and (self.options.wait or needed)

    def _deletions(self, before: set[str]) -> dict[str, set[str]]:
        """Delete when all else is done and healthy, in the order of types; a barrier stands between two of them."""
        edges: dict[str, set[str]] = {}
        barrier = f"{_BARRIER}done"
        edges[barrier] = set(before)
        for rank in range(max(DELETION_RANK.values()) + 1):
            nodes = [
                f"{_DELETE}{node}"
                for node, a in self.actions.items()
                if a.kind == DELETE and self._rank(a) == rank
            ]
            nodes += [
                f"{_DELETE}{node}"
                for node, a in self.actions.items()
                if a.kind == REPLACE and self._rank(a) == rank
            ]
            edges.update({node: {barrier} for node in nodes})
            if nodes:
                barrier = f"{_BARRIER}{rank}"
                edges[barrier] = set(nodes)
        return edges

    def _rank(self, action: Action) -> int:
        return next(rank for kind, rank in DELETION_RANK.items() if kind.__name__ == action.type)

    # -- the steps

    def _work(self, node: str) -> None:
        if node.startswith(_BARRIER):
            return
        name = _name(node)
        began = time.monotonic()
        try:
            with self.context.account.telling(lambda text: self.progress.tell(name, "waiting", text)):
                self._step(node, name)
        except StoppedError:
            raise
        except BaseException:
            self.progress.tell(name, FAILED)
            raise
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - began
        if _WAIT + node not in self._waits:
            self.progress.tell(name, DONE, self.notes.get(name, ""))

    @property
    def _waits(self) -> set[str]:
        return {
            _WAIT + node
            for node, a in self.actions.items()
            if a.kind != DELETE and node in self.stack.resources and self._is_awaited(node)
        }

    def _step(self, node: str, name: str) -> None:
        if node.startswith(_WAIT):
            self._wait(name)
        elif node.startswith(_AGAIN):
            self._deploy_again(name)
        elif node.startswith(_DELETE):
            self._delete(name)
        else:
            self.progress.tell(name, "started", self.actions[name].kind)
            found = _DO[self.actions[name].kind](self, name)
            self.attributes[name] = found.attributes

    def _want(self, logical_id: str) -> Json:
        return wanted_state(
            self.stack, logical_id, self.stack.resources[logical_id], self._resolve, self.context
        )

    def _resolve(self, ref: Ref) -> Any:
        return self.attributes[ref.logical_id][ref.attribute]

    def _create(self, logical_id: str) -> FoundResource:
        handler, want = handler_of(self.stack.resources[logical_id]), self._want(logical_id)
        return self._make(logical_id, handler, want, lambda: handler.create(want, self.context))

    def _make(
        self, logical_id: str, handler: Handler, want: Json, make: Callable[[], FoundResource]
    ) -> FoundResource:
        """Create; what is there by now is taken if it is ours: by a lost answer, or by somebody else's apply."""
        try:
            return make()
        except self.context.account.client_error as error:
            if not handler.is_there(error):
                raise
            found = handler.find(want, self.context)
            if found is None:
                raise
        if found.tags is not None and not self.context.owner.owns(found.tags) and not self.options.adopt:
            raise AwsError(_appeared(self.actions[logical_id]))
        self.notes[logical_id] = "it was there by now"
        return self._bring(logical_id, handler, found, want)

    def _update(self, logical_id: str) -> FoundResource:
        handler, want = handler_of(self.stack.resources[logical_id]), self._want(logical_id)
        found = self._bring(logical_id, handler, self.plan.found[logical_id], want)
        if self._late.get(logical_id) == ():  # before it is waited for, unlike those that are to find others
            self._force_deployment(want)
        return found

    def _bring(self, logical_id: str, handler: Handler, found: FoundResource, want: Json) -> FoundResource:
        """Change what differs now that all links are known; make it anew if it has gone meanwhile."""
        if logical_id in self._scaled:
            want["desiredCount"] = found.state.get("desiredCount", want["desiredCount"])
        changed = frozenset(
            c.member.partition(".")[0].partition("[")[0] for c in state_changes(dict(found.state), want)
        )
        changed -= handler.fixed | handler.immutable | handler.inputs
        if not changed:
            return found
        try:
            return handler.update(found, want, changed, self.context)
        except self.context.account.client_error as error:
            if not handler.is_missing(error) or handler.find(want, self.context) is not None:
                raise
        self.notes[logical_id] = "it was gone, and was recreated"
        return handler.create(want, self.context)

    def _replace(self, logical_id: str) -> FoundResource:
        handler, want, found = (
            handler_of(self.stack.resources[logical_id]),
            self._want(logical_id),
            self.plan.found[logical_id],
        )
        if logical_id in self._scaled:
            want["desiredCount"] = found.state.get("desiredCount", want["desiredCount"])
        if not handler.replaced_first:
            handler.delete(found, self.context)
            return self._make(logical_id, handler, want, lambda: handler.create(want, self.context))
        self.replaced[logical_id] = found
        return self._make(logical_id, handler, want, lambda: handler.succeed(found, want, self.context))

    def _run(self, logical_id: str) -> FoundResource:
        want = self._want(logical_id)
        handler = RunTaskHandler()
        try:
            self.tasks[logical_id] = handler.start(want, self.context, again=logical_id in self.plan.found)
        except JobNotStartedError as error:
            name = self.actions[logical_id].name
            message = f"job {name} was not started: {error}"
            diagnostic = Diagnostic("C2F433", Severity.ERROR, message, hint="run the command again")
            raise RolloutFailedError(RolloutFailure(name, diagnostic)) from None
        return FoundResource(want["taskDefinition"], {"arn": want["taskDefinition"]}, want)

    def _wait(self, logical_id: str) -> None:
        want, action = self._want(logical_id), self.actions[logical_id]

        def report(text: str) -> None:
            self.progress.tell(logical_id, "waiting", text)

        if action.kind != RUN:
            wait_for_service(
                self.waiter, want["cluster"], want["serviceName"], want["taskDefinition"], report
            )
            return
        handler = RunTaskHandler()
        try:
            wait_for_job(self.waiter, want["cluster"], action.name, self.tasks[logical_id], report)
        except RolloutFailedError as failed:
            if failed.failure.diagnostic.code == "C2F433":
                handler.ended(want, self.context, well=False, at="")
            raise
        now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        handler.ended(want, self.context, well=True, at=now)

    def _deploy_again(self, logical_id: str) -> None:
        """Let a service find the names of those that were made after it: a deployment sees what is there when it begins."""
        self._force_deployment(self._want(logical_id))
        self.notes[logical_id] = "deployed again, to find services that were created after it"
        if self.options.wait:
            self._wait(logical_id)

    def _force_deployment(self, want: Json) -> None:
        self.context.account.client("ecs").update_service(
            cluster=want["cluster"], service=want["serviceName"], forceNewDeployment=True
        )

    def _delete(self, logical_id: str) -> None:
        action = self.actions[logical_id]
        handler = next(h for kind, h in HANDLERS.items() if kind.__name__ == action.type)
        if action.kind == REPLACE:
            if logical_id in self.replaced:
                handler.delete(self.replaced[logical_id], self.context)
            return
        self.progress.tell(logical_id, "started", DELETE)
        handler.delete(self.plan.found[logical_id], self.context)

    # -- the result

    def _result(self, ran: concurrent_graph.GraphResult) -> ExecutionResult:
        failures = [e.failure for e in ran.failed.values() if isinstance(e, RolloutFailedError)]
        diagnostics = [failure.diagnostic for failure in failures]
        for node, error in ran.failed.items():
            if not isinstance(error, (RolloutFailedError, StoppedError)):
                diagnostics += [self._hidden(node, one) for one in _diagnostics(node, error)]
        stopped = any(isinstance(error, StoppedError) for error in ran.failed.values())
        unique = tuple({(d.code, d.message): d for d in diagnostics}.values())
        outcomes = tuple(self._outcome(action, ran) for action in self.actions.values())
        return ExecutionResult(outcomes, unique, tuple(failures), ran.interrupted or stopped)

    def _outcome(self, action: Action, ran: concurrent_graph.GraphResult) -> ActionOutcome:
        nodes = [prefix + action.logical_id for prefix in ("", _WAIT, _DELETE, _AGAIN)]
        nodes = [node for node in nodes if node in ran.done or node in ran.failed or node in ran.skipped]
        seconds = round(self.seconds.get(action.logical_id, 0.0), 1)
        for node in nodes:
            if node in ran.failed and not isinstance(ran.failed[node], StoppedError):
                return ActionOutcome(action, FAILED, "", seconds)
        for node in nodes:
            if node in ran.failed or node in ran.skipped:
                return ActionOutcome(action, SKIPPED, self._begun(node, ran) or _cause(node, ran), seconds)
        return ActionOutcome(action, DONE, self.notes.get(action.logical_id, ""), seconds)

    def _begun(self, node: str, ran: concurrent_graph.GraphResult) -> str:
        """Say how far an action came that was interrupted; "" for one that was not begun."""
        name = _name(node)
        if node in ran.failed and self.actions[name].kind == REPLACE and node == name:
            return "the old one may be gone; the next apply creates the new one"
        return "it was started, and continues in AWS" if node in ran.failed or name in ran.done else ""


_DO: Mapping[str, Callable[[_Executor, str], FoundResource]] = {
    CREATE: _Executor._create,  # noqa: SLF001 - the class's own table
    UPDATE: _Executor._update,  # noqa: SLF001
    REPLACE: _Executor._replace,
    RUN: _Executor._run,  # noqa: SLF001
}


def _name(node: str) -> str:
    """Give the resource that a step is about."""
    return next((node.removeprefix(p) for p in (_DELETE, _WAIT, _AGAIN) if node.startswith(p)), node)


def _cause(node: str, ran: concurrent_graph.GraphResult) -> str:
    cause = ran.skipped.get(node, "").removeprefix(_WAIT)
    return f"waits for {cause}" if cause and _BARRIER not in cause else ""


def _appeared(action: Action) -> Diagnostic:
    return Diagnostic(
        "C2F420",
        Severity.ERROR,
        f"{titled(action.logical_id, action.name)} exists by now and was not made for this stack, so it is left alone",
        hint="plan again to see it; --adopt takes it over",
    )


def _diagnostics(node: str, error: BaseException) -> Iterable[Diagnostic]:
    if isinstance(error, AwsError):
        return error.diagnostics
    name = _name(node)
    if isinstance(error, NoSecretValueError):
        message = f"{name}: the value of {error} is not known"
        return [
            Diagnostic(
                "C2F415",
                Severity.ERROR,
                message,
                hint="run compose2fargate secrets push, or write it in AWS by hand",
            )
        ]
    if isinstance(error, OperationFailedError):
        return [Diagnostic("C2F407", Severity.ERROR, f"{name}: {error}", hint="run the command again")]
    diagnostic = diagnose_error(error, name)
    if diagnostic is None:
        raise error
    return [diagnostic]


def prune_revisions(families: Iterable[str], keep: int, context: HandlerContext) -> int:
    """Deregister all but the newest `keep` revisions of each family, and say how many that were.

    A service goes on with a revision that is deregistered, but nobody can go back to it.
    """
    handler, count = TaskDefinitionHandler(), 0
    for family in families:
        for arn in handler.revisions(family, context)[keep:]:
            context.account.client("ecs").deregister_task_definition(taskDefinition=arn)
            count += 1
    return count
