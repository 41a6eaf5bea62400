"""What the compose schema allows, what is said about the rest, and how both relate to Docker Compose."""

from __future__ import annotations

import copy
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from functools import partial, reduce
from importlib import import_module
from importlib.metadata import version
from operator import getitem
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from compose2fargate.compose.dialect import CURRENT, DIALECTS, KEYS, UNRELEASED, Dialect
from compose2fargate.compose.sources.source_files import parse_documents
from compose2fargate.compose.validation.schema import key_paths, validate
from compose2fargate.diagnostics import Diagnostic, Location, Severity
from compose2fargate.diagnostics.codes import CODES
from compose2fargate.schema_files import read_schema

Tree = Any
Put = Callable[[Tree], Tree]
Place = tuple[tuple[str, ...], Put]

SCHEMA = read_schema("compose")
REFERENCE = jsonschema.Draft7Validator(SCHEMA)
VERDICTS = Path(__file__).with_name("schema_verdicts.txt")

FULL = """
name: shop
include: [other.yaml, {path: [a.yaml, b.yaml], env_file: .env, note: include items are open}]
services:
  web:
    build: {context: ., args: {VERSION: 1, DEBUG: null}, ssh: [default], x-note: ours}
    command: [serve, --port, "80"]
    environment: {A: text, B: 1, C: 1.5, D: true, E: null}
    env_file: [.env, {path: extra.env, required: false}]
    ports: [80, "443:443", {target: 53, published: "5353", protocol: udp}]
    expose: [3000, "8000-8010"]
    volumes: ["data:/data", {type: tmpfs, target: /tmp, tmpfs: {size: 64m, mode: 0o1777}}]
    networks: {front: null, back: {aliases: [api], priority: 10}}
    depends_on: {db: {condition: service_healthy, restart: true, required: false}}
    healthcheck: {test: [CMD, "true"], interval: 5s, retries: 3}
    deploy:
      replicas: 2
      resources: {limits: {cpus: 0.5, memory: 512M}, reservations: {devices: [{capabilities: [gpu], count: all}]}}
      update_config: {order: start-first, parallelism: "2"}
    secrets: [key, {source: key, target: other, uid: "1", mode: 0o400}]
    ulimits: {nofile: {soft: 1, hard: 2}, nproc: 100, RTPRIO: 1}
    extra_hosts: {one: 10.0.0.1, two: [10.0.0.2, 10.0.0.3]}
    gpus: all
    models: {llm: {endpoint_var: URL}}
    develop: {watch: [{path: src, action: sync, target: /src}]}
    blkio_config: {device_read_bps: [{path: /dev/sda, rate: 12mb}]}
    oom_score_adj: -500
    pull_policy: every_12h
    x-anything: {at: [all]}
  db: {image: postgres, networks: [back], depends_on: [cache], extends: {service: base}}
  cache: {image: redis, build: ., gpus: [{count: 1, open: true}], logging: {options: {max-size: 1}}}
networks: {front: null, back: {driver: bridge, ipam: {config: [{subnet: 10.0.0.0/8}]}, external: {name: x}}}
volumes: {data: null, other: {external: true}}
secrets: {key: {file: ./key}}
configs: {nginx: {content: text}}
models: {llm: {model: ai/smollm2, context_size: 1024}}
x-common: &common {restart: always}
"""


def parse(text: str, dialect: Dialect = CURRENT) -> tuple[Tree, list[Diagnostic]]:
    """Read one document, and validate it."""
    (document,) = parse_documents(text, "compose.yaml")
    return document.tree, validate(document.tree, document.marks, dialect=dialect)


def service(**keys: Tree) -> Tree:
    return {"services": {"web": {"image": "nginx", **keys}}}


def findings(tree: Tree, version: str = "5.5") -> list[str]:
    """Validate `tree`, and give the messages and their hints."""
    return [f"{d.message}. {d.hint}".rstrip() for d in validate(tree, {}, dialect=DIALECTS[version])]


# What is said ------------------------------------------------------------------------------------------------


def test_a_file_that_uses_most_of_the_specification_is_valid() -> None:
    assert parse(FULL)[1] == []


