"""Real compose projects: each converts or is refused with reasons, and no key is lost on the way.

`COMPOSE_CORPUS` names the directory with the cases, recorded from Docker Compose 2.40; without it there is nothing to
test. `COMPOSE_CORPUS5` names one with what 5.5 makes of those that differ (`expected5`), and with more `cases`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from compose2fargate.aws.resources import EcsService, Existing, name_of
from compose2fargate.aws.stack_rules import dangling_refs, stack_violations
from compose2fargate.diagnostics import EmitError, InputError, has_errors
from compose2fargate.emitters import load_emitter
from compose2fargate.workflows.translating import Translated, translate
from tests.conformance.corpus import Case, Staged, cases, staged
from tests.conftest import ROOT, Result
from tests.e2e.shapes import OPERATIONS, problems
from tests.measured import PROGRAM, measure

CORPUS = os.environ.get("COMPOSE_CORPUS", "")
CORPUS5 = os.environ.get("COMPOSE_CORPUS5", "")

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not CORPUS, reason="COMPOSE_CORPUS does not name a corpus directory"),
]

PLACELESS = frozenset({
    "C2F100", "C2F101", "C2F102", "C2F110", "C2F111", "C2F112", "C2F190", "C2F191", "C2F192", "C2F193", "C2F194", "C2F195",
})  # fmt: skip
"""Errors about files as a whole, options and settings: there is no line to point to."""

SETTINGS = (
    "--region", "eu-central-1", "--account", "123456789012", "--subnet", "subnet-1", "--security-group", "sg-1",
    "--file-system", "fs-1",
)  # fmt: skip
"""What only the user can know: without it every project would have warnings."""

KeyPath = tuple["str | int", ...]
Place = tuple[int, int]
"""Line and column, from 1."""


class Verdict(NamedTuple):
    """What became of a case; `faults` is what should not have happened."""

    name: str
    outcome: str
    codes: tuple[str, ...]
    faults: tuple[str, ...]


def crashed(result: Result) -> Iterator[str]:
    if result.status not in (0, 2):
        yield f"exit {result.status}: {result.err[-300:]}"
    if "Traceback" in result.err or "internal error" in result.err:
        yield result.err[-600:]


def reported(result: Result) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(result.err)
    return found


def unlocated(found: list[dict[str, Any]]) -> Iterator[str]:
    for one in found:
        if one["severity"] == "error" and not one["location"] and one["code"] not in PLACELESS:
            yield f"no place: {one['code']} {one['message']}"


def invalid_files(out: str) -> Iterator[str]:
    """What botocore would not send of one JSON document with all files."""
    for path, parameters in json.loads(out).items():
        folder = path.partition("/")[0]
        if folder in OPERATIONS:
            yield from (f"{path}: {problem}" for problem in problems(folder, parameters))


# -- keys in, outcomes out -----------------------------------------------------------------------------------

MAPS = ("networks", "volumes", "secrets", "configs", "models")


def written(translated: Translated) -> Iterator[KeyPath]:
    """The paths of top-level entries and of services' keys in the canonical tree that have a place in a file."""
    tree, marks = translated.loaded.tree, translated.loaded.marks
    for key, value in tree.items():
        inside = (marks[key][3] if key in marks else None) or {}
        if key == "services":
            for name, service in value.items():
                of_service = (inside[name][3] if name in inside else None) or {}
                yield from (("services", name, own) for own in service if own in of_service)
        elif key in MAPS:
            yield from ((key, name) for name in value if name in inside)
        elif key in marks:
            yield (key,)


def lost_in_the_tree(translated: Translated) -> Iterator[str]:
    """Keys of the canonical tree without an outcome, and outcomes that speak of one key twice."""
    outcomes = Counter(accounted.path for accounted in translated.translation.accounted)
    yield from (f"{path}: {count} outcomes" for path, count in outcomes.items() if count > 1)
    above = {path[:length] for path in outcomes for length in range(1, len(path))}
    yield from (f"{path}: an outcome, and others below it" for path in outcomes if path in above)
    for path in written(translated):
        if path not in above and not any(path[:length] in outcomes for length in range(1, len(path) + 1)):
            yield f"{path}: no outcome"


