"""What is a credential, by the name of its key and by its value; and how it is hidden where something is shown.

The question is asked for three reasons, which need different answers:

- `is_hidden`: is the value of this name shown to anybody? Broad: what is hidden for nothing costs little.
- `is_proposed`: does this variable become a secret when `secrets: auto` asks for it? Narrower, as it changes what is deployed.
  `passwords_in_command` asks the same of the words of a command.
- `is_build_secret`: is this build argument kept out of command lines, digests and scripts?

`mask_value`, `mask_line` and `mask_lines` hide what is in values, in a line and in the lines of a file: values, never names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Final

from compose2fargate.records import NamedTuple

MASK: Final = "********"

# The expressions are compiled where they are first used, by the functions of `re`: most runs show no value.

_HIDDEN: Final = (
    r"(?i)passw|passphrase|passcode|secret|token|credential|authorization|(?:api|access|private|signing|encryption)_?key"
    r"|(?<![a-z0-9])(?:pass|pwd|auth|dsn|salt|pat|pin|otp)(?![a-z0-9])|pass$|(?<=[_.-])keys?(?![a-z0-9])|(?-i:(?<=[a-z])Keys?(?![a-z]))"
)
# What only says where a credential is, or what belongs to one.
_OPEN: Final = (
    r"(?i)[_.-]?file$|[_-]?arn$|^valuefrom$|^secrets$|^secretoptions$|^credential_?spec$|credentials_?(parameter|s)?arn$"
    r"|^credentials_?parameter$|^authorization_?config$|kms_?key_?(id|arn)$|^(x-aws-)?pull_credentials$"
)
# Variables that are kept as secrets. The word that says so is the last one of the name: `API_KEY_RATE_LIMIT` is none.
_KEPT_NAMES: Final = (
    r"(?i)(?:PASSWORD|PASSWD|PASSPHRASE)(?:_?\d+)?$|PASSWORD_(?:HASH|SHA\d*)$"
    r"|(?:(?<![A-Z0-9])|(?-i:(?<=[a-z])(?=[A-Z])))(?:(?:PASS|PWD|SECRET|TOKEN|SALT|CREDENTIALS?)(?:_?\d+)?"
    r"|(?:API|ACCESS|PRIVATE|SECRET|ENCRYPTION|ENC|CRYPTO|SIGNING|MASTER|FERNET|JWT|HMAC|SESSION|SERVICE|SERVICE_ROLE|SECURITY|AUTH"
    r"|NONCE|LOGGED_IN|CONSUMER|APPLICATION)[_.-]?KEY|ACCESS_KEY_ID|KEY_BASE|SECRET_KEYS|(?:ERLANG|RELEASE)_COOKIE"
    r"|(?:REDIS\w*|NEO4J|MASTER)_?AUTH|BASIC_AUTH_USER_INFO)$"
)
_ANY_KEY: Final = r"(?i)[A-Z0-9][_.-]KEY$"
"""The key of something: `STRIPE_KEY`. Most are credentials; those that are not say what they are the key of."""
_OTHER_KEYS: Final = (
    r"(?i)(?:^|[_.-])(?:APP|PRIMARY|FOREIGN|PARTITION|SHARD|SORT|RANGE|HASH|ROUTING|BINDING|CACHE|INDEX|GROUP|LOOKUP|MESSAGE|OBJECT|S3"
    r"|BUCKET|UNIQUE|HOST|HOT|SSH_HOST|KMS|CMK|TRANSLATION|ENV|CONFIG|FEATURE|FLAG|METRIC|LABEL|TAG|QUEUE|TOPIC|STREAM|STATE|USER|PROJECT"
    r"|SITE|REGISTRY|ARN|ID)[_.-]KEY$"
)
_DSN: Final = r"(?i)(?:^|[_.-])DSN$"
_LOGIN: Final = r"(?i)[^\s/@]@[^\s/]|\b(?:password|passwd|pwd)\s*=\s*[^\s;]"
"""What a data source's name has where it holds a credential, and not only an address."""
# Names that say what a key is for, and not that it is one: believed of random values only.
_CRYPTIC: Final = r"(?i)(?<![a-z0-9])(?:jwt|signing|encryption|hmac|cipher|crypto)(?![a-z0-9])"
_NEVER_KEPT: Final = r"(?i)^NEXT_PUBLIC_|(?:^|[_.-])(?:PUBLIC|PUBLISHABLE|ANON)(?:_\w+)?_KEYS?$"
_PLAIN: Final = r"(?i)(?:true|false|yes|no|on|off|0|1|none|null|nil|\{\}|\[\]|\d+/\w+|(?:required|optional|requested|basic|bearer|simple))"
"""Values that are no secret whatever their name is: switches (`ALLOW_EMPTY_PASSWORD=yes`), rates, words for nothing."""
_PATH: Final = r"(?:~|\.{0,2})/[\w.-]+(?:/[\w.-]+)*/?"
_URL_PASSWORD: Final = r"(?i)[a-z][a-z0-9+.-]*://[^/\s:@]*:[^/\s@]+@"  # noqa: S105 - an expression
_ASSIGNED: Final = r"""(?i)\b(?:password|api_?key|client_?secret)["']?\s*[=:]\s*["'][^"'$\s{}]{3,}"""
_RANDOM: Final = r"(?=[^0-9]*[0-9])(?=[^A-Za-z]*[A-Za-z])(?:base64:)?[A-Za-z0-9+/_=-]{16,}"
_OF_BUILDS: Final = r"(?i)passw|passphrase|secret|token|credential|api_?key|private_?key|(^|_)(pass|pwd|auth|key|pat|dsn)(_|$)"


