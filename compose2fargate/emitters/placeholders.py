"""What stands in files where only AWS knows a value: words that no text of the stack holds.

`commands.sh` puts ids in their place. A word that a text of the user holds too would be changed there as well, so such a stack gets
another one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from compose2fargate.records import NamedTuple

WORD, ACCOUNT = "REPLACE_ME", "ACCOUNT_ID"
"""What AWS refuses, in place of an id; what stands for the account, inside of ARNs and addresses."""


class Placeholders(NamedTuple):
    """The two words of one stack."""

    word: str = WORD
    account: str = ACCOUNT

    def put(self, text: str) -> str:
        """Put the word where `{word}` stands in a text of ours."""
        return text.replace("{word}", self.word, 1)

    def become(self, words: Placeholders, text: str) -> str:
        """Put other words in the place of these."""
        return text.replace(self.word, words.word).replace(self.account, words.account)

    def stand_in(self, text: str) -> bool:
        """Tell whether anything is to be filled in."""
        return self.word in text or self.account in text

    def found(self, text: str) -> Iterator[str]:
        """Yield the texts in JSON that hold the word, as JSON spells them."""
        at = text.find(self.word)
        while at >= 0:
            begin, end = _quote(text, at, -1), _quote(text, at, 1)
            yield text[begin + 1 : end]
            at = text.find(self.word, end)


def _quote(text: str, at: int, step: int) -> int:
    """Find the quote that begins or ends the text in JSON around `at`: one that an even number of backslashes stands before."""
    while True:
        at = text.rindex('"', 0, at) if step < 0 else text.index('"', at + 1)
        escapes = 0
        while text[at - 1 - escapes] == "\\":
            escapes += 1
        if escapes % 2 == 0:
            return at


USUAL = Placeholders()
"""Those of nearly every stack, and of what is shown only."""
MARKS = Placeholders("\ud800word", "\ud800account")
"""Words that stand in no text, as half a character cannot be written as UTF-8: for texts in which it is still to be seen what is free."""


def unused_words(texts: Collection[str]) -> Placeholders:
    """Give words that stand in none of some texts."""
    return Placeholders(_unused(WORD, texts), _unused(ACCOUNT, texts))


def _unused(word: str, texts: Collection[str]) -> str:
    number, unused = 1, word
    while any(unused in text for text in texts):
        number += 1
        unused = f"{word}_{number}"
    return unused
