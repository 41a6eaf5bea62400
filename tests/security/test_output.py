"""What is printed is inert: each command with each hostile text, as a real process; and nothing else prints."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from compose2fargate.text.escaping import code_block, code_span, inert, link, markdown, one_line, paint
from tests.conftest import Program
from tests.security.hostile_output import FORBIDDEN, HOSTILE, harm

PACKAGE = Path(__file__).parents[2] / "compose2fargate"


def project(folder: Path, *texts: str) -> None:
    """Write a project that holds the texts wherever text may stand."""
    service = {
        "image": "nginx",
        "ports": ["80:80"],
        "command": ["serve", *texts],
        "environment": {
            f"{name}_{at}": text for name in ("GREETING", "API_TOKEN") for at, text in enumerate(texts)
        },
        "labels": {text: text for text in texts},
        "annotations": {text: text for text in texts},
        **{f"x-{text}": 1 for text in texts},
    }
    volumes = {"data": {"labels": {text: text for text in texts}}}
    tree = {
        "name": "shop",
        "services": {"web": service},
        "volumes": volumes,
        **{f"x-{text}": text for text in texts},
    }
    (folder / "compose.yaml").write_text(written(tree))


def written(tree: Mapping[str, object]) -> str:
    """Write a tree as JSON that is YAML too, which writes what is beyond four digits in one piece."""
    pairs = r"\\ud[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}"
    return re.sub(
        pairs,
        lambda found: f"\\U{ord(json.loads(chr(34) + found[0] + chr(34))):08x}",
        json.dumps(tree, indent=1),
    )


def broken(folder: Path, *texts: str) -> None:
    """Write a project that is refused at each of the texts."""
    service = {"image": "nginx", **dict.fromkeys(texts, 1), "depends_on": list(texts), "cpus": texts[0]}
    (folder / "compose.yaml").write_text(
        written({"services": {"web": service}, **{text: {} for text in texts}})
    )


def run(folder: Path, *arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    given = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8", **(env or {})}
    command = [sys.executable, "-m", "compose2fargate", *arguments]
    done = subprocess.run(command, cwd=folder, env=given, capture_output=True, timeout=120, check=False)
    assert done.returncode in (0, 1, 2, 3), done.stderr
    texts = (stream.decode("utf-8", "surrogateescape") for stream in (done.stdout, done.stderr))
    return subprocess.CompletedProcess(command, done.returncode, *texts)


CHECKS = tuple(
    ("check", "--format", form) for form in ("text", "json", "github", "sarif", "junit", "markdown")
)
READING: tuple[tuple[str, ...], ...] = (
    ("convert", "-o", "out"),
    ("convert", "-o", "-", "--diagnostics", "json"),
    ("explain",),
    ("explain", "--format", "markdown"),
    ("explain", "--format", "json"),
    ("explain", "web.environment"),
    ("explain", "web.environment", "--format", "markdown"),
    ("permissions",),
    ("permissions", "--format", "terraform"),
    ("push", "--dry-run"),
    ("targets",),
)
REFUSED: tuple[tuple[str, ...], ...] = (
    ("config",),
    ("convert", "-o", "out"),
    ("convert", "-o", "out", "--diagnostics", "json"),
    ("explain",),
    ("plan", "--region", "us-east-1"),
    ("push", "--dry-run"),
)


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
def test_what_reads_a_project_prints_nothing_that_acts(arguments: tuple[str, ...], tmp_path: Path) -> None:
    project(tmp_path, *HOSTILE.values())
    done = run(tmp_path, *arguments)
    assert harm(done.stdout + done.stderr) == []
    if "json" in arguments and done.returncode == 0:
        json.loads(done.stdout)


@pytest.mark.parametrize("arguments", REFUSED, ids=" ".join)
def test_what_refuses_a_project_prints_nothing_that_acts(arguments: tuple[str, ...], tmp_path: Path) -> None:
    broken(tmp_path, *HOSTILE.values())
    done = run(tmp_path, *arguments)
    assert done.returncode == 2, done
    assert harm(done.stdout + done.stderr) == []


@pytest.mark.parametrize("name", HOSTILE)
def test_each_text_alone_is_refused_harmlessly(name: str, program: Program, tmp_path: Path) -> None:
    for text in (f"{{services: {{web: {{image: a, {json.dumps(HOSTILE[name])}: 1}}}}}}", HOSTILE[name]):
        (tmp_path / "compose.yaml").write_text(text, "utf-8", "surrogatepass")
        done = program("convert", "-o", "out", cwd=tmp_path)
        assert done.status == 2
        assert harm(done.out + done.err) == []


@pytest.mark.parametrize("arguments", CHECKS, ids=" ".join)
def test_check_prints_nothing_that_acts_in_any_format(arguments: tuple[str, ...], tmp_path: Path) -> None:
    project(tmp_path, "plain")
    assert run(tmp_path, "convert", "-q").returncode == 0
    project(tmp_path, *HOSTILE.values())
    done = run(tmp_path, *arguments)
    assert done.returncode == 1, done
    assert harm(done.stdout + done.stderr, commands="github" in arguments) == []
    if arguments[-1] in ("json", "sarif"):
        json.loads(done.stdout)
    if arguments[-1] == "junit":
        ET.fromstring(done.stdout.encode())  # noqa: S314 - our own


@pytest.mark.parametrize("name", HOSTILE)
def test_an_argument_comes_back_harmless(name: str, program: Program, tmp_path: Path) -> None:
    project(tmp_path, "plain")
    text = HOSTILE[name]
    for arguments in (
        (text,), ("convert", f"--{text}"), ("convert", "-t", text), ("explain", text), ("check", text), ("-f", text, "convert"),
        ("logs", "--since", text), ("permissions", "--include", text), ("check", "--format", text), ("config", "--format", text),
        ("push", text), ("run", "web", "--region", "us-east-1", "--env", f"={text}"), ("--env-file", text, "config"),
    ):  # fmt: skip
        done = program(*arguments, cwd=tmp_path)
        assert done.status in (1, 2), (arguments, done)
        assert harm(done.out + done.err) == [], arguments


def test_a_deployment_prints_nothing_that_acts(tmp_path: Path) -> None:
    texts = [text for text in HOSTILE.values() if "\U000e0041" not in text]
    project(tmp_path, *texts)
    tree = json.loads((tmp_path / "compose.yaml").read_text())
    del tree["services"]["web"]["labels"]
    (tmp_path / "compose.yaml").write_text(json.dumps(tree))
    said = [word for text in texts for word in ("--log", text)]
    where = ("--sandbox", "--region", "us-east-1")
    try:
        for arguments in (
            ("plan", *where),
            ("sandbox", "behave", "shop-web", *said, "--reason", HOSTILE["command"]),
            ("apply", "--yes", "--timeout", "5", *where),
            ("logs", *where),
            ("logs", "--no-log-prefix", *where),
            ("status", *where),
            ("secrets", *where),
            ("run", "web", *where),
        ):
            done = run(tmp_path, *arguments)
            assert harm(done.stdout + done.stderr) == [], arguments
            assert "--no-log-prefix" not in arguments or "\\u003a:add-mask::a" in done.stdout
        assert HOSTILE["c1"] in run(tmp_path, "logs", "--raw", *where).stdout
    finally:
        run(tmp_path, "sandbox", "stop")


def test_a_byte_that_is_no_text_comes_back_harmless(tmp_path: Path) -> None:
    project(tmp_path, "plain")
    done = run(tmp_path, "explain", os.fsdecode(b"x\xff\xc2\x9b"))
    assert done.returncode == 2
    assert harm(done.stdout + done.stderr) == []


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_inert_stays_the_same_text_for_a_reader_of_json(name: str) -> None:
    document = inert(json.dumps({"a": HOSTILE[name]}, ensure_ascii=False))
    assert harm(document) == []
    assert json.loads(document) == {"a": HOSTILE[name]}


def test_colours_of_our_own_are_the_only_ones() -> None:
    said = inert(paint("31", one_line("a\x1b[32mb")) + "\x1b[33mc\n")
    assert said == "\x1b[31ma\\x1b[32mb\x1b[0m\\x1b[33mc\n"
    assert inert(said) == said


def test_a_text_of_others_is_no_markup() -> None:
    assert markdown("[a](b) ![c](d) <img> *x* a|b") == r"\[a\](b) !\[c\](d) &lt;img&gt; \*x\* a\|b"
    assert "@octocat" not in markdown("hello @octocat")
    assert "http://" not in markdown("see http://e.x")
    assert "#12" not in markdown("see #12")
    assert markdown("- a") == r"\- a"
    assert markdown("a\n# b") == "a # b"
    assert markdown("1. a") == r"1\. a"
    assert markdown("run `a|b` now") == r"run `a\|b` now"
    assert markdown("a ` b") == r"a \` b"
    assert code_span("a``b`") == "``` a``b` ```"
    assert code_block("diff", ["```", "````x"])[0] == "`````diff"
    assert link("docs", "javascript:alert(1)") == "docs (javascript:alert(1))"
    assert link("docs", "https://e.x/a)b") == "[docs](https://e.x/a%29b)"


# -- one way to the terminal ---------------------------------------------------------------------------------

ALLOWED = {
    ("cli/console.py", "sys.stdout.buffer"): "write_exact, through which write goes",
    ("cli/console.py", "sys.stderr.write"): "complain",
    (
        "apply/sandbox/__main__.py",
        "sys.stdout.write",
    ): "a server of its own, which prints the variables to set",
    ("cli/deploy_options.py", "click.confirm"): "the question is made inert there",
    ("cli/deploy_options.py", "click.prompt"): "the question is made inert there",
    ("cli/progress.py", "RichConsole"): "a live table, whose cells are made inert there",
    ("__main__.py", "error.show"): "into a text, which complain prints",
}
EXACT = {
    "cli/config.py": "the model, as Docker Compose prints it",
    "cli/listings.py": "names and values, as Docker Compose prints them",
    "cli/push.py": "a script, which a shell is to read",
    "cli/logs.py": "--raw",
    "cli/console.py": "where it is defined, and write",
}
PRINTERS = {
    "print", "pprint", "print_exception", "print_exc", "RichConsole", "error.show",
    *(f"{library}.{name}" for library in ("click", "typer") for name in
      ("echo", "secho", "echo_via_pager", "confirm", "prompt", "progressbar", "pause", "clear")),
}  # fmt: skip
STREAMS = {"sys.stdout", "sys.stderr", "sys.__stdout__", "sys.__stderr__"}


def printing(tree: ast.AST) -> Iterator[str]:
    """Yield what prints in a module: calls that do, and uses of the streams that do."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (called := ast.unparse(node.func)) in PRINTERS:
            yield called
        if isinstance(node, ast.Attribute) and node.attr in ("write", "buffer", "writelines"):
            stream = ast.unparse(node)
            yield from [stream] * (stream.rpartition(".")[0] in STREAMS)


def test_nothing_prints_but_the_console() -> None:
    found = {
        (str(file.relative_to(PACKAGE)), what)
        for file in PACKAGE.rglob("*.py")
        for what in printing(ast.parse(file.read_text("utf-8")))
    }
    assert found == set(ALLOWED), "print by cli.console, or say here why not"


def test_little_is_printed_exactly() -> None:
    files = {
        str(file.relative_to(PACKAGE))
        for file in PACKAGE.rglob("*.py")
        if "write_exact" in file.read_text("utf-8")
    }
    assert files == set(EXACT)


def test_every_hostile_text_would_be_noticed() -> None:
    quiet = [name for name, text in HOSTILE.items() if not harm(text) and name != "markdown"]
    assert quiet == []
    assert FORBIDDEN.search("\x1b")
