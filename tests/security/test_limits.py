"""Texts made to take long: each is translated or refused in little processor time."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from compose2fargate import api
from compose2fargate.diagnostics import InputError
from compose2fargate.images import dockerignore
from tests.conftest import Program

SECONDS = 5.0
"""Of processor time; what is not linear takes minutes."""
MANY = 30_000


def service(**members: Any) -> str:
    return json.dumps({"name": "x", "services": {"web": {"image": "nginx", **members}}})


def shell(line: str) -> str:
    return service(command=["sh", "-c", line])


def rule(text: str) -> str:
    labels = {"traefik.http.routers.w.rule": text, "traefik.http.services.w.loadbalancer.server.port": "80"}
    proxy = {
        "image": "traefik:3", "ports": ["80:80"], "volumes": ["/var/run/docker.sock:/var/run/docker.sock"],
        "command": ["--providers.docker", "--entrypoints.web.address=:80"],
    }  # fmt: skip
    return json.dumps(
        {"name": "x", "services": {"proxy": proxy, "web": {"image": "nginx", "labels": labels}}}
    )


def inline(text: str) -> str:
    return service(build={"dockerfile_inline": f"FROM scratch\n{text}\n"})


def chained(key: str, value: str) -> str:
    services: dict[str, Any] = {f"s{n}": {"image": "a", key: value.format(n + 1)} for n in range(500)}
    return json.dumps({"name": "x", "services": {**services, "s500": {"image": "a"}}})


TEXTS = {
    "nested parentheses": rule(f"{'(' * MANY}Host(`a`){')' * MANY}"),
    "nested with blanks": rule(f"{'( ' * MANY}Host(`a`){' )' * MANY}"),
    "open parentheses": rule("(" * MANY),
    "half open parentheses": rule(f"{'(a' * MANY})"),
    "alternatives": rule("||".join(["Host(`a`)"] * MANY)),
    "open quotes": rule(f"Host({'`,' * MANY}"),
    "open groups": shell("(" * MANY),
    "nested groups": shell(f"{'(' * MANY}x{')' * MANY}"),
    "open substitutions": shell("$(" * MANY),
    "quotes": shell("'\"" * MANY),
    "operators": shell(";a&&b||c|d&" * MANY),
    "open conditions": shell("if x; then " * MANY),
    "here documents": shell("cat <<A\n" * MANY),
    "defaults": shell("${a:-" * 90),
    "a list of minutes": service(**{"x-fargate": {"schedule": f"{','.join(['*/1'] * MANY)} * * * *"}}),
    "digits of a port": service(ports=["1" * MANY]),
    "digits of a heap": service(command=["java", f"-Xmx{'9' * MANY}"]),
    "a name with many parts": service(image=f"{'a.b-' * MANY}@"),
    "hosts": service(environment={"VIRTUAL_HOST": "a," * MANY}),
    "patterns": inline(f"ARG A={'a' * 2000}\nENV B=${{A//{'*a' * 12}b/x}}"),
    "prefixes": inline(f"ARG A={'a' * 300}\nENV B=${{A##{'*a' * 12}b}}\nENV C=${{A%%{'*a' * 12}b}}"),
    "open defaults": inline(f"ENV B={'${A:-' * MANY}"),
    "doubled variables": inline("ENV A0=aaaaaaaaaa\n" + "".join(f"ENV A{n + 1}=$A{n}$A{n}\n" for n in range(60))),
    "open JSON": inline(f"CMD {'[' * MANY}"),
    "a chain of namespaces": chained("network_mode", "service:s{}"),
}  # fmt: skip


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_text_takes_little_time(text: str, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(text)
    options = api.LoadOptions(cwd=str(tmp_path), environment={})
    started = time.process_time()
    for target in ("json", "terraform"):
        with suppress(InputError):
            api.convert(options, {"without_host_tools": True}, target=target)
    assert time.process_time() - started < SECONDS


@pytest.mark.parametrize(
    "pattern", ["*a" * 8 + "b", "**/" * 30 + "x", "*" * 500 + "b", "a**b" * 20, "?*" * 40 + "[!x]*y"]
)
def test_a_pattern_takes_little_time(pattern: str) -> None:
    rules = dockerignore.parse_dockerignore(pattern)
    started = time.process_time()
    for path in ("a" * 255, "/".join(["a"] * 2000), "b" * 4000):
        rules.check(path)
    assert time.process_time() - started < 1


@pytest.mark.parametrize(
    "line",
    [
        'x-aws-autoscaling: {max: "true"}', "x-aws-autoscaling: {max: 3, cpu: abc}", "x-aws-autoscaling: {min: 3, max: [1]}",
        "x-aws-role: {Statement: 5}", "x-aws-role: text", 'x-aws-pull_credentials: "arn:foo"', "x-aws-policies: 5",
        "x-aws-logs_retention: many", "x-fargate: {patch: {container: {command: [null]}}}",
        "x-fargate: {patch: {task_definition: {cpu: task}}}",
        'x-fargate: {credentials: "arn:foo"}', 'x-fargate: {secrets: {A: "arn:foo"}}', "x-fargate: {policies: [{Statement: 5}]}",
    ],
)  # fmt: skip
def test_an_odd_value_is_refused_at_its_line(line: str, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(f"name: x\nservices:\n  web:\n    image: nginx\n    {line}\n")
    for target in ("json", "terraform", "cloudformation"):
        with pytest.raises(InputError) as refused:
            api.convert(api.LoadOptions(cwd=str(tmp_path), environment={}), target=target)
        errors = [one for one in refused.value.diagnostics if one.severity == "error"]
        assert {one.location and one.location.line for one in errors} <= {3, 5}
        assert errors


@pytest.mark.parametrize("name", ["listener", "load_balancer", "certificate"])
def test_an_option_is_held_to_what_the_file_is(name: str, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(service())
    options = api.LoadOptions(cwd=str(tmp_path), environment={})
    with pytest.raises(InputError) as refused:
        api.convert(options, {name: "nginx@sha256:00"})
    assert [one.code for one in refused.value.diagnostics] == ["C2F195"]


# -- sizes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "services",
    [
        "  web: {image: a, ports: ["
        + ", ".join(f"'127.0.0.{n}:1-65535:1-65535'" for n in range(200))
        + "]}\n",
        "".join(f"  s{n}: {{image: a, ports: ['1-65535']}}\n" for n in range(300)),
    ],
)
def test_ranges_of_ports_do_not_fill_the_memory(services: str, program: Program, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(f"name: shop\nservices:\n{services}")
    done = program("config", "-q", cwd=tmp_path)
    assert (done.status, "C2F153" in done.err, "are more than" in done.err) == (2, True, True)


def test_wrong_names_among_thousands_of_right_ones_take_no_time(program: Program, tmp_path: Path) -> None:
    """Each is compared with a few that look like it; comparing all of them took minutes."""
    length = "a" * 50
    services = (
        f"  s{length}{n}: {{image: a, environment: {{X_URL: 'http://s{length}b{n}:80'}}}}\n"
        for n in range(150)
    )
    (tmp_path / "compose.yaml").write_text("name: shop\nservices:\n" + "".join(services))
    started = time.process_time()
    done = program("convert", "-q", cwd=tmp_path)
    assert done.status == 2
    assert time.process_time() - started < 20


def test_thousands_of_findings_are_told_in_time_that_grows_with_them(
    program: Program, tmp_path: Path
) -> None:
    services = (
        f"  s{n}: {{image: a, devices: [a], environment: {{A_PASSWORD: pw-{n}x9012}}}}\n" for n in range(500)
    )
    (tmp_path / "compose.yaml").write_text("name: shop\nservices:\n" + "".join(services))
    started = time.process_time()
    done = program("convert", cwd=tmp_path)
    assert done.err.count("C2F205") >= 500
    assert "x9012" not in done.err
    assert time.process_time() - started < 8


def test_thousands_of_commands_before_a_start_are_refused(program: Program, tmp_path: Path) -> None:
    hooks = "".join(f"      - {{command: ['true'], image: 'a{n}'}}\n" for n in range(3000))
    (tmp_path / "compose.yaml").write_text(
        f"name: shop\nservices:\n  web:\n    image: a\n    pre_start:\n{hooks}"
    )
    started = time.process_time()
    done = program("convert", "-q", cwd=tmp_path)
    assert (done.status, "C2F203" in done.err) == (2, True)
    assert time.process_time() - started < SECONDS
