"""The outer grammar of Dockerfiles: lines to instructions with split arguments, nothing evaluated.

Parser directives, comments, line continuations and heredocs end here. What is left is one `Instruction`
per instruction, split the way Docker splits that keyword: https://docs.docker.com/reference/dockerfile/#format
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Container, Iterator, Mapping

from compose2fargate.compose.dockerfile.dockerfile_variables import (
    SPACES,
    KeptText,
    SubstitutionError,
    VariableScope,
    expand_word,
)
from compose2fargate.records import NamedTuple
from compose2fargate.text.nearest import nearest

_MAX_LINE = 65_535  # bytes; BuildKit reads physical lines through a buffer of this size
_MAX_FAULTS = 20
_BLANKS = re.compile(r"[\t\v\f\r ]+")
_DIRECTIVE = re.compile(r"([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.*\S)")
_DIRECTIVES = frozenset({"syntax", "escape", "check"})
_HEREDOC_KEYWORDS = frozenset({"ADD", "COPY", "RUN"})
_NO_VARIABLES = VariableScope({})


class DockerfileError(Exception):
    """Something in a Dockerfile that Docker refuses.

    Attributes:
        line: The instruction's first line, counted from 1.
        message: What is wrong, as one sentence.
        hint: What to write instead, or nothing.
        code: The diagnostic's code.
    """

    def __init__(self, line: int, message: str, hint: str = "", code: str = "C2F180") -> None:
        super().__init__(message)
        self.line = line
        self.message = message
        self.hint = hint
        self.code = code


class Instruction(NamedTuple):
    """One instruction.

    Attributes:
        line: The line it begins on, counted from 1.
        keyword: In upper case.
        flags: Flags and their values; those of ADD, COPY and RUN unchecked.
        text: Everything after the flags, continuation lines joined.
        words: The arguments, split as Docker splits them for this keyword; quotes stay where Docker
            substitutes variables later. The shell form of a command is a single word.
        pairs: Names and values of ENV, LABEL and ARG; an ARG without `=` has None.
        exec_form: The arguments were a JSON array.
        nested: What ONBUILD postpones.
        refusal: Why Docker refuses it as soon as it runs; only ever set for what is nested.
    """

    line: int
    keyword: str
    flags: Mapping[str, str] = {}
    text: str = ""
    words: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str | None], ...] = ()
    exec_form: bool = False
    nested: Instruction | None = None
    refusal: DockerfileError | None = None


def read_instructions(text: str) -> tuple[list[Instruction], str, list[DockerfileError]]:
    """Split a Dockerfile into instructions; give them, the escape character and what is malformed.

    A malformed instruction is left out; the reader gives up after the twentieth.
    """
    reader = _Reader(text.removeprefix("\ufeff"))
    instructions: list[Instruction] = []
    faults: list[DockerfileError] = []
    lost = False  # behind an unknown keyword the next ones are mostly lines of the same command
    while len(faults) < _MAX_FAULTS:
        try:
            instruction = reader.instruction()
        except DockerfileError as fault:
            if not (lost and fault.code == "C2F181"):
                faults.append(fault)
            lost = fault.code == "C2F181"
            continue
        lost = False
        if instruction is None:
            break
        instructions.append(instruction)
    return instructions, reader.escape, faults


class _Reader:
    """Walks over the physical lines; `at` is the index of the next one."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._at = 0
        self._directives: set[str] | None = set()  # those seen; None behind the first other line
        self.escape = "\\"

    def instruction(self) -> Instruction | None:
        """Read up to the end of the next instruction, heredocs included; None at the end of the file."""
        for line in self._each():
            start = self._at
            content = line.lstrip(SPACES)
            if content.startswith("#"):
                self._directive(content)
                continue
            self._directives = None
            if content:
                parsed = _parse_instruction(start, self._joined(content), self.escape)
                self._skip_heredocs(parsed)
                return parsed
        return None

    def _each(self) -> Iterator[str]:
        while self._at < len(self._lines):
            line = self._lines[self._at].rstrip("\r")
            self._at += 1
            if len(line) > _MAX_LINE // 4 and len(line.encode("utf-8", "replace")) > _MAX_LINE:
                raise DockerfileError(self._at, f"the line is longer than {_MAX_LINE} bytes", code="C2F187")
            yield line

    def _directive(self, content: str) -> None:
        if self._directives is None:
            return
        match = _DIRECTIVE.match(content[1:].lstrip(SPACES))
        name = match.group(1).lower() if match else ""
        if match is None or name not in _DIRECTIVES:
            self._directives = None
            return
        if name in self._directives:
            raise DockerfileError(self._at, f"the parser directive {name} is given twice")
        self._directives.add(name)
        if name == "escape":
            self._set_escape(match.group(2))

    def _set_escape(self, value: str) -> None:
        if value not in {"\\", "`"}:
            raise DockerfileError(
                self._at, f"the escape character cannot be {value[:40]!r}", "write # escape=\\ or # escape=`"
            )
        self.escape = value

    def _joined(self, first: str) -> str:
        content, more = self._continued(first)
        parts = [content]
        while more:
            line = next(self._each(), None)
            if line is None:
                break
            stripped = line.lstrip(SPACES)
            if stripped and not stripped.startswith("#"):
                content, more = self._continued(line)
                parts.append(content)
        return "".join(parts)

    def _continued(self, line: str) -> tuple[str, bool]:
        content = line.rstrip(" \t")
        if not content.endswith(self.escape) or content.endswith(self.escape * 2):
            return line, False
        return content[:-1], True

    def _skip_heredocs(self, instruction: Instruction) -> None:
        inner = instruction.nested or instruction
        if inner.keyword not in _HEREDOC_KEYWORDS or inner.exec_form or "<<" not in instruction.text:
            return
        for name, dedented in _heredocs(instruction):
            for line in self._each():
                if name == (line.lstrip("\t") if dedented else line):
                    break
            else:
                raise DockerfileError(
                    instruction.line,
                    f"the heredoc {name} is not closed",
                    f"write {name} on a line of its own",
                )


