"""What a rehearsal writes into its helper containers, with hostile texts in every field of all: each stays one word of one line."""

from __future__ import annotations

import itertools
import re
import shlex
from pathlib import Path
from unittest import mock

import pytest

from compose2fargate.compose.loader import LoadOptions
from compose2fargate.diagnostics import EmitError
from compose2fargate.rehearsal.engine import Engine
from compose2fargate.rehearsal.local_load_balancer import dns_configuration, haproxy_configuration
from compose2fargate.rehearsal.rehearsal_plan import make_rehearsal_plan
from compose2fargate.rehearsal.task_network import Subnet, task_files
from compose2fargate.rehearsal.written_files import check_files
from compose2fargate.workflows.translating import translate
from tests.security.hostile import TEXTS
from tests.security.test_commands import STACKS, Spell, harmless, leaves

SUBNET = Subnet("172.31.16")
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")
ONE_LINE = tuple(text for text in TEXTS if not CONTROL.search(text))


def files(name: str, spell: Spell) -> dict[str, str]:
    counter = [0]
    stack = STACKS[name]
    resources = {key: leaves(resource, spell, counter) for key, resource in stack.resources.items()}
    plan = make_rehearsal_plan(stack._replace(resources=resources))
    check_files(plan)
    made = {"dns": dns_configuration(plan), "edge": haproxy_configuration(plan, SUBNET)}
    for number, unit in enumerate(plan.units.values()):
        documents = {f"/v4/{one.name}": one.name for one in unit.definition.container_definitions}
        written = task_files(plan, unit, 10, SUBNET, documents)
        made |= {
            f"{number}:{file}": written[file] for file in ("rules.nft", "hosts", "resolv.conf", "haproxy.cfg")
        }
    return made


def words(name: str, text: str) -> list[list[str]]:
    """HAProxy parts words as a shell does; the other files have nothing of a user but names."""
    quoted = name == "edge" or name.endswith("haproxy.cfg")
    return [shlex.split(line) if quoted else line.split(" ")[:1] for line in text.splitlines()]


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("shift", range(len(ONE_LINE)))
def test_a_text_is_a_word(stack: str, shift: int) -> None:
    plain = files(stack, harmless)
    hostile = files(stack, lambda number: ONE_LINE[(number + shift) % len(ONE_LINE)])
    for (name, before), after in zip(plain.items(), hostile.values(), strict=True):
        assert [len(line) for line in words(name, before)] == [len(line) for line in words(name, after)], name


@pytest.mark.parametrize("text", sorted(set(TEXTS) - set(ONE_LINE)))
def test_a_text_that_is_more_than_a_line_is_refused(text: str) -> None:
    with pytest.raises(EmitError, match="line break or another control character"):
        files("sample", lambda _: text)


PATCHES = {
    "dns-namespace": '{name: "x/\\nconf-script=/bin/sh\\n#"}',
    "target-group/web-8080": '{healthCheckPath: "/x\\n  external-check command /bin/sh"}',
    "listener-rule/web-8080": '{conditions: [{field: path-pattern, values: ["/x\\n  lua-load /x"]}]}',
}


@pytest.mark.parametrize("target", PATCHES)
def test_a_patch_writes_no_line(target: str, tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(
        f"""\
name: shop
x-fargate: {{patch: {{{target}: {PATCHES[target]}}}}}
services:
  web:
    image: nginx
    ports: ["8080:8080"]
    x-fargate: {{dns: true, ingress: [{{port: 8080, published: 80, path: /a}}]}}
  job: {{image: nginx, command: "true", restart: "no", depends_on: [web], x-fargate: {{job: true}}}}
"""
    )
    translated = translate(LoadOptions(environment={}, cwd=str(tmp_path)), {})
    stack = translated.translation.stack
    assert target in stack.resources, list(stack.resources)
    with pytest.raises(EmitError, match="cannot stand"):
        check_files(make_rehearsal_plan(stack))


def test_a_check_that_writes_for_ever_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    docker = pytest.importorskip("docker.utils.socket")
    given = itertools.repeat((1, b"y\n" * 32_768), 200)
    monkeypatch.setattr(docker, "frames_iter", lambda *_, **__: given)
    client = mock.MagicMock()
    client.exec_inspect.return_value = {"ExitCode": 0}
    done = Engine(client).execute("x", ("yes",))
    assert (done.exit_code, len(done.output)) == (0, 1024 * 1024)
    assert next(given, None) is None
