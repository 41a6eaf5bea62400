"""Strategies for whole compose projects: the files, the options and the environment of one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.differential.services import SERVICE_KEYS, services
from tests.differential.syntax import (
    BOOLEANS,
    CONFIGS,
    DRIVER_OPTIONS,
    EXTENSION,
    LABELS,
    MODELS,
    NETWORKS,
    PLAIN_TEXT,
    SCALARS,
    SECRETS,
    SERVICES,
    TEXTS,
    VOLUMES,
    WILDNESS,
    Strategy,
    pick,
    rarely,
    seldom,
    several,
    table,
    tame,
)
from tests.differential.yaml_text import Alias, Anchored, Flow, Tagged, Verbatim, written


class Project(NamedTuple):
    """One run.

    Attributes:
        files: The project's files, by path below its directory.
        arguments: The options before the command, such as `-f`.
        environment: Variables of the process, besides `PATH` and `HOME`.
        options: The options and arguments of `config` itself.
        stdin: What the file `-` reads.
    """

    files: Mapping[str, str]
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = {}
    options: tuple[str, ...] = ("--format", "json")
    stdin: str = ""


# -- top-level resources -------------------------------------------------------------------------------------

EXTERNAL = tame(BOOLEANS, pick({"name": "other"}, {"name": "${UNSET:-n}"}, {}, {"name": ""}), 4)
RESOURCE_NAME = tame(pick("named", "${SET}", "N", "my-name"), pick("a b", "", "${UNSET}"), 3)

NETWORK = table(
    {
        "name": RESOURCE_NAME,
        "driver": pick("bridge", "overlay", ""),
        "driver_opts": DRIVER_OPTIONS,
        "external": EXTERNAL,
        "internal": BOOLEANS,
        "attachable": BOOLEANS,
        "enable_ipv4": BOOLEANS,
        "enable_ipv6": BOOLEANS,
        "labels": LABELS,
        "ipam": table(
            {
                "driver": pick("default", "x"),
                "options": st.dictionaries(pick("a", "b"), pick("1", "x", 1), max_size=2),
                "config": several(table({"subnet": pick("172.28.0.0/16", "x", "10.0.0.0/8"), "ip_range": pick("172.28.5.0/24"), "gateway": pick("172.28.5.254"), "aux_addresses": st.dictionaries(pick("h1", "h2"), pick("172.28.1.5"), max_size=2)}), 0, 2),
            }
        ),
        "x-net": EXTENSION,
    }
)  # fmt: skip
VOLUME = table(
    {
        "name": RESOURCE_NAME,
        "driver": pick("local", ""),
        "driver_opts": st.one_of(DRIVER_OPTIONS, pick({"type": "none", "o": "bind", "device": "./x"}, {"o": "bind", "device": "~/x"}, {"type": "nfs", "o": "addr=1", "device": ":/x"}, {"o": "bind", "device": "/abs"}, {"o": "bind,ro", "device": "rel"}, {"type": "none", "device": "rel", "o": "rw,bind"}, {"o": "bind"})),
        "external": EXTERNAL,
        "labels": LABELS,
        "x-vol": EXTENSION,
    }
)  # fmt: skip
SECRET_SOURCES = tame(pick({"file": "./s.txt"}, {"file": "s.txt"}, {"file": "/abs"}, {"file": "~/s"}, {"environment": "SET"}, {"environment": "UNSET"}, {"external": True}, {"external": True, "name": "x"}, {"external": "true"}, {"file": "${UNSET:-f}"}), pick({"external": {"name": "y"}}, {}, {"file": ""}, {"external": False}), 4)  # fmt: skip
SECRET = st.builds(
    lambda source, rest: {**source, **rest},
    SECRET_SOURCES,
    table({"name": RESOURCE_NAME, "labels": LABELS, "driver": pick("d"), "driver_opts": DRIVER_OPTIONS, "template_driver": pick("golang"), "x-sec": EXTENSION}, most=2),
)  # fmt: skip
CONFIG = st.builds(
    lambda source, rest: {**source, **rest},
    st.one_of(SECRET_SOURCES, st.fixed_dictionaries({"content": TEXTS})),
    table(
        {"name": RESOURCE_NAME, "labels": LABELS, "template_driver": pick("golang"), "x-conf": EXTENSION},
        most=1,
    ),
)
MODEL = table(
    {"name": pick("m"), "context_size": tame(pick(1024, 8192), pick("1024", 1.5, -1), 3), "runtime_flags": several(pick("--x", "--y 1"), 0, 2), "x-mod": EXTENSION},
    needed={"model": tame(pick("ai/smollm2"), pick(""), 5)},
)  # fmt: skip

RESOURCES: dict[str, tuple[tuple[str, ...], Strategy]] = {
    "networks": (NETWORKS, seldom(NETWORK, st.none(), 3)),
    "volumes": (VOLUMES, seldom(VOLUME, st.none(), 3)),
    "secrets": (SECRETS, SECRET),
    "configs": (CONFIGS, CONFIG),
    "models": (MODELS, MODEL),
}


def mentioned(tree: Any, names: tuple[str, ...]) -> set[str]:
    """Find which of `names` occur in `tree`, as keys, values or the source of a mount."""
    if isinstance(tree, dict):
        return set().union(*(mentioned(part, names) for pair in tree.items() for part in pair))
    if isinstance(tree, list):
        return set().union(*(mentioned(item, names) for item in tree))
    if isinstance(tree, str):
        return {name for name in names if tree == name or tree.startswith(f"{name}:")}
    return mentioned(tree.value, names) if hasattr(tree, "value") else set()


KEYS_OF = {"networks": ("networks",), "volumes": ("volumes",), "secrets": ("secrets", "build"), "configs": ("configs", "credential_spec"), "models": ("models",)}  # fmt: skip
NEEDS = ("depends_on", "links", "ipc", "pid", "network_mode", "volumes_from")


def towards_later(name: str, service: dict[str, Any]) -> dict[str, Any]:
    """Leave out what would make services depend on each other in a circle."""
    later = SERVICES[SERVICES.index(name) + 1 :]

    def fits(mention: Any) -> bool:
        return not isinstance(mention, str) or not mentioned(mention.removeprefix("service:"), SERVICES) or bool(mentioned(mention.removeprefix("service:"), later))  # fmt: skip

    kept = dict(service)
    for key in NEEDS:
        value = kept.get(key)
        if isinstance(value, list):
            kept[key] = [item for item in value if fits(item)]
        elif isinstance(value, dict):
            kept[key] = {mention: item for mention, item in value.items() if fits(mention)}
        elif isinstance(value, str) and not fits(value):
            del kept[key]
    return kept


@st.composite
def complete(draw: st.DrawFn, tree: dict[str, Any]) -> dict[str, Any]:
    """Define what the services mention, nearly always, and a little more."""
    wanted = {key: mentioned([s.get(k) for s in tree["services"].values() for k in KEYS_OF[key]], names) for key, (names, _) in RESOURCES.items()}  # fmt: skip
    for key, (names, resource) in RESOURCES.items():
        extra = rarely(draw, 10)
        chosen = sorted(wanted[key] | ({draw(pick(*names))} if extra else set()))
        defined = {name: draw(resource) for name in chosen if draw(st.integers(0, 40))}
        if defined:
            tree[key] = defined
    needed = mentioned([s.get(k) for s in tree["services"].values() for k in NEEDS], SERVICES)
    for name in sorted(needed - tree["services"].keys()):
        if not rarely(draw, 26):
            tree["services"][name] = {"image": "needed"}
    return tree


# -- what makes a tree a file --------------------------------------------------------------------------------


def leaves(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Give the paths of all scalars."""
    if isinstance(tree, dict):
        return [found for key, value in tree.items() for found in leaves(value, (*path, key))]
    if isinstance(tree, list):
        return [found for key, value in enumerate(tree) for found in leaves(value, (*path, key))]
    return [path]


