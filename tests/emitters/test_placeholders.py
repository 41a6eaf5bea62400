"""Words that stand in for what only AWS knows."""

from __future__ import annotations

import pytest

from compose2fargate.emitters.placeholders import MARKS, Placeholders, unused_words


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (("web", "sg-1"), Placeholders()),
        (("sg-REPLACE_ME",), Placeholders("REPLACE_ME_2")),
        (("x REPLACE_ME_2", "REPLACE_ME"), Placeholders("REPLACE_ME_3")),
        (("ACCOUNT_ID",), Placeholders(account="ACCOUNT_ID_2")),
    ],
)
def test_words_stand_in_none_of_the_texts(texts: tuple[str, ...], words: Placeholders) -> None:
    assert unused_words(texts) == words


def test_marks_become_words_and_leave_the_texts_of_the_user_alone() -> None:
    text = f'["sg-{MARKS.word}-web", "{MARKS.account}", "REPLACE_ME", "word", "ACCOUNT_ID"]'
    words = unused_words([text])
    assert (
        MARKS.become(words, text)
        == '["sg-REPLACE_ME_2-web", "ACCOUNT_ID_2", "REPLACE_ME", "word", "ACCOUNT_ID"]'
    )


@pytest.mark.parametrize("word", MARKS)
def test_no_text_that_can_be_written_holds_a_mark(word: str) -> None:
    with pytest.raises(UnicodeEncodeError):
        word.encode("utf-8", "surrogateescape")
