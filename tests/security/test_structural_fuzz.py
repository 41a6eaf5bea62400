"""Compose trees with wrong types, missing and doubled parts, huge and odd texts: only located errors come out, and soon.

The fixtures' trees are changed at random places, the settings of the command line too; each result is translated and
written for all targets. `COMPOSE2FARGATE_FUZZ=30000 pytest -m slow tests/security/test_structural_fuzz.py` runs that many.
A case is told by its number: it gives the same tree on every machine.
"""

from __future__ import annotations

import copy
import json
import os
import random
import re
import shutil
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from compose2fargate import api
from compose2fargate.compose.yaml.yaml_output import to_yaml
from compose2fargate.diagnostics import Diagnostic, InputError, Severity, UsageError, has_errors
from compose2fargate.emitters import load_emitter
from compose2fargate.mapping.x_aws import KEYS
from compose2fargate.settings import OPTIONS
from compose2fargate.workflows.output_folder import manifest_text
from compose2fargate.workflows.recorded_inputs import manifest_content
from tests.conftest import ROOT

FIXTURES = ROOT / "fixtures"
CASES = sorted(path.parent.name for path in FIXTURES.glob("*/compose.yaml"))
TARGETS = ("json", "terraform", "cloudformation")
FOLDER = "fargate"
SEED = 20
LONGEST = 5.0
"""Seconds of processor time for one tree, all targets together."""
QUICK, SLOW = 300, 3000
CHUNK = 250
COUNT = int(os.environ.get("COMPOSE2FARGATE_FUZZ", SLOW))

ODD: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 3, 70000, 2**31, 10**30, 1.5, -0.0, 1e300, float("nan"), float("inf"), -float("inf"),
    "", " ", "a", "true", "null", "~", "0", "-1", "1e3", "0x10", "08", "1.5", "abc", "*", "/", "//", ".", "..", "../..",
    ":", "::", "=", "a=", "=a", "-", "--", "@", "#", "!", "%", "&", "|", ">", "\\", "'", '"', "`", "$", "$$", "${", "${}",
    "${X}", "${X:-y}", "${X:?}", "{", "}", "[", "]", "x y", "x\ny", "x\ty", "x\r", "\x85", "\u2028", "\u202e", "\ufeff",
    "\u0130", "\u00e9", "\u4e2d\u6587", "\U0001f600", "\ud800", "\u0660", "\u00b2", "A" * 300, "a" * 70000, "a." * 200,
    "1s", "5m", "-5s", "1h1h", "5", "1k", "1gb", "-1gb", "1.5.5", "80", "80:80", "80:80:80:80", "1-2:3", "[::1]:80:80",
    "99999:1", "8080/sctp", "0", "1000:1000", "root", "a:b:c:d", "/a:/b", "/a:/b:ro,z", "a:/b", "./x:/y", "~/x:/y",
    "nginx", "nginx@sha256:00", "nginx:1:2", "UPPER", "a/b/c/d/e", "registry:5000/x", "arn:foo", "arn:aws:s3:::x",
    "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x", "arn:aws:iam::123456789012:role/x", "sg-1", "cron(",
    "cron(* * * * ? *)", "* * * * *", "*/0 * * * *", "rate(0 days)", "at(x)", "Host(`a`)", "((((", "PathPrefix(`/`)",
    "10.0.0.0/33", "10.0.0.0/8", "::1", "service:web", "service:nosuch", "container:x", "host", "none",
    [], [None], [[]], [{}], [0], [True], ["a", "a"], ["a", 1, None, 2.5], {}, {"a": None}, {"": ""}, {"a": {"a": {}}},
    {1: 2}, {None: 1}, {"x y": "z"}, {"a.b": 1}, {"Statement": 5}, {"max": "true"}, {"max": 3, "cpu": "abc"},
    {"container": {"command": [None]}}, {"name": "x"}, {"external": True}, {"condition": "x"}, {"target": 1, "published": "x"},
    {"type": "bind"}, {"type": "volume", "source": "x", "target": "y"}, {"test": []}, {"path": 1},
)  # fmt: skip
"""What values become: one of each kind that some part of the program could take for what it expects."""