PLACEHOLDER: Final = "REPLACE_ME"
"""What stands where a value is to be put: a secret that holds it has none yet."""


def is_placeholder(value: str) -> bool:
    """Tell whether a secret's value stands for none: an empty one, or the word by which a person is asked for one."""
    return value.strip() in ("", PLACEHOLDER)


@cache  # services have the same variables
def is_hidden(name: str) -> bool:
    """Tell whether a value of that name may be a credential, and is not to be shown."""
    return re.search(_HIDDEN, name) is not None and re.search(_OPEN, name) is None


@cache  # as above
def is_proposed(name: str, value: str) -> bool:
    """Tell whether a variable is better kept as a secret, by its name and by its value.

    A name that says so is believed unless the value says otherwise (a switch, a rate, a path); a value that can be nothing else, such as a
    URL with a password or a key of a well-known form, whatever its name; and a random one where the name may be a credential's.
    """
    if not value or re.fullmatch(_PLAIN, value):
        return False
    if re.match(_URL_PASSWORD, value):
        return True
    if re.search(_NEVER_KEPT, name[-_LONGEST_NAME:]):
        return False
    if _is_secret_name(name):
        return "pass" in name.lower() or re.fullmatch(_PATH, value) is None
    is_login = re.search(_DSN, name[-_LONGEST_NAME:]) and re.search(_LOGIN, value)
    if is_login or _is_credential(value) or (is_hidden(name) and _is_random(value)):
        return True
    return re.search(_CRYPTIC, name) is not None and _is_random(value) and re.fullmatch(_PATH, value) is None


@cache  # as above
def _is_secret_name(name: str) -> bool:
    end = name[-_LONGEST_NAME:]
    if re.search(_KEPT_NAMES, end):
        return True
    return re.search(_ANY_KEY, end) is not None and re.search(_OTHER_KEYS, end) is None


_LONGEST_NAME: Final = 256
"""What is looked at of a name from its end, by expressions that try each place of it."""


def find_known(text: str, known: Mapping[str, str]) -> str:
    """Give what `known`, from telling passwords to where they are known from, says of one that stands in a text; "" where none does."""
    if len(text) < _TELLING or (len(known) <= _FEW and not any(word in text for word in known)):
        return ""  # much cheaper than to take each text apart
    return next((known[word] for word in re.split(_BETWEEN_WORDS, text) if word in known), "")