def _heredocs(instruction: Instruction) -> Iterator[tuple[str, bool]]:
    """Give the closing line of each heredoc, and whether tabs may stand before it."""
    try:
        whole = KeptText(quotes=True, escapes=True, unset=True)
        words = expand_word(instruction.text, _NO_VARIABLES, keep=whole).words
    except SubstitutionError:
        return  # as in BuildKit: a line that does not read as shell words has no heredocs
    for word in words:
        if is_heredoc(word):
            mark = word.lstrip("0123456789")[2:]
            name = _heredoc_name(instruction.line, mark.removeprefix("-").lstrip())
            if name:
                yield name, mark.startswith("-")


def is_heredoc(word: str) -> bool:
    """Tell whether `word` is the mark of a heredoc: `<<EOF`, `<<-EOF`, `3<<"EOF"`."""
    mark = word.lstrip("0123456789")
    return mark.startswith("<<") and "<" not in mark[2:] and bool(mark[2:].removeprefix("-").strip())


def _heredoc_name(line: int, written: str) -> str:
    try:
        words = expand_word(written, _NO_VARIABLES, keep=KeptText(unset=True)).words
    except SubstitutionError as error:
        raise DockerfileError(line, f"the heredoc's name cannot be read: {error}") from None
    return words[0] if len(words) == 1 else ""


def _parse_instruction(line: int, content: str, escape: str) -> Instruction:
    """Split one logical line into keyword, flags and arguments.

    Raises:
        DockerfileError: for an unknown keyword and for arguments that are malformed in themselves.
    """
    keyword, _, rest = _partition(content.strip(SPACES))
    flags, rest = _split_flags(rest)
    bare = Instruction(line, keyword.upper(), text=rest.strip(SPACES))
    parse = _PARSERS.get(bare.keyword)
    if parse is None:
        raise DockerfileError(line, f"unknown instruction {keyword[:40]}", _nearest(bare.keyword), "C2F181")
    known = _known_flags(bare)
    given = (
        dict(flag.partition("=")[::2] for flag in flags)
        if known is None
        else _checked_flags(bare, flags, known)
    )
    return parse(bare._replace(flags=given), escape)


def _known_flags(instruction: Instruction) -> tuple[str, ...] | None:
    """Give the flags of an instruction; None when Docker does not look at them."""
    switches_off = instruction.keyword == "HEALTHCHECK" and _partition(instruction.text)[0].upper() == "NONE"
    return None if switches_off else _FLAGS.get(instruction.keyword)


def _partition(text: str) -> tuple[str, str, str]:
    match = _BLANKS.search(text)
    return (text[: match.start()], match.group(), text[match.end() :]) if match else (text, "", "")


