"""Commands that do not keep running: servers that go into the background, and commands that simply end.

ECS starts the tasks of a service again when their container ends, for ever. Docker Compose forgives it, so that
compose files have such commands. Only what is plain is reported: a program in the tables below, started in
a way that its documentation says goes to the background, or a shell line that runs nothing else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum

from compose2fargate.mapping.commands.command_wrappers import WRAPPERS, after_program, without_assignments
from compose2fargate.mapping.commands.one_shot_commands import ends_by_itself, reads_like_a_task
from compose2fargate.mapping.commands.server_commands import (
    INFORMS,
    SERVERS,
    SERVICES,
    ServerCommand,
    Words,
    has_flag,
    has_letter,
    option_value,
    program_name,
)
from compose2fargate.mapping.commands.shell_lines import (
    CommandChain,
    Pipeline,
    TooComplexError,
    parse_script,
    without_waiting,
)
from compose2fargate.mapping.images.image_catalogue import find_image
from compose2fargate.records import NamedTuple
from compose2fargate.text.lazy_patterns import lazy_pattern

ESSENTIAL_URL = (
    "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service_definition_parameters.html"
)
_JOB = "if it is meant to end, declare a job with `x-fargate: {job: true}`; otherwise write a command that keeps running"
_MANAGED = (
    "remove it: AWS Certificate Manager issues and renews the load balancer's certificate (--certificate ARN)"
)
_ELSEWHERE = {"certbot": _MANAGED, "lego": _MANAGED, "acme.sh": _MANAGED}
"""Programs for what is done in another way on AWS."""
_MAX_DEPTH = 8


class CommandVerdict(NamedTuple):
    """Why a command does not keep running, and what to write instead.

    Attributes:
        reason: A clause that names the command.
        fix: What to do, with the exact command where there is one.
        url: Where the program documents it; empty when nowhere.
        is_certain: Whether it follows from what is documented, and not from a name, or from a file that is not seen.
    """

    reason: str
    fix: str
    url: str = ""
    is_certain: bool = True


def entrypoint_of(image: str) -> tuple[str, ...]:
    """Give the entrypoint that a well-known image brings; () for one that is not known."""
    program = find_image(image).program
    return (program,) if program else ()


def judge_image(image: str) -> CommandVerdict | None:
    """Tell why an image by itself does not keep running: it is there to do something once. None where it may."""
    known = find_image(image)
    if not known.ends or known.program:  # with a program its arguments decide
        return None
    return CommandVerdict(f"{image} does its work once and exits", _JOB, ESSENTIAL_URL)


def judge_command(
    argv: Sequence[str], image: str | None, *, tty: bool = False, once: bool = False
) -> CommandVerdict | None:
    """Tell why a service's command plainly does not keep running; None when it does, or may.

    Args:
        argv: The effective ENTRYPOINT and CMD together, variables resolved.
        image: The image's name, where it helps to choose the program to run instead.
        tty: Whether the container has a terminal or an open standard input, which keeps a bare shell alive.
        once: Whether Docker Compose lets it end: then a command is also judged by what it is called.
    """
    outcome = _judge_words(tuple(argv), _Setting(image or "", tty, 0, once))
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
    verdict: CommandVerdict | None = None


class _Setting(NamedTuple):
    image: str
    tty: bool
    depth: int
    once: bool = False

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
    return _Outcome(_Kind.ENDS, CommandVerdict(f"{_shown(words)} exits by itself", fix, ESSENTIAL_URL))


# --- one command ----------------------------------------------------------------------------------------


def _judge_words(words: Words, setting: _Setting) -> _Outcome:
    """Judge an argument list, looking through what only starts another program."""
    if setting.depth > _MAX_DEPTH:
        return _UNKNOWN
    words = without_assignments(words)
    if not words:
        return _ends(("true",)) if setting.depth else _UNKNOWN
    name = program_name(words[0])
    unwrap = WRAPPERS.get(name) or (after_program if _ENTRYPOINT_SCRIPT.match(name) else None)
    inner = unwrap(words) if unwrap else ()
    if inner:
        return _judge_words(inner, setting.deeper())
    if name in _SHELLS:
        return _judge_shell(words, setting)
    if name in {"su", "runuser"} and (script := option_value(words, "-c", "--command")) is not None:
        return _judge_script(script, setting.deeper())
    return _judge_program(name, words, setting)


_ENTRYPOINT_SCRIPT = lazy_pattern(r"(?:[\w.-]*[-_.])?entry-?point(?:[-_.][\w.-]*)?\Z", re.IGNORECASE)
_SHELLS = frozenset({"ash", "bash", "dash", "ksh", "rbash", "sh", "zsh"})


# --- programs -------------------------------------------------------------------------------------------


_FPM_VERSION = lazy_pattern(r"php-?fpm[\d.]*\Z|php[\d.]+-fpm\Z")


def _judge_program(name: str, words: Words, setting: _Setting) -> _Outcome:
    arguments = words[1:]
    if name in {"tail", "sleep"}:
        return _judge_waiting(name, words)
    if _starts_a_system_service(words):
        return _system_service(words)
    if name in _INTERACTIVE and all(word.startswith("-") and word not in INFORMS for word in arguments):
        return _bare_interpreter(words, setting)
    if ends_by_itself(name, arguments):
        return _ends(words)
    if setting.once and reads_like_a_task(name, arguments):
        return _Outcome(
            _Kind.ENDS,
            CommandVerdict(
                f"{_shown(words)} looks like a command that exits", _JOB, ESSENTIAL_URL, is_certain=False
            ),
        )
    server = SERVERS.get("php-fpm" if _FPM_VERSION.match(name) else name)
    return _judge_server(server, words, setting) if server else _of_known_name(name)


def _of_known_name(name: str) -> _Outcome:
    if name in _RUNNING:
        return _RUNS
    return _SERVES if name in _SERVING or _VERSIONED.match(name) else _UNKNOWN


def _judge_server(server: ServerCommand, words: Words, setting: _Setting) -> _Outcome:
    arguments = words[1:]
    if len(arguments) == 1 and arguments[0] in INFORMS:
        return _UNKNOWN
    if not server.forks(arguments):
        return _RUNS if server.stays else _SERVES
    instead = tuple(word for word in server.instead(words, setting.image) if word)
    unless = f", unless {server.unless}" if server.unless else ""
    reason = f"{_shown(words)} starts the server in the background and exits{unless}"
    return _Outcome(_Kind.FORKS, CommandVerdict(reason, f"write {_as_json(instead)}", server.url, not unless))


# --- starting services the way an operating system does --------------------------------------------------

_SYSTEM_STARTERS: Mapping[str, int] = {"service": 1, "invoke-rc.d": 1, "rc-service": 1, "systemctl": 0}
_START_VERBS = frozenset({"start", "restart", "reload", "force-reload"})
_FPM_SERVICE = lazy_pattern(r"php[\d.]*-?fpm[\d.]*\Z")


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
        f"write {_as_json(foreground)}"
        if foreground
        else f"run the program of {name} itself, in the foreground"
    )
    reason = f"{_shown(words)} starts a background service and exits"
    return _Outcome(_Kind.FORKS, CommandVerdict(reason, fix, ESSENTIAL_URL))


# --- commands that wait, end, or may serve ---------------------------------------------------------------

_DAY = 86_400.0
_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": _DAY}


def _judge_waiting(name: str, words: Words) -> _Outcome:
    if name == "tail":
        follows = has_flag(words, "--follow") or has_letter(words[1:], "fF")
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
    reason = f"{_shown(words)} reads commands from an empty standard input and exits"
    return _Outcome(_Kind.ENDS, CommandVerdict(reason, _JOB, ESSENTIAL_URL))


_CLOSING = frozenset({":", "exit", "true"})
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
_VERSIONED = lazy_pattern(r"(?:python|php|ruby|node|java)[\d.]+\Z")
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
            return _judge_script(rest[0], setting.deeper()) if rest else _UNKNOWN
        at += 1
    if at < len(words):
        return _judge_program(program_name(words[0]), words, setting) if setting.once else _UNKNOWN
    return _bare_interpreter(words, setting)


def _judge_script(text: str, setting: _Setting) -> _Outcome:
    """Judge a shell script: the last command in the foreground decides, and what stands before it."""
    if setting.depth > _MAX_DEPTH:
        return _UNKNOWN
    try:
        chains = parse_script(without_waiting(text))
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
        self._exits = False
        self._background: list[CommandChain] = []

    def take(self, chain: CommandChain) -> _Outcome | None:
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
            self._closing, self._exits = program in _CLOSING, program == "exit"
            if program in {"exec", "exit"} and not pipeline.operator:
                return self.outcome()
        return None

    def _take_background(self, chain: CommandChain) -> None:
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
        if self._exits and self._setting.once and _Kind.SERVES in earlier:
            return self._closed()
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

    def _in_background(self) -> CommandVerdict:
        chain = self._background[-1]
        shown = _shown((chain.text, "&"))
        if len(self._background) > 1:
            reason = f"{shown} runs in the background like the commands before it"
            return CommandVerdict(reason, "give each command its own service", ESSENTIAL_URL)
        fix = f"remove the &: {_as_json(_in_foreground(chain))}"
        return CommandVerdict(f"{shown} runs in the background, and the shell exits", fix, ESSENTIAL_URL)

    def _closed(self) -> _Outcome:
        verdict = CommandVerdict(
            "the last command only makes the shell exit",
            f"remove it if a server runs before it; {_JOB}",
            ESSENTIAL_URL,
            is_certain=False,
        )
        return _Outcome(_Kind.ENDS, verdict)


def _in_foreground(chain: CommandChain) -> Words:
    """Write a background chain as a command: without a shell where it needs none."""
    if len(chain.pipelines) > 1 or len(chain.pipelines[0].commands) > 1:
        return ("sh", "-c", chain.text)
    command = chain.pipelines[0].commands[0]
    if command.plain and " ".join(chain.text.split()) == " ".join(command.words):
        return command.words
    return ("sh", "-c", f"exec {chain.text}")
