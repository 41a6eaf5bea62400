"""The documentation says what the program does."""

from __future__ import annotations

import re
from pathlib import Path

from compose2fargate.aws.fargate import Size
from compose2fargate.cli.application import COMMANDS
from compose2fargate.mapping.sizing import KINDS, OTHER
from tests.conftest import ROOT, Program


def test_the_mapping_table_is_current(program: Program, tmp_path: Path) -> None:
    made = program("explain", "--format", "markdown", cwd=tmp_path)
    documented = (ROOT / "docs" / "mapping.md").read_text(encoding="utf-8")
    assert documented.endswith("\n\n" + made.out), (
        "append the output of `explain --format markdown` to docs/mapping.md"
    )


def test_the_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(re.search(rf"\| `{command}\b", readme) for command in COMMANDS)


def test_links_between_documents_lead_somewhere() -> None:
    for document in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")):
        text = document.read_text(encoding="utf-8")
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def test_the_readme_shows_what_the_program_prints(program: Program, tmp_path: Path) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(\w+)\n(.*?)```", readme, re.DOTALL)
    compose = next(text for kind, text in blocks if kind == "yaml")
    console = next(text for kind, text in blocks if kind == "console" and "compose2fargate convert" in text)
    command, _, shown = console.partition("$ compose2fargate ")[2].partition("\n")
    folder = tmp_path / "hello"
    folder.mkdir()
    (folder / "compose.yaml").write_text(compose, encoding="utf-8")
    assert program(*command.split(), cwd=folder).err == shown
    excerpt = next(text for kind, text in blocks if kind == "json")
    assert (folder / "fargate/json/task-definitions/web.json").read_text(encoding="utf-8").startswith(excerpt)


def test_the_sizes_of_the_documentation_are_those_of_the_program() -> None:
    documented = (ROOT / "docs" / "mapping.md").read_text(encoding="utf-8")
    for kind in (*KINDS, OTHER):
        assert f"| {kind.name} | {Size(kind.cpu, kind.memory)} |" in documented, kind.name
