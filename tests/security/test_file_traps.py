"""A checkout that sets traps: links, pipes, devices and forged files where the program reads, writes and removes.

Each trap is laid in a project of its own, and every command runs into it for real. Whatever the command says, what is
outside of the project stays as it was, nothing of it is shown, and no command waits or fails without a finding.
"""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from compose2fargate.sync.manifest import checksum
from compose2fargate.workflows.output_folder import MANIFEST
from tests.conftest import Program, Result

pytestmark = pytest.mark.timeout(60)  # a command that waits for a pipe ends here

SECRET = "what-stands-outside-of-the-project"
COMPOSE = """\
name: shop
services:
  web:
    build: .
    env_file: web.env
    volumes: ["./conf:/etc/web:ro"]
"""
OUTPUT = Path("fargate/json")
STAGED, ASIDE = ".compose2fargate.new", ".compose2fargate.old"

COMMANDS: Mapping[str, tuple[str, ...]] = {
    "config": ("config",),
    "convert": ("convert", "--region", "eu-central-1"),
    "terraform": ("convert", "-t", "terraform", "--region", "eu-central-1"),
    "check": ("check",),
    "fix": ("check", "--fix", "--force"),
    "explain": ("explain", "services.web.volumes"),
    "print": ("push", "--print"),
    "workflow": ("push", "--target", "github"),
    "push": ("push", "--dry-run", "--region", "eu-central-1"),
    "plan": ("plan", "--out", "plan.json", "--region", "eu-central-1"),
    "apply": ("apply", "plan.json"),
}
READING = ("config", "convert", "check", "fix", "explain", "print", "push", "plan")
TRANSLATING = ("convert", "check", "explain", "print", "push", "plan")
WRITING = ("convert", "fix")


class Place(NamedTuple):
    """Where a trap is laid: a project that was converted once, and what is beside it."""

    project: Path
    outside: Path

    @property
    def output(self) -> Path:
        return self.project / OUTPUT

    def put(self, path: str, text: str) -> Path:
        file = self.project / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        file.write_text(text)
        return file

    def add(self, line: str) -> None:
        """Add a line to the compose file, on its top level."""
        file = self.project / "compose.yaml"
        file.write_text(f"{file.read_text()}{line}\n")

    def service(self, line: str) -> None:
        """Add a line to the service."""
        file = self.project / "compose.yaml"
        file.write_text(file.read_text().replace("    build: .\n", f"    build: .\n    {line}\n"))

    def change(self) -> None:
        """Make the files that stand there out of date: they have to be written anew."""
        self.service("environment: {CHANGED: 'yes'}")

    def journal(self, *paths: str, content: str = "") -> None:
        """Forge the journal of a run that was interrupted, which put `content` at `paths`."""
        told = {path: sha256(content.encode()).hexdigest() for path in paths}
        self.put(f"{OUTPUT}/{ASIDE}/.created", json.dumps(told))

    def forge(self, change: Callable[[Any], None]) -> None:
        """Change the manifest, and correct its checksum."""
        file = self.output / MANIFEST
        held = json.loads(file.read_text())
        change(held)
        held["checksum"] = checksum(held)
        file.write_text(json.dumps(held, indent=2) + "\n")


Lay = Callable[[Place], object]


class Trap(NamedTuple):
    """What is laid, which commands run into it, and whether they may do their work all the same (`harmless`)."""

    lay: Lay
    commands: tuple[str, ...]
    harmless: bool = False


def instead(path: str, make: Callable[[Path, Place], None]) -> Lay:
    """Put something in the place of a file or a folder of the project."""

    def lay(place: Place) -> None:
        target = place.project / path
        target.parent.mkdir(parents=True, exist_ok=True)
        remove(target)
        make(target, place)

    return lay


def remove(path: Path) -> None:
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        for inner in path.iterdir():
            remove(inner)
        path.rmdir()


def pipe(target: Path, _: Place) -> None:
    os.mkfifo(target)


def zeros(target: Path, _: Place) -> None:
    target.symlink_to("/dev/zero")


def sock(target: Path, _: Place) -> None:
    here = os.open(".", os.O_RDONLY)
    try:
        os.chdir(target.parent)  # the name of a socket is short
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(target.name)
    finally:
        os.fchdir(here)
        os.close(here)


def link_to(name: str) -> Callable[[Path, Place], None]:
    def make(target: Path, place: Place) -> None:
        target.symlink_to(os.path.relpath(place.outside / name, target.parent))

    return make


def absolute_link_to(name: str) -> Callable[[Path, Place], None]:
    return lambda target, place: target.symlink_to(place.outside / name)


def dangling(target: Path, place: Place) -> None:
    target.symlink_to(place.outside / "not" / "there")