_FEW: Final = 20


def is_telling(password: str) -> bool:
    """Tell whether a password is found again by its text: `postgres` may be anything, `t0p-s3cret` is nothing else."""
    return len(password) >= _TELLING and re.search(r"[^A-Za-z]", password) is not None


_BETWEEN_WORDS: Final = r"[\s;,=:@/&?\"'|<>()]+"
_TELLING: Final = 8


def _is_credential(value: str) -> bool:
    """Tell whether a value is a credential whatever its name is."""
    return (
        re.fullmatch(_PREFIXED, value) is not None
        or re.search(_KEY_BLOCK, value) is not None
        or re.search(_ASSIGNED, value) is not None
    )


def _is_random(value: str) -> bool:
    """Tell whether a value is made by chance, and not of words as names are."""
    return re.fullmatch(_RANDOM, value) is not None and re.fullmatch(_WORDS, value) is None


def passwords_in_command(words: Sequence[str]) -> Iterator[str]:
    """Yield the passwords that a command gives to its program; what the shell fills in (`$NAME`) is none."""
    text = "\n".join(words)
    for found in re.finditer(_IN_COMMAND, text):
        value = found["value"].strip("\"'")
        if value and not re.fullmatch(_PLAIN, value) and not re.fullmatch(_PATH, value):
            yield value


# One word a line, or a line of a shell.
_IN_COMMAND: Final = (
    r"(?i)(?:(?<![\w.-])--?(?:[\w.-]*(?:password|passwd|passphrase)|requirepass|masterauth|pass|[\w.-]*api-?key|[\w.-]*-token|[\w.-]*secret)"
    r"(?:=|\s+)|\bredis-cli\b[^|;&]{0,500}?\s-a\s+|\bmysql\w{0,20}\b[^|;&]{0,500}?\s-p(?=[^\s$]))"
    r"(?P<value>(?![-$|&;<>])(?:\"[^\"$]+\"|'[^'$]+'|[^\s\"'$`]+))(?=\s|$|[\"';|&])"
)


def is_build_secret(name: str) -> bool:
    """Tell whether a build argument is called like a credential."""
    return re.search(_OF_BUILDS, name) is not None


# -- values --------------------------------------------------------------------------------------------------


def mask_value(value: Any, name: str = "") -> Any:
    """Hide the credentials in a value of plain JSON.

    Args:
        value: The value.
        name: The name that it has; a variable in the form `{name, value}` brings its own.
    """
    if isinstance(value, str):
        return _hidden_text(value, name)
    if isinstance(value, Mapping):
        said = value.get("name", value.get("Name"))
        own = said if isinstance(said, str) else name
        return {
            key: mask_value(item, own if key.lower() == "value" else str(key)) for key, item in value.items()
        }
    if type(value) in (list, tuple):  # what is a tuple with names is more than its items
        return [_hidden_word(before, word, name) for before, word in zip(("", *value), value, strict=False)]
    return (
        MASK if isinstance(value, (int, float)) and not isinstance(value, bool) and is_hidden(name) else value
    )


def _hidden_text(text: str, name: str) -> str:
    if text and is_hidden(name) and not re.match(_REFERENCE, text):
        return MASK
    return "\n".join(mask_lines(text.split("\n"))) if "\n" in text else mask_line(text)


def _hidden_word(before: Any, word: Any, name: str) -> Any:
    """A word of a command: the one after `--password` is a password."""
    if isinstance(before, str) and isinstance(word, str) and re.fullmatch(_FLAG_WORD, before):
        return mask_value(word, before.lstrip("-") if not word.startswith("--") else "")
    return mask_value(word, name)


_FLAG_WORD: Final = r"-{0,2}[\w-]{1,40}"


# -- a line --------------------------------------------------------------------------------------------------

