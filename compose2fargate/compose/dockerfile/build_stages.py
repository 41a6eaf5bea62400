"""The configuration of an image while a Dockerfile's instructions are applied to it, one after another."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping

from compose2fargate.compose.dockerfile.dockerfile_lines import (
    DockerfileError,
    Instruction,
    is_heredoc,
    looks_like_array,
)
from compose2fargate.compose.dockerfile.dockerfile_variables import (
    SPACES,
    Expansion,
    SubstitutionError,
    VariableScope,
    expand_word,
)
from compose2fargate.compose.dockerfile.health_check_instruction import health_check
from compose2fargate.compose.dockerfile.image_config import ImageConfig, ImageCopy, ImageHealthCheck
from compose2fargate.diagnostics import Diagnostic, Location, Severity
from compose2fargate.records import NamedTuple

REFERENCE = "https://docs.docker.com/reference/dockerfile/"
"""Where Docker documents all of this."""

Place = Callable[[int], Location]
"""From a line of the Dockerfile to its place in the file that holds it."""

_MAX_WORK = 32 * 1024 * 1024  # characters substituted and ports expanded over a whole file
_PORT_WORK = 16  # a port takes as long as this many characters
_DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_DEFAULT_SHELLS: Mapping[str, tuple[str, ...]] = {"windows": ("cmd", "/S", "/C")}
_POSIX_SHELL = ("/bin/sh", "-c")
_ADDITIVE = ("env", "exposed", "volumes", "labels")
_SINGLE = ("entrypoint", "cmd", "healthcheck", "user", "working_dir", "stop_signal", "shell")


class BuildStage(NamedTuple):
    """One FROM and the instructions behind it; `below` is the index of the local stage it builds on."""

    line: int
    image: str
    name: str
    platform: str
    body: list[Instruction]
    below: int | None = None


class SubstitutionBudget:
    """Substitutes, and counts what came out: a few lines of `ENV B=$A$A` must not fill the memory."""

    def __init__(self, escape: str) -> None:
        self._escape = escape
        self._done = 0

    def expand(self, line: int, word: str, scope: VariableScope) -> Expansion:
        """Substitute one word of the instruction on `line`."""
        try:
            expansion = expand_word(word, scope, escape=self._escape)
        except SubstitutionError as error:
            raise DockerfileError(
                line, f"{word[:80]!r} cannot be substituted: {error}", code="C2F184"
            ) from None
        self.spend(line, len(expansion.text))
        return expansion

    def spend(self, line: int, amount: int) -> None:
        """Count `amount`, and raise DockerfileError when the file has used up what it may."""
        self._done += amount
        if self._done > _MAX_WORK:
            raise DockerfileError(line, "the values of this Dockerfile grow too large", code="C2F187")


class ImageBuildState:
    """The configuration while the instructions of a chain of stages are applied to it."""

    def __init__(
        self,
        root: BuildStage,
        args: Mapping[str, str],
        global_args: Mapping[str, str],
        work: SubstitutionBudget,
        place: Place,
    ) -> None:
        self.root = root
        self.args = args
        self.global_args = global_args
        self.work = work
        self.place = place
        self.findings: list[Diagnostic] = []
        self.external = root.image != "scratch"
        self.system = (root.platform or global_args["TARGETPLATFORM"]).partition("/")[0]
        self.shell: tuple[str, ...] = _DEFAULT_SHELLS.get(self.system, _POSIX_SHELL)
        self.values: dict[str, str] = {}  # what a substitution sees: ENV and ARG
        self.tainted: set[str] = set()  # names whose value depends on the base image
        self.declared: set[str] = set()  # ARGs, which a substitution may read without a value
        self.env: dict[str, str | None] = {}  # ENV only; None where the base image decides
        self.covered: set[str] = set()  # ENVs that an ARG behind them hides until the stage ends
        self.labels: dict[str, str] = {}
        self.exposed: dict[tuple[int, str], None] = {}
        self.volumes: dict[str, None] = {}
        self.entrypoint: tuple[str, ...] | None = None
        self.cmd: tuple[str, ...] | None = None
        self.cmd_in_stage = False
        self.healthcheck: ImageHealthCheck | None = None
        self.copies: list[ImageCopy] = []
        self.runs: list[str] = []
        self.texts: dict[str, str | None] = {}  # user, working_dir, stop_signal
        self.lines: dict[str, int] = {"base": root.line}
        self.decided: set[str] = set()
        self.scope = VariableScope(self.values, self.tainted, self._may_inherit)
        if not self.external:
            self.texts["working_dir"] = "/"
            if self.system != "windows":
                self.set_env("PATH", _DEFAULT_PATH)

    def _may_inherit(self, name: str) -> bool:
        return self.external and name not in self.declared

    def run(self, stage: BuildStage, below: BuildStage | None) -> None:
        """Apply a stage: what the stage below it postponed for its users, then its own instructions."""
        for name in self.covered:
            self._show(name, self.env[name])
        self.covered.clear()
        self.cmd_in_stage = False
        for instruction in below.body if below else ():
            if instruction.nested is not None:
                check_stages(instruction.nested)
                _APPLY[instruction.nested.keyword](self, instruction.nested)
        for instruction in stage.body:
            _APPLY[instruction.keyword](self, instruction)

    def expand(self, line: int, word: str) -> Expansion:
        """Substitute one word with the variables as they are now."""
        return self.work.expand(line, word, self.scope)

    def decide(self, field: str, line: int) -> None:
        """Note that `field` no longer comes from the base image."""
        self.decided.add(field)
        self.lines[field] = line

    def set_text(self, field: str, instruction: Instruction, text: str | None) -> None:
        """Set the user, working_dir or stop_signal; None leaves it to the base image."""
        self.texts[field] = text
        self.lines[field] = instruction.line
        (self.decided.discard if text is None else self.decided.add)(field)

    def set_env(self, name: str, value: str | None) -> None:
        """Set a variable of the image; None stands for a value that only the base image knows."""
        self.env[name] = value
        self.covered.discard(name)
        self._show(name, value)

    def set_arg(self, name: str, value: str | None) -> None:
        """Set a variable of the build, which hides an ENV of its name until the stage ends."""
        if name in self.env:
            self.covered.add(name)
        self._show(name, value)

    def _show(self, name: str, value: str | None) -> None:
        if value is None:
            self.values.pop(name, None)
            self.tainted.add(name)
        else:
            self.values[name] = value
            self.tainted.discard(name)

    def depends_on_base(self, instruction: Instruction, unknown: Iterable[str]) -> None:
        """Report an instruction whose outcome only the base image knows."""
        names = ", ".join(f"${name}" for name in sorted(unknown)) or "the base image's WORKDIR"
        self.warn(
            "C2F186",
            instruction,
            f"{instruction.keyword} depends on {names}, which this Dockerfile does not set: its value comes "
            f"from the image {self.root.image} and is not known here",
            "write the value out, or set it in the compose file",
        )

    def warn(self, code: str, instruction: Instruction, message: str, hint: str) -> None:
        """Append a warning that points at `instruction`."""
        at = self.place(instruction.line)
        self.findings.append(
            Diagnostic(code, Severity.WARNING, message, location=at, hint=hint, url=REFERENCE)
        )

    def config(self, stage: BuildStage) -> ImageConfig:
        """Freeze what the chain up to `stage` has come to."""
        open_fields = (field for field in _SINGLE if field not in self.decided)
        return ImageConfig(
            entrypoint=self.entrypoint,
            cmd=self.cmd,
            env={name: value for name, value in self.env.items() if value is not None},
            exposed=tuple(self.exposed),
            volumes=tuple(self.volumes),
            healthcheck=self.healthcheck,
            user=self.texts.get("user"),
            working_dir=self.texts.get("working_dir"),
            stop_signal=self.texts.get("stop_signal"),
            labels=self.labels,
            shell=self.shell,
            base=self.root.image if self.external else None,
            platform=self.root.platform or None,
            locations={
                field: self.place(line) for field, line in (*self.lines.items(), ("stage", stage.line))
            },
            inherits=(*open_fields, *_ADDITIVE) if self.external else (),
            copies=tuple(self.copies),
            runs=tuple(self.runs),
        )


def _apply_env(build: ImageBuildState, instruction: Instruction) -> None:
    # Every value of one line sees the variables as they were before the line.
    assigned = [
        (build.expand(instruction.line, name), build.expand(instruction.line, value or ""))
        for name, value in instruction.pairs
    ]
    for name, value in assigned:
        build.set_env(name.text, None if value.unknown else value.text)
    build.lines["env"] = instruction.line


def _apply_arg(build: ImageBuildState, instruction: Instruction) -> None:
    for name, default in instruction.pairs:
        build.declared.add(name)
        if name in build.args:
            build.set_arg(name, build.args[name])
        elif default is not None:
            value = build.expand(instruction.line, default)
            build.set_arg(name, None if value.unknown else value.text)
        elif name in build.global_args:
            build.set_arg(name, build.global_args[name])


def _apply_label(build: ImageBuildState, instruction: Instruction) -> None:
    for written, value in instruction.pairs:
        name = build.expand(instruction.line, written).text
        expansion = build.expand(instruction.line, value or "")
        if expansion.unknown:
            build.labels.pop(name, None)
        else:
            build.labels[name] = expansion.text
    build.lines["labels"] = instruction.line


def _apply_cmd(build: ImageBuildState, instruction: Instruction) -> None:
    build.cmd = _command_line(build, instruction)
    build.cmd_in_stage = True
    build.decide("cmd", instruction.line)


def _apply_entrypoint(build: ImageBuildState, instruction: Instruction) -> None:
    build.entrypoint = _command_line(build, instruction)
    build.decide("entrypoint", instruction.line)
    if not build.cmd_in_stage:
        # A CMD was meant for the entrypoint that it was written for, one stage or image below.
        build.cmd = None
        build.decided.add("cmd")
        build.lines.pop("cmd", None)


def _command_line(build: ImageBuildState, instruction: Instruction) -> tuple[str, ...]:
    if instruction.exec_form:
        return instruction.words
    _check_array(build, instruction, instruction.text)
    return (*build.shell, instruction.text)


def _check_array(build: ImageBuildState, instruction: Instruction, text: str) -> None:
    if looks_like_array(text):
        build.warn(
            "C2F185",
            instruction,
            f"{instruction.keyword} looks like a JSON array but is not one: Docker runs its text in a shell",
            'put every item in double quotes, separated by commas: ["executable", "argument"]',
        )


def _apply_shell(build: ImageBuildState, instruction: Instruction) -> None:
    build.shell = instruction.words
    build.decide("shell", instruction.line)


def _apply_healthcheck(build: ImageBuildState, instruction: Instruction) -> None:
    build.healthcheck = health_check(instruction)
    build.decide("healthcheck", instruction.line)
    if build.healthcheck.test[0] == "CMD-SHELL":
        _check_array(build, instruction, build.healthcheck.test[1])


def check_stages(instruction: Instruction) -> None:
    """Check what Docker checks in every stage, those included that are not built.

    Raises:
        DockerfileError: for a SHELL or HEALTHCHECK that makes no sense, and for what is refused already.
    """
    if instruction.refusal is not None:
        raise instruction.refusal
    if instruction.keyword == "HEALTHCHECK":
        health_check(instruction)
    elif instruction.keyword == "SHELL" and not (instruction.exec_form and instruction.words):
        raise DockerfileError(instruction.line, "SHELL needs a JSON array", 'write SHELL ["/bin/bash", "-c"]')


def _apply_user(build: ImageBuildState, instruction: Instruction) -> None:
    _set_expanded(build, "user", instruction)


def _set_expanded(build: ImageBuildState, field: str, instruction: Instruction) -> None:
    expansion = build.expand(instruction.line, instruction.text)
    if expansion.unknown:
        build.depends_on_base(instruction, expansion.unknown)
    build.set_text(field, instruction, None if expansion.unknown else expansion.text)


def _apply_workdir(build: ImageBuildState, instruction: Instruction) -> None:
    expansion = build.expand(instruction.line, instruction.text)
    path: str | None = expansion.text
    if not expansion.text.startswith("/"):
        path = _joined_path(build, expansion.text)
    if expansion.unknown or path is None:
        build.depends_on_base(instruction, expansion.unknown)
        path = None
    build.set_text("working_dir", instruction, path)


def _joined_path(build: ImageBuildState, relative: str) -> str | None:
    current = build.texts.get("working_dir")
    if current is None:
        return None
    if not relative:
        return current
    parts: list[str] = []
    for part in f"{current}/{relative}".split("/"):
        if part == "..":
            del parts[-1:]
        elif part not in {"", "."}:
            parts.append(part)
    return "/" + "/".join(parts)


_SIGNAL = re.compile(
    r"(?:SIG)?(?:ABRT|ALRM|BUS|CHLD|CLD|CONT|FPE|HUP|ILL|INT|IO|IOT|KILL|PIPE|POLL|PROF|PWR|QUIT|SEGV|STKFLT|STOP"
    r"|SYS|TERM|TRAP|TSTP|TTIN|TTOU|URG|USR[12]|VTALRM|WINCH|XCPU|XFSZ"
    r"|RTMIN(?:\+(?:[1-9]|1[0-5]))?|RTMAX(?:-(?:[1-9]|1[0-4]))?)\Z",
    re.IGNORECASE,
)
_SIGNAL_NUMBER = re.compile(r"[+-]?0*[1-9][0-9]{0,9}\Z")


def _apply_stop_signal(build: ImageBuildState, instruction: Instruction) -> None:
    _set_expanded(build, "stop_signal", instruction)
    signal = build.texts["stop_signal"]
    if signal is not None and not _SIGNAL.match(signal) and not _SIGNAL_NUMBER.match(signal):
        raise DockerfileError(
            instruction.line, f"there is no signal {signal[:40]!r}", "write for example SIGTERM"
        )


def _apply_volume(build: ImageBuildState, instruction: Instruction) -> None:
    if not instruction.exec_form:
        _check_array(build, instruction, instruction.text)
    for word in instruction.words:
        expansion = build.expand(instruction.line, word.strip(SPACES))
        if expansion.unknown:
            build.depends_on_base(instruction, expansion.unknown)
        elif not expansion.text:
            raise DockerfileError(instruction.line, "VOLUME has an empty path")
        else:
            build.volumes[expansion.text] = None
    build.lines["volumes"] = instruction.line


def _apply_expose(build: ImageBuildState, instruction: Instruction) -> None:
    for word in instruction.words:
        expansion = build.expand(instruction.line, word)
        if expansion.unknown:
            build.depends_on_base(instruction, expansion.unknown)
            continue
        for written in expansion.words:
            first, last, protocol = _port_range(instruction.line, written)
            build.work.spend(instruction.line, (last - first) * _PORT_WORK)
            build.exposed.update(((port, protocol), None) for port in range(first, last + 1))
    build.lines["exposed"] = instruction.line


_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?(?:/(tcp|udp|sctp)?)?\Z", re.IGNORECASE)


def _port_range(line: int, written: str) -> tuple[int, int, str]:
    # Docker also reads `ip:host:container` here, and takes nothing but the container's port from it.
    match = _PORTS.match(written.rpartition(":")[2])
    if match is None:
        raise DockerfileError(
            line, f"EXPOSE {written[:40]} is not a port", "write for example EXPOSE 8080 or 8000-8005/udp"
        )
    first, last = int(match.group(1)), int(match.group(2) or match.group(1))
    if not first <= last <= 65535:
        raise DockerfileError(line, f"EXPOSE {written[:40]} is outside 0 to 65535, or counts down")
    return first, last, (match.group(3) or "tcp").lower()


def _apply_copy(build: ImageBuildState, instruction: Instruction) -> None:
    words = [
        word if is_heredoc(word) else build.expand(instruction.line, word).text for word in instruction.words
    ]
    *sources, target = words or [""]
    path = target if target.startswith("/") else _joined_path(build, target)
    if path is not None:
        slash = "/" if target.endswith(("/", "/.")) or target in {".", ""} else ""
        build.copies.append(
            ImageCopy(tuple(sources), path.rstrip("/") + slash or "/", instruction.flags.get("from", ""))
        )


def _apply_run(build: ImageBuildState, instruction: Instruction) -> None:
    build.runs.append(instruction.text)


def _apply_nothing(build: ImageBuildState, instruction: Instruction) -> None:
    """Leave the configuration alone."""


_APPLY: Mapping[str, Callable[[ImageBuildState, Instruction], None]] = {
    "ADD": _apply_copy,
    "ARG": _apply_arg,
    "CMD": _apply_cmd,
    "COPY": _apply_copy,
    "ENTRYPOINT": _apply_entrypoint,
    "ENV": _apply_env,
    "EXPOSE": _apply_expose,
    "HEALTHCHECK": _apply_healthcheck,
    "LABEL": _apply_label,
    "MAINTAINER": _apply_nothing,
    "ONBUILD": _apply_nothing,
    "RUN": _apply_run,
    "SHELL": _apply_shell,
    "STOPSIGNAL": _apply_stop_signal,
    "USER": _apply_user,
    "VOLUME": _apply_volume,
    "WORKDIR": _apply_workdir,
}