def sparse(target: Path, _: Place) -> None:
    with target.open("wb") as file:
        file.truncate(8 << 30)


def folder(target: Path, _: Place) -> None:
    target.mkdir()


def both(*steps: Lay) -> Lay:
    def lay(place: Place) -> None:
        for step in steps:
            step(place)

    return lay


def add(line: str) -> Lay:
    return lambda place: place.add(line)


def service(line: str) -> Lay:
    return lambda place: place.service(line)


CHANGED: Lay = Place.change


# -- what is read --------------------------------------------------------------------------------------------

READ = {
    ".env": lambda _place: None,
    "web.env": lambda _place: None,
    "compose.override.yaml": lambda _place: None,
    "included.yaml": add("include: [included.yaml]"),
    "base.yaml": service("extends: {file: base.yaml, service: web}"),
    "web.labels": service("label_file: web.labels"),
    "inc/.env": both(lambda place: place.put("inc/c.yaml", "services: {}\n"), add("include: [inc/c.yaml]")),
}
"""Files that every command reads, and what makes it do so."""

KINDS = {"a pipe": pipe, "a device": zeros, "a socket": sock, "8 GiB": sparse}

READ_TRAPS = {
    f"{path} is {kind}": Trap(both(before, instead(path, make)), READING)
    for path, before in READ.items()
    for kind, make in KINDS.items()
}
TRANSLATED = {
    "compose2fargate.lock": lambda _place: None,
    "locks/own.lock": add("x-fargate: {lock: locks/own.lock}"),
    "prices.json": add("x-fargate: {prices: prices.json}"),
}
TRANSLATED_TRAPS = {
    f"{path} is {kind}": Trap(both(before, instead(path, make)), TRANSLATING)
    for path, before in TRANSLATED.items()
    for kind, make in {**KINDS, "a folder": folder}.items()
}
LOCK_TRAPS = {
    f"{path} is a link {how}": Trap(both(before, instead(path, make)), TRANSLATING)
    for path, before in list(TRANSLATED.items())[:2]
    for how, make in {"out": link_to("secret.txt"), "to nothing": dangling}.items()
}
BUILD_TRAPS = {
    f"Dockerfile is {kind}": Trap(instead("Dockerfile", make), ("push",))
    for kind, make in {"a pipe": pipe, "a device": zeros, "a socket": sock}.items()
}
HARMLESS_TRAPS = {
    # No command needs these to go on; none may wait for them, nor read on without end.
    **{
        f"{path} is {kind}, which nobody has to read": Trap(
            both(before, instead(path, make)), ("convert", "explain", "print"), harmless=True
        )
        for path, before in {
            "Dockerfile": lambda _place: None,
            ".dockerignore": lambda _place: None,
            "Dockerfile.dockerignore": lambda _place: None,
            "conf/app.conf": lambda _place: None,
            "one.conf": both(
                add("configs: {one: {file: one.conf}}"),
                service("configs: [one]"),
            ),
        }.items()
        for kind, make in KINDS.items()
    },
    "HOME/.docker/config.json is a pipe": Trap(
        instead(".docker/config.json", pipe), ("push", "print"), harmless=True
    ),
}

# -- what is written and removed -----------------------------------------------------------------------------

