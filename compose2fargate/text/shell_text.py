"""Text of the shell: the one writer of everything that a `sh` is to read.

What comes from a project stands in a script in three forms only, each of which the shell hands on as it is: one word, quoted where it
is not made of harmless characters; a word of JSON, in which a program reads it as text; the content of a quoted here-document. Code is
ours alone. Programs have their own ideas of a word that begins with a hyphen or with `file://`, so options are written here too.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable
from itertools import chain, zip_longest
from typing import Any, Final

from compose2fargate.diagnostics import Diagnostic, EmitError, Severity
from compose2fargate.text.lazy_patterns import lazy_pattern

_READ_BY_THE_CLI: Final = lazy_pattern(r"(?:fileb?|https?)://", re.IGNORECASE)
"""In place of such a value, the AWS CLI takes what it finds there:
https://docs.aws.amazon.com/cli/latest/userguide/cli-usage-parameters-file.html"""
_UNSEEN: Final = lazy_pattern("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
_END: Final = "END_OF_FILE"


class ShellVariable:
    """A variable of the script, which stands for its value in a word. No tuple: JSON is to ask what it is."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name: Final = name

    @property
    def word(self) -> str:
        """The variable as a word, which the shell neither splits nor expands further."""
        return f'"${self.name}"'


def quote(text: str) -> str:
    """Give `text` as one word.

    Raises:
        EmitError: It holds a NUL, which no argument of a program can hold.
    """
    if "\0" in text:
        raise refused(text, "holds a NUL, which no argument of a program can hold")
    return shlex.quote(text)


def word(parts: Iterable[str | ShellVariable]) -> str:
    """Give texts and variables as one word."""
    pieces = (part.word if isinstance(part, ShellVariable) else quote(part) for part in parts if part)
    return "".join(pieces) or "''"


def words(texts: Iterable[str]) -> str:
    """Give several words."""
    return " ".join(map(quote, texts))


def option(name: str, value: str | ShellVariable) -> str:
    """Give an option of the AWS CLI with a plain value.

    Raises:
        EmitError: The AWS CLI would read a file, or an address, instead of taking the value as it is.
    """
    if isinstance(value, ShellVariable):
        return f"--{name} {value.word}"
    # After a space, what begins with a hyphen would be the next option.
    return f"--{name}{'=' if value.startswith('-') else ' '}{plain_value(value)}"


def plain_value(value: str) -> str:
    """Give a value of an option as one word, for a function of the script that hands it on as `--name="$1"`.

    Raises:
        EmitError: As for `option`.
    """
    if _READ_BY_THE_CLI.match(value):
        raise refused(value, "is a place that the AWS CLI would read, and not a value")
    return quote(value)


def json_word(value: Any) -> str:
    """Give a value as one word of JSON; a `ShellVariable` in it is a text, and holds an id of AWS.

    No text in JSON is read as AWS's shorthand syntax, as an option or as the name of a file; characters that nobody sees are escaped.
    """
    names: list[str] = []
    mark = "variable:"

    def stand_in(item: Any) -> Any:
        if isinstance(item, ShellVariable):
            names.append(item.name)
            return mark
        return dict(item)

    text = json.dumps(value, default=stand_in)
    while text.count(mark) > len(names):  # the value has a text like it
        names, mark = [], f"variable{mark}"
        text = json.dumps(value, default=stand_in)
    pieces = text.split(mark)
    return word(chain.from_iterable(zip_longest(pieces, map(ShellVariable, names), fillvalue="")))


def json_option(name: str, value: Any) -> str:
    """Give an option of the AWS CLI with a value of several parts."""
    return f"--{name} {json_word(value)}"


def query_text(text: str) -> str:
    """Give a text as JMESPath, the language of `--query`, has it: https://jmespath.org/specification.html#literal-expressions."""
    return "`" + json.dumps(text).replace("`", "\\u0060") + "`"


def comment(text: str) -> str:
    """Give a comment: what is not seen is left out of it, so that it ends where its line does."""
    return f"# {_UNSEEN.sub(' ', text)}"


def here_document(text: str) -> str:
    """Give a redirection of a text to a program's input, and the text below it."""
    end = _END
    while end in re.split(r"[\r\n]+", text):
        end += "_"
    return f"<<'{end}'\n{text.removesuffix(chr(10))}\n{end}"


def refused(text: str, why: str) -> EmitError:
    """Give the error of a text that a script cannot carry."""
    return EmitError(
        [
            Diagnostic(
                "C2F345",
                Severity.ERROR,
                f"{text!r} {why}: it cannot stand in a script",
                hint="change the value in the compose file or in the settings",
            )
        ]
    )
