"""How a deployment is watched: a live table on a terminal, a line per event everywhere else."""

from __future__ import annotations

import sys
import threading
import time
from typing import Any

from compose2fargate.cli.console import Console, complain
from compose2fargate.text.escaping import inert, one_line
from compose2fargate.workflows.deploying import Action, ExecutionResult, ProgressListener

_STYLES = {"done": "green", "failed": "red", "started": "cyan", "waiting": "yellow", "": "dim"}
_SIGNS = {"done": "✔", "failed": "✘", "started": "…", "waiting": "…", "": "·"}


def progress_for(console: Console) -> ProgressListener:
    """Choose how to show progress: live where stderr is a terminal, as lines elsewhere, not at all with --quiet."""
    if console.quiet and console.format == "text" and sys.stderr.isatty():
        return Patience()
    if console.quiet or console.format != "text":
        return ProgressListener()
    return Live(console) if sys.stderr.isatty() and console.color else Lines(console)


class Lines(ProgressListener):
    """A line for each thing that happens: what CI logs want."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._last: dict[str, str] = {}

    def tell(self, logical_id: str, state: str, text: str = "") -> None:
        """Print what happens, unless it is the same as before."""
        line = one_line(f"{logical_id}: {state}" + (f" ({text})" if text else ""))
        with self._lock:
            if self._last.get(logical_id) != line:
                self._last[logical_id] = line
                self._console.say(line)


class Patience(ProgressListener):
    """What --quiet shows to somebody who waits: now and then a line, so that a long silence is no riddle."""

    SECONDS = 20.0

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._said = time.monotonic()

    def tell(self, logical_id: str, state: str, text: str = "") -> None:
        """Say what is waited for, where nothing was said for a while."""
        with self._lock:
            if state != "waiting" or time.monotonic() - self._said < self.SECONDS:
                return
            self._said = time.monotonic()
        complain(one_line(f"waiting for {logical_id}" + (f" ({text})" if text else "")) + "\n")


class Live(ProgressListener):
    """A table of what is under way, drawn again a few times a second; what was waited for, and what failed, stays above it.

    Everything is written by who holds the lock. rich lets each thread write what it has drawn by itself, and what one thread has
    drawn meanwhile is not erased then.
    """

    ROWS = 12
    _STAYS = ("service/", "run-task/", "schedule/")
    _LONG = 5.0

    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.RLock()
        self._rows: dict[str, tuple[str, str, float]] = {}
        self._count = self._done = 0
        self._live: Any = None
        self._height = 24
        self._ended = threading.Event()

    def begin(self, actions: tuple[Action, ...]) -> None:
        """Begin to draw."""
        from rich.console import Console as RichConsole
        from rich.live import Live as RichLive

        self._count = len(actions)
        terminal = RichConsole(file=sys.stderr, highlight=False)
        self._height = terminal.height
        self._live = RichLive(
            get_renderable=self._table, console=terminal, auto_refresh=False, transient=True
        )
        with self._lock:
            self._live.start()
        threading.Thread(target=self._draw, daemon=True).start()

    def _draw(self) -> None:
        while not self._ended.wait(0.2):
            with self._lock:
                if not self._ended.is_set():
                    self._live.refresh()

    def tell(self, logical_id: str, state: str, text: str = "") -> None:
        """Note what happens; what failed or took its time is printed for good."""
        logical_id, text = inert(one_line(logical_id)), inert(one_line(text))  # rich escapes nothing
        with self._lock:
            began = self._rows.get(logical_id, ("", "", time.monotonic()))[2]
            self._rows[logical_id] = (state, text, began)
            if state not in ("done", "failed"):
                return
            self._done += 1
            del self._rows[logical_id]
            took = time.monotonic() - began
            waited_for = logical_id.startswith(self._STAYS) or took > self._LONG
            if self._live is not None and (state == "failed" or waited_for):
                self._keep(logical_id, state, text, took)

    def _keep(self, logical_id: str, state: str, text: str, took: float) -> None:
        from rich.markup import escape

        words = f" ({escape(text)})" if text else ""
        self._live.console.print(
            f"[{_STYLES[state]}]{_SIGNS[state]}[/] {escape(logical_id)} [dim]{took:.1f} s{words}[/]"
        )

    def end(self) -> None:
        """Leave the terminal as it was."""
        if self._live is not None and not self._ended.is_set():
            with self._lock:
                self._ended.set()
                self._live.stop()

    def _table(self) -> Any:
        from rich.markup import escape
        from rich.table import Table

        table = Table.grid(padding=(0, 2))
        for _ in range(4):
            table.add_column(no_wrap=True, overflow="ellipsis")  # a row is a line, which is erased as one
        # Without our lock: rich asks for the table with its own held, and who holds ours may wait for that.
        rows = list(self._rows.items())
        title = f"{self._done} of {self._count} done"
        most = max(1, min(self.ROWS, self._height - 4))
        for logical_id, (state, text, began) in rows[:most]:
            seconds = f"{time.monotonic() - began:.0f} s"
            table.add_row(
                f"[{_STYLES[state]}]{_SIGNS[state]}[/]",
                escape(logical_id),
                escape(text),
                f"[dim]{seconds}[/]",
            )
        if len(rows) > most:
            table.add_row("", f"[dim]and {len(rows) - most} more[/]", "", "")
        table.add_row("", f"[dim]{title}[/]", "", "")
        return table


def conclude(console: Console, result: ExecutionResult, verb: str) -> None:
    """Print what became of a plan: failures with all that is known, then what is done and what is not."""
    for failure in result.failures:
        for line in failure.details:
            console.say(f"  {one_line(line)}")
        if failure.log:
            console.say(f"  last lines of {failure.about}:")
            for line in failure.log:
                console.say(f"    {one_line(line)}")
    console.report(result.diagnostics)
    done = sum(outcome.status == "done" for outcome in result.outcomes)
    left = [outcome for outcome in result.outcomes if outcome.status != "done"]
    for outcome in left:
        note = f" ({outcome.note})" if outcome.note else ""
        console.say(f"{outcome.status}: {outcome.action.kind} {outcome.action.logical_id}{note}")
    if result.interrupted:
        console.say(
            f"interrupted: {done} done, {len(left)} not; nothing was deleted. Run the command again to continue"
        )
    elif left:
        console.say(f"{done} {verb}, {len(left)} not. Fix that, and run the command again to continue")
    else:
        console.say(f"{done} {verb}")