@pytest.mark.parametrize(
    ("keys", "finding"),
    [
        (
            {"ports": {"80": 80}},
            (
                "services.web.ports must be a list, but is a mapping."
                " write it as a list: each item on a line of its own, after '- '"
            ),
        ),
        (
            {"ports": None},
            "services.web.ports must be a list, but is null. give it a value, or remove it",
        ),
        (
            {"user": 1000},
            'services.web.user must be a string, but is the number 1000. put quotes around it: "1000"',
        ),
        (
            {"restart": False},
            'services.web.restart must be a string, but is false. put quotes around it: "false"',
        ),
        (
            {"hostname": 1.5},
            "services.web.hostname must be a string, but is the number 1.5. put quotes around it",
        ),
        (
            {"healthcheck": ["CMD"]},
            (
                "services.web.healthcheck must be a mapping, but is a list."
                " write it as a mapping: 'name: value' on each line, without '- '"
            ),
        ),
        (
            {"tty": 1},
            "services.web.tty must be a boolean or a string, but is the number 1. write true or false",
        ),
        (
            {"use_api_socket": "yes"},
            (
                "services.web.use_api_socket must be a boolean, but is a string."
                " write true or false without quotes"
            ),
        ),
        (
            {"networks": {"n": {"priority": "1"}}},
            "services.web.networks.n.priority must be a number, but is a string. write the number without quotes",
        ),
        (
            {"volumes": [{"type": "tmpfs", "tmpfs": {"size": -1}}]},
            "services.web.volumes.0.tmpfs.size must be at least 0, but is -1.",
        ),
        ({"cpu_percent": 101}, "services.web.cpu_percent must be at most 100, but is 101."),
        ({"enviroment": {}}, "services.web.enviroment is not a known key. did you mean 'environment'?"),
        ({"zzzzzz": 1}, "services.web.zzzzzz is not a known key."),
        (
            {"scale": 1.5},
            "services.web.scale must be a whole number or a string, but is the number 1.5. write a whole number",
        ),
        ({"cgroup": "other"}, "services.web.cgroup must be 'host' or 'private', but is 'other'."),
        (
            {"logging": {"zzz": 1}},
            "services.web.logging.zzz is not a known key. known here: driver, options",
        ),
        (
            {"depends_on": {"db": {"condition": "service_health"}}},
            (
                "services.web.depends_on.db.condition must be 'service_started', 'service_healthy' or"
                " 'service_completed_successfully', but is 'service_health'. did you mean 'service_healthy'?"
            ),
        ),
        (
            {"pull_policy": "sometimes"},
            (
                "services.web.pull_policy cannot be 'sometimes'."
                " When the image is pulled: `always`, `never`, `missing`, `build`, `daily`, `weekly` or `every_<duration>`."
            ),
        ),
        (
            {"depends_on": {"d b": {"condition": "service_started"}}},
            "services.web.depends_on.d b is not a valid name. use only letters, digits, '.', '_' and '-' in it",
        ),
        (
            {"environment": {"": "x"}},
            "services.web.environment. is not a valid name. a name cannot be empty",
        ),
        ({"depends_on": {"db": {}}}, "services.web.depends_on.db lacks the key 'condition'."),
        (
            {"group_add": ["a", "b", "a"]},
            "services.web.group_add.2 is the same as item 0. remove one of them",
        ),
    ],
)
def test_a_problem_is_told_with_what_was_expected_and_what_to_do(keys: Tree, finding: str) -> None:
    assert findings(service(**keys)) == [finding]


def test_a_file_that_is_no_mapping_is_told_as_a_whole() -> None:
    (diagnostic,) = validate(["web"], {}, file="compose.yaml")
    assert diagnostic.message == "the compose file must be a mapping, but is a list"
    assert diagnostic.location == Location("compose.yaml", 1, 1)
    assert validate(["web"], {})[0].location is None


def test_every_problem_is_reported_at_its_own_place() -> None:
    _, found = parse(
        "services:\n"
        "  web:\n"
        "    image: nginx\n"
        "    ports: '80:80'\n"
        "    healthcheck:\n"
        "      tset: x\n"
        "    networks:\n"
        "      - n\n"
        "      - n\n"
        "  d b: {}\n"
        "network: {}\n"
    )
    assert [(d.code, d.path, str(d.location)) for d in found] == [
        ("C2F140", ("services", "web", "ports"), "compose.yaml:4:5"),
        ("C2F141", ("services", "web", "healthcheck", "tset"), "compose.yaml:6:7"),
        ("C2F145", ("services", "web", "networks", 1), "compose.yaml:9:9"),
        ("C2F144", ("services", "d b"), "compose.yaml:10:3"),
        ("C2F141", ("network",), "compose.yaml:11:1"),
    ]
    assert {d.severity for d in found} == {Severity.ERROR}
    assert {d.code for d in found} <= CODES.keys()