_REFERENCE: Final = r"""["']?\$(?:\w+|\{\w+(?::?\?[^}]*)?\})["']?[\s,\]}]*(?:#.*)?$"""
_KEY_BLOCK: Final = r"-----BEGIN [A-Z0-9 ]*(?:PRIVATE KEY|PGP MESSAGE)"
_BEFORE_AT: Final = r"(?<![^\s\"'<>])[^\s\"'<>]+(?=@)"
"""What stands before the last `@` of a run of letters: where the passwords of URLs are."""
_IN_URL: Final = r"(?s)(://[^/:@]*:)(?!(?:\$\{\w+(?::?\?[^}]{0,200})?\}|\$\w+)(?:@|\Z)).+"
_PREFIXED: Final = (
    r"(?<![A-Za-z0-9])(?:A(?:KIA|SIA)[A-Z0-9]{12,}|gh[opsur]_\w{16,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
    r"|(?:sk|rk|pk|whsec)_(?:live|test)_\w{8,}|whsec_\w{16,}|sk-[\w-]{20,}|xox[a-z]-[\w-]{8,}|xapp-[\w-]{8,}|AIza[\w-]{30,}"
    r"|ya29\.[\w-]{16,}|SG\.[\w-]{16,}\.[\w-]{16,}|npm_\w{30,}|pypi-[\w-]{30,}|dop_v1_\w{30,}|hf_\w{20,}|shp(?:at|ss)_\w{20,}"
    r"|dckr_pat_[\w-]{20,}|glsa_\w{20,}|sq0[a-z]{3}-[\w-]{20,}|key-[0-9a-f]{32}|SK[0-9a-f]{32}|lin_api_\w{20,}|sbp_[0-9a-f]{20,}"
    r"|hv[sb]\.[\w-]{20,}|AGE-SECRET-KEY-\w+|eyJ[\w-]{8,2000}\.eyJ[\w-]{8,}(?:\.[\w-]+)?)"
)
_HEADER: Final = (
    r"(?i)\b(authorization\s*:\s*(?:(?:bearer|basic|digest|token)\s+)?|(?:bearer|basic)\s+)"
    r"(?!\$\w|\$\{\w+\}|auth|(?:bearer|basic|digest|token)\b)[\w.~+/=-]{6,}"
)
_DEFAULT: Final = r"\$\{(\w+)(:?[-+])([^}]+)(\}?)"
_FLAG: Final = (
    r"""(?i)(?<![\w-])(?P<name>--?(?=[\w-]*(?:pass|pwd|secret|token|key|credential|auth))[\w-]+)(?P<mid>["']?(?:\s*[=,]\s*|\s+)["']?)"""
    r"""(?P<value>(?!--\w)[^\s"'][^\s"']*)"""
)
# The clients of some servers and registries have a short option for it.
_LONG_WORDS: Final = "ort|ath|rofile|arallel|refix|lugin|rogress|id|retty|oll|eer|rint|ackage|ull|ush"
_SHORT_FLAG: Final = (
    rf"""(?<![\w-])-p(?!(?:{_LONG_WORDS})\b)(?=[^\s"',:=\]]*[A-Za-z])[^\s"',\]-][^\s"',\]]*"""
)
_ASKING: Final = r"\b(?:login|sshpass|mongo\w*|redis-cli)\b"
_SHORT_WORD: Final = r"""(\s["']?-[pa]["']?(?:\s*,)?\s+["']?)[^\s"'$-][^\s"']*"""
_CURL: Final = r"\bcurl\b"
_USER: Final = r"""(\s["']?(?:-u|--user)["']?(?:\s*[,=])?\s*["']?[^\s"':]+:)[^\s"'$][^\s"']*"""
_PAIR: Final = r"""(?P<open>["']?)(?<![\w.$-])(?<!\$\{)(?P<name>[\w.-]+)(?P<close>["']?)(?:\s*=\s*|\s*:(?=\s|["'\[{]|$)\s*)"""
_LONG_RUN: Final = r"(?<![\w$.{/+-])(?<!sha256:)(?<!sha512:)[A-Za-z0-9+_-]{40,}={0,2}(?!\s*[:=])"
_WORDS: Final = r"[A-Za-z][A-Za-z]*[0-9]{0,4}(?:[_-]+[A-Za-z0-9]{1,20})+"
_NOTHING: Final = r"(?:[|>][+-]?\d?[+-]?\s*(?:#.*)?|[{\[(]*|)$"


