"""Programs that run another one, and the command that is left without them: env, sudo, timeout."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from compose2fargate.mapping.commands.server_commands import (
    Words,
)
from compose2fargate.text.lazy_patterns import lazy_pattern

_ASSIGNMENT = lazy_pattern(r"[A-Za-z_]\w*=")


def without_assignments(words: Words) -> Words:
    """Take off the variables that stand before a command."""
    at = 0
    while at < len(words) and _ASSIGNMENT.match(words[at]):
        at += 1
    return words[at:]


def _after_options(words: Words, with_value: Iterable[str] = ()) -> Words:
    """Drop the program and its options; `--` ends them."""
    at = 1
    while at < len(words) and words[at].startswith("-"):
        if words[at] == "--":
            return words[at + 1 :]
        at += 2 if words[at] in with_value else 1
    return words[at:]


def after_program(words: Words) -> Words:
    """Take off the program itself."""
    return words[1:]


def _plain_wrapper(*with_value: str) -> Callable[[Words], Words]:
    return lambda words: _after_options(words, with_value)


def _wrapper_with_operands(count: int, *with_value: str) -> Callable[[Words], Words]:
    return lambda words: _after_options(words, with_value)[count:]


def _after_dashes(words: Words) -> Words:
    return words[words.index("--") + 1 :] if "--" in words else ()


def _after_verb(*verbs: str) -> Callable[[Words], Words]:
    """`bundle exec x`, `poetry run x`: the program only wraps behind that verb."""

    def unwrap(words: Words) -> Words:
        at = next((i for i, word in enumerate(words) if word in verbs), None)
        return (
            () if at is None else _after_options(words[at:], ("-n", "--name", "-p", "--prefix", "--env-file"))
        )

    return unwrap


WRAPPERS: Mapping[str, Callable[[Words], Words]] = {
    "exec": _plain_wrapper("-a"),
    "command": _plain_wrapper(),
    "env": lambda words: without_assignments(_after_options(words, ("-u", "-C", "--unset", "--chdir"))),
    "tini": _plain_wrapper("-p", "-e"),
    "tini-static": _plain_wrapper("-p", "-e"),
    "docker-init": _plain_wrapper("-p", "-e"),
    "catatonit": _plain_wrapper(),
    "dumb-init": _plain_wrapper("-r", "--rewrite"),
    "gosu": _wrapper_with_operands(1),
    "su-exec": _wrapper_with_operands(1),
    "setpriv": _plain_wrapper(),
    "chroot": _wrapper_with_operands(1),
    "sudo": lambda words: without_assignments(
        _after_options(words, ("-u", "-g", "-h", "-p", "--user", "--group"))
    ),
    "doas": _plain_wrapper("-u"),
    "nohup": _plain_wrapper(),
    "time": _plain_wrapper(),
    "nice": _plain_wrapper("-n"),
    "ionice": _plain_wrapper("-c", "-n"),
    "stdbuf": _plain_wrapper("-i", "-o", "-e"),
    "unbuffer": _plain_wrapper(),
    "xvfb-run": _plain_wrapper("-e", "-f", "-n", "-p", "-s", "--server-args"),
    "catchsegv": _plain_wrapper(),
    "with-contenv": _plain_wrapper(),
    "ddtrace-run": _plain_wrapper(),
    "opentelemetry-instrument": _plain_wrapper("--traces_exporter", "--metrics_exporter", "--service_name"),
    "newrelic-admin": _after_verb("run-program"),
    "dockerize": _plain_wrapper(
        "-wait", "-timeout", "-template", "-stdout", "-stderr", "-wait-retry-interval"
    ),
    "wait-for-it": _after_dashes,
    "wait-for-it.sh": _after_dashes,
    "wait-for": _after_dashes,
    "wait-for.sh": _after_dashes,
    "doppler": _after_dashes,
    "chamber": _after_dashes,
    "infisical": _after_dashes,
    "bundle": _after_verb("exec"),
    "poetry": _after_verb("run"),
    "pipenv": _after_verb("run"),
    "pdm": _after_verb("run"),
    "uv": _after_verb("run"),
    "conda": _after_verb("run"),
    "micromamba": _after_verb("run"),
    "npx": _plain_wrapper("-p", "--package"),
    "busybox": after_program,
}
