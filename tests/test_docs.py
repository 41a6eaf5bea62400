"""The documentation says what the program does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from compose2fargate.aws.fargate import Size
from compose2fargate.cli.application import COMMANDS
from compose2fargate.diagnostics.codes import CODES
from compose2fargate.mapping.images.image_catalogue import kinds
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


DOCUMENTS = (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))


def prose(document: Path) -> str:
    return re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)


def anchors(document: Path) -> set[str]:
    """Give what links may end with: GitHub's anchors of the headings."""
    headings = re.findall(r"^#+ (.+)$", prose(document), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_a_file_and_a_heading_that_exist(document: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)", prose(document)):
        file = document.parent / target if target else document
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), f"{target}#{anchor}"


def test_documents_name_only_codes_that_exist() -> None:
    named = {
        code for document in DOCUMENTS for code in re.findall(r"\bC2F\d{3}\b", document.read_text("utf-8"))
    }
    assert named <= set(CODES)


def test_the_terraform_of_the_readme_is_what_the_sample_gives() -> None:
    shown = re.findall(r"```hcl\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    made = (ROOT / "fixtures/sample/expected/terraform/service_web.tf").read_text(encoding="utf-8")
    assert len(shown) == 1
    assert shown[0] in made


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
    for kind in kinds().values():
        assert f"| {kind.name} | {Size(kind.cpu, kind.memory)} |" in documented, kind.name


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_long_line_of_prose_holds_one_sentence(document: Path) -> None:
    """So that a change of a sentence is a change of its lines, and no line has to be scrolled."""
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    prose = [line for line in text.split("\n") if not line.startswith(("|", "#", "<", ">", "    "))]
    assert [line for line in prose if len(line) > 100 and re.search(r"[a-z`)]\. [A-Z`]", line)] == []