def _nearest(keyword: str) -> str:
    close = nearest(keyword, _PARSERS)
    return f"did you mean {close}?" if close else "end the line above with a \\ to continue it here"


def _split_flags(rest: str) -> tuple[tuple[str, ...], str]:
    flags: list[str] = []
    rest = rest.lstrip(SPACES)
    while rest.startswith("--"):
        word, end = _unquoted_word(rest)
        rest = rest[end:]
        if word == "--":
            break
        flags.append(word[2:])
        rest = rest.lstrip(SPACES)
    return tuple(flags), rest


def _checked_flags(
    instruction: Instruction, flags: tuple[str, ...], known: Container[str]
) -> Mapping[str, str]:
    values: dict[str, str] = {}
    for flag in flags:
        name, equals, value = flag.partition("=")
        if name not in known:
            raise DockerfileError(instruction.line, f"{instruction.keyword} has no flag --{name[:40]}")
        if name in values:
            raise DockerfileError(instruction.line, f"the flag --{name} is given twice")
        if not equals:
            raise DockerfileError(
                instruction.line, f"the flag --{name} needs a value", f"write --{name}=<value>"
            )
        values[name] = value
    return values


_FLAG_PIECE = re.compile(
    rf"""\\(.)|'((?:[^'\\]|\\.)*)'?|"((?:[^"\\]|\\.)*)"?|([^\\'"{SPACES}]+)|\\""", re.DOTALL
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def _unquoted_word(text: str) -> tuple[str, int]:
    out: list[str] = []
    at = 0
    while (match := _FLAG_PIECE.match(text, at)) is not None:
        escaped, single, double, plain = match.groups()
        out.append(escaped or plain or _ESCAPED.sub(r"\1", single or double or ""))
        at = match.end()
    return "".join(out), at


def _word_pattern(escape: str) -> re.Pattern[str]:
    """A word with its quotes; an escape at the very end of the text belongs to nothing."""
    esc = re.escape(escape)
    quoted = rf"'[^']*(?:'|\Z)|\"(?:[^\"{esc}]|{esc}.)*(?:\"|(?={esc}?\Z))"
    return re.compile(rf"((?:[^{SPACES}'\"{esc}]|{esc}.|{quoted})+)(?:{esc}\Z)?", re.DOTALL)


_WORDS = {escape: _word_pattern(escape) for escape in "\\`"}


def _assignments(instruction: Instruction, escape: str) -> Instruction:
    """ENV and LABEL: `a=b c="d e"`, or the old form `a all the rest` where the first word has no `=`."""
    line, keyword, text = instruction.line, instruction.keyword, instruction.text
    words = _WORDS[escape].findall(text)
    if not words:
        raise DockerfileError(line, f"{keyword} needs at least one name and value")
    if "=" not in words[0]:
        name, blank, value = _partition(text)
        if not blank:
            raise DockerfileError(
                line, f"{keyword} needs a value for {name[:40]}", f"write {keyword} {name[:40]}=value"
            )
        return instruction._replace(pairs=((name, value),))
    lost = next((word for word in words if "=" not in word), None)
    if lost is not None:
        raise DockerfileError(
            line, f"{keyword} has {lost[:40]!r} without a =", "quote a value that holds spaces"
        )
    pairs = tuple((name, value) for name, _, value in (word.partition("=") for word in words))
    if not all(name for name, _ in pairs):
        raise DockerfileError(line, f"{keyword} has a value without a name")
    return instruction._replace(pairs=pairs)


def _arguments(instruction: Instruction, escape: str) -> Instruction:
    pairs = []
    for word in _WORDS[escape].findall(instruction.text):
        name, equals, value = word.partition("=")
        if not name:
            raise DockerfileError(instruction.line, "ARG has a value without a name")
        pairs.append((name, value if equals else None))
    if not pairs:
        raise DockerfileError(instruction.line, "ARG needs at least one name")
    return instruction._replace(pairs=tuple(pairs))


def _blank_separated(instruction: Instruction, _escape: str) -> Instruction:
    words = tuple(_BLANKS.split(instruction.text)) if instruction.text else ()
    if not words:
        raise DockerfileError(instruction.line, f"{instruction.keyword} needs at least one argument")
    return instruction._replace(words=words)


def _one_text(instruction: Instruction, _escape: str) -> Instruction:
    if not instruction.text:
        raise DockerfileError(instruction.line, f"{instruction.keyword} needs exactly one argument")
    return instruction._replace(words=(instruction.text,))


def _command(instruction: Instruction, _escape: str) -> Instruction:
    array = _json_array(instruction.line, instruction.text)
    if array is None:
        return instruction._replace(words=(instruction.text,) if instruction.text else ())
    return instruction._replace(words=array, exec_form=True)


def _list_or_array(instruction: Instruction, escape: str) -> Instruction:
    array = _json_array(instruction.line, instruction.text)
    if array is None:
        return _blank_separated(instruction, escape)
    if not array:
        raise DockerfileError(instruction.line, f"{instruction.keyword} needs at least one argument")
    return instruction._replace(words=array, exec_form=True)


def _paths(instruction: Instruction, escape: str) -> Instruction:
    parsed = _list_or_array(instruction, escape)
    if len(parsed.words) < 2:
        raise DockerfileError(instruction.line, f"{instruction.keyword} needs a source and a destination")
    return parsed


def _health(instruction: Instruction, escape: str) -> Instruction:
    kind, _, rest = _partition(instruction.text)
    command = _command(instruction._replace(text=rest), escape)
    words = (kind.upper(), *command.words) if kind else ()
    return command._replace(words=words, text=instruction.text)


def _postponed(instruction: Instruction, escape: str) -> Instruction:
    name = _partition(instruction.text)[0].upper()
    if not name:
        raise DockerfileError(instruction.line, "ONBUILD needs an instruction")
    if name in {"ONBUILD", "FROM", "MAINTAINER"}:
        raise DockerfileError(instruction.line, f"ONBUILD cannot postpone {name}")
    try:
        nested = _parse_instruction(instruction.line, instruction.text, escape)
    except DockerfileError as error:
        # It fails the stages that are built on this one, not this one.
        nested = Instruction(instruction.line, name, text=instruction.text, refusal=error)
    return instruction._replace(nested=nested)


_PARSERS: Mapping[str, Callable[[Instruction, str], Instruction]] = {
    "ADD": _paths,
    "ARG": _arguments,
    "CMD": _command,
    "COPY": _paths,
    "ENTRYPOINT": _command,
    "ENV": _assignments,
    "EXPOSE": _blank_separated,
    "FROM": _blank_separated,
    "HEALTHCHECK": _health,
    "LABEL": _assignments,
    "MAINTAINER": _one_text,
    "ONBUILD": _postponed,
    "RUN": _command,
    "SHELL": _command,
    "STOPSIGNAL": _one_text,
    "USER": _one_text,
    "VOLUME": _list_or_array,
    "WORKDIR": _one_text,
}


# The flags of ADD, COPY and RUN grow with BuildKit: they are read as they come, and none is refused.
_FLAGS: Mapping[str, tuple[str, ...]] = {
    "CMD": (),
    "ENTRYPOINT": (),
    "ENV": (),
    "EXPOSE": (),
    "FROM": ("platform",),
    "HEALTHCHECK": ("interval", "timeout", "start-period", "start-interval", "retries"),
    "LABEL": (),
    "MAINTAINER": (),
    "ONBUILD": (),
    "SHELL": (),
    "USER": (),
    "VOLUME": (),
    "WORKDIR": (),
}


def _json_array(line: int, text: str) -> tuple[str, ...] | None:
    """Read the exec form; None is the shell form, which anything but a JSON array is to Docker."""
    if not text.startswith("["):
        return None
    try:
        items = json.loads(text, parse_constant=_no_constant)
    except RecursionError:
        items = [None]
    except ValueError:
        return None
    if not all(isinstance(item, str) for item in items):
        raise DockerfileError(
            line, "a JSON array of arguments may hold strings only", "quote every item of the array"
        )
    # A lone surrogate (\ud800) is no character; Docker stores the replacement character for it.
    return tuple(item.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for item in items)


def _no_constant(name: str) -> None:
    raise ValueError(name)  # NaN and Infinity are no JSON


def looks_like_array(text: str) -> bool:
    """Tell whether a shell-form command was meant to be a JSON array: `['nginx', '-g']`.

    `[ -f x ] && y` is the shell's test command: it has a blank behind the bracket and no comma list.
    """
    text = text.strip(SPACES)
    if not text.startswith("["):
        return False
    return not _BLANKS.match(text, 1) or (text.endswith("]") and "," in text)