def lost_in_the_files(translated: Translated, cwd: Path) -> Iterator[str]:
    """Keys of the files, as another YAML parser sees them, of which no outcome speaks by path or by place."""
    outcomes = translated.accounted
    paths = {each.path[:length] for each in outcomes for length in range(1, len(each.path) + 1)}
    ends = {each.path for each in outcomes}
    places: dict[str, list[Place]] = {}
    for each in outcomes:
        if each.location:
            places.setdefault(each.location.file, []).append((each.location.line, each.location.column))
    files = [file for file in translated.loaded.files if file.endswith((".yml", ".yaml", ".json"))]
    entries = {file: entries_of((cwd / file).read_text(encoding="utf-8-sig")) for file in files}
    lent = {base for found in entries.values() for entry in found for base in entry.extends}
    for file, found in entries.items():
        here = sorted(places.get(file, ()))
        for entry in found:
            if entry.service and os.path.basename(file) in lent and not within(here, entry.service):
                continue  # a service of a file that others extend, which nobody extends
            by_path = entry.path in paths or any(entry.path[:n] in ends for n in range(1, len(entry.path)))
            if not by_path and not within(here, entry.span) and not any(up in here for up in entry.above):
                yield f"{file}:{entry.span[0][0]}:{entry.span[0][1]}: no outcome for {entry.path}"


def within(places: list[Place], span: tuple[Place, Place]) -> bool:
    """Whether one of the sorted `places` is in `span`."""
    index = bisect_left(places, span[0])
    return index < len(places) and places[index] < span[1]


class Entry(NamedTuple):
    """A top-level entry, or a key of a service, as it is written.

    Attributes:
        path: Its path in this file.
        span: From its first character to the end of its value.
        above: The places of the keys that it is below of.
        service: The span of the service that it is, or is a key of.
        extends: The names of the files that it extends services of.
    """

    path: KeyPath
    span: tuple[Place, Place]
    above: tuple[Place, ...]
    service: tuple[Place, Place] | None = None
    extends: tuple[str, ...] = ()


def entries_of(text: str) -> list[Entry]:
    """List what a compose file says, with PyYAML's own places; nothing where PyYAML is stricter than Docker Compose."""
    try:
        documents = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
    except yaml.YAMLError:
        return []
    return [
        entry for document in documents if isinstance(document, yaml.MappingNode) for entry in _top(document)
    ]


def _top(document: yaml.MappingNode) -> Iterator[Entry]:
    for key, value in document.value:
        above = (_place(key.start_mark),)
        if key.value in ("services", *MAPS) and isinstance(value, yaml.MappingNode) and value.value:
            for name, entry in value.value:
                yield from _named(key.value, name, entry, above)
        elif not key.value.startswith("x-") and key.value != "services":
            yield Entry((key.value,), _span(key, value), ())


def _named(section: str, name: yaml.Node, entry: yaml.Node, above: tuple[Place, ...]) -> Iterator[Entry]:
    if name.value == "<<":
        return
    span = _span(name, entry)
    own = entry.value if isinstance(entry, yaml.MappingNode) and span[0] <= _place(entry.start_mark) else []
    if section != "services" or not own:
        yield Entry((section, name.value), span, above, span if section == "services" else None)
        return
    for key, value in own:
        if key.value != "<<" and _place(key.start_mark) >= span[0]:
            base = [v.value for k, v in value.value if k.value == "file"] if _extends(key, value) else []
            files = tuple(os.path.basename(str(file)) for file in base)
            path = (section, name.value, key.value)
            yield Entry(path, _span(key, value), (*above, span[0]), span, files)


