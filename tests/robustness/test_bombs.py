"""Files made to take the machine down are refused within a second and 200 MB, with a place and a reason."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.measured import PROGRAM, measure

SECONDS = 1.0
"""Processor time: what else the machine does must not fail the test."""
MEBIBYTES = 200


def nested_aliases(levels: int = 40, width: int = 10) -> str:
    """Each level lists the level below ten times: 10 to the 40th values from two kilobytes."""
    lines = ["x-0: &a0 [lol, lol]"]
    lines += [f"x-{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels)]
    return "\n".join([*lines, f"services: {{web: {{image: nginx, x-bomb: *a{levels - 1}}}}}", ""])


def nested_merges(levels: int = 40, width: int = 10) -> str:
    """Each level merges the level below ten times."""
    lines = ["x-0: &a0 {A: b}"]
    lines += [f"x-{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * width)}]}}" for n in range(1, levels)]
    return "\n".join([*lines, f"services: {{web: {{image: nginx, environment: *a{levels - 1}}}}}", ""])


def wide_aliases(items: int = 20_000, times: int = 20_000) -> str:
    """One long list, and many aliases of it."""
    members = "\n".join(f"  - v{n}" for n in range(items))
    return f"x-l: &l\n{members}\nx-m: [{', '.join(['*l'] * times)}]\nservices: {{web: {{image: nginx}}}}\n"


def wide_environments(variables: int = 2_000, services: int = 2_000) -> str:
    """A large environment that each of many services merges."""
    shared = "\n".join(f"  V{n}: x" for n in range(variables))
    each = "\n".join(f"  s{n}: {{image: nginx, environment: *e}}" for n in range(services))
    return f"x-e: &e\n{shared}\nservices:\n{each}\n"


def long_texts(size: int = 1_000_000, services: int = 200) -> str:
    """One long text that each of many services uses: 200 megabytes when it is written out."""
    each = "\n".join(f"  s{n}: {{image: nginx, labels: {{l: *t}}}}" for n in range(services))
    return f"x-t: &t {'x' * size}\nservices:\n{each}\n"


def self_reference() -> str:
    return "x-a: &a [*a]\nservices: {web: {image: nginx, x-b: *a}}\n"


def deep_flow(depth: int = 200_000) -> str:
    return f"services: {{web: {{image: nginx, x-d: {'[' * depth}{']' * depth}}}}}\n"


def deep_blocks(depth: int = 2_000) -> str:
    return "services:\n" + "".join(f"{' ' * n}a{n}:\n" for n in range(1, depth)) + f"{' ' * depth}b: c\n"


def deep_variables(depth: int = 50_000) -> str:
    return f"services: {{web: {{image: nginx, user: '{'${A:-' * depth}x{'}' * depth}'}}}}\n"


def large_file(megabytes: int = 10) -> str:
    comment = f"# {'x' * 97}\n"
    return comment * (megabytes * 10_485) + "services: {web: {image: nginx}}\n"


def wide_ports(ranges: int = 100) -> str:
    """Ranges of ports that stand for 6.5 million ports."""
    return f"services: {{web: {{image: nginx, ports: [{', '.join(['1-65535'] * ranges)}]}}}}\n"


def wide_expose(services: int = 300) -> str:
    each = "\n".join(f"  s{n}: {{image: nginx, expose: ['1-65535']}}" for n in range(services))
    return f"services:\n{each}\n"


BOMBS: tuple[Callable[[], str], ...] = (
    nested_aliases,
    wide_aliases,
    wide_environments,
    self_reference,
    deep_flow,
    deep_blocks,
    deep_variables,
    large_file,
    wide_ports,
    wide_expose,
    long_texts,
)


@pytest.mark.parametrize("bomb", BOMBS, ids=[bomb.__name__ for bomb in BOMBS])
def test_a_bomb_is_refused_within_a_second_and_200_mb(bomb: Callable[[], str], tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "compose.yaml").write_text(bomb())
    run = measure([*PROGRAM, "convert", "-o", "out", "--diagnostics", "json"], cwd=project, scratch=tmp_path)
    assert run.status == 2, run.err[-2000:]
    errors = [found for found in json.loads(run.err) if found["severity"] == "error"]
    assert errors
    assert [found for found in errors if not (found["location"] and found["hint"])] == []
    assert run.processor < SECONDS
    assert run.peak < MEBIBYTES
    assert sorted(path.name for path in project.iterdir()) == ["compose.yaml"]


def test_merges_of_merges_amount_to_little_and_are_quick(tmp_path: Path) -> None:
    """Ten times the same key is that key: the tree stays small, if each level is merged once."""
    project = tmp_path / "project"
    project.mkdir()
    (project / "compose.yaml").write_text(nested_merges())
    run = measure([*PROGRAM, "convert", "-o", "-", "-q"], cwd=project, scratch=tmp_path)
    assert run.status == 0, run.err[-2000:]
    assert json.loads(run.out)["task-definitions/web.json"]["containerDefinitions"][0]["environment"] == [
        {"name": "A", "value": "b"}
    ]
    assert run.processor < SECONDS
    assert run.peak < MEBIBYTES


def test_variables_that_double_each_other_are_refused(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    doubling = "".join(f"V{n}=${{V{n - 1}}}${{V{n - 1}}}\n" for n in range(1, 64))
    (project / ".env").write_text(f"V0=0123456789\n{doubling}")
    (project / "compose.yaml").write_text("services: {web: {image: nginx, user: '${V63}'}}\n")
    run = measure([*PROGRAM, "convert", "--diagnostics", "json"], cwd=project, scratch=tmp_path)
    assert run.status == 2, run.err[-2000:]
    [error] = [found for found in json.loads(run.err) if found["severity"] == "error"]
    assert error["location"]["file"] == ".env"
    assert run.processor < SECONDS
    assert run.peak < MEBIBYTES


def test_files_that_include_each_other_without_end_are_refused(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    for n in range(500):
        (project / f"{n}.yaml").write_text(f"include: [{n + 1}.yaml]\nservices: {{s{n}: {{image: nginx}}}}\n")
    (project / "500.yaml").write_text("include: [0.yaml]\n")
    run = measure(
        [*PROGRAM, "-f", "0.yaml", "convert", "--diagnostics", "json"], cwd=project, scratch=tmp_path
    )
    assert run.status == 2, run.err[-2000:]
    assert [found["severity"] for found in json.loads(run.err) if found["location"]] == ["error"]
    assert run.processor < 2 * SECONDS  # hundreds of files are read before it is known
    assert run.peak < MEBIBYTES


def test_an_include_that_fans_out_is_bounded(tmp_path: Path) -> None:
    """Two dozen files that each include all later ones: millions of ways lead to the last."""
    project = tmp_path / "project"
    project.mkdir()
    for n in range(24):
        later = ", ".join(f"{m}.yaml" for m in range(n + 1, 24))
        (project / f"{n}.yaml").write_text(f"include: [{later}]\nservices: {{s{n}: {{image: nginx}}}}\n")
    run = measure([*PROGRAM, "-f", "0.yaml", "convert", "-o", "-"], cwd=project, scratch=tmp_path)
    assert run.status in (0, 2), run.err[-2000:]
    assert "Traceback" not in run.err
    assert run.processor < 5 * SECONDS
    assert run.peak < MEBIBYTES


def test_services_that_extend_each_other_without_end_are_refused(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    chain = "\n".join(f"  s{n}: {{extends: s{n + 1}}}" for n in range(3_000))
    (project / "compose.yaml").write_text(f"services:\n{chain}\n  s3000: {{extends: s0}}\n")
    run = measure([*PROGRAM, "convert", "--diagnostics", "json"], cwd=project, scratch=tmp_path)
    assert run.status == 2, run.err[-2000:]
    errors = [found for found in json.loads(run.err) if found["severity"] == "error"]
    assert all(found["location"] for found in errors)
    assert run.processor < 2 * SECONDS
    assert run.peak < MEBIBYTES
