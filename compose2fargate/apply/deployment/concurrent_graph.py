"""Runs work on the nodes of a graph: everything at once that does not wait for something else."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

Edges = Mapping[str, Iterable[str]]
"""Each node, and what has to be done before it. What is no node of the graph counts as done."""


class GraphResult:
    """What became of each node."""

    def __init__(self) -> None:
        self.done: dict[str, Any] = {}
        self.failed: dict[str, BaseException] = {}
        self.skipped: dict[str, str] = {}
        """Nodes that were not reached, and the failed or skipped node they wait for ("" after an interrupt)."""
        self.interrupted = False


def run_graph(
    edges: Edges,
    work: Callable[[str], Any],
    *,
    workers: int = 48,
    stop: threading.Event | None = None,
    fail_fast: bool = False,
) -> GraphResult:
    """Call `work` on each node after all that it waits for; a failure stops only what waits for it.

    An interrupt (Ctrl-C) lets what is under way end, begins nothing new, and is reported: a second one is not waited for.

    Args:
        edges: The graph; it has no cycles.
        work: Called in a thread of its own.
        workers: How many threads there are at most.
        stop: Set on an interrupt, so that work that waits can end early.
        fail_fast: Begin nothing new after the first failure.
    """
    result, stopping = GraphResult(), stop or threading.Event()
    waiting = {node: {other for other in before if other in edges} for node, before in edges.items()}
    running: dict[Future[Any], str] = {}
    pool = ThreadPoolExecutor(max_workers=workers, thread_name_prefix="apply")
    try:
        while waiting or running:
            try:
                _skip(waiting, result)
                if not (stopping.is_set() or (fail_fast and result.failed)):
                    _begin(pool, work, waiting, running)
                if not running:
                    break
                _collect(running, waiting, result)
            except (KeyboardInterrupt, RuntimeError) as error:
                if result.interrupted or not _is_interrupt(error):
                    raise
                result.interrupted = True
                stopping.set()
    finally:
        pool.shutdown(wait=not result.interrupted, cancel_futures=True)
    return _with_rest(result, waiting)


def _is_interrupt(error: BaseException) -> bool:
    """Tell an interrupt, which comes between any two steps, each of which can be taken again.

    One that came while a lock was taken is a RuntimeError by the time that the lock is to be released.
    """
    return isinstance(error, KeyboardInterrupt) or isinstance(error.__context__, KeyboardInterrupt)


def _with_rest(result: GraphResult, waiting: Iterable[str]) -> GraphResult:
    """Add what was never begun."""
    never = [node for node in waiting if node not in result.done and node not in result.failed]
    result.skipped.update(dict.fromkeys(never, ""))
    return result


def _begin(
    pool: ThreadPoolExecutor,
    work: Callable[[str], Any],
    waiting: dict[str, set[str]],
    running: dict[Future[Any], str],
) -> None:
    """Begin work on all nodes that wait for nothing."""
    for node in [node for node, before in waiting.items() if not before]:
        running[pool.submit(work, node)] = node
        del waiting[node]


def _collect(running: dict[Future[Any], str], waiting: dict[str, set[str]], result: GraphResult) -> None:
    """Wait until work has ended, and write down how."""
    for future in wait(running, return_when=FIRST_COMPLETED).done:
        _settle(future, running[future], waiting, result)
        del running[future]


def _settle(future: Future[Any], node: str, waiting: dict[str, set[str]], result: GraphResult) -> None:
    error = future.exception()
    if error is not None:
        result.failed[node] = error
        return
    result.done[node] = future.result()
    for before in waiting.values():
        before.discard(node)


def _skip(waiting: dict[str, set[str]], result: GraphResult) -> None:
    """Give up what waits for a failed node, and what waits for that."""
    lost = True
    while lost:
        lost = False
        for node, before in list(waiting.items()):
            cause = next((o for o in before if o in result.failed or o in result.skipped), None)
            if cause is not None:
                result.skipped[node] = cause
                del waiting[node]
                lost = True