PLACES = {
    "the staged files": f"{OUTPUT}/{STAGED}",
    "the old files": f"{OUTPUT}/{ASIDE}",
    "the journal": f"{OUTPUT}/{ASIDE}/.created",
    "a folder of the staged files": f"{OUTPUT}/{STAGED}/task-definitions",
    "a folder of the old files": f"{OUTPUT}/{ASIDE}/task-definitions",
    "an old file": f"{OUTPUT}/{ASIDE}/commands.sh",
    "the task definitions": f"{OUTPUT}/task-definitions",
    "a task definition": f"{OUTPUT}/task-definitions/web.json",
    "the commands": f"{OUTPUT}/commands.sh",
    "the manifest": f"{OUTPUT}/{MANIFEST}",
}
WRITE_TRAPS = {
    f"{name} is {how}": Trap(both(CHANGED, instead(path, make)), WRITING)
    for name, path in PLACES.items()
    for how, make in {
        "a link to a folder": link_to("home"),
        "an absolute link": absolute_link_to("home"),
        "a link to a file": link_to("secret.txt"),
        "a link to nothing": dangling,
        "a pipe": pipe,
        "a socket": sock,
        "a device": zeros,
    }.items()
}
DEFAULT_TRAPS = {
    f"{path} is a link": Trap(instead(path, link_to("home")), ("convert",))
    for path in ("fargate", str(OUTPUT))
}
JOURNAL_TRAPS = {
    "the journal names a file behind a link": Trap(
        both(
            CHANGED,
            instead(f"{OUTPUT}/link", link_to("home")),
            lambda p: p.journal("link/a.txt", content=SECRET),
        ),
        WRITING,
    ),
    "the journal names odd paths": Trap(
        lambda p: p.journal(
            "../../../outside/home/a.txt",
            "a/../../../../outside/home/a.txt",
            str(p.outside / "home" / "a.txt"),
            "",
            ".",
            "..",
            "a\0b",
            "task-definitions//web.json",
            "./commands.sh",
            ".git/HEAD",
            content=SECRET,
        ),
        WRITING,
        harmless=True,
    ),
    "the journal of an older version names a file": Trap(
        lambda p: p.put(f"{OUTPUT}/{ASIDE}/.created", json.dumps(["mine.txt", "link/a.txt", 5, None])),
        WRITING,
        harmless=True,
    ),
    "the journal names what we did not write": Trap(
        both(lambda p: p.put(f"{OUTPUT}/mine.txt", "mine"), lambda p: p.journal("mine.txt")),
        WRITING,
        harmless=True,
    ),
    "the journal is nested deep": Trap(
        lambda p: p.put(f"{OUTPUT}/{ASIDE}/.created", "[" * 200_000), WRITING, harmless=True
    ),
    "an old file would replace another one": Trap(
        both(
            CHANGED,
            lambda p: p.put(f"{OUTPUT}/{ASIDE}/mine.txt", "forged"),
            lambda p: p.journal(),
            lambda p: p.put(f"{OUTPUT}/mine.txt", "mine"),
        ),
        WRITING,
    ),
    "an old file is a link in a folder": Trap(
        both(
            CHANGED, instead(f"{OUTPUT}/{ASIDE}/deep/er/a.txt", link_to("secret.txt")), lambda p: p.journal()
        ),
        WRITING,
    ),
}


def listed(*paths: str) -> Lay:
    """Let the manifest say that it wrote files outside, with their hashes."""

    def lay(place: Place) -> None:
        digits = sha256(SECRET.encode()).hexdigest()
        named = {path.format(outside=place.outside): digits for path in paths}
        place.forge(lambda held: held["files"].update(named))

    return lay


MANIFEST_TRAPS = {
    "the manifest lists a file behind a link": Trap(
        both(CHANGED, instead(f"{OUTPUT}/link", link_to("home")), listed("link/a.txt")), (*WRITING, "check")
    ),
    "the manifest lists a link": Trap(
        both(CHANGED, instead(f"{OUTPUT}/a.txt", link_to("home/a.txt")), listed("a.txt")), (*WRITING, "check")
    ),
    "the manifest lists a file above": Trap(
        both(CHANGED, listed("../../../outside/home/a.txt")), ("check", "fix")
    ),
    "the manifest lists an absolute path": Trap(
        both(CHANGED, listed("{outside}/home/a.txt")), ("check", "fix")
    ),
    "the manifest lists odd paths": Trap(
        both(CHANGED, listed("a/../../../../outside/home/a.txt", "", ".", "a\0b", "./commands.sh")),
        ("check", "fix"),
    ),
    "convert passes odd paths of the manifest over": Trap(
        both(CHANGED, listed("../../../outside/home/a.txt", "", ".", "a\0b", "{outside}/home/a.txt", "A//b")),
        ("convert",),
        harmless=True,
    ),
    "the manifest is nested deep": Trap(
        lambda p: p.put(f"{OUTPUT}/{MANIFEST}", '{"files": ' * 200_000), ("convert", "check", "fix")
    ),
}
FILE_TRAPS = {
    **{
        f"the plan is {how}": Trap(instead("plan.json", make), ("apply",))
        for how, make in {**KINDS, "a folder": folder}.items()
    },
    "the plan is nested deep": Trap(lambda p: p.put("plan.json", "[" * 200_000), ("apply",)),
    "the workflow's folder is a link": Trap(instead(".github", link_to("home")), ("workflow",)),
    "the workflow is a link": Trap(
        instead(".github/workflows/push-images.yml", link_to("secret.txt")), ("workflow",)
    ),
}

# -- what is copied ------------------------------------------------------------------------------------------

