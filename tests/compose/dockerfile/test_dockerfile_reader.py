"""The reader against a real BuildKit: both read the same Dockerfiles, and have to agree on what they say."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import Any

import pytest
from hypothesis import HealthCheck as Check
from hypothesis import given, settings
from hypothesis import strategies as st

from compose2fargate.compose.dockerfile.dockerfile_reader import read_dockerfile
from compose2fargate.diagnostics import LoadError

pytestmark = pytest.mark.engine


def docker(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DOCKER_BUILDKIT": "1"}
    command = ["docker", *arguments]
    return subprocess.run(command, input=text, capture_output=True, text=True, env=environment, timeout=60)


@pytest.fixture(scope="module")
def engine() -> None:
    assert shutil.which("docker"), "this suite is asked for by name, so docker has to be there"
    assert docker("version", "--format", "{{.Server.Version}}").returncode == 0, "no Docker engine answers"


PIECES = [
    "a",
    "b",
    "/x",
    ".",
    "$A",
    "${B}",
    "${A:-d}",
    "${B:+p}",
    "\\ ",
    "'q r'",
    '"s t"',
    '"$A"',
    "'$B'",
    "\\$",
    "=",
    ",",
    "\\\\",
    "$$",
    "é",
]
WORD = st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map(lambda pieces: "".join(pieces) + "e")
NAME = st.sampled_from(["A", "B", "C", "PATH"])
ARRAY = st.lists(st.sampled_from(["a", "b c", "$A", "é\n"]), max_size=3).map(json.dumps)
SHELL_FORM = st.sampled_from(
    [
        "echo hi",
        "x  y 'z'",
        "['a']",
        "[ -f x ] && y",
        "a \\\n  b",
        "a \\\n# c\n\n b",
        "",
        '["a",1]',
        '["a", ]',
    ]
)
COMMAND = st.one_of(ARRAY, SHELL_FORM)
PORT = st.sampled_from(["80", "81/udp", "90-92", "$A", "9/tcp", "1-0", "99999", "x", "7:8", "${B:-70}"])
HEALTH = st.tuples(
    st.sampled_from(
        [
            "",
            "--interval=1m30s ",
            "--timeout=500ms --retries=2 ",
            "--interval=5 ",
            "--start-period=1.5h ",
            "--foo=1 ",
        ]
    ),
    st.one_of(COMMAND.map("CMD {}".format), st.sampled_from(["NONE", "NONE x", "curl"])),
)
INSTRUCTION: st.SearchStrategy[str] = st.one_of(
    st.lists(st.tuples(NAME, WORD).map("=".join), min_size=1, max_size=3).map(
        lambda pairs: "ENV " + " ".join(pairs)
    ),
    st.tuples(NAME, WORD, WORD).map(lambda words: "ENV " + " ".join(words)),
    st.tuples(st.sampled_from("ABC"), st.one_of(st.just(""), WORD.map("={}".format))).map(
        lambda parts: "ARG " + "".join(parts)
    ),
    COMMAND.map("CMD {}".format),
    COMMAND.map("ENTRYPOINT {}".format),
    st.lists(PORT, min_size=1, max_size=2).map(lambda ports: "EXPOSE " + " ".join(ports)),
    st.sampled_from(["/", "", "../", "x/"]).flatmap(
        lambda start: WORD.map(lambda word: f"WORKDIR {start}{word}")
    ),
    st.one_of(WORD, st.sampled_from(['["/v", "$A"]', "/v /w", "[]"])).map("VOLUME {}".format),
    st.tuples(st.sampled_from(["l", "m.n", "$A"]), WORD).map(lambda pair: f"LABEL {pair[0]}={pair[1]}"),
    HEALTH.map(lambda parts: "HEALTHCHECK " + "".join(parts)),
    st.sampled_from(["SIGTERM", "9", "term", "FOO", "$A", "RTMIN+3", "0"]).map("STOPSIGNAL {}".format),
    st.sampled_from(['["/bin/bash","-c"]', "x", '["z"]']).map("SHELL {}".format),
)
BODY = st.lists(st.one_of(INSTRUCTION, INSTRUCTION.map("ONBUILD {}".format)), max_size=4)


@st.composite
def dockerfiles(draw: st.DrawFn) -> str:
    lines = [f"ARG {name}={draw(WORD)}" for name in draw(st.sets(st.sampled_from("AB")))]
    for index, body in enumerate(draw(st.lists(BODY, min_size=1, max_size=3))):
        lines += [f"FROM {f's{draw(st.integers(0, index - 1))}' if index else 'scratch'} AS s{index}", *body]
    return "\n".join(lines) + "\n"


def recorded(text: str, args: dict[str, str]) -> dict[str, Any] | None:
    build = docker(
        "build", "-q", *(f"--build-arg={name}={value}" for name, value in args.items()), "-", text=text
    )
    if build.returncode:
        return None
    (image,) = json.loads(docker("image", "inspect", build.stdout.strip()).stdout)
    config = image["Config"]
    health = config.get("Healthcheck") or {}
    return {
        "entrypoint": config.get("Entrypoint") or [],
        "cmd": config.get("Cmd") or [],
        "env": sorted(config.get("Env") or []),
        "exposed": sorted(config.get("ExposedPorts") or {}),
        "volumes": sorted(config.get("Volumes") or {}),
        "working_dir": config.get("WorkingDir"),
        "stop_signal": config.get("StopSignal") or "",
        "labels": config.get("Labels") or {},
        "shell": config.get("Shell") or ["/bin/sh", "-c"],
        "health": [
            health.get("Test") or [],
            *((health.get(key) or 0) / 1e9 for key in ("Interval", "Timeout", "StartPeriod")),
            health.get("Retries") or 0,
        ],
    }


def read(text: str, args: dict[str, str]) -> dict[str, Any] | None:
    try:
        config, _ = read_dockerfile(text, file="Dockerfile", args=args)
    except LoadError:
        return None
    health = config.healthcheck
    return {
        "entrypoint": list(config.entrypoint or ()),
        "cmd": list(config.cmd or ()),
        "env": sorted(f"{name}={value}" for name, value in config.env.items()),
        "exposed": sorted(f"{port}/{protocol}" for port, protocol in config.exposed),
        "volumes": sorted(config.volumes),
        "working_dir": config.working_dir,
        "stop_signal": config.stop_signal or "",
        "labels": dict(config.labels),
        "shell": list(config.shell),
        "health": [
            list(health.test) if health else [],
            *(
                (getattr(health, key, None) or 0)
                for key in ("interval", "timeout", "start_period", "retries")
            ),
        ],
    }


@pytest.mark.usefixtures("engine")
@settings(
    max_examples=100, deadline=None, suppress_health_check=[Check.function_scoped_fixture, Check.too_slow]
)
@given(dockerfiles(), st.dictionaries(st.sampled_from("AB"), st.sampled_from(["1", "v w", "$A", "80"])))
def test_docker_and_the_reader_agree(text: str, args: dict[str, str]) -> None:
    assert read(text, args) == recorded(text, args)