def mask_line(line: str) -> str:
    """Hide the credentials in a line of a source file, a generated file or a command; names and `${REFERENCES}` stay readable."""
    begins = re.search(_KEY_BLOCK, line)
    if begins:
        line = line[: begins.start()] + MASK
    if "@" in line:
        line = re.sub(_BEFORE_AT, lambda found: re.sub(_IN_URL, rf"\1{MASK}", found[0]), line)
    line = re.sub(_PREFIXED, MASK, line)
    line = re.sub(_HEADER, rf"\1{MASK}", line)
    line = re.sub(_DEFAULT, _without_default, line)
    line = re.sub(_FLAG, _without_flag_value, line)
    line = re.sub(_SHORT_FLAG, f"-p{MASK}", line)
    line = _without_words(_ASKING, _SHORT_WORD, line)
    line = _without_words(_CURL, _USER, line)
    return re.sub(_LONG_RUN, _without_run, _without_pairs(line))


def _without_words(program: str, option: str, line: str) -> str:
    """Hide what follows an option of a program, once for each time that the program is called."""
    shown, at = "", 0
    while called := re.compile(program).search(line, at):
        given = re.compile(option).search(line, called.end())
        if given is None:
            break
        shown += f"{line[at : given.end(1)]}{MASK}"
        at = given.end()
    return shown + line[at:]


def _without_default(found: re.Match[str]) -> str:
    return f"${{{found[1]}{found[2]}{MASK}{found[4]}" if is_hidden(found[1]) else found[0]


def _without_flag_value(found: re.Match[str]) -> str:
    name = found["name"].lstrip("-")
    shown = re.search(r"(?i)[-_]?(?:file|path|dir|id|name|arn|type)$", name) or re.match(
        _REFERENCE, found["value"]
    )
    return found[0] if shown else f"{found['name']}{found['mid']}{MASK}"


def _without_run(found: re.Match[str]) -> str:
    """A long run of letters and digits is a credential, unless it is made of words as names are."""
    text = found[0]
    mixed = re.search("[0-9]", text) and re.search("[A-Za-z]", text)
    return text if not mixed or re.fullmatch(_WORDS, text) else MASK


def _without_pairs(line: str) -> str:
    """Hide the values of names that say so: `NAME: value`, `NAME=value`, `"name": "value"`, alone or in a flow mapping."""
    shown, at, depth, counted = "", 0, 0, 0
    for pair in re.finditer(_PAIR, line):
        if pair.start() < at or not is_hidden(pair["name"]):
            continue
        depth += _depth(line, counted, pair.start())
        counted = pair.start()
        end = _end_of_value(line, pair, depth)
        shown += line[at : pair.end()] + _hide(line[pair.end() : end])
        at = end
    return shown + line[at:]


def _depth(line: str, start: int, end: int) -> int:
    opened = line.count("{", start, end) + line.count("[", start, end)
    return opened - line.count("}", start, end) - line.count("]", start, end)


def _end_of_value(line: str, pair: re.Match[str], depth: int) -> int:
    """Find where a value ends: at its quote, or in a flow mapping or sequence at the next member; else with the line."""
    start = pair.end()
    quote, begin = _quote_of(line, pair)
    if quote:
        end = _closing(line, begin, quote)
        return end + (begin > start) if end < len(line) else len(line)
    if depth > 0 and re.search(r"[{\[,]\s*\Z", line[max(0, pair.start() - _BLANKS) : pair.start()]):
        plain = re.compile(r"(?:\$\{[^{}]*\}|[^,\]}])*").match(line, start)
        return plain.end() if plain else len(line)
    return len(line)


