"""Carries a plan out: in the order of the links, everything at once that can be, and each step safe to repeat.

An action never relies on what a run before has done: what is there already is taken, if it is ours. So a run that was
interrupted, or failed, or was killed, is finished by running it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from typing import Any, Final, NamedTuple

from compose2fargate.apply import graph
from compose2fargate.apply.account import StoppedError, diagnose
from compose2fargate.apply.differences import differences, masked
from compose2fargate.apply.handlers import DELETION_RANK, HANDLERS, handler_of
from compose2fargate.apply.handlers.core import Context, Found, Handler, Json, NoSecretValueError
from compose2fargate.apply.handlers.discovery import OperationFailedError
from compose2fargate.apply.handlers.ecs import JobNotStartedError, RunTaskHandler, TaskDefinitionHandler
from compose2fargate.apply.observe import order, wanted
from compose2fargate.apply.planner import CREATE, DELETE, REPLACE, RUN, UPDATE, Action, Plan
from compose2fargate.apply.waiting import (
    FailedError,
    Failure,
    Waiter,
    wait_for_job,
    wait_for_service,
)
from compose2fargate.aws.resources import EcsService, RunTask, ScalableTarget
from compose2fargate.aws.stack import Stack
from compose2fargate.aws.values import Ref
from compose2fargate.diagnostics import AwsError, Diagnostic, Severity

WORKERS: Final = 128
_WAIT, _DELETE, _BARRIER = "wait:", "delete:", "barrier:"

DONE, FAILED, SKIPPED = "done", "failed", "not done"


class Outcome(NamedTuple):
    """What became of one action.

    Attributes:
        action: The action.
        status: done, failed or "not done".
        note: What else there is to say.
        seconds: How long it took.
    """

    action: Action
    status: str
    note: str = ""
    seconds: float = 0.0


class Result(NamedTuple):
    """What became of a plan.

    Attributes:
        outcomes: One for each action that was to change something.
        diagnostics: Everything that went wrong.
        failures: What is known about services and jobs that failed.
        interrupted: Whether the user stopped it.
    """

    outcomes: tuple[Outcome, ...]
    diagnostics: tuple[Diagnostic, ...] = ()
    failures: tuple[Failure, ...] = ()
    interrupted: bool = False

    @property
    def exit_code(self) -> int:
        """0 done, 1 something does not run as it should, 3 AWS refused, 130 interrupted."""
        if self.interrupted:
            return 130
        refused = [d for d in self.diagnostics if d.code not in _UNHEALTHY]
        return 3 if refused else 1 if self.diagnostics else 0


_UNHEALTHY = frozenset(
    {"C2F415", "C2F420", "C2F430", "C2F431", "C2F432", "C2F433", "C2F434", "C2F497", "C2F498", "C2F499"}
)


class Progress:
    """Is told what happens while a plan is carried out; this one says nothing."""

    def begin(self, actions: tuple[Action, ...]) -> None:
        """The actions that are going to be carried out."""

    def tell(self, logical_id: str, state: str, text: str = "") -> None:
        """An action is started, waits for something (`text` says how far it is), is done or has failed."""

    def end(self) -> None:
        """Nothing more happens."""


class Options(NamedTuple):
    """How a plan is carried out.

    Attributes:
        adopt: Take over what is not ours.
        wait: Wait until services are steady; what others depend on is awaited in any case.
        timeout: How many seconds a service or job may take.
        keep_revisions: How many revisions of a task definition stay; 0 for all.
        workers: How many calls are under way at once.
    """

    adopt: bool = False
    wait: bool = True
    timeout: float = 1200.0
    keep_revisions: int = 0
    workers: int = WORKERS


def execute(
    stack: Stack,
    planned: Plan,
    context: Context,
    options: Options | None = None,
    progress: Progress | None = None,
) -> Result:
    """Carry `planned` out.

    Args:
        stack: What is wanted: the stack that the plan was made of.
        planned: What is to be done.
        context: Whose it is, and where.
        options: How.
        progress: Is told what happens.
    """
    return _Executor(stack, planned, context, options or Options(), progress or Progress()).run()


class _Executor:
    def __init__(
        self, stack: Stack, planned: Plan, context: Context, options: Options, progress: Progress
    ) -> None:
        self.values: dict[str, str] = {}
        self._secret_value, context = context.secret_value, context._replace(secret_value=self._read_secret)
        self.stack, self.plan, self.context, self.options = stack, planned, context, options
        self.progress = progress
        self.actions = {action.logical_id: action for action in planned.pending}
        self.attributes: dict[str, Mapping[str, Any]] = {
            node: f.attributes for node, f in planned.found.items()
        }
        self.replaced: dict[str, Found] = {}
        self.tasks: dict[str, list[str]] = {}
        self.notes: dict[str, str] = {}
        self.seconds: dict[str, float] = {}
        self.stop = context.account.begin()
        self.waiter = Waiter(context.account, options.timeout, self.stop)
        self._scaled = {t.service.logical_id for _, t in stack.of_type(ScalableTarget)}

    def run(self) -> Result:
        """Carry everything out, and tell what became of it."""
        self.context.account.forget()
        edges = self._edges()
        self.progress.begin(tuple(self.actions.values()))
        try:
            ran = graph.run(edges, self._work, workers=self.options.workers, stop=self.stop)
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
        return diagnostic._replace(message=masked(diagnostic.message, value)) if value else diagnostic

    # -- the graph

    def _edges(self) -> dict[str, set[str]]:
        """Give every step and what it waits for; steps that change nothing are left out, their links kept."""
        links = order(self.stack)
        edges = {node: self._through(links, node) for node, a in self.actions.items() if a.kind != DELETE}
        for node, entries in self.stack.after.items():
            if node in edges:
                edges[node] |= {
                    s for after in entries for s in self._awaited(after.logical_id, after.condition)
                }
        for node in [node for node in edges if self._is_awaited(node)]:
            edges[_WAIT + node] = {node}
        return {**edges, **self._deletions(set(edges))}

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
        name = node.removeprefix(_DELETE).removeprefix(_WAIT)
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
        elif node.startswith(_DELETE):
            self._delete(name)
        else:
            self.progress.tell(name, "started", self.actions[name].kind)
            found = _DO[self.actions[name].kind](self, name)
            self.attributes[name] = found.attributes

    def _want(self, logical_id: str) -> Json:
        return wanted(self.stack, logical_id, self.stack.resources[logical_id], self._resolve, self.context)

    def _resolve(self, ref: Ref) -> Any:
        return self.attributes[ref.logical_id][ref.attribute]

    def _create(self, logical_id: str) -> Found:
        handler, want = handler_of(self.stack.resources[logical_id]), self._want(logical_id)
        return self._make(logical_id, handler, want, lambda: handler.create(want, self.context))

    def _make(self, logical_id: str, handler: Handler, want: Json, make: Callable[[], Found]) -> Found:
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

    def _update(self, logical_id: str) -> Found:
        handler, want = handler_of(self.stack.resources[logical_id]), self._want(logical_id)
        return self._bring(logical_id, handler, self.plan.found[logical_id], want)

    def _bring(self, logical_id: str, handler: Handler, found: Found, want: Json) -> Found:
        """Change what differs now that all links are known; make it anew if it has gone meanwhile."""
        if logical_id in self._scaled:
            want["desiredCount"] = found.state.get("desiredCount", want["desiredCount"])
        changed = frozenset(
            c.member.partition(".")[0].partition("[")[0] for c in differences(dict(found.state), want)
        )
        changed -= handler.fixed | handler.immutable
        if not changed:
            return found
        try:
            return handler.update(found, want, changed, self.context)
        except self.context.account.client_error as error:
            if not handler.is_missing(error) or handler.find(want, self.context) is not None:
                raise
        self.notes[logical_id] = "it was gone, and made anew"
        return handler.create(want, self.context)

    def _replace(self, logical_id: str) -> Found:
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

    def _run(self, logical_id: str) -> Found:
        want = self._want(logical_id)
        handler = RunTaskHandler()
        try:
            self.tasks[logical_id] = handler.start(want, self.context, again=logical_id in self.plan.found)
        except JobNotStartedError as error:
            name = self.actions[logical_id].name
            message = f"job {name} was not started: {error}"
            diagnostic = Diagnostic("C2F433", Severity.ERROR, message, hint="run it again")
            raise FailedError(Failure(name, diagnostic)) from None
        return Found(want["taskDefinition"], {"arn": want["taskDefinition"]}, want)

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
        except FailedError as failed:
            if failed.failure.diagnostic.code == "C2F433":
                handler.ended(want, self.context, well=False, at="")
            raise
        now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        handler.ended(want, self.context, well=True, at=now)

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

    def _result(self, ran: graph.Run) -> Result:
        failures = [e.failure for e in ran.failed.values() if isinstance(e, FailedError)]
        diagnostics = [failure.diagnostic for failure in failures]
        for node, error in ran.failed.items():
            if not isinstance(error, (FailedError, StoppedError)):
                diagnostics += [self._hidden(node, one) for one in _diagnostics(node, error)]
        stopped = any(isinstance(error, StoppedError) for error in ran.failed.values())
        unique = tuple({(d.code, d.message): d for d in diagnostics}.values())
        outcomes = tuple(self._outcome(action, ran) for action in self.actions.values())
        return Result(outcomes, unique, tuple(failures), ran.interrupted or stopped)

    def _outcome(self, action: Action, ran: graph.Run) -> Outcome:
        nodes = [action.logical_id, _WAIT + action.logical_id, _DELETE + action.logical_id]
        nodes = [node for node in nodes if node in ran.done or node in ran.failed or node in ran.skipped]
        seconds = round(self.seconds.get(action.logical_id, 0.0), 1)
        for node in nodes:
            if node in ran.failed and not isinstance(ran.failed[node], StoppedError):
                return Outcome(action, FAILED, "", seconds)
        for node in nodes:
            if node in ran.failed or node in ran.skipped:
                return Outcome(action, SKIPPED, self._begun(node, ran) or _cause(node, ran), seconds)
        return Outcome(action, DONE, self.notes.get(action.logical_id, ""), seconds)

    def _begun(self, node: str, ran: graph.Run) -> str:
        """Say how far an action came that was interrupted; "" for one that was not begun."""
        name = node.removeprefix(_WAIT).removeprefix(_DELETE)
        if node in ran.failed and self.actions[name].kind == REPLACE and node == name:
            return "the old one may be gone; the next apply makes the new one"
        return "it was begun, and goes on in AWS" if node in ran.failed or name in ran.done else ""


_DO: Mapping[str, Callable[[_Executor, str], Found]] = {
    CREATE: _Executor._create,  # noqa: SLF001 - the class's own table
    UPDATE: _Executor._update,  # noqa: SLF001
    REPLACE: _Executor._replace,
    RUN: _Executor._run,  # noqa: SLF001
}


def _cause(node: str, ran: graph.Run) -> str:
    cause = ran.skipped.get(node, "").removeprefix(_WAIT)
    return f"waits for {cause}" if cause and _BARRIER not in cause else ""


def _appeared(action: Action) -> Diagnostic:
    return Diagnostic(
        "C2F420",
        Severity.ERROR,
        f"{action.type} {action.name} exists by now and was not made for this stack, so it is left alone",
        hint="plan again to see it; --adopt takes it over",
    )


def _diagnostics(node: str, error: BaseException) -> Iterable[Diagnostic]:
    if isinstance(error, AwsError):
        return error.diagnostics
    name = node.removeprefix(_WAIT).removeprefix(_DELETE)
    if isinstance(error, NoSecretValueError):
        message = f"{name}: nobody knows the value of {error}"
        return [
            Diagnostic(
                "C2F415",
                Severity.ERROR,
                message,
                hint="compose2fargate secrets push, or write it in AWS by hand",
            )
        ]
    if isinstance(error, OperationFailedError):
        return [Diagnostic("C2F407", Severity.ERROR, f"{name}: {error}", hint="run it again")]
    diagnostic = diagnose(error, name)
    if diagnostic is None:
        raise error
    return [diagnostic]


def trim(families: Iterable[str], keep: int, context: Context) -> int:
    """Deregister all but the newest `keep` revisions of each family, and say how many that were.

    A service goes on with a revision that is deregistered, but nobody can go back to it.
    """
    handler, count = TaskDefinitionHandler(), 0
    for family in families:
        for arn in handler.revisions(family, context)[keep:]:
            context.account.client("ecs").deregister_task_definition(taskDefinition=arn)
            count += 1
    return count