def test_a_date_is_a_text_as_in_json() -> None:
    text = "services: {web: {image: nginx, environment: {DAY: 2001-01-01}, pull_policy: 2001-01-01, tty: 2001-01-01}}"
    _, found = parse(text)
    assert [d.path[-1] for d in found] == ["pull_policy"]  # whose form a date does not have
    _, found = parse("services: {web: {image: nginx, use_api_socket: 2001-01-01}}")
    assert [d.message for d in found] == ["services.web.use_api_socket must be a boolean, but is a date"]


def test_in_2_40_a_date_is_no_string_but_may_stand_in_an_extension() -> None:
    text = "services: {web: {image: nginx, environment: {DAY: 2001-01-01}, x-day: 2001-01-01}}"
    _, found = parse(text, DIALECTS["2.40"])
    assert [d.hint for d in found] == ["put quotes around it"]
    assert [d.message for d in found] == [
        "services.web.environment.DAY must be a string, a number, a boolean or null, but is a date"
    ]


@pytest.mark.parametrize(
    ("keys", "path", "since"),
    [
        ({"pre_start": []}, "pre_start", "5.3.0"),
        ({"build": {"context": ".", "no_cache_filter": "a"}}, "build.no_cache_filter", "5.0.0"),
    ],
)
def test_a_key_that_is_newer_than_the_chosen_release_is_told_with_the_release(
    keys: Tree, path: str, since: str
) -> None:
    assert findings(service(**keys)) == []
    assert findings(service(**keys), "2.40") == [
        f"services.web.{path} is not a known key. Docker Compose has it from {since} on; leave out --compose-version 2.40"
    ]


@pytest.mark.parametrize(
    ("tree", "path"),
    [
        ({"jobs": {}, **service()}, "jobs"),
        (service(umask="0022"), "services.web.umask"),
        (
            service(networks={"n": {"use_service_name_alias": True}}),
            "services.web.networks.n.use_service_name_alias",
        ),
    ],
)
@pytest.mark.parametrize("version", DIALECTS)
def test_a_key_that_no_release_has_is_told_to_be_so(tree: Tree, path: str, version: str) -> None:
    hint = "the specification has it, but no release of Docker Compose does: remove it"
    assert findings(tree, version) == [f"{path} is not a known key. {hint}"]


def test_a_very_long_text_is_shown_in_part() -> None:
    (diagnostic,) = validate(service(pull_policy="z" * 9000), {})
    assert diagnostic.message.startswith("services.web.pull_policy cannot be 'zzz")
    assert len(diagnostic.message) < 120


def test_a_long_or_secret_value_is_not_repeated_in_the_message() -> None:
    (finding,) = findings(service(environment="PASSWORD=hunter2"))
    assert "hunter2" not in finding


def test_nearest_keys_are_searched_for_a_limited_number_of_problems() -> None:
    found = validate(service(**{f"imag{n:03}": 1 for n in range(150)}), {})
    assert len(found) == 150
    assert found[0].hint == "did you mean 'image'?"
    assert found[-1].hint == ""


# What is allowed ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "repeated"),
    [([1, 1.0], True), ([1, "1"], False), ([2, 2], True), (["a"] * 2, True), (["a", "b"], False)],
)
def test_items_are_the_same_when_json_holds_them_to_be(items: list[Tree], repeated: bool) -> None:
    assert bool(findings(service(group_add=items))) is repeated


def test_long_form_items_are_compared_by_value() -> None:
    port = {"target": 80, "x-flags": [True, {"a": 1}]}
    assert findings(service(ports=[port, {"x-flags": [True, {"a": 1.0}], "target": 80}]))
    assert not findings(service(ports=[port, {**port, "x-flags": [1, {"a": 1}]}]))


@pytest.mark.parametrize("name", ["web\n", "we b", "", "wéb"])
def test_a_service_name_has_only_plain_characters(name: str) -> None:
    assert [d.code for d in validate({"services": {name: {"image": "nginx"}}}, {})] == ["C2F144"]


def test_a_whole_number_may_be_written_with_a_fraction_of_zero() -> None:
    assert not findings(service(scale=2.0, oom_score_adj=2.0))
    assert findings(service(oom_score_adj=2000.0))
    assert findings(service(scale=2.5))


# The recorded verdicts of Docker Compose ---------------------------------------------------------------------

KINDS: dict[str, Tree] = {
    "null": None,
    "text": "x",
    "whole": 3,
    "half": 1.5,
    "true": True,
    "list": [],
    "map": {},
    "texts": ["x"],
    "named": {"a": "x"},
}


