"""Commands that do not keep running: servers that go into the background, and commands that simply end.

ECS starts the tasks of a service again when their container ends, for ever. Docker Compose forgives it, so that
compose files have such commands. Only what is plain is reported: a program in the tables below, started in
a way that its documentation says goes to the background, or a shell line that runs nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from compose2fargate.mapping.foreground import (
    INFORMS,
    SERVERS,
    SERVICES,
    Server,
    Words,
    has,
    has_letter,
    option_value,
    program_name,
    verb,
)
from compose2fargate.mapping.shell_lines import Chain, Pipeline, TooComplexError, parse

ESSENTIAL_URL = (
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service_definition_parameters.html"
)
_JOB = (
    "If it is meant to end, say so with `x-fargate: {job: true}`; else write the command that keeps running"
)
_MANAGED = "Leave it out: AWS Certificate Manager issues and renews the load balancer's certificate, --certificate ARN"
_ELSEWHERE = {"certbot": _MANAGED, "lego": _MANAGED, "acme.sh": _MANAGED}
"""Programs for what is done in another way on AWS."""
_MAX_DEPTH = 8


class Verdict(NamedTuple):
    """Why a command does not keep running, and what to write instead.

    Attributes:
        reason: A clause that names the command.
        fix: What to do, with the exact command where there is one.
        url: Where the program documents it; empty when nowhere.
    """

    reason: str
    fix: str
    url: str = ""


_PROGRAMS: Mapping[str, str] = {
    "amazon/aws-cli": "aws", "amacneil/dbmate": "dbmate", "certbot/certbot": "certbot", "curlimages/curl": "curl",
    "flyway/flyway": "flyway", "goacme/lego": "lego", "grafana/k6": "k6", "hashicorp/terraform": "terraform",
    "liquibase/liquibase": "liquibase", "loadimpact/k6": "k6", "migrate/migrate": "migrate", "minio/mc": "mc",
    "neilpang/acme.sh": "acme.sh", "postman/newman": "newman", "redgate/flyway": "flyway",
}  # fmt: skip
"""Images whose entrypoint is a program that takes the command as its arguments, by the end of their names."""


def entrypoint_of(image: str) -> tuple[str, ...]:
    """Give the entrypoint that a well-known image brings; () for one that is not known."""
    name = image.partition("@")[0]
    name = name[: name.index(":", name.rfind("/") + 1)] if ":" in name[name.rfind("/") + 1 :] else name
    program = _PROGRAMS.get("/".join(name.split("/")[-2:]))
    return (program,) if program else ()


def judge(argv: Sequence[str], image: str | None, *, tty: bool = False) -> Verdict | None:
    """Tell why a service's command plainly does not keep running; None when it does, or may.

    Args:
        argv: The effective ENTRYPOINT and CMD together, variables resolved.
        image: The image's name, where it helps to choose the program to run instead.
        tty: Whether the container has a terminal or an open standard input, which keeps a bare shell alive.
    """
    outcome = _judge_words(tuple(argv), _Setting(image or "", tty, 0))
    return outcome.verdict if outcome.kind in _STOPS else None


class _Kind(Enum):
    """What becomes of a command."""

    ENDS = "ends"  # soon, and leaves nothing behind
    FORKS = "forks"  # ends, and leaves a server in the background
    RUNS = "runs"  # certainly keeps running
    SERVES = "serves"  # a program that often keeps running; these arguments do not tell
    UNKNOWN = "unknown"


_STOPS = frozenset({_Kind.ENDS, _Kind.FORKS})


class _Outcome(NamedTuple):
    kind: _Kind
    verdict: Verdict | None = None


class _Setting(NamedTuple):
    image: str
    tty: bool
    depth: int

    def deeper(self) -> _Setting:
        return self._replace(depth=self.depth + 1)


_RUNS = _Outcome(_Kind.RUNS)
_SERVES = _Outcome(_Kind.SERVES)
_UNKNOWN = _Outcome(_Kind.UNKNOWN)


def _as_json(words: Iterable[str]) -> str:
    return json.dumps(list(words), ensure_ascii=False)


def _shown(words: Words) -> str:
    text = " ".join(words)
    return f"`{text if len(text) <= 60 else text[:57] + '...'}`"


def _ends(words: Words) -> _Outcome:
    fix = _ELSEWHERE.get(program_name(words[0]), _JOB)
    return _Outcome(_Kind.ENDS, Verdict(f"{_shown(words)} ends by itself", fix, ESSENTIAL_URL))


# --- one command ----------------------------------------------------------------------------------------


def _judge_words(words: Words, setting: _Setting) -> _Outcome:
    """Judge an argument list, looking through what only starts another program."""
    if setting.depth > _MAX_DEPTH:
        return _UNKNOWN
    words = _without_assignments(words)
    if not words:
        return _ends(("true",)) if setting.depth else _UNKNOWN
    name = program_name(words[0])
    unwrap = _WRAPPERS.get(name) or (_after_program if _ENTRYPOINT_SCRIPT.match(name) else None)
    inner = unwrap(words) if unwrap else ()
    if inner:
        return _judge_words(inner, setting.deeper())
    if name in _SHELLS:
        return _judge_shell(words, setting)
    if name in {"su", "runuser"} and (script := option_value(words, "-c", "--command")) is not None:
        return judge_script(script, setting.deeper())
    return _judge_program(name, words, setting)


_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_ENTRYPOINT_SCRIPT = re.compile(r"(?:[\w.-]*[-_.])?entry-?point(?:[-_.][\w.-]*)?\Z", re.IGNORECASE)
_SHELLS = frozenset({"ash", "bash", "dash", "ksh", "rbash", "sh", "zsh"})


def _without_assignments(words: Words) -> Words:
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


def _after_program(words: Words) -> Words:
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


_WRAPPERS: Mapping[str, Callable[[Words], Words]] = {
    "exec": _plain_wrapper("-a"),
    "command": _plain_wrapper(),
    "env": lambda words: _without_assignments(_after_options(words, ("-u", "-C", "--unset", "--chdir"))),
    "tini": _plain_wrapper("-p", "-e"),
    "tini-static": _plain_wrapper("-p", "-e"),
    "docker-init": _plain_wrapper("-p", "-e"),
    "catatonit": _plain_wrapper(),
    "dumb-init": _plain_wrapper("-r", "--rewrite"),
    "gosu": _wrapper_with_operands(1),
    "su-exec": _wrapper_with_operands(1),
    "setpriv": _plain_wrapper(),
    "chroot": _wrapper_with_operands(1),
    "sudo": lambda words: _without_assignments(
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
    "busybox": _after_program,
}


# --- programs -------------------------------------------------------------------------------------------


_FPM_VERSION = re.compile(r"php-?fpm[\d.]*\Z|php[\d.]+-fpm\Z")


def _judge_program(name: str, words: Words, setting: _Setting) -> _Outcome:
    arguments = words[1:]
    if name in {"tail", "sleep"}:
        return _judge_waiting(name, words)
    if _starts_a_system_service(words):
        return _system_service(words)
    if name in _INTERACTIVE and all(word.startswith("-") and word not in INFORMS for word in arguments):
        return _bare_interpreter(words, setting)
    if name in _ENDING or (name in _ONE_SHOTS and _ONE_SHOTS[name](arguments)):
        return _ends(words)
    server = SERVERS.get("php-fpm" if _FPM_VERSION.match(name) else name)
    return _judge_server(server, words, setting) if server else _of_known_name(name)


def _of_known_name(name: str) -> _Outcome:
    if name in _RUNNING:
        return _RUNS
    return _SERVES if name in _SERVING or _VERSIONED.match(name) else _UNKNOWN


def _judge_server(server: Server, words: Words, setting: _Setting) -> _Outcome:
    arguments = words[1:]
    if len(arguments) == 1 and arguments[0] in INFORMS:
        return _UNKNOWN
    if not server.forks(arguments):
        return _RUNS if server.stays else _SERVES
    instead = tuple(word for word in server.instead(words, setting.image) if word)
    unless = f", unless {server.unless}" if server.unless else ""
    reason = f"{_shown(words)} puts the server into the background and ends{unless}"
    return _Outcome(_Kind.FORKS, Verdict(reason, f"Write {_as_json(instead)}", server.url))


# --- starting services the way an operating system does --------------------------------------------------

_SYSTEM_STARTERS: Mapping[str, int] = {"service": 1, "invoke-rc.d": 1, "rc-service": 1, "systemctl": 0}
_START_VERBS = frozenset({"start", "restart", "reload", "force-reload"})
_FPM_SERVICE = re.compile(r"php[\d.]*-?fpm[\d.]*\Z")


def _starts_a_system_service(words: Words) -> bool:
    name = program_name(words[0])
    if "/init.d/" in words[0] or "/rc.d/" in words[0]:
        return bool(_START_VERBS & set(words[1:]))
    return name in _SYSTEM_STARTERS and bool(_START_VERBS & set(words[1:]))


def _system_service(words: Words) -> _Outcome:
    names = [word for word in words[1:] if not word.startswith("-") and word not in _START_VERBS]
    name = program_name(words[0]) if ".d/" in words[0] else "".join(names[:1]).removesuffix(".service")
    foreground = (name, "-F") if _FPM_SERVICE.match(name) else SERVICES.get(name)
    fix = (
        f"Write {_as_json(foreground)}"
        if foreground
        else f"Run the program of {name} itself, in the foreground"
    )
    reason = f"{_shown(words)} starts a background service and ends"
    return _Outcome(_Kind.FORKS, Verdict(reason, fix, ESSENTIAL_URL))


# --- commands that wait, end, or may serve ---------------------------------------------------------------

_DAY = 86_400.0
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": _DAY}


def _judge_waiting(name: str, words: Words) -> _Outcome:
    if name == "tail":
        follows = has(words, "--follow") or has_letter(words[1:], "fF")
        return _RUNS if follows else _ends(words)
    return _ends(words) if sum(map(_sleep_seconds, words[1:])) < _DAY else _RUNS


def _sleep_seconds(text: str) -> float:
    match = re.match(r"(\d{1,9}(?:\.\d{1,9})?)([smhd]?)\Z", text)
    return float(match.group(1)) * _UNITS[match.group(2) or "s"] if match else _DAY


_INTERACTIVE = frozenset(
    {"cat", "ipython", "irb", "node", "psql", "pry", "python", "python2", "python3", "rails-console"}
)


def _bare_interpreter(words: Words, setting: _Setting) -> _Outcome:
    if setting.tty:
        return _RUNS
    reason = f"{_shown(words)} reads commands from a standard input that nobody writes to, and ends"
    return _Outcome(_Kind.ENDS, Verdict(reason, _JOB, ESSENTIAL_URL))


# Shell builtins are here as well: `cd /app` alone keeps nothing running.
_ENDING = frozenset(
    ": [ adduser apk apt apt-get awk basename cat cd chgrp chmod chown cp createdb createuser curl cut "  # noqa: SIM905 - eighty lines otherwise
    "date dbmate df dirname disown dnf dropdb du echo env envsubst exit export false find grep groupadd gzip head hostname htpasswd "
    "id initdb install kafka-configs kafka-configs.sh kafka-topics kafka-topics.sh kill ldconfig ln ls mkdir mkfifo mongodump "
    "mongoimport mongorestore mv mysqladmin mysqldump newman pg_dump pg_isready pg_restore pgrep pkill "
    "printenv printf ps pwd rabbitmqadmin rm rmdir sed set shift sort ssh-keygen stat supervisorctl sync tar tee terraform test touch "
    "tr trap true ulimit umask uname unset unzip update-ca-certificates useradd usermod wc wget which whoami yum zip".split()
)
_CLOSING = frozenset({":", "exit", "true"})


def _runs_script(*endings: str, verbs: Iterable[str]) -> Callable[[Words], bool]:
    wanted = frozenset(verbs)

    def test(arguments: Words) -> bool:
        at = next((i for i, word in enumerate(arguments[:-1]) if word.endswith(endings)), None)
        return at is not None and arguments[at + 1].partition(":")[0] in wanted

    return test


def _first_is(*verbs: str) -> Callable[[Words], bool]:
    wanted = frozenset(verbs)
    return lambda arguments: verb(arguments) in wanted or verb(arguments).partition(":")[0] + ":" in wanted


_DJANGO = _runs_script(
    "manage.py",
    verbs={
        "check",
        "collectstatic",
        "compilemessages",
        "createsuperuser",
        "flush",
        "loaddata",
        "makemigrations",
        "migrate",
        "test",
    },
)
_ARTISAN = _runs_script("artisan", verbs={"migrate", "db", "key", "config", "cache", "optimize", "storage"})
_INSTALLS = _first_is("install", "ci", "i", "add", "audit")
_ONE_SHOTS: Mapping[str, Callable[[Words], bool]] = {
    "acme.sh": lambda arguments: not has(arguments, "daemon"),
    "alembic": _first_is("upgrade", "downgrade", "stamp", "current", "history"),
    "aws": lambda arguments: not has(arguments, "--follow"),
    "bundle": _INSTALLS,
    "certbot": _first_is("certonly", "renew", "run", "certificates"),
    "composer": _first_is("install", "update", "dump-autoload"),
    "django-admin": _first_is("migrate", "collectstatic", "check"),
    "cqlsh": lambda arguments: has(arguments, "-e", "--execute", "-f", "--file"),
    "flyway": lambda arguments: bool({"migrate", "info", "validate", "repair", "clean"} & set(arguments)),
    "k6": _first_is("run"),
    "lego": lambda arguments: bool({"run", "renew"} & set(arguments)),
    "liquibase": lambda arguments: bool({"update", "status", "validate"} & set(arguments)),
    "manage.py": _first_is("migrate", "collectstatic", "check", "createsuperuser", "loaddata"),
    "mc": lambda arguments: not has(arguments, "--watch", "-w", "watch"),
    "migrate": lambda arguments: bool({"up", "down", "goto", "force", "drop", "version"} & set(arguments)),
    "mongosh": lambda arguments: has(arguments, "--eval", "--file"),
    "mysql": lambda arguments: has(arguments, "-e", "--execute"),
    "npm": _INSTALLS,
    "php": _ARTISAN,
    "pip": _INSTALLS,
    "pip3": _INSTALLS,
    "pnpm": _INSTALLS,
    "prisma": lambda arguments: (
        arguments[:2] in {("migrate", "deploy"), ("db", "push"), ("db", "seed")}
        or arguments[:1] == ("generate",)
    ),
    "psql": lambda arguments: has(arguments, "-c", "--command", "-f", "--file", "-l", "--list"),
    "python": _DJANGO,
    "python3": _DJANGO,
    "rails": _first_is("db:", "assets:"),
    "redis-cli": lambda arguments: (
        not {"monitor", "subscribe", "psubscribe", "--stat"} & {a.lower() for a in arguments}
    ),
    "rake": _first_is("db:", "assets:"),
    "sqlcmd": lambda arguments: has(arguments, "-Q", "-i"),
    "git": _first_is("checkout", "clone", "fetch", "pull"),
    "pipenv": _INSTALLS,
    "poetry": _INSTALLS,
    "uv": _first_is("sync", "pip"),
    "yarn": _INSTALLS,
}
_RUNNING = frozenset(
    {
        "apache2-foreground",
        "httpd-foreground",
        "pm2-runtime",
        "pm2-docker",
        "wait",
        "mysqld_safe",
        "s6-svscan",
        "inotifywait",
    }
)
_VERSIONED = re.compile(r"(?:python|php|ruby|node|java)[\d.]+\Z")
_SERVING = frozenset(
    "air bun bundle cargo daphne deno docker-php-entrypoint dotnet envoy fastapi flask go granian "  # noqa: SIM905 - as above
    "hypercorn java jupyter mix next node nodemon npm npx nuxt perl php pipenv pnpm poetry postgres python python2 "
    "python3 rackup rake ruby runuser screen sidekiq streamlit su tmux traefik ts-node tsx uv uvicorn vite "
    "waitress-serve yarn".split()
)


# --- shells and their scripts ----------------------------------------------------------------------------


def _judge_shell(words: Words, setting: _Setting) -> _Outcome:
    at = 1
    while at < len(words) and words[at][:1] in {"-", "+"}:
        if words[at] in {"-o", "+o", "--rcfile", "--init-file"}:
            at += 2
            continue
        if not words[at].startswith("--") and "c" in words[at]:
            rest = [word for word in words[at + 1 :] if word[:1] not in {"-", "+"}]
            return judge_script(rest[0], setting.deeper()) if rest else _UNKNOWN
        at += 1
    return _UNKNOWN if at < len(words) else _bare_interpreter(words, setting)


def judge_script(text: str, setting: _Setting) -> _Outcome:
    """Judge a shell script: the last command in the foreground decides, and what stands before it."""
    if setting.depth > _MAX_DEPTH:
        return _UNKNOWN
    try:
        chains = parse(text)
    except TooComplexError:
        return _SERVES
    state = _Script(setting)
    for chain in chains:
        outcome = state.take(chain)
        if outcome is not None:
            return outcome
    return state.outcome()


class _Script:
    """What is known behind the chains of a script that have been read so far."""

    def __init__(self, setting: _Setting) -> None:
        self._setting = setting
        self._outcomes: list[_Outcome] = []  # of what ran in the foreground, and of `&` as a fork
        self._closing = False  # the last command is there to end the script: true, exit
        self._background: list[Chain] = []

    def take(self, chain: Chain) -> _Outcome | None:
        """Add a chain; give an outcome when nothing behind the chain can run or matter."""
        if chain.background:
            self._take_background(chain)
            return None
        for pipeline in chain.pipelines:
            outcome = self._of_pipeline(pipeline)
            if outcome.kind is _Kind.RUNS:
                return _RUNS
            # The other side of `||` runs after a failure only; all it can do is to keep the container alive.
            if pipeline.operator == "||":
                if outcome.kind not in _STOPS:
                    return _SERVES
                continue
            program = program_name(pipeline.commands[0].words[0])
            self._outcomes.append(outcome)
            self._closing = program in _CLOSING
            if program in {"exec", "exit"} and not pipeline.operator:
                return self.outcome()
        return None

    def _take_background(self, chain: Chain) -> None:
        self._background.append(chain)
        outcome = _judge_words(chain.pipelines[-1].commands[-1].words, self._setting.deeper())
        self._outcomes.append(outcome if outcome.kind is _Kind.FORKS else _Outcome(_Kind.FORKS))
        self._closing = False

    def _of_pipeline(self, pipeline: Pipeline) -> _Outcome:
        outcomes = [_judge_words(command.words, self._setting.deeper()) for command in pipeline.commands]
        for kind in (_Kind.RUNS, _Kind.SERVES, _Kind.UNKNOWN, _Kind.FORKS):
            for outcome in outcomes:
                if outcome.kind is kind:
                    return outcome
        return outcomes[-1]

    def outcome(self) -> _Outcome:
        """Judge the script as a whole."""
        last = self._outcomes[-1] if self._outcomes else _UNKNOWN
        if last.kind not in _STOPS:
            return last
        earlier = {outcome.kind for outcome in self._outcomes[:-1]}
        # `server; echo stopped` keeps running. Nobody writes `server && true`, but for one that forks.
        doubtful = _Kind.SERVES in earlier or (_Kind.UNKNOWN in earlier and not self._closing)
        if last.kind is _Kind.ENDS and doubtful:
            return _SERVES
        return self._stopped(last, earlier)

    def _stopped(self, last: _Outcome, earlier: set[_Kind]) -> _Outcome:
        forked = next((o for o in reversed(self._outcomes) if o.kind is _Kind.FORKS and o.verdict), None)
        if forked is not None:
            return forked
        if self._background:
            return _Outcome(_Kind.FORKS, self._in_background())
        return self._closed() if _Kind.UNKNOWN in earlier else last

    def _in_background(self) -> Verdict:
        chain = self._background[-1]
        shown = _shown((chain.text, "&"))
        if len(self._background) > 1:
            reason = f"{shown} runs in the background like the commands before it"
            return Verdict(reason, "Give each command a service of its own", ESSENTIAL_URL)
        fix = f"Leave the & away: {_as_json(_in_foreground(chain))}"
        return Verdict(f"{shown} runs in the background, and the shell ends", fix, ESSENTIAL_URL)

    def _closed(self) -> _Outcome:
        verdict = Verdict(
            "the last command only makes the shell end",
            f"Leave it away when a server runs before it. {_JOB}",
            ESSENTIAL_URL,
        )
        return _Outcome(_Kind.ENDS, verdict)


def _in_foreground(chain: Chain) -> Words:
    """Write a background chain as a command: without a shell where it needs none."""
    if len(chain.pipelines) > 1 or len(chain.pipelines[0].commands) > 1:
        return ("sh", "-c", chain.text)
    command = chain.pipelines[0].commands[0]
    if command.plain and " ".join(chain.text.split()) == " ".join(command.words):
        return command.words
    return ("sh", "-c", f"exec {chain.text}")