class Tree(NamedTuple):
    """A fixture's compose file, and the places in it."""

    case: str
    value: Any


@cache
def trees() -> tuple[Tree, ...]:
    return tuple(Tree(case, _parsed(FIXTURES / case / "compose.yaml")) for case in CASES)


class _Loader(yaml.SafeLoader):
    """Takes the tags of Compose (`!reset`) for nothing."""


def _untagged(loader: yaml.SafeLoader, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    return (
        loader.construct_sequence(node, deep=True) if isinstance(node, yaml.SequenceNode) else str(node.value)
    )


_Loader.add_multi_constructor("!", _untagged)


def _parsed(file: Path) -> Any:
    return yaml.load(file.read_text("utf-8"), _Loader)  # noqa: S506 - a safe loader


class Place(NamedTuple):
    """A value: what holds it, its key or index there, and its kind: the keys above it, with `*` for what users name."""

    parent: Any
    key: Any
    kind: tuple[str, ...]

    @property
    def value(self) -> Any:
        return self.parent[self.key]


def places(value: Any) -> Iterator[Place]:
    """Yield every place of a tree, in the order of the file."""
    todo: list[tuple[Any, tuple[str, ...]]] = [(value, ())]
    while todo:
        one, kind = todo.pop()
        for key, below in list(one.items()) if isinstance(one, dict) else list(enumerate(one)):
            named = isinstance(one, dict) and not (len(kind) == 1 and not kind[0].startswith("x-"))
            place = Place(one, key, (*kind, str(key) if named else "*"))
            yield place
            if isinstance(below, dict | list):
                todo.append((below, place.kind))


Vocabulary = dict[tuple[str, ...], dict[str, list[Any]]]


@cache
def vocabulary() -> Vocabulary:
    """The keys that stand in each kind of mapping, with values that they have somewhere."""
    found: Vocabulary = {}
    for tree in trees():
        for parent, key, kind in places(tree.value):
            if isinstance(parent, dict):
                found.setdefault(kind[:-1], {}).setdefault(str(key), []).append(parent[key])
    schema = json.loads((ROOT / "schemas" / "x-fargate.schema.json").read_text("utf-8"))["definitions"]
    for name, kind in _EXTENDED.items():
        for key, about in schema[name]["properties"].items():
            found.setdefault(kind, {}).setdefault(key, []).extend(about.get("enum", ()))
    for key in KEYS:
        found.setdefault(key.place, {}).setdefault(key.name, [])
    return found


_EXTENDED: dict[str, tuple[str, ...]] = {
    "project": ("x-fargate",),
    "service": ("services", "*", "x-fargate"),
    "network": ("networks", "*", "x-fargate"),
    "volume": ("volumes", "*", "x-fargate"),
    "secret": ("secrets", "*", "x-fargate"),
}


def _replace(at: random.Random, place: Place) -> None:
    place.parent[place.key] = copy.deepcopy(at.choice(ODD))


def _replace_alike(at: random.Random, place: Place) -> None:
    """Give another value of the same type, which the schema has nothing against."""
    alike = [odd for odd in ODD if type(odd) is type(place.value)]
    place.parent[place.key] = copy.deepcopy(at.choice(alike or ODD))


def _borrow(at: random.Random, place: Place) -> None:
    """Take the value that the same key has in some fixture."""
    values = vocabulary().get(place.kind[:-1], {}).get(str(place.key))
    place.parent[place.key] = copy.deepcopy(at.choice(values or ODD))


def _remove(at: random.Random, place: Place) -> None:
    del place.parent[place.key]


def _double(at: random.Random, place: Place) -> None:
    value = copy.deepcopy(place.value)
    if isinstance(place.parent, list):
        place.parent.insert(at.randrange(len(place.parent) + 1), value)
    else:
        name = str(place.key)
        place.parent[at.choice((f"{name}x", name.upper(), f"x-{name}", f"{name}-1", ""))] = value


def _wrap(at: random.Random, place: Place) -> None:
    value = place.value
    place.parent[place.key] = at.choice(
        ([value], {"a": value}, str(value), [value, value], {str(value)[:40]: value})
    )


def _rename(at: random.Random, place: Place) -> None:
    if isinstance(place.parent, dict):
        known = list(vocabulary().get(place.kind[:-1], ()))
        odd = [odd for odd in ODD if isinstance(odd, str | int | float)]
        place.parent[at.choice(known or odd) if at.random() < 0.6 else at.choice(odd)] = place.parent.pop(
            place.key
        )


def _add(at: random.Random, place: Place) -> None:
    """Add a key that stands in such mappings elsewhere, with a value of it or an odd one."""
    target, kind = (
        (place.value, place.kind) if isinstance(place.value, dict) else (place.parent, place.kind[:-1])
    )
    known = vocabulary().get(kind)
    if known and isinstance(target, dict):
        name = at.choice(list(known))
        values = known[name]
        target[name] = copy.deepcopy(at.choice(values) if values and at.random() < 0.7 else at.choice(ODD))
    elif isinstance(target, list):
        target.append(copy.deepcopy(at.choice(ODD)))


def _extend(at: random.Random, place: Place) -> None:
    """Say something in `x-fargate` or Docker's integration, right or wrong, where the place has them."""
    kinds = [kind for kind in vocabulary() if kind[:-1] == place.kind and kind[-1] == "x-fargate"]
    if not isinstance(place.value, dict):
        return
    if kinds and at.random() < 0.6:
        known = vocabulary()[kinds[0]]
        name = at.choice(list(known))
        own = place.value.get("x-fargate")
        value = copy.deepcopy(at.choice([*known[name], *known[name], at.choice(ODD)]))
        place.value["x-fargate"] = {**(own if isinstance(own, dict) else {}), name: value}
    else:
        names = [key.name for key in KEYS if len(key.place) == len(place.kind)] or [KEYS[0].name]
        place.value[at.choice(names)] = copy.deepcopy(at.choice(ODD))


def _lengthen(at: random.Random, place: Place) -> None:
    """Let a number in a text, or a sign of it, become very long."""
    if isinstance(place.value, str) and place.value:
        if at.random() < 0.7:
            runs = list(re.finditer(r"[0-9]+", place.value))
            if runs:
                run = at.choice(runs)
                many = at.choice(
                    ("9" * 5000, "9" * 400, "0" * 5000 + run[0], "99999999999", "0", "-1", "\u0663")
                )
                place.parent[place.key] = place.value[: run.start()] + many + place.value[run.end() :]
        else:
            sign = at.choice(place.value)
            place.parent[place.key] = place.value.replace(sign, sign * at.choice((2, 3, 3000)), 1)


Mutation = Callable[[random.Random, Place], None]
MUTATIONS: tuple[Mutation, ...] = (
    _replace, _replace_alike, _replace_alike, _replace_alike, _borrow, _borrow, _remove, _remove, _double, _wrap,
    _rename, _add, _add, _add, _add, _extend, _extend, _extend, _lengthen, _lengthen, _lengthen,
)  # fmt: skip


def mutated(number: int) -> tuple[str, Any, dict[str, Any], dict[str, str]]:
    """Give the fixture, the tree, the flags and the environment of a case."""
    at = random.Random(f"{SEED}:{number}")  # noqa: S311 - the same on every machine
    chosen = at.choice(trees())
    tree = copy.deepcopy(chosen.value)
    for _ in range(at.choice((1, 1, 1, 2, 3, 6))):
        found = list(places(tree))
        if found:
            at.choice(MUTATIONS)(at, at.choice(found))
        if at.random() < 0.1:
            _swap(at, tree)
    return chosen.case, tree, *_settings(at)


def _swap(at: random.Random, tree: Any) -> None:
    found = list(places(tree))
    if found:
        one, two = at.choice(found), at.choice(found)
        values = copy.deepcopy(one.value), copy.deepcopy(two.value)
        two.parent[two.key], one.parent[one.key] = values


def _settings(at: random.Random) -> tuple[dict[str, Any], dict[str, str]]:
    texts = [odd for odd in ODD if isinstance(odd, str) and "\ud800" not in odd and len(odd) < 400]
    flags: dict[str, Any] = {"region": "eu-central-1"} if at.random() < 0.5 else {}
    environment = {"HOME": "/home/user", "X": at.choice(texts)}
    while at.random() < 0.3:
        option = at.choice(OPTIONS)
        flags[option.name] = {
            "list": tuple(at.choices(texts, k=2)),
            "pairs": tuple(f"{at.choice(('web', 'a', *texts))}={at.choice(texts)}" for _ in range(2)),
            "flag": True,
            "switch": at.random() < 0.5,
        }.get(option.kind, at.choice((*option.choices, *texts)))
    if at.random() < 0.2:
        environment[f"COMPOSE2FARGATE_{at.choice(OPTIONS).name.upper()}"] = at.choice(texts)
    return flags, environment


def written(tree: Any) -> str:
    """Write a tree as JSON, which YAML reads; with the numbers that only YAML has."""
    text = json.dumps(tree, default=str)
    for said, meant in (("-Infinity", "-.inf"), ("Infinity", ".inf"), ("NaN", ".nan")):
        text = text.replace(said, meant)
    return text


def compile_all(folder: Path, flags: dict[str, Any], environment: dict[str, str]) -> tuple[Diagnostic, ...]:
    """Do all that `config`, `convert` for each target and `explain` do, but for the disk."""
    options = api.LoadOptions(environment=environment, cwd=str(folder))
    translated = api.translate(options, flags)
    to_yaml(translated.loaded.tree)
    for _ in api.explain_keys(translated):
        pass
    if has_errors(translated.diagnostics):
        return translated.diagnostics
    for target in TARGETS:
        emitter = load_emitter(target)
        artifacts = api._artifacts(emitter, translated, str(folder / FOLDER))
        notes = getattr(emitter, "notes", None)
        if notes:
            tuple(notes(artifacts, translated.settings))
        own = manifest_text(manifest_content(translated, options, target, FOLDER, artifacts), artifacts)
        "".join((*artifacts, *artifacts.values(), own)).encode()
        for path, text in artifacts.items():
            if path.endswith(".json"):
                json.loads(text, parse_constant=_no_number)
    return ()


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no JSON")


def try_case(number: int, scratch: Path) -> str:
    """Run a case; give what is wrong with what came out, or ""."""
    case, tree, flags, environment = mutated(number)
    folder = scratch / case
    if not folder.exists():
        shutil.copytree(FIXTURES / case, folder, ignore=shutil.ignore_patterns("expected"))
    (folder / "compose.yaml").write_text(written(tree), "utf-8")
    started = time.process_time()
    found: tuple[Diagnostic, ...]
    try:
        found = compile_all(folder, flags, environment)
    except UsageError:
        found = ()  # an option has no line
    except InputError as error:
        found = error.diagnostics
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return f"{number} ({case}): {type(error).__name__}: {str(error)[:200]} {_where(error)}"
    errors = [one for one in found if one.severity is Severity.ERROR and not (one.location or one.path)]
    chosen = flags or any(name.startswith("COMPOSE2FARGATE_") for name in environment)
    if errors and not chosen:  # an option has no line
        return f"{number} ({case}): no place: {errors[0].code} {errors[0].message[:200]}"
    took = time.process_time() - started
    return f"{number} ({case}): {took:.1f} s" if took > LONGEST else ""


def _where(error: Exception) -> str:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""


@pytest.mark.parametrize("start", range(0, QUICK, 100))
def test_odd_trees_end_in_located_errors(start: int, tmp_path: Path) -> None:
    assert [said for n in range(start, start + 100) if (said := try_case(n, tmp_path))] == []


@pytest.mark.slow
@pytest.mark.parametrize("start", range(QUICK, COUNT, CHUNK))
def test_many_odd_trees_end_in_located_errors(start: int, tmp_path: Path) -> None:
    numbers = range(start, min(start + CHUNK, COUNT))
    assert [said for n in numbers if (said := try_case(n, tmp_path))] == []