def smallest(schema: Tree) -> Tree:
    """Give the smallest value that `schema` allows."""
    if "$ref" in schema:
        return smallest(SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]])
    kinds = schema.get("type", "string")
    if "object" in kinds:
        return {key: smallest(schema["properties"][key]) for key in schema.get("required", ())}
    return [] if "array" in kinds else schema.get("enum", ["x"])[0]


def with_key(put: Put, around: Tree, key: str, value: Tree) -> Tree:
    return put({**around, key: value})


def as_item(put: Put, value: Tree) -> Tree:
    return put([value])


def instead(put: Put, value: Tree, _: Tree) -> Tree:
    return put(value)


def places(schema: Tree, put: Put, path: tuple[str, ...]) -> Iterator[Place]:
    """Give each place for a value in a compose file, and what makes a file with a value at that place.

    A place below a chosen name is `*`, in a list `[]`, under an unknown key `?`, under an extension `x-`;
    `!key` is a mapping without a key that it needs.
    """
    if "$ref" in schema:
        schema = SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]]
    yield path, put
    around = smallest(schema)
    if "object" in schema.get("type", ()):
        names = [(key, key, value) for key, value in schema.get("properties", {}).items()]
        names += [
            ("*", "a", value) for key, value in schema.get("patternProperties", {}).items() if key != "^x-"
        ]
        names += [("?", "zzz", {}), ("x-", "x-zzz", {})]
        for step, key, value in names:
            yield from places(value, partial(with_key, put, around, key), (*path, step))
        for key in schema.get("required", ()):
            without = {other: value for other, value in around.items() if other != key}
            yield (*path, f"!{key}"), partial(instead, put, without)
    if "items" in schema:
        yield from places(schema["items"], partial(as_item, put), (*path, "[]"))


def places_of_2_40() -> Iterator[Place]:
    """Give the places that the release has which the verdicts were recorded from."""
    for path, put in places(SCHEMA, lambda tree: tree, ()):
        if not any(path[: len(key)] == key for key in KEYS):
            yield path, put


def our_verdicts() -> Iterator[str]:
    """Give a line for each place: which kinds of values it takes; `any` and `none` stand for all and no kinds."""
    for path, put in places_of_2_40():
        taken = [
            kind for kind, value in KINDS.items() if not validate(put(value), {}, dialect=DIALECTS["2.40"])
        ]
        kinds = "any" if len(taken) == len(KINDS) else " ".join(taken) or "none"
        yield f"{'.'.join(path) or '.'}: {kinds}"


STRICTER = {
    # Docker Compose makes a text of the number; nobody means a directory by it.
    "include.[].project_directory: null text whole": "include.[].project_directory: null text",
}


def test_each_key_takes_the_kinds_of_values_that_docker_compose_takes() -> None:
    recorded = VERDICTS.read_text("utf-8").splitlines()
    assert list(our_verdicts()) == [STRICTER.get(line, line) for line in recorded]


@pytest.mark.slow
@pytest.mark.conformance
def test_docker_compose_still_gives_the_recorded_verdicts(tmp_path: Path) -> None:
    binary = os.environ.get("COMPOSE_ORACLE")
    if not binary:
        pytest.skip("COMPOSE_ORACLE names no Docker Compose binary")
    file = tmp_path / "compose.yaml"
    for number, (path, put) in enumerate(places_of_2_40()):
        kind, value = list(KINDS.items())[number % len(KINDS)]
        tree = put(value)
        web = tree["services"]["a"] if path[:2] == ("services", "*") else None
        if isinstance(web, dict):
            web.setdefault("image", "nginx")
        file.write_text(json.dumps(tree), "utf-8")
        done = subprocess.run([binary, "-f", file, "config", "-q"], capture_output=True, text=True)
        refused = bool(validate(tree, {}, dialect=DIALECTS["2.40"]))
        # Later stages refuse more than the schema does, and earlier ones some of what it would refuse.
        assert refused or "validating" not in done.stderr, (path, kind, done.stderr)
        assert not refused or done.returncode, (path, kind)


# The schema as a document ------------------------------------------------------------------------------------

LEFT_OUT = {
    ("jobs",),
    ("services", "*", "umask"),
    ("services", "*", "networks", "*", "use_service_name_alias"),
}
"""Keys of the specification that our schema leaves out: no release of Docker Compose has them."""

HOOK = ("services", "*", "pre_start", "*")
"""Where the specification has by now all keys of a container; no release has more than these."""
HOOK_KEYS = frozenset(("command", "image", "user", "privileged", "working_dir", "environment", "per_replica"))