def nodes(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Give the paths of everything below the root."""
    entries = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [found for key, value in entries for found in ((*path, key), *nodes(value, (*path, key)))]


def changed(tree: Any, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    """Copy `tree` with the value at `path` changed."""
    if not path:
        return change(tree)
    copy = tree.copy()
    copy[path[0]] = changed(copy[path[0]], path[1:], change)
    return copy


def without(tree: Any, path: tuple[Any, ...]) -> Any:
    """Copy `tree` without the entry at `path`."""

    def remove(parent: Any) -> Any:
        copy = parent.copy()
        del copy[path[-1]]
        return copy

    return changed(tree, path[:-1], remove)


REFERENCES = pick(
    "${UNSET:-%s}",
    "${UNSET-%s}",
    "${EMPTY:-%s}",
    "${SET:+%s}",
    "${EMPTY+%s}",
    "$NEW",
    "${NEW}",
    "${NEW:?missing}",
    "${NEW?missing}",
    "${NEW:-x}",
    "${UNSET:-${NEW}}",
    "${UNSET:-${OTHER:-%s}}",
    "${SET:+${NEW}}",
    "${DOTENV:-%s}",
    "%s${EMPTY}",
    "${UNSET}%s",
    "${EMPTY-}%s",
    "${NEW}$$",
    "%s$UNSET",
    "${UNSET:+x}%s",
)
ODD_REFERENCES = pick(
    "${DOTENV}", "${QUOTED}", "${UNSET?gone}", "${EMPTY:?empty}", "${UNSET:?}", "${", "$", "${}", "$1", "${SET!}", "${SET:-a}b}", "${A-b-c}", "$(x)", "${ SET }", "$${SET}", "$$$SET", "${UNSET:-a:b-c?d}", "${UNSET:-$SET}", "${SET:-${UNSET?x}}", "${UNSET:-}", "${LOOKS}", "${é}", "${UNSET:-{}}", "${UNSET:-'}'}", '${UNSET:-"x"}',
)  # fmt: skip


@st.composite
def with_references(draw: st.DrawFn, tree: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
    """Hide some scalars behind variables: mostly such that they come out again."""
    for _ in range(draw(st.integers(0, 3))):
        paths = [path for path in leaves(tree) if path and path[0] not in {"version", "include"}]
        if not paths:
            break
        path = draw(pick(*paths))
        form = draw(tame(REFERENCES, ODD_REFERENCES, 4))

        def hidden(value: Any, form: str = form) -> Any:
            if isinstance(value, tuple) or value is None:
                return value
            text = str(value).lower() if isinstance(value, bool) else str(value)
            if "$" in text:
                return value
            environment.setdefault("NEW", text)
            return form.replace("%s", text)

        tree = changed(tree, path, hidden)
    return tree


@st.composite
def with_anchors(draw: st.DrawFn, tree: dict[str, Any]) -> dict[str, Any]:
    """Take parts of services out into anchors, and merge them in."""
    names = [name for name, service in tree["services"].items() if isinstance(service, dict) and service]
    if not names or not rarely(draw, 8):
        return tree
    shared = draw(services(3))
    name = draw(pick(*names))
    form = draw(st.integers(0, 3))
    merged: Any = Alias("base")
    if form == 1:
        merged = [Alias("base"), Alias("base")]
    elif form == 2:
        merged = [Alias("base"), {"hostname": "inline"}]
    service = tree["services"][name]
    before = {"<<": merged, **service} if draw(st.booleans()) else {**service, "<<": merged}
    return {"x-base": Anchored("base", shared), **tree, "services": {**tree["services"], name: before}}


WRONG = st.one_of(
    SCALARS,
    pick(None, True, 1, 1.5, "", "text", [], {}, [1], ["a", "a"], {"a": 1}, {"unknown": "x"}, -1, "${UNSET}", Verbatim("!reset null"), Verbatim("!override []"), Verbatim("*nowhere"), Verbatim("&a x"), [None], {"": None}, {"x-ok": 1}),
)  # fmt: skip
WRONG_KEYS = pick("unknown", "x-fine", "image", "1", "ports", "", "name", "X-upper", "<<", "services", "é", "a b", "a.b", "key", "type", "driver", "pre_start", "labels")  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, tree: dict[str, Any]) -> dict[str, Any]:
    """Make one place of a tree doubtful: another value, another key, one key less."""
    paths = nodes(tree)
    if not paths:
        return tree
    path = draw(pick(*paths))
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return dict(without(tree, path))
    wrong = draw(WRONG)
    if kind == 1:
        return dict(changed(tree, path, lambda _: wrong))
    key = draw(WRONG_KEYS)

    def widened(value: Any) -> Any:
        if isinstance(value, dict):
            return {**value, key: wrong}
        return [*value, wrong] if isinstance(value, list) else {key: value} if kind == 2 else [value]

    return dict(changed(tree, path, widened))


# -- the other files -----------------------------------------------------------------------------------------

LINES = pick(
    "A=1", "B=two words", "C='single $SET'", 'D="double ${SET} \\n x"', "E=${SET:-x}", "export F=f", "G", "H=", "# comment", "", "I=a # comment", "J=a#b", "K='multi\nline'", 'L="multi\nline"', " M = m ", "N: yaml", "O=\\$x", "P=$A", "Q=${A}${B}", "R=$$x", "S=a=b", 'T="a\\"b"', "U='it''s'", "V=${UNSET}", "W=`x`", "export X", "Y=\\n", 'Z="\\$A"', "A=again", "AA=${UNSET:-d}", "AB=${UNSET:?e}", "AC=é", "lower=x", "a.b=c", "a-b=c", "SET=file", "EMPTY=", "PORT=8080", "TAG=9", "COMPOSE_PROFILES=dev", "AD=\ttab\t", "AE='x' # c", 'AF="x" y', "AG='unclosed", "=x", "1A=x", "A B=c", "AH==x", "AI=$(x)", 'AJ="\\t\\\\\\a"', "AK='\\n'", "AL=x\r", "AM=[x]", "AN={x}", "AO='' ", 'AP=""', "AQ=$", "AR=${", "AS='$A' ", 'AT="${A:-"x"}"', "export  AU = x", 'AV="x"#y', "AW=x'y'", 'AX=x"y z"', "AY\t=\tz", "AZ=  ", "export", "export =x", "B[0]=x", "C/D=x",
)  # fmt: skip
ENV_TEXTS = st.lists(seldom(LINES, PLAIN_TEXT, 10), max_size=6).map(lambda lines: "\n".join((*lines, "")))
SAFE_LINES = pick("A=1", "B=two words", "C='single $SET'", 'D="double ${SET}"', "E=${SET:-x}", "G", "H=", "# c", "A=again", "P=$A", "K='multi\nline'", "PORT=8080", "SET=file", "LOOKS=${HOME}", "com.example=x")  # fmt: skip
SAFE_TEXTS = st.lists(SAFE_LINES, max_size=4).map(lambda lines: "\n".join((*lines, "")))
DOTENV = st.builds(lambda extra: f"DOTENV=from-file\nQUOTED='a b'\n{extra}", SAFE_TEXTS)


def used_files(texts: str) -> set[str]:
    """Give the env and label files that the compose files name."""
    return {name for name in ("a.env", "b.env", "sub/c.env", "l.labels", "sub/m.labels", "sub/a.env", "sub/l.labels", "sub/sub/c.env", "sub/b.env") if name.removeprefix("sub/") in texts}  # fmt: skip


EXTRA_KEYS: dict[str, Strategy] = {"name": tame(pick("proj", "Proj", "my_proj-1", "${SET}", "a.b", "${UNSET:-y}"), pick("", "-x", 5), 4), "version": tame(pick("3.8", "2"), pick("", 3.8), 4), "x-top": EXTENSION, "x-": EXTENSION}  # fmt: skip


@st.composite
def models(draw: st.DrawFn, most: int = 3, keys: int = 6) -> dict[str, Any]:
    """The tree of a compose file that is complete in itself."""
    names = draw(st.lists(pick(*SERVICES), unique=True, min_size=1, max_size=most))
    tree: dict[str, Any] = {"services": {name: draw(services(keys)) for name in names}}
    if not rarely(draw, 25):
        tree["services"] = {name: towards_later(name, service) for name, service in tree["services"].items()}
    tree = draw(complete(tree))
    for key, values in EXTRA_KEYS.items():
        if rarely(draw, 15):
            tree[key] = draw(values)
    return tree


TAGS = pick("!reset", "!override")


@st.composite
def overrides(draw: st.DrawFn, tree: dict[str, Any]) -> dict[str, Any]:
    """A tree to merge over `tree`: mostly other values for keys that are there."""
    over: dict[str, Any] = {}
    for name, service in tree["services"].items():
        known = [key for key in service if key in SERVICE_KEYS] if isinstance(service, dict) else []
        keys = draw(st.lists(pick(*(known or ["image"])) | pick(*SERVICE_KEYS), unique=True, max_size=3))
        changes = {key: draw(SERVICE_KEYS[key]) for key in keys}
        for key in keys:
            if rarely(draw, 6):
                tag = draw(TAGS)
                changes[key] = Tagged(tag, None if tag == "!reset" and draw(st.booleans()) else changes[key])
        if not rarely(draw, 4):
            over[name] = changes if not rarely(draw, 21) else Tagged(draw(TAGS), changes)
    stays: bool = draw(st.booleans())
    whole: dict[str, Any] = {"services": over} if over or stays else {}
    for key, names in tree.items():
        if key in RESOURCES and rarely(draw, 3):
            whole[key] = {name: draw(RESOURCES[key][1]) for name in names}
            if whole[key] and rarely(draw, 5):
                name = draw(pick(*whole[key]))
                whole[key][name] = Tagged(draw(TAGS), whole[key][name])
    return draw(complete_again(whole, tree))


@st.composite
def complete_again(draw: st.DrawFn, over: dict[str, Any], base: dict[str, Any]) -> dict[str, Any]:
    """Define what an override mentions and the base has not."""
    plain = {name: service for name, service in over.get("services", {}).items() if isinstance(service, dict)}
    filled = draw(complete({"services": dict(plain)}))
    merged = dict(over)
    for key, entries in filled.items():
        present = {**base.get(key, {}), **over.get(key, {})}
        new = {name: value for name, value in entries.items() if name not in present}
        if new:
            merged[key] = {**over.get(key, {}), **new}
    return merged


@st.composite
def extended(draw: st.DrawFn, trees: dict[str, dict[str, Any]]) -> None:
    """Let services extend others, of the same file or of one next to it."""
    tree = trees["compose.yaml"]
    names = list(tree["services"])
    name = draw(pick(*names))
    service = tree["services"][name]
    if not isinstance(service, dict):
        return
    here = draw(st.booleans())
    if here:
        base = draw(services(4))
        tree["services"]["base"] = base
        if rarely(draw, 4):
            tree["services"]["root"] = draw(services(3))
            base["extends"] = draw(pick("root", {"service": "root"}))
        service["extends"] = draw(tame(pick("base", {"service": "base"}, {"service": "base", "file": "compose.yaml"}), pick({"service": "nope"}), 8))  # fmt: skip
        draw(complete(tree))
        return
    file = draw(pick("common.yaml", "sub/common.yaml"))
    other: dict[str, Any] = {"services": {"base": draw(services(4)), "root": draw(services(3))}}
    if rarely(draw, 4):
        other["services"]["base"]["extends"] = draw(
            tame(pick("root", {"service": "root"}), pick({"service": "base"}), 6)
        )
    if rarely(draw, 9):
        other["services"]["base"] = Tagged(draw(TAGS), other["services"]["base"])
    trees[file] = draw(complete(other)) if draw(st.booleans()) and isinstance(other["services"]["base"], dict) else other  # fmt: skip
    service["extends"] = {"file": file, "service": draw(tame(pick("base"), pick("nope"), 8))}
    draw(complete(tree))


@st.composite
def included(draw: st.DrawFn, trees: dict[str, dict[str, Any]]) -> None:
    """Include a file, by the short or the long form."""
    file = draw(pick("inc.yaml", "sub/inc.yaml"))
    inner = draw(models(2, 4))
    inner["services"] = {f"inc-{name}": service for name, service in inner["services"].items()}
    for section in ("networks", "volumes", "secrets", "configs", "models"):
        if section in trees["compose.yaml"] and section in inner and not rarely(draw, 7):
            for name in inner[section]:
                trees["compose.yaml"][section].pop(name, None)
    if rarely(draw, 13):
        inner["include"] = ["deeper.yaml"]
        where = "sub/deeper.yaml" if file.startswith("sub/") else "deeper.yaml"
        trees[where] = {"services": {"deep": {"image": "x", "env_file": "a.env"}}}
    trees[file] = inner
    entry = draw(
        pick(
            file,
            {"path": file},
            {"path": [file]},
            {"path": file, "project_directory": "."},
            {"path": file, "project_directory": "./sub"},
            {"path": file, "env_file": "a.env"},
            {"path": file, "env_file": ["a.env", "b.env"]},
            {"path": file, "project_directory": "sub", "env_file": "sub/c.env"},
            {"path": [file, "inc2.yaml"]},
            {"path": file, "unknown": 1},
        )
    )
    if isinstance(entry, dict) and "inc2.yaml" in entry["path"]:
        trees["inc2.yaml"] = draw(overrides(inner))
    trees["compose.yaml"]["include"] = draw(
        tame(
            pick([entry]),
            pick(
                {"path": file}, [entry, entry], ["missing.yaml"], [{"path": file, "env_file": "missing.env"}]
            ),
            5,
        )
    )


OPTIONS = pick(
    ("--format", "json"), ("--format", "json"), ("--format", "json"), ("--format", "json"), ("--format", "json"), ("--format", "json"),
    (), (), ("--format", "yaml"), ("--no-interpolate", "--format", "json"), ("--no-interpolate",), ("--no-normalize", "--format", "json"), ("--no-path-resolution", "--format", "json"), ("--no-consistency", "--format", "json"), ("--no-env-resolution", "--format", "json"),
    ("--services",), ("--volumes",), ("--images",), ("--hash", "*"), ("--variables",), ("--environment",), ("--profiles",), ("--networks",), ("--models",), ("--quiet",),
    ("--format", "json", "web"), ("--format", "json", "web", "db"), ("--format", "json", "nope"), ("--services", "--no-interpolate"), ("--no-normalize", "--no-path-resolution", "--no-consistency"), ("--no-interpolate", "--no-normalize"), ("--variables", "--format", "json"), ("--hash", "web"), ("--images", "web"), ("--no-path-resolution", "--no-normalize", "--format", "json"),
    ("--no-interpolate", "--images"), ("--no-interpolate", "--hash", "*"), ("--no-interpolate", "--volumes"), ("--no-interpolate", "--networks"), ("--no-interpolate", "--models"), ("--no-interpolate", "--profiles"), ("--no-interpolate", "--environment"), ("--no-interpolate", "--variables"),
)  # fmt: skip

PROFILE_CHOICE = pick((), (), (), ("--profile", "dev"), ("--profile", "*"), ("--profile", "dev", "--profile", "test"), ("--profile", "nope"))  # fmt: skip


@st.composite
def dressed(draw: st.DrawFn, tree: Any) -> str:
    """Write a file down: now and then as JSON, with other line ends, or with what may stand around a document."""
    text = written(Flow(tree) if rarely(draw, 20) else tree)
    dress = draw(st.integers(0, 40))
    dresses = {
        11: text.replace("\n", "\r\n"),
        12: f"\ufeff{text}",
        13: f"---\n{text}...\n",
        14: f"# comment\n\n{text}  # end",
        15: f"%YAML 1.1\n---\n{text}",
        16: f"{text}---\n",
        17: text.replace(":\n", ":   # why\n"),
        18: text.rstrip("\n"),
        19: f"{text}---\nservices: {{}}\n",
    }
    return dresses.get(dress, text)


@st.composite
def projects(draw: st.DrawFn) -> Project:
    """A whole project: one to three compose files and what they need, sometimes with a mistake."""
    trees: dict[str, dict[str, Any]] = {"compose.yaml": draw(models())}
    if rarely(draw, 5):
        draw(extended(trees))
    if rarely(draw, 8):
        draw(included(trees))
    arguments: list[str] = []
    form = draw(st.integers(0, 6))
    if form == 0:
        trees["compose.override.yaml"] = draw(overrides(trees["compose.yaml"]))
    elif form in (1, 2):
        second = draw(pick("prod.yaml", "sub/prod.yaml"))
        trees[second] = draw(overrides(trees["compose.yaml"]))
        arguments += ["-f", "compose.yaml", "-f", second]
        if rarely(draw, 4):
            trees["third.yaml"] = draw(overrides(trees["compose.yaml"]))
            arguments += ["-f", "third.yaml"]
    environment = {"SET": "set-value", "EMPTY": ""}
    for file in list(trees):
        tree = draw(with_references(trees[file], environment))
        if "services" in tree and isinstance(tree["services"], dict):
            tree = draw(with_anchors(tree))
        if draw(WILDNESS) and rarely(draw, 2 * len(trees)):
            tree = draw(mutated(tree))
        trees[file] = tree
    if rarely(draw, 10):
        environment["COMPOSE_PROFILES"] = draw(pick("dev", "dev,test", "*", ",", "dev, test", "nope"))
    if rarely(draw, 31):
        environment.update(draw(pick({"COMPOSE_PROJECT_NAME": "from-env"}, {"COMPOSE_FILE": "compose.yaml"}, {"COMPOSE_ENV_FILES": "a.env"}, {"COMPOSE_PROJECT_NAME": ""}, {"COMPOSE_DISABLE_ENV_FILE": "1"}, {"COMPOSE_DISABLE_ENV_FILE": "true"}, {"COMPOSE_FILE": "compose.yaml:third.yaml"}, {"COMPOSE_PATH_SEPARATOR": ",", "COMPOSE_FILE": "compose.yaml,compose.yaml"})))  # fmt: skip
    arguments += draw(PROFILE_CHOICE)
    if rarely(draw, 60):
        arguments += draw(pick(["-p", "Given"], ["-p", "a b"], ["-p", "x-"], ["--env-file", "sub"], ["-f", "missing.yaml"], ["--project-directory", "missing"]))  # fmt: skip
    if rarely(draw, 26):
        arguments += draw(pick(["-p", "given"], ["--project-directory", "sub"], ["--env-file", "a.env"], ["--env-file", "a.env", "--env-file", "b.env"], ["--env-file", "missing.env"], ["-p", ""], ["--project-directory", "."]))  # fmt: skip
    files = {file: draw(dressed(tree)) for file, tree in trees.items()}
    everything = "\n".join((*files.values(), *environment.values(), *arguments))
    for name in sorted(used_files(everything)):
        if not rarely(draw, 31):
            files[name] = draw(tame(SAFE_TEXTS, ENV_TEXTS, 2))
    if draw(st.booleans()):
        files[".env"] = draw(tame(DOTENV, ENV_TEXTS, 3))
    stdin = ""
    if form > 2 and rarely(draw, 30):
        arguments += ["-f", "-"]
        stdin = files.pop("compose.yaml")
    return Project(files, tuple(arguments), environment, draw(OPTIONS), stdin)


# -- one construct at a time ---------------------------------------------------------------------------------


def of_service(
    key: str, value: Any, options: tuple[str, ...] = ("--format", "json"), **files: str
) -> Project:
    """A project whose one service has one key besides its image."""
    tree = {"services": {"web": {"image": "alpine", key: value}}}
    return Project({"compose.yaml": written(tree), **files}, (), {"SET": "set-value", "EMPTY": ""}, options)


DOLLARS = st.lists(pick("$", "{", "}", "SET", "EMPTY", "UNSET", ":", "-", "?", "+", ":-", ":?", ":+", "a", " ", "$$", "${", "${SET", "${UNSET:-", "${UNSET-", "${SET:+", "\n", "1", "_", "é", "}}", "/", "!", "'", '"', "\\", "#", "=", "."), max_size=8).map("".join)  # fmt: skip
"""Texts that look like references to variables."""


def mapping_of(alphabet: str, size: int = 12) -> Strategy:
    """Short texts of the given characters."""
    return st.text(alphabet=alphabet, max_size=size)


YAML_TEXT = st.lists(pick("a", "b", ":", ": ", "- ", "\n", "\n  ", "\n    ", "#", " #", "'", '"', "[", "]", "{", "}", ",", ", ", "|", ">", "|-\n", "&x ", "*x", "!!str ", "!reset ", "?", "? ", "~", "1", "0x", "<<", "\t", " ", "...", "---", "\n---\n", "%", "@", "`", "\\", "\\n", "\r\n", "é", "\x85", "\u2028", "\ufeff", "\x07", "=", "null", "true"), max_size=14).map("".join)  # fmt: skip


@st.composite
def of_one_key(draw: st.DrawFn) -> Project:
    """A service with one key, whose value may be wrong somewhere."""
    key = draw(pick(*SERVICE_KEYS))
    tree: dict[str, Any] = {"services": {"web": {"image": "alpine", key: draw(SERVICE_KEYS[key])}}}
    tree = draw(mutated(tree)) if draw(st.booleans()) else draw(complete(tree))
    return _project(tree, {})


@st.composite
def merged_keys(draw: st.DrawFn) -> Project:
    """Two or three files, which give one key of a service different values."""
    key = draw(pick(*SERVICE_KEYS))
    trees = []
    for _ in range(draw(st.integers(2, 3))):
        value = draw(SERVICE_KEYS[key])
        tag = draw(pick("", "", "", "", "!reset", "!override"))
        trees.append({"services": {"web": {key: Tagged(tag, value) if tag else value}}})
    trees[0]["services"]["web"]["image"] = "alpine"
    trees[-1] = draw(complete(trees[-1]))
    others = {f"{index}.yaml": written(tree) for index, tree in enumerate(trees[1:])}
    if draw(st.integers(0, 3)) == 2:
        text = written(trees[0]) + "".join(f"---\n{text}" for text in others.values())
        return _project(text, {})
    return _project(trees[0], others, tuple(a for file in ("compose.yaml", *others) for a in ("-f", file)))


@st.composite
def extended_keys(draw: st.DrawFn) -> Project:
    """A service that extends one of this or of another folder, both with the same key."""
    key = draw(pick(*SERVICE_KEYS))
    tag = draw(pick("", "", "", "", "", "!reset", "!override"))
    value = draw(SERVICE_KEYS[key])
    web = {key: Tagged(tag, value) if tag else value} if draw(st.booleans()) else {}
    base = {"services": {"base": {"image": "alpine", key: draw(SERVICE_KEYS[key])}}}
    file = draw(pick("compose.yaml", "common.yaml", "sub/common.yaml", "../case/sub/deep/x.yaml"))
    tree: dict[str, Any] = {"services": {"web": {"extends": {"service": "base", "file": file}, **web}}}
    if file == "compose.yaml":
        tree["services"].update(base["services"])
        tree["services"]["web"]["extends"] = draw(pick("base", {"service": "base"}))
        return _project(draw(complete(tree)), {})
    completed = draw(complete({"services": {**tree["services"], **base["services"]}}))
    del completed["services"]["base"]
    return _project(completed, {file.removeprefix("../case/"): written(base)})


@st.composite
def included_keys(draw: st.DrawFn) -> Project:
    """A service of an included file, with one key that may hold a path."""
    keys = ("volumes", "env_file", "build", "label_file", "secrets", "configs", "develop", "devices", "extends", "security_opt", "credential_spec", "environment", "depends_on", "networks")  # fmt: skip
    key = draw(pick(*keys))
    base: dict[str, Any] = {"services": {"web": {"image": "a", key: draw(SERVICE_KEYS[key] if key != "extends" else pick({"service": "x", "file": "e.yaml"}, {"service": "x", "file": "../e.yaml"}))}}}  # fmt: skip
    file = draw(pick("inc.yaml", "sub/inc.yaml"))
    entry = draw(pick(file, {"path": file, "project_directory": "."}, {"path": file, "project_directory": "other"}, {"path": file, "env_file": "a.env"}, {"path": [file, "over.yaml"]}))  # fmt: skip
    tree: dict[str, Any] = {"include": [entry]}
    if draw(st.booleans()):
        tree["services"] = draw(pick({"own": {"image": "${A:-x}"}}, {"web": {"hostname": "h"}}, {"own": {"image": "x", "depends_on": ["web"]}}))  # fmt: skip
    extended_file = "services: {x: {image: x, build: ./ctx, env_file: [a.env], volumes: ['./v:/v']}}\n"
    others = {file: written(draw(complete(base))), "e.yaml": extended_file, "sub/e.yaml": extended_file, "over.yaml": "services: {web: {labels: [a=b]}}\n", "over/.env": "A=1\n", "sub/.env": "A=2\nSET=sub\n", "other/.env": "A=3\n"}  # fmt: skip
    return _project(tree, others)


@st.composite
def resources(draw: st.DrawFn) -> Project:
    """A top-level resource that is used, by one file or by two."""
    section = draw(pick(*RESOURCES))
    name = RESOURCES[section][0][0]
    used: Any = [f"{name}:/x"] if section == "volumes" else [name]
    tree = {
        "services": {"web": {"image": "alpine", section: used}},
        section: {name: draw(RESOURCES[section][1])},
    }
    others = {}
    if draw(st.booleans()):
        others["compose.override.yaml"] = written({section: {name: draw(RESOURCES[section][1])}})
    elif draw(st.booleans()):
        tree = draw(mutated(tree))
    return _project(tree, others)


def _project(tree: Any, others: Mapping[str, str], arguments: tuple[str, ...] = ()) -> Project:
    files = {"compose.yaml": tree if isinstance(tree, str) else written(tree), **others}
    texts = "\n".join(files.values())
    files.update({name: f"A=from {name}\nB=${{A}}-${{SET}}\n" for name in used_files(texts)})
    return Project(files, arguments, {"SET": "set-value", "EMPTY": ""})


BEFORE = pick(
    ["-p=x"], ["-px"], ["-p", "x"], ["-p="], ["-p=a=b"], ["-f=b.yaml"], ["-fb.yaml"], ["-f", "b.yaml"], ["--file=b.yaml"], ["--ansi", "never"], ["--ansi="],
    ["--ansi=x"], ["--progress", "plain"], ["--progress="], ["--progress=x"], ["--progress=none"], ["--parallel", "3"], ["--parallel=-1"], ["--parallel=x"],
    ["--parallel=0x1f"], ["--parallel=1_0"], ["--parallel="], ["--all-resources"], ["--all-resources=false"], ["--compatibility"], ["--compatibility=T"],
    ["--dry-run"], ["--dry-run=0"], ["--verbose"], ["--verbose=x"], ["--profile=p"], ["--profile", "p"], ["--profile="], ["--project-directory=sub"],
    ["--workdir", "sub"], ["--env-file=b.env"], ["--project-name=y"],
)  # fmt: skip
AFTER = pick(
    ["-q"], ["-q=false"], ["-q=1"], ["-q=x"], ["-qq"], ["--quiet=F"], ["--format=json"], ["--format", "json"], ["--format="], ["--services"], ["--services=0"],
    ["--no-interpolate=true"], ["--no-normalize"], ["--dry-run"], ["--images"], ["x"], ["web"], ["--", "x"], ["-oq.txt"], ["-o=q.txt"], ["-qo", "q.txt"],
)  # fmt: skip
"""Options of all commands, and of `config`, in the spellings that Docker Compose takes or refuses."""
ARGUED = "services: {web: {image: 'a:${V-unset}', profiles: [p]}, x: {image: b}}\nvolumes: {unused: {}}\n"


def argued(before: list[list[str]], after: list[list[str]]) -> Project:
    """A project of little, called with much."""
    files = {
        "compose.yaml": ARGUED,
        "b.yaml": ARGUED.replace("b}", "c}"),
        "sub/compose.yaml": ARGUED,
        "b.env": "V=b\n",
    }
    options = tuple(word for words in sorted(after, key=lambda words: words[0] == "--") for word in words)
    return Project(files, tuple(word for words in before for word in words), {}, options)


FOCUSED: dict[str, Strategy] = {
    "key": of_one_key(),
    "merge": merged_keys(),
    "extends": extended_keys(),
    "include": included_keys(),
    "resource": resources(),
    "interpolation": DOLLARS.map(lambda text: of_service("labels", {"a": text})),
    "variables": DOLLARS.map(lambda text: of_service("labels", {"a": text}, ("--variables",))),
    "uninterpolated": DOLLARS.map(lambda text: of_service("labels", {"a": text}, ("--no-interpolate",))),
    "dotenv": st.one_of(ENV_TEXTS, mapping_of("AB=\"'$ {}#\\n\n\t:-x")).map(
        lambda text: of_service("labels", ["A=$A", "B=${B}", "C=${C-none}"], ("--environment",), **{".env": text})
    ),
    "env_file": st.one_of(ENV_TEXTS, mapping_of("AB=\"'$ {}#\\n\n\t:-x")).map(
        lambda text: of_service("env_file", "a.env", (), **{"a.env": text})
    ),
    "raw env_file": st.one_of(ENV_TEXTS, mapping_of("AB=\"'$ #\\n\n\r\t")).map(
        lambda text: of_service("env_file", [{"path": "a.env", "format": "raw"}], (), **{"a.env": text})
    ),
    "label_file": ENV_TEXTS.map(lambda text: of_service("label_file", "a.env", (), **{"a.env": text})),
    "scalar": st.one_of(SCALARS, mapping_of("0123456789._-+eExob:aTfF~", 8).map(Verbatim)).map(lambda value: of_service("x-any", value)),
    "scalar as setting": st.one_of(SCALARS, mapping_of("0123456789._-+eExob", 8).map(Verbatim)).map(lambda value: of_service("environment", {"A": value})),
    "yaml": st.builds(lambda text, options: Project({"compose.yaml": f"services:\n  web:\n    image: x\n    x-a: {text}\n"}, (), {}, options), YAML_TEXT, pick(("--format", "json"), ())),
    "text": st.builds(lambda text, options: of_service("labels", {"a": text}, options), st.text(max_size=10), pick(("--format", "json"), (), ("--hash", "*"))),
    "printed text": st.lists(pick("a", " ", "\n", ":", "#", "- ", "'", '"', "\t", "!", "&", "*", "%", "|", ">", "{", "[", ",", "?", "~", "1", "é", "\x7f", "\xa0", "\u2028", "\\", "x" * 60, "yes", "=", "@", "`", "\x00", "\x1b", "\ud7ff", "\U0001f600", "0o7", "1:2", ".")).map("".join).map(lambda text: of_service("labels", {"a": text}, ())),
    "ports": mapping_of("0123456789:-/.[]tcpud ", 16).map(lambda text: of_service("ports", [text])),
    "volumes": mapping_of("ab/:.~\\CcrozZ,- ", 12).map(lambda text: of_service("volumes", [text])),
    "durations": mapping_of("0123456789.hmsuµnd-+ w", 8).map(lambda text: of_service("stop_grace_period", text)),
    "sizes": mapping_of("0123456789.kKmMgGiIbB -+tTpPe", 7).map(lambda text: of_service("mem_limit", text)),
    "words": mapping_of("ab '\"\\$#;|&\n\t", 12).map(lambda text: of_service("command", text)),
    "numbers": st.builds(of_service, pick("cpus", "scale", "cpu_count", "oom_score_adj", "pids_limit", "mem_swappiness"), st.one_of(SCALARS, mapping_of("0123456789.-+eE_xo", 6), mapping_of("0123456789.-+eE_xo", 6).map(Verbatim))),
    "project name": mapping_of("aB1_-. ${}SET", 6).map(lambda text: Project({"compose.yaml": written({"name": text, "services": {"a": {"image": "x"}}})}, (), {"SET": "v"})),
    "devices": mapping_of("ab/:.rwm=", 12).map(lambda text: of_service("devices", [text])),
    "hosts": mapping_of("ab=:[].1,", 10).map(lambda text: of_service("extra_hosts", [text])),
    "environment": mapping_of("aB= :\"'#\n", 8).map(lambda text: of_service("environment", [text])),
    "command line": st.builds(argued, st.lists(BEFORE, max_size=3), st.lists(AFTER, max_size=3)),
    "image": mapping_of("ab/:@.-_ ", 8).map(lambda text: of_service("image", text)),
    "expose": mapping_of("0123456789-/tcpud a", 8).map(lambda text: of_service("expose", [text])),
}  # fmt: skip
"""Small projects about one of the small languages, by its name."""
