"""What reads texts of a project with expressions takes time that grows with their length, whatever stands in them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest

from compose2fargate.apply.day_two.registered_state import _fits
from compose2fargate.apply.sandbox.task_behaviour import _EXIT
from compose2fargate.credentials import is_proposed, mask_line, mask_lines, mask_value, passwords_in_command
from compose2fargate.mapping.network import plain_requests
from compose2fargate.mapping.references.addresses import addresses
from compose2fargate.mapping.references.config_files import docker_resolvers, file_addresses
from compose2fargate.mapping.references.local_addresses import _urls_of_others, _use
from compose2fargate.mapping.references.named_ports import _asked_port, _filled
from compose2fargate.mapping.references.reference_reader import _variables
from compose2fargate.mapping.stores.client_addresses import in_text
from compose2fargate.rehearsal.probed_references import _hosts
from compose2fargate.text.escaping import markdown

LENGTH = 30_000
SECONDS = 1.5
"""Of processor time; what is quadratic takes some seconds or minutes."""


def _local(text: str) -> Iterable[Any]:
    return [
        _use("X", f"localhost {text}", {}),
        *_urls_of_others("the command", f"localhost {text}"),
        *_urls_of_others("a file", f"host.docker.internal {text}"),
    ]


def _asked(text: str) -> int:
    service: Any = SimpleNamespace(environment={"A": "1"})
    return _asked_port(_filled(text, service, None))


def _variable(text: str) -> Iterable[Any]:
    service: Any = SimpleNamespace(name="web", environment={"PEERS": f"http://a;{text.strip()}"})
    return _variables(service, None)


def _named(text: str) -> str:
    store: Any = SimpleNamespace(host=f"{'d' * 200}.internal")
    return in_text(text, {"db": store})


def _read_as(path: str) -> Callable[[str], Iterable[Any]]:
    return lambda text: file_addresses(text, path)


def _check(text: str) -> None:
    found = plain_requests._CLIENT.search(f"curl {text}")
    assert found
    client, arguments, rest = found.groups()
    plain_requests._client_difference(client, f" {arguments}")
    plain_requests._forgives(client, f" {arguments}", rest)
    plain_requests._code_difference(text)


READERS: dict[str, tuple[Callable[[str], Any], tuple[str, ...]]] = {
    "addresses": (
        addresses,
        ("a:80,", "127.0.0.1:80,", "http://a,", "http://a ", "a:80/", "://", "@a:80", "a."),
    ),
    "nginx": (
        _read_as("nginx.conf"),
        (
            "\n",
            " ",
            "upstream a {",
            "upstream a{server b;",
            "proxy_pass http://a;",
            "set $a b;",
            "server a;",
            "set $a $a$a;proxy_pass http://$a;",
        ),
    ),
    "haproxy": (_read_as("haproxy.cfg"), ("\n", " ", "backend a\n", "server a b:80\n", "server ")),
    "caddy": (_read_as("Caddyfile"), ("\n", " ", "to ", "reverse_proxy a ", "to a {\n", "dynamic a b ")),
    "envoy": (
        lambda text: file_addresses(f"port_value {text}", "x.yaml"),
        ("\n", "address: a,", "address: a ", "address:a\n"),
    ),
    "others": (_read_as("app.yml"), ("\n", " ", "- ", "a:80,", "# ", "image ")),
    "settings": (
        lambda text: file_addresses(f"port: 80\n{text}", "app.yml"),
        (
            "host: a\nport: 80\n",
            "host: a\n",
            "{host:a,port:80}",
            ",",
            "{",
            "a_",
            "a-host: ",
            "host: ",
            "- ",
            "host",
        ),
    ),
    "variable": (_variable, ("http://a,", "http://a;", "a:80,", "http://a:80/x;", "://")),
    "named": (_named, ("http://db;", "tcp(db)", "db:5432,", "host=db;", "@db:80/", "-h db ")),
    "asked": (
        _asked,
        (
            "psql ",
            "psql -h a ",
            "mysql ",
            ":80",
            " :80",
            "--port ",
            "port=",
            "host='",
            "localhost:",
            "${A:-",
            "$A",
            "http://",
        ),
    ),
    "resolvers": (
        lambda text: docker_resolvers(f"resolver 127.0.0.11;{text}"),
        (
            "resolver ",
            "resolver 127.0.0.11 ",
            "set $a $a$a;",
            "nameserver a ",
            "\nresolvers a ",
            "\nnameserver a 127.0.0.11",
        ),
    ),
    "local": (_local, ("a", ".", "localhost", "localhost:", "://", "a@", "http://localhost ")),
    "commands": (
        lambda text: passwords_in_command([text]),
        ("redis-cli ", "mysql ", "--password ", "-password", ".-", "-p", " "),
    ),
    "line": (
        mask_line,
        (
            *(
                "-pass",
                "-passa",
                "://a:",
                "://a:@",
                "login ",
                "login -p ",
                "curl ",
                "curl -u ",
                "eyJaaaaaaaa-",
            ),
            *(
                "authorization: ",
                "authorization:",
                "{password: a,",
                "[password,",
                "password: ${",
                "PASSWORD='",
            ),
            *(" ", "a@", "=", "- "),
        ),
    ),
    "lines": (
        lambda text: mask_lines([f"password:{text}", text, f"value: {text}x", "--token", f"a{text}b"]),
        (" ", ",", "}", "value=", "- "),
    ),
    "words": (lambda text: mask_value([text, text], "command"), ("-", "a ", "--token ")),
    "names": (lambda text: is_proposed(text, "x1"), ("PASSWORD", "REDIS", "PUBLIC_", "SECRETS", "a_")),
    "values": (partial(is_proposed, "APP_KEY"), ("a", "a-", "a1", "+a", "eyJaaaaaaaa-", "password=")),
    "checks": (_check, ("curl ", " -a", " -ua", " -Ha", " -Xa", " ", "X-", "X-a", " -fa", "wget ")),
    "hosts": (plain_requests._ANY.search, (" ", ", ", "\n", "[")),
    "probed": (lambda text: _hosts(text, frozenset("a")), ("a:80;", "a.", "http://a@", "a.a://", "+a")),
    "ends": (_EXIT.search, ("\n", " ", "exit 1 ", "exit ")),
    "registered": (lambda text: _fits(text, f"{text}x"), ("REPLACE_ME ", "-", "_REPLACE_ME", "ACCOUNT_ID ")),
    "markdown": (markdown, ("`", "`a`", "_", "[a](b)", "www.", "@a", " ", "a:")),
}


LONGER = {"variable": 10, "named": 10}
"""Readers that are fast enough for more, and where what is quadratic takes long with more only."""


@pytest.mark.parametrize(
    ("name", "piece"), [(name, piece) for name, (_, pieces) in READERS.items() for piece in pieces]
)
def test_time_grows_with_the_length(name: str, piece: str) -> None:
    read = READERS[name][0]
    text = piece * (LENGTH * LONGER.get(name, 1) // len(piece)) + "\x01"
    started = time.process_time()
    found = read(text)
    if hasattr(found, "__next__"):
        for _ in found:
            pass
    assert time.process_time() - started < SECONDS


def test_variables_of_nginx_that_are_made_of_variables_do_not_grow_without_end() -> None:
    """Each is twice the next: thirty of them are gigabytes."""
    text = "resolver 127.0.0.11;proxy_pass http://$a0;" + "".join(
        f"set $a{n} $a{n + 1}$a{n + 1};" for n in range(40)
    )
    assert [found.looked_up for found in docker_resolvers(text)] == [""]
