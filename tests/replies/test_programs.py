"""Answers of 38 mail programs in up to 39 languages: no word of their author is lost, and 95 of 100 are cut exactly."""

from collections import Counter
from functools import cache

import pytest

from resolver.parsing import parse
from resolver.parsing.reply import reply_of
from tests.replies.answers import Case, cases
from tests.replies.moments import MOMENTS
from tests.replies.programs import PROGRAMS
from tests.replies.words import words

ROWS = [(name, language) for name, program in PROGRAMS.items() for language in program.heads]


# Where a line of the announcement, or the whole quotation, stays in some forms: no colon, and wrapped.
KEPT = {
    ("claws", "zh-tw"),
    ("gmail", "th"),
    ("gmail-plain-text", "th"),
    ("groupwise-message", "de"),
    ("kmail", "hu"),
    ("kmail", "sk"),
    ("nextcloud", "da"),
    ("nextcloud", "fi"),
    ("nextcloud", "ko"),
}


@cache
def read(name: str, language: str) -> tuple[tuple[Case, str], ...]:
    return tuple((case, parse(case.raw).mail.reply) for case in cases(PROGRAMS[name], language))


def lost(case: Case, reply: str) -> list[str]:
    """The author's words that the reply lacks."""
    return list((Counter(case.own.split()) - Counter(reply.split())).elements())


def is_exact(case: Case, reply: str) -> bool:
    """Blanks, line ends and blank lines do not count: wrapping and HTML change them."""
    return reply.split() == case.expected.split()


@pytest.mark.parametrize("name", PROGRAMS)
def test_no_word_of_an_author_is_lost(name: str) -> None:
    failed = [
        f"{language} {case.form}: {' '.join(missing)}"
        for language in PROGRAMS[name].heads
        for case, reply in read(name, language)
        if (missing := lost(case, reply))
    ]
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize("language", sorted(MOMENTS))
def test_what_reads_like_the_line_above_a_quotation_stays_where_nothing_is_quoted(language: str) -> None:
    line, told, letter = words(language)
    for text in (line, told, letter, f"{told}\n{letter}", f"{letter}\n\n{told}", f"{line}\n{told}\n{letter}"):
        assert reply_of(text) == text


@pytest.mark.parametrize("language", sorted(MOMENTS))
def test_a_sentence_above_marked_lines_is_no_announcement(language: str) -> None:
    """As where somebody shows what a screen says: there is a colon, but neither who wrote nor when."""
    line, _, letter = words(language)
    greeting, sentence = letter.split("\n\n")[:2]
    said, shown = sentence.split(": ", 1)
    reply = reply_of(f"{line}\n\n{greeting}\n\n{said}:\n> {shown}\n> {shown}\n")
    assert reply.startswith(f"{line}\n\n{greeting}\n\n{said}:")


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_answer_is_cut_exactly(name: str) -> None:
    other = [
        f"{language} {case.form}"
        for language in PROGRAMS[name].heads
        for case, reply in read(name, language)
        if (name, language) not in KEPT and not is_exact(case, reply)
    ]
    assert not other, "\n".join(other)


def test_the_known_rest_is_small() -> None:
    answers = [(case, reply) for row in ROWS for case, reply in read(*row)]
    other = [case for case, reply in answers if not is_exact(case, reply)]
    assert len(other) <= 0.005 * len(answers)


def test_the_table_is_as_wide_as_it_says() -> None:
    languages = {language for _, language in ROWS}
    assert len(PROGRAMS) >= 25
    assert len(languages) >= 30
    assert len(ROWS) >= 450
