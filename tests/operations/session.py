"""Records docs/session.md: a small project from its first apply to its end, in the sandbox, as the program prints it.

python -m tests.operations.session > docs/session.md
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

COMPOSE = """\
name: shop
services:
  web:
    image: nginx:1.27
    ports: ["8080:80"]
    depends_on:
      migrate: {condition: service_completed_successfully}
  api:
    image: ghcr.io/example/shop-api:1.4
    command: ["gunicorn", "shop:app"]
    expose: ["8000"]
  migrate:
    image: ghcr.io/example/shop-api:1.4
    command: ["python", "-m", "shop.migrate"]
"""

HEAD = """\
# A session

What `compose2fargate` prints, from the first `apply` to `destroy`, for the project below.
`--sandbox` is a fake AWS on the machine, so nobody needs an account to repeat it; without it the same
commands work on the real one.
On a terminal, progress is drawn live; this was recorded without one, so it is a line per event, as in CI.
`python -m tests.operations.session > docs/session.md` makes this page anew.

```yaml
"""


class Chapter(NamedTuple):
    """A heading, what to say, and the commands."""

    title: str
    text: str
    commands: tuple[str, ...]


CHAPTERS = (
    Chapter("The first apply", "A plan, then everything that it says. `--yes` answers the question that a terminal would be asked.",
            ("compose2fargate apply --sandbox --yes",)),
    Chapter("How it is", "", ("compose2fargate status --sandbox", "compose2fargate logs --sandbox --no-log-prefix web")),
    Chapter("A change", "One line of the compose file; the plan says what follows from it, and nothing else is touched.",
            ("sed -i 's/nginx:1.27/nginx:1.28/' compose.yaml", "compose2fargate plan --sandbox",
             "compose2fargate apply --sandbox --yes", "compose2fargate plan --sandbox")),
    Chapter("A deployment that fails", "The fake AWS is told that tasks of `web` end with 1 from now on.\n"
            "ECS's circuit breaker goes back to what ran before; the command ends with 1 and says why.",
            ("compose2fargate sandbox behave web --exit-code 1 --log 'nginx: [emerg] unknown directive \"gzip_statc\"'",
             "sed -i 's/nginx:1.28/nginx:1.29/' compose.yaml", "compose2fargate apply --sandbox --yes",
             "compose2fargate sandbox behave web --kind run", "compose2fargate status --sandbox")),
    Chapter("Going back", "1.28 serves, as ECS left it. `rollback` goes back one more revision.",
            ("compose2fargate rollback web --sandbox --yes", "compose2fargate run migrate --sandbox")),
    Chapter("The end", "", ("compose2fargate destroy --sandbox --yes", "compose2fargate sandbox stop")),
)  # fmt: skip


def record(folder: Path) -> str:
    """Run all commands in `folder`, and give the page."""
    (folder / "compose.yaml").write_text(COMPOSE)
    parts = [f"{HEAD}{COMPOSE}```\n"]
    for chapter in CHAPTERS:
        shown = "\n".join(_run(command, folder) for command in chapter.commands)
        text = f"{chapter.text}\n\n" if chapter.text else ""
        parts.append(f"## {chapter.title}\n\n{text}```console\n{shown}```\n")
    return "\n".join(parts)


def _run(command: str, folder: Path) -> str:
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "NO_COLOR": "1",
    }
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    code = f"(exit code {done.returncode})\n" if done.returncode else ""
    return f"$ {command}\n{done.stdout}{code}"


def blocks(page: str) -> Iterator[tuple[str, list[str]]]:
    """Give each command of a page with what it printed, without what differs from run to run: ids, times and order."""
    for text in re.findall(r"```console\n(.*?)```", page, re.DOTALL):
        for shown in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
            command, _, printed = shown.partition("\n")
            lines = [_steady(line) for line in printed.splitlines()]
            yield command, sorted({line for line in lines if line})


def _steady(line: str) -> str:
    """Leave out what no two runs have in common; how far waiting is seen depends on the moment, too."""
    if re.search(r": (waiting|running|pending|stopped)\b|steady state|: \d+/\d+ running", line):
        return ""
    line = re.sub(r"\b[0-9a-f]{12,32}\b", "ID", line)
    line = re.sub(r"\b\d+ (s|min)\b", "TIME", line)
    line = re.sub(r"ecs-svc/\d+|(?<=-)\d+(?=\.us-east-1)", "ID", line)
    return " ".join(line.split())  # columns are as wide as what stands in them


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        sys.stdout.write(record(Path(temporary)))