def _quote_of(line: str, pair: re.Match[str]) -> tuple[str, int]:
    """Give the quote that a value ends with, and where the value begins; "" where it has none."""
    start = pair.end()
    if pair["open"] and not pair["close"]:
        return pair["open"], start
    quote = line[start : start + 1]
    return (quote, start + 1) if quote in ('"', "'") and quote else ("", start)


def _closing(line: str, begin: int, quote: str) -> int:
    """Find the quote that ends a text; the end of the line where there is none."""
    text = re.compile(r'(?:[^"\\]|\\.)*' if quote == '"' else r"(?:[^']|'')*").match(line, begin)
    return text.end() if text else len(line)


def _unclosed(line: str) -> str:
    """Give the quote of a credential that goes on in the next line; "" where none does."""
    at = 0
    for pair in re.finditer(_PAIR, line):
        if pair.start() < at or not is_hidden(pair["name"]):
            continue
        quote, begin = _quote_of(line, pair)
        at = _closing(line, begin, quote) if quote else begin
        if quote and at >= len(line):
            return quote
    return ""


_BLANKS: Final = 100


def _hide(value: str) -> str:
    if not value.strip(" ,") or re.match(_REFERENCE, value) or re.match(_NOTHING, value.strip()):
        return value
    default = re.match(r"""["']?\$\{(\w+)(:?[-+])""", value)
    return f"${{{default[1]}{default[2]}{MASK}}}" if default else MASK


# -- the lines of a file -------------------------------------------------------------------------------------

_ENTRY: Final = (
    r"""^(?P<indent>\s*)(?P<dash>(?:-\s+)*)["']?(?P<name>[\w.-]+)["']?\s*[:=](?:\s+(?P<value>.*)|$)"""
)
_NAME: Final = r"""(?i)["']?\bname["']?\s*[:=]\s*["']?(?P<name>[\w.-]+)"""
_VALUE: Final = r"""(?i)^.*?["']?\bvalue["']?\s*[:=]\s*(?=\S)"""
_BARE_FLAG: Final = r"""^\s*(?:-\s+)?["']?(?P<name>--?[\w-]+)["']?,?\s*$"""
_ITEM: Final = r"""^\s*(?:-\s+)?(?=\S)"""


class _Below(NamedTuple):
    """That what follows belongs to the value of a credential: what is indented deeper, or items at the same depth."""

    indent: int
    literal: bool
    items: bool


def mask_lines(lines: Iterable[str]) -> Iterator[str]:
    """Hide the credentials in the lines of a file, those too whose names stand on earlier lines."""
    scanner = _Scanner()
    return map(scanner.masked, lines)


class LineMasker:
    """Hides the credentials in single lines of a file, each with what stands some way above it in mind.

    Asked from the top to the bottom, it reads each line once.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._scanner = _Scanner()
        self._read = 0

    def line(self, index: int) -> str:
        """Give a line, masked."""
        start = max(0, index - _CONTEXT)
        if not start <= self._read <= index:
            self._scanner, self._read = _Scanner(), start
        for line in self._lines[self._read : index]:
            self._scanner.masked(line[:_LONGEST])
        self._read = index + 1
        return self._scanner.masked(self._lines[index])


def mask_known(line: str, known: Iterable[str]) -> str:
    """Hide values that are known to be credentials wherever they stand in a line, names of keys excepted."""
    for value in known:
        if value in line:
            line = re.sub(rf"(?<![A-Za-z0-9]){re.escape(value)}(?![A-Za-z0-9]|[\"']?:(?:\s|$))", MASK, line)
    return line


def hidden_values(text: str) -> tuple[str, ...]:
    """Give what is hidden in the text of a file for its name's sake, as far as it is found again by its text; the longest first."""
    lines: dict[str, None] = {}
    end = 0
    for named in re.finditer(_HIDDEN, text):
        if named.start() >= end:
            start, end = text.rfind("\n", 0, named.start()) + 1, text.find("\n", named.end())
            end = len(text) if end < 0 else end
            lines[text[start:end]] = None
    found = {
        value.strip("\"' ,\r")
        for line in lines
        if len(line) < _LONGEST_LINE
        for value in _left_out(line, mask_line(line))
    }
    return tuple(sorted(filter(is_telling, found), key=lambda value: (-len(value), value)))