COPY_TRAPS = {
    "a mounted folder holds links": Trap(
        both(
            instead("conf/abs", lambda path, _: path.symlink_to("/etc/passwd")),
            instead("conf/link.txt", link_to("secret.txt")),
            instead("conf/there", link_to("home")),
            instead("conf/nothing", dangling),
            instead("conf/chain", lambda path, _: path.symlink_to("link.txt")),
        ),
        (*TRANSLATING, "terraform"),
        harmless=True,
    ),
    "a mounted folder holds links alone": Trap(
        both(instead("conf/app.conf", link_to("secret.txt")), instead("conf/there", link_to("home"))),
        ("convert", "print", "push"),
        harmless=True,
    ),
}
LED_OUT = {
    "a mounted folder is a link": instead("conf", link_to("home")),
    "a mounted folder is behind a link": both(
        instead("way", link_to(".")),
        lambda p: p.put("compose.yaml", COMPOSE.replace("./conf:", "./way/home:")),
    ),
    "a mounted file is a link": both(
        instead("one.conf", link_to("secret.txt")),
        lambda p: p.put("compose.yaml", COMPOSE.replace("./conf:", "./one.conf:")),
    ),
    "a config is a link": both(
        instead("one.conf", absolute_link_to("secret.txt")),
        add("configs: {one: {file: one.conf}}"),
        service("configs: [one]"),
    ),
}
"""Files of the project that are outside of it. What only tells or builds goes on without them."""
LED_OUT_TRAPS = {
    **{name: Trap(lay, ("convert", "terraform", "check", "fix", "plan")) for name, lay in LED_OUT.items()},
    **{
        f"{name}, which is told": Trap(lay, ("explain", "print", "push"), harmless=True)
        for name, lay in LED_OUT.items()
    },
}

TRAPS = {
    **READ_TRAPS, **TRANSLATED_TRAPS, **LOCK_TRAPS, **BUILD_TRAPS, **HARMLESS_TRAPS, **WRITE_TRAPS, **DEFAULT_TRAPS,
    **JOURNAL_TRAPS, **MANIFEST_TRAPS, **FILE_TRAPS, **COPY_TRAPS,
    **LED_OUT_TRAPS,
}  # fmt: skip


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as a stranger would send it: its files were written by this program."""
    from compose2fargate.api import LoadOptions, convert, write

    root = tmp_path_factory.mktemp("sent")
    lay_project(root)
    conversion = convert(LoadOptions(cwd=str(root)), {"region": "eu-central-1"}, folder=str(OUTPUT))
    write(conversion.artifacts, str(root / OUTPUT))
    return root


def lay_project(root: Path) -> None:
    (root / "compose.yaml").write_text(COMPOSE)
    (root / "Dockerfile").write_text('FROM scratch\nCMD ["/web"]\n')
    (root / "web.env").write_text("A=1\n")
    (root / "conf").mkdir()
    (root / "conf" / "app.conf").write_text("listen 80\n")


@pytest.fixture
def place(converted: Path, tmp_path: Path) -> Place:
    import shutil

    project, outside = tmp_path / "a" / "project", tmp_path / "a" / "outside"
    shutil.copytree(converted, project, symlinks=True)
    (outside / "home").mkdir(parents=True)
    (outside / "secret.txt").write_text(SECRET)
    (outside / "home" / "a.txt").write_text(SECRET)
    (outside / "home" / "web.json").write_text(SECRET)
    return Place(project, outside)


def tree(root: Path) -> dict[str, tuple[int, bytes]]:
    """What is in a folder: the mode of everything, and what files hold and links say."""
    found = {}
    for path in sorted(root.rglob("*")):
        mode = path.lstat().st_mode
        held = b""
        if path.is_symlink():
            held = os.fsencode(path.readlink())
        elif path.is_file() and path.stat().st_size < 1 << 20:
            held = path.read_bytes()
        found[str(path.relative_to(root))] = mode, held
    return found


def run_into(trap: Trap, command: str, place: Place, program: Program) -> Result:
    trap.lay(place)
    before, inside = tree(place.outside), tree(place.project)
    done = program(*COMMANDS[command], cwd=place.project)
    assert tree(place.outside) == before, "what is outside was touched"
    assert SECRET not in done.out + done.err
    assert "Traceback" not in done.err
    if not trap.harmless:
        assert tree(place.project) == inside, "something was touched, though it was refused"
    copies = {path: held for path, (_, held) in tree(place.project).items() if path not in inside}
    assert not [path for path, held in copies.items() if SECRET.encode() in held]
    return done


CASES = [(name, command) for name, trap in TRAPS.items() for command in trap.commands]


@pytest.mark.parametrize(("name", "command"), CASES, ids=[f"{name}: {command}" for name, command in CASES])
def test_a_trap_is_refused_or_harmless(name: str, command: str, place: Place, program: Program) -> None:
    trap = TRAPS[name]
    done = run_into(trap, command, place, program)
    if trap.harmless:
        assert done.status in (0, 1, 2, 3), done.err  # 3: there is no account here
    else:
        assert done.status == 2, done.err
        assert re.search(r"C2F\d{3}", done.err + done.out), "a refusal says what is wrong"
