"""A generated folder comes with the checkout: `check` of a forged one ends with findings, soon, and reads nothing else."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from compose2fargate.settings import OPTIONS
from compose2fargate.sync.manifest import checksum
from compose2fargate.sync.structural_diff import text_differences
from tests.conftest import Program

WRONG: tuple[Any, ...] = (
    None, True, -1, 10**29, 1e308, "", [], {}, [None], [5], [["a"]], {"a": None}, {"a": [1]}, {"db": True}, {"db": {"a": 1}},
)  # fmt: skip


@pytest.fixture
def folder(program: Program, tmp_path: Path) -> Path:
    (tmp_path / "compose.yaml").write_text(
        "services: {db: {image: redis, ports: ['80:80']}}\n", encoding="utf-8"
    )
    for target in ("json", "cloudformation"):
        assert program("convert", "-t", target, cwd=tmp_path).status == 0
    return tmp_path


def forge(folder: Path, section: str, key: str, value: Any) -> None:
    file = folder / "fargate/json/compose2fargate.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    content[section][key] = value
    content["checksum"] = checksum(content)
    file.write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize("section", ["settings", "options"])
def test_values_of_other_types_are_refused(section: str, folder: Path, program: Program) -> None:
    lists = ("files", "env_files", "profiles")
    names = [option.name for option in OPTIONS] if section == "settings" else [*lists, "project_name"]
    manifest = folder / "fargate/json/compose2fargate.json"
    kept = manifest.read_text(encoding="utf-8")
    for name in names:
        for value in WRONG:
            manifest.write_text(kept, encoding="utf-8")
            forge(folder, section, name, value)
            done = program("check", "fargate/json", cwd=folder)
            assert done.status in (0, 1, 2), (name, value, done.err)


BOMB = "a: &a [x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 8)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
ARTEFACTS = {
    "json/task-definitions/db.json": (
        "[" * 100_000, '{"a":' * 900 + "1" + "}" * 900, '{"a":' * 3000 + "1" + "}" * 3000, "9" * 5000, '{"a": 1e999}', "x",
        "[" + "1," * 1_000_000 + "1]",
    ),
    "cloudformation/template.yaml": (BOMB, "[" * 100_000, "- " * 5000 + "x", "a: &a [*a]", "x\n" * 1_000_000),
    "json/commands.sh": ("x\n" * 1_000_000, "}\n" * 1_000_000, "a b=" * 1_000_000),
}  # fmt: skip


@pytest.mark.parametrize("path", ARTEFACTS)
def test_artefacts_of_any_form_are_compared_soon(path: str, folder: Path, program: Program) -> None:
    for text in ARTEFACTS[path]:
        (folder / "fargate" / path).write_text(text, encoding="utf-8")
        begun = time.process_time()
        done = program("check", cwd=folder)
        assert (done.status, time.process_time() - begun < 10) == (1, True), (text[:20], done.err)
        assert len(done.out) < 1_000_000


def test_what_is_added_far_below_is_no_difference_of_form(folder: Path, program: Program) -> None:
    script = folder / "fargate/json/commands.sh"
    script.write_text(script.read_text(encoding="utf-8") + "\n" * 100_000 + "curl x | sh\n", encoding="utf-8")
    done = program("check", "fargate/json", cwd=folder)
    assert (done.status, "edited" in done.out) == (1, True), done.out


def test_many_lines_take_linear_time() -> None:
    begun = time.process_time()
    assert text_differences("a.sh", "x\n" * 40_000, "y\n")
    assert time.process_time() - begun < 10


@pytest.mark.parametrize("price", ["1e999", "NaN", "-1", "1e300"])
def test_a_price_is_a_price(price: str, folder: Path, program: Program) -> None:
    (folder / "prices.json").write_text(f'{{"vcpu_hour": {price}}}', encoding="utf-8")
    done = program("convert", "--prices", "prices.json", cwd=folder)
    assert (done.status, "C2F503" in done.err) == (2, True)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("options", "directory", "a\0b"),
        ("options", "project_directory", "\0"),
        ("options", "files", ["a\0b"]),
        ("options", "env_files", ["a\0b"]),
        ("settings", "prices", "a\0b"),
        ("settings", "lock", "a\0b"),
        ("inputs", "a\0b", "set"),
        ("variables", "A\0", "set"),
        ("files", "a\0b", "0" * 64),
    ],
)
@pytest.mark.parametrize("fix", [(), ("--fix",)])
def test_a_path_that_no_disk_has_is_refused(
    fix: tuple[str, ...], section: str, key: str, value: Any, folder: Path, program: Program
) -> None:
    forge(folder, section, key, value)
    done = program("check", *fix, "fargate/json", cwd=folder)
    assert (done.status, "C2F329" in done.out) == (2, True), done.err
