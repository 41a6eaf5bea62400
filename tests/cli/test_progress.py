"""What is left on a real terminal when live progress has ended: the final state, and no frame of what was drawn."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.operations.terminal import run_on_terminal

WATCHED = """
import sys, threading, time
from compose2fargate.cli.console import Console
from compose2fargate.cli.progress import progress_for

listener = progress_for(Console(color=True, quiet=False, format="text"))
listener.begin(tuple(range(6 * 40)))

def work(part):
    for n in range(40):
        name = f"{['log-group', 'service'][n % 8 == 0]}/a-name-that-takes-its-room-on-the-line-{part}-{n}"
        listener.tell(name, "started", "create")
        time.sleep(0.01)
        listener.tell(name, "failed" if n == 39 else "done", "why it failed" if n == 39 else "")

threads = [threading.Thread(target=work, args=(part,)) for part in range(6)]
for one in threads: one.start()
for one in threads: one.join()
listener.end()
sys.stderr.write("the end\\n")
"""


def environment(home: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize("columns", [60, 110])
def test_many_threads_leave_nothing_but_the_final_state(tmp_path: Path, columns: int) -> None:
    (tmp_path / "watched.py").write_text(WATCHED)
    status, lines = run_on_terminal("python watched.py", tmp_path, environment(tmp_path), columns)
    assert status == 0
    assert lines[-1] == "the end"
    text = "\n".join(lines)
    assert "of 240 done" not in text
    assert "…" not in text
    kept = re.findall(r"[✔✘] ((?:service|log-group)/\S+)", text)
    assert len(kept) == len(set(kept)) == 6 * 5 + 6  # services, and what failed
    assert sum(line.startswith(("✔", "✘")) for line in lines) == len(kept)
    left = [line for line in lines[:-1] if not line.startswith(("✔", "✘"))]
    assert all(
        re.search(r"^[0-9. s]*(?:\(why it failed\))?$|^(?:why |it |failed\)|\(why)", line) for line in left
    ), left


@pytest.mark.parametrize("columns", [60, 110])
def test_a_deployment_leaves_the_plan_what_was_waited_for_and_the_verdict(
    tmp_path: Path, columns: int
) -> None:
    pytest.importorskip("moto")
    (tmp_path / "compose.yaml").write_text(
        "name: shop\nservices:\n  web: {image: 'nginx:1.27', expose: ['80']}\n  api: {image: 'nginx:1.27', expose: ['81']}\n"
    )
    variables = environment(tmp_path)
    try:
        status, lines = run_on_terminal("compose2fargate apply --sandbox --yes", tmp_path, variables, columns)
        gone, destroyed = run_on_terminal(
            "compose2fargate destroy --sandbox --yes", tmp_path, variables, columns
        )
    finally:
        run_on_terminal("compose2fargate sandbox stop", tmp_path, variables, columns)
    assert (status, gone) == (0, 0)
    for shown in (lines, destroyed):
        assert not [line for line in shown if " done" in line and " of " in line]
        signs = [line for line in shown if line.startswith(("✔", "…", "·"))]
        quick = [
            words
            for words in map(str.split, signs)
            if float(words[2]) <= 5 or words[1].startswith("service/")
        ]
        assert sorted(words[1] for words in quick) == ["service/api", "service/web"]
    assert len(lines) <= 30