def _left_out(line: str, shown: str) -> Iterator[str]:
    """Yield what stands in a line in place of each mask."""
    first, *others = shown.split(MASK)
    at = len(first)
    for part in others:
        end = line.find(part, at) if part else len(line)
        if end < 0:
            return
        yield line[at:end]
        at = end + len(part)


_CONTEXT: Final = 300
_LONGEST: Final = 4000
_LONGEST_LINE: Final = 20_000


class _Scanner:
    """Reads a file line by line and remembers what says that the next line is a credential."""

    def __init__(self) -> None:
        self._named = ""
        self._flag = ""
        self._below: _Below | None = None
        self._in_key = False
        self._quote = ""

    def masked(self, line: str) -> str:
        """Give the next line, masked."""
        if self._quote:
            return self._in_quotes(line)
        shown = self._from_before(line)
        if shown is not None:
            return shown
        self._remember(line)
        value = re.match(_VALUE, line)
        name = re.search(_NAME, line)
        self._named = name["name"] if name else self._named
        if value and is_hidden(self._named):
            kept = line[value.end() :].rstrip(" \t\r\n\f\v,}]") or line[value.end() : value.end() + 1]
            end = value.end() + len(kept)
            return f"{mask_line(value[0])}{_hide(line[value.end() : end])}{line[end:]}"
        return mask_line(line)

    def _in_quotes(self, line: str) -> str:
        """Mask a line that begins inside the quotes of a credential."""
        indent, quote = line[: len(line) - len(line.lstrip())], self._quote
        end = _closing(line, 0, quote)
        if end >= len(line):
            return f"{indent}{MASK}"
        rest = line[end + 1 :]
        self._quote = _unclosed(rest)
        return f"{indent}{MASK}{quote}{mask_line(rest)}"

    def _from_before(self, line: str) -> str | None:
        """Mask a line of which an earlier one says that it is a credential; None where none does."""
        indent = len(line) - len(line.lstrip())
        if self._in_key:
            self._in_key = "-----END" not in line
            return f"{line[:indent]}{MASK}"
        if self._below and line.strip():
            inside = indent > self._below.indent
            item = self._below.items and indent == self._below.indent and line.lstrip()[:2] in ("- ", ": ")
            if not inside and not item:
                self._below = None
            elif self._below.literal or not re.match(_ENTRY, line):
                return f"{line[:indent]}{MASK}"
        flag, self._flag = self._flag, ""
        before = re.match(_ITEM, line) if flag else None
        if before:
            value = line[before.end() :].rstrip().removesuffix(",")
            if not value.lstrip("\"'").startswith(("--", "]")):
                return f"{before[0]}{_hide(value)}{line[before.end() + len(value) :]}"
        return None

    def _remember(self, line: str) -> None:
        self._quote = _unclosed(line)
        self._in_key = re.search(_KEY_BLOCK, line) is not None and "-----END" not in line
        flag = re.match(_BARE_FLAG, line)
        if flag and is_hidden(flag["name"].lstrip("-")):
            self._flag = flag["name"]
        explicit = re.match(r"""^(\s*)\?\s+["']?([\w.-]+)["']?\s*$""", line)
        entry = re.match(_ENTRY, line)
        if explicit and is_hidden(explicit[2]):
            self._below = _Below(len(explicit[1]), literal=True, items=True)
        elif entry and is_hidden(entry["name"]):
            value = (entry["value"] or "").strip()
            if value[:1] not in ("{", "["):
                literal = re.match(r"[|>]", re.sub(r"^(?:[!&]\S*\s+)+", "", value)) is not None
                depth = len(entry["indent"]) + len(entry["dash"])
                self._below = _Below(depth, literal, items=not value and not entry["dash"])