def _extends(key: yaml.Node, value: yaml.Node) -> bool:
    return key.value == "extends" and isinstance(value, yaml.MappingNode)


def _span(key: yaml.Node, value: yaml.Node) -> tuple[Place, Place]:
    """From key to value; the value of an alias is elsewhere, so that the key stands alone."""
    start, end = _place(key.start_mark), _place(value.end_mark)
    return (start, end) if end > start else (start, (start[0], start[1] + 1))


def _place(mark: Any) -> Place:
    return (mark.line + 1, mark.column + 1)


def rule_breakers(translated: Translated) -> Iterator[str]:
    """What AWS would refuse of the stack, by the rules of `aws/fargate.py` and `aws/stack_rules.py`."""
    stack = translated.translation.stack
    yield from (f"{logical_id}: {found}" for logical_id, found in stack_violations(stack))
    yield from (f"{logical_id}: {name} is not there" for logical_id, name in dangling_refs(stack))


def emitter_faults(translated: Translated) -> Iterator[str]:
    """What a target cannot write of a stack, without a reason that it gives itself."""
    for target in ("json", "terraform", "cloudformation"):
        try:
            files = load_emitter(target).emit(translated.translation.stack, translated.settings)
        except EmitError:  # too large for this target, or a text that it cannot hold: a finding with a way on
            continue
        except Exception as error:  # noqa: BLE001 - that there is none is what is tested
            yield f"{target}: {type(error).__name__}: {error}"
            continue
        if target == "json":
            yield from invalid_files(
                json.dumps({p: json.loads(t) for p, t in files.items() if p.endswith(".json")})
            )


# -- the run -------------------------------------------------------------------------------------------------


def converted(where: Staged) -> Verdict:
    result = where.run("convert", "--output", "-", "--diagnostics", "json", *SETTINGS)
    faults = list(crashed(result))
    if faults:
        return Verdict(where.case.name, "crashed", (), tuple(faults))
    found = reported(result)
    severities = {one["severity"] for one in found}
    if result.status == 0:
        faults += invalid_files(result.out)
        outcome = "converted with warnings" if "warning" in severities else "converted cleanly"
    else:
        faults += unlocated(found)
        faults += [] if "error" in severities else ["refused without a reason"]
        outcome = "refused"
    faults += accounted(where, may_break_rules=result.status != 0)
    codes = sorted({one["code"] for one in found if one["severity"] == "error"})
    return Verdict(where.case.name, outcome, tuple(codes), tuple(faults))


def accounted(where: Staged, *, may_break_rules: bool) -> Iterator[str]:
    try:
        translated = translate(where.options())
    except InputError as error:
        if not where.case.described.get("config_args"):  # which the others do not have, and it may need
            yield f"does not load: {error}"
        return
    yield from lost_in_the_tree(translated)
    yield from lost_in_the_files(translated, where.cwd)
    if not may_break_rules:
        yield from rule_breakers(translated)
        yield from emitter_faults(translated)
        yield from twins(translated)
    alone = translate(where.options(), {"without_host_tools": True})
    if not has_errors(alone.diagnostics):
        yield from rule_breakers(alone)
        yield from emitter_faults(alone)


def twins(translated: Translated) -> Iterator[str]:
    """What AWS would be asked to make twice: resources of one type and one name."""
    found: dict[tuple[str, str], str] = {}
    for node, resource in translated.translation.stack.resources.items():
        key = (type(resource).__name__, name_of(resource).lower())
        if key[1] and not isinstance(resource, (Existing, EcsService)):
            if key in found:
                yield f"{node} and {found[key]} are both called {key[1]}"
            found[key] = node