def official_paths(node: Tree, root: Tree, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """List the key paths of the official schema, which puts schemas together in more ways than ours."""
    if "$ref" in node:
        yield from official_paths(root["$defs"][node["$ref"].rpartition("/")[2]], root, path)
    for key, value in node.get("properties", {}).items():
        yield (*path, key)
        yield from official_paths(value, root, (*path, key))
    unnamed = [value for key, value in node.get("patternProperties", {}).items() if key != "^x-"]
    for value in [*unnamed, *([node["items"]] if "items" in node else [])]:
        yield from official_paths(value, root, (*path, "*"))
    for branch in (branch for way in ("allOf", "anyOf", "oneOf") for branch in node.get(way, ())):
        yield from official_paths(branch, root, path)


def test_the_schema_knows_the_keys_of_the_official_one() -> None:
    package = Path(str(import_module("check_jsonschema").__file__)).parent
    official = json.loads((package / "builtin_schemas/vendor/compose-spec.json").read_text("utf-8"))
    expected = set(official_paths(official, official, ()))
    # Python 3.10 gets an older copy of the specification, which does not have all of the newer keys yet.
    older = version("check-jsonschema") < "0.39"
    assert expected >= LEFT_OUT or older
    assert expected >= {(*HOOK, key) for key in HOOK_KEYS} or older
    assert {path[-1] for path in LEFT_OUT} == UNRELEASED
    released = {path for path in expected if not any(path[: len(out)] == out for out in LEFT_OUT)}
    known = {path for path in released if path[:4] != HOOK or not path[4:5] or path[4] in HOOK_KEYS}
    newer = {path for path in key_paths(SCHEMA) if any(path[: len(key)] == key for key in KEYS)}
    assert known | (newer if older else set()) == key_paths(SCHEMA)


def test_key_paths_name_list_items_and_chosen_names_with_a_star() -> None:
    paths = key_paths(SCHEMA)
    assert ("services", "*", "ports", "*", "target") in paths
    assert ("services", "*", "deploy", "resources", "limits", "cpus") in paths
    assert ("networks", "*", "ipam", "config", "*", "subnet") in paths
    assert not [path for path in paths if path[-1] in {"*", "^x-"}]


def schemas_within(node: Tree) -> Iterator[Tree]:
    """List `node` and every schema inside it."""
    yield node
    for keyword in ("properties", "patternProperties", "definitions"):
        for value in node.get(keyword, {}).values():
            yield from schemas_within(value)
    for value in (node.get("items"), node.get("additionalProperties")):
        if isinstance(value, dict):
            yield from schemas_within(value)


def test_the_schema_is_written_in_the_dialect_that_the_checks_understand() -> None:
    notes = {"description", "deprecated", "default", "$schema", "title", "definitions"}
    keywords = {"type", "enum", "pattern", "minimum", "maximum", "items", "uniqueItems", "required"}
    keywords |= {"properties", "patternProperties", "additionalProperties"}
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    for schema in schemas_within(SCHEMA):
        used = schema.keys() - notes
        assert used == {"$ref"} or not used or ("type" in used and used <= keywords), schema


def test_every_key_of_the_schema_is_described_for_editors() -> None:
    properties = [s.get("properties", {}).items() for s in schemas_within(SCHEMA)]
    described = [(key, value.get("description", "")) for items in properties for key, value in items]
    assert [key for key, text in described if not text.endswith(".")] == []


# The checks against a general validator ----------------------------------------------------------------------

WORDS = st.sampled_from(
    ["", "x", "a", "x-a", "all", "host", "bind", "service_started", "always", "image", "A b"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-1001, 1001) | st.sampled_from([0.5, 1.0, -2000.0]) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


def positions(tree: Tree, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """List the path of every value inside `tree`."""
    steps = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for step, value in steps:
        yield (*path, step)
        yield from positions(value, (*path, step))


@st.composite
def mutated_trees(draw: st.DrawFn) -> Tree:
    """Draw a valid file in which one to three values are replaced, added or moved."""
    tree = copy.deepcopy(parse(FULL)[0])
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(positions(tree))))
        holder: Any = reduce(getitem, path[:-1], tree)
        last: Any = path[-1]
        value = draw(VALUES | st.just(copy.deepcopy(holder[last])))
        if isinstance(holder, list):
            holder.insert(last, value)
        else:
            holder[draw(st.just(last) | WORDS)] = value
    return tree


@given(mutated_trees())
def test_a_tree_is_refused_exactly_when_a_general_validator_refuses_it(tree: Tree) -> None:
    assert bool(validate(tree, {})) == (not REFERENCE.is_valid(tree))