def refused(where: Staged) -> Verdict:
    result = where.run("convert", "--output", "-", "--diagnostics", "json")
    only_config = where.case.described.get("config_args", ())
    if only_config and result.status == 0:  # what is wrong is an argument of `config`
        result = where.run("config", *only_config)
        return Verdict(where.case.name, "refused", (), tuple(crashed(result)))
    faults = list(crashed(result))
    if not faults and result.status != 2:
        faults.append("is not refused")
    if not faults:
        faults += unlocated(reported(result))
    return Verdict(where.case.name, "refused", (), tuple(faults))


def judged(case: Case, scratch: Path) -> Verdict:
    with staged(case, scratch) as where:
        return converted(where) if case.described["expect"] == "ok" else refused(where)


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[Verdict]]:
    """Every case judged, by what Docker Compose makes of it."""
    scratch = tmp_path_factory.mktemp("corpus")
    found: dict[str, list[Verdict]] = {"ok": [], "error": []}
    newer = cases(Path(CORPUS5) / "cases", "5.5") if CORPUS5 else []
    for case in [*cases(Path(CORPUS), "2.40"), *newer]:
        found[case.described["expect"]].append(judged(case, scratch))
    return found


def fail_on_faults(verdicts: list[Verdict]) -> None:
    """Show up to three faults of each case in full, which an assertion would shorten."""
    assert verdicts
    lines = [f"{verdict.name}: {fault}" for verdict in verdicts for fault in verdict.faults[:3]]
    if lines:
        pytest.fail("\n".join(lines), pytrace=False)


def test_each_loadable_project_converts_or_is_refused_with_reasons_and_no_key_is_lost(
    verdicts: Mapping[str, list[Verdict]], capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        print("\n", *table(verdicts["ok"]), sep="\n")
    fail_on_faults(verdicts["ok"])


def test_each_invalid_project_is_refused_with_a_place(verdicts: Mapping[str, list[Verdict]]) -> None:
    fail_on_faults(verdicts["error"])


def table(verdicts: list[Verdict]) -> Iterator[str]:
    yield f"{len(verdicts)} projects that Docker Compose loads"
    for outcome, count in Counter(verdict.outcome for verdict in verdicts).most_common():
        yield f"{count:6} {outcome}"
    reasons = Counter(verdict.codes for verdict in verdicts if verdict.outcome == "refused")
    for codes, count in reasons.most_common():
        yield f"{count:13} for {', '.join(codes)}"


@pytest.mark.parametrize("command", [("config",), ("convert", "--output", "-")], ids=["config", "convert"])
def test_each_bomb_is_refused_within_a_second_and_200_mb(command: tuple[str, ...], tmp_path: Path) -> None:
    bombs = sorted(Path(CORPUS).glob("robustness/*/compose.yaml"))
    for bomb in bombs:
        run = measure([*PROGRAM, "-f", str(bomb), *command], cwd=tmp_path, scratch=tmp_path)
        assert run.status == 2, bomb
        assert f"{bomb}:" in run.err
        assert "Traceback" not in run.err
        assert run.processor < 1, bomb
        assert run.peak < 200, bomb


MEASURED = {
    "2.40": ("--compose-version=2.40", ()),
    "5.5": ("", ("--expected5", f"{CORPUS5}/expected5")),
    "5.5, newer cases": ("", ("--cases", f"{CORPUS5}/cases")),
}
"""What is read as which release: the options of the program, and those of the script that scores it."""


@pytest.mark.parametrize("what", MEASURED)
def test_config_prints_what_docker_compose_prints(what: str) -> None:
    script = Path(CORPUS) / "score.py"
    if not script.is_file():
        pytest.skip("the corpus has no score.py")
    options, measure_by = MEASURED[what]
    if measure_by and not CORPUS5:
        pytest.skip("COMPOSE_CORPUS5 does not name a corpus directory")
    start = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); from compose2fargate.__main__ import main; main()"
    )
    command = f'{sys.executable} -c "{start}" {options} config {{args}} --format json {{config_args}}'
    done = subprocess.run(
        [sys.executable, str(script), "--cmd", command, "--fails", *measure_by],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
