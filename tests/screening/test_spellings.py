"""The formal words in other spellings, behind the tags of gateways, above texts in other languages, and in forms."""

import unicodedata
from collections.abc import Callable

import pytest

from resolver.parsing import parse
from resolver.screening import screen
from schemas.reasons import Reason
from tests.screening.test_languages import (
    ANN,
    ANSWER,
    GENERATED,
    LANGUAGES,
    NULL_PATH,
    SUPPRESSED,
    TEXT,
    before_subject,
    verdict,
)


def bare(text: str) -> str:
    """Without accents, as typed on a keyboard that has none."""
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


SPELLINGS: dict[str, Callable[[str], str]] = {
    "capitals": str.upper,
    "small": str.lower,
    "decomposed": lambda text: unicodedata.normalize("NFD", text),
    "bare": bare,
    "full-width colon": lambda text: text.replace(": ", "："),
    "no-break space": lambda text: text.replace(": ", "\u00a0: "),
    "right-to-left mark": lambda text: "\u200f" + text,
    "gateway": lambda text: "[EXTERNAL] " + text,
    "two gateways": lambda text: "[EXT] {Spam?} " + text,
    "stars": lambda text: "*** SPAM *** " + text,
    "word and colon": lambda text: "EXTERNAL: " + text,
}
AWAY = [words["machines"]["away"] for words in LANGUAGES.values()]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_automatic_answer_in_another_spelling(language: str, spelling: str) -> None:
    for before in before_subject(LANGUAGES[language], "formal"):
        subject = SPELLINGS[spelling](before + "Offer")
        found = verdict(ANN, ANSWER, subject, f"{TEXT}\n{LANGUAGES[language]['machines']['away']}\n")
        assert found == ("rejected", Reason.AUTO_REPLY), subject
        found = verdict(ANN, SUPPRESSED, subject, f"{TEXT}\n{LANGUAGES[language]['persons']['set-up'][1]}\n")
        assert found == ("person", None), subject


@pytest.mark.parametrize("spelling", ["capitals", "decomposed", "full-width colon", "right-to-left mark"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_receipt_in_another_spelling(language: str, spelling: str) -> None:
    words = LANGUAGES[language]
    head, recipient, subject, sent, tail = words["machines"]["receipt"]
    body = f"{TEXT}\n{head}\n\n{recipient}：Ann\n{subject}：Offer 7\n{sent}：24.11.2025\n\n{tail}\n"
    for before in before_subject(words, "read"):
        spelled = SPELLINGS[spelling](before) + "Offer 7"
        assert verdict(ANN, ANSWER, spelled, body) == ("rejected", Reason.RECEIPT), spelled
        assert verdict(ANN, "", spelled, f"{TEXT}\n{words['persons']['read'][1]}\n") == ("person", None), spelled


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_text_is_in_another_language(language: str) -> None:
    words = LANGUAGES[language]
    for away in AWAY:
        for before in before_subject(words, "formal"):
            found = verdict(ANN, ANSWER, before + "Offer", f"{TEXT}\n{away}\n")
            assert found == ("rejected", Reason.AUTO_REPLY), (before, away)
        found = verdict(ANN, ANSWER + SUPPRESSED, f"{words['answer']}: Offer", f"{TEXT}\n{away}\n")
        assert found == ("person", None), away


@pytest.mark.parametrize("headers", [NULL_PATH + ANSWER, "Precedence: junk\n" + ANSWER])
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_vacation_program_with_a_subject_of_its_own(language: str, headers: str) -> None:
    words = LANGUAGES[language]
    found = verdict(ANN, headers, f"{words['answer']}: Offer", f"{TEXT}\n{words['machines']['away']}\n")
    assert found == ("rejected", Reason.AUTO_REPLY)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_form_or_a_ticket_system_passes_on_a_persons_subject(language: str) -> None:
    words = LANGUAGES[language]
    subject, text = words["persons"]["does-not-stop"]
    filled_in = words["persons"]["form"][1]
    for before in before_subject(words, "formal"):
        assert verdict(ANN, GENERATED, before + subject, f"{TEXT}\n{filled_in}\n") == ("person", None), before
        for ticket in ("[HELP-12] ", "[JIRA] (HELP-12) ", "[Ticket#4711] "):
            found = verdict(ANN, GENERATED + ANSWER, ticket + before + subject, f"{TEXT}\n{text}\n")
            assert found == ("person", None), ticket + before


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_person_asks_in_an_answer_with_a_new_subject(language: str) -> None:
    words = LANGUAGES[language]
    text = words["persons"]["forwards"][1]
    for before in before_subject(words, "formal"):
        for mark in ("?", "？", "؟"):
            for headers in (ANSWER, ANSWER + GENERATED):
                found = verdict(ANN, headers, before + words["persons"]["forwards"][0], f"{TEXT}\n{text} {mark}\n")
                assert found == ("person", None), (before, headers)


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_answer_in_two_lines_stays_a_persons(language: str) -> None:
    words = LANGUAGES[language]
    for before in before_subject(words, "answer number"):
        for text in (words["persons"]["answers"][1], words["persons"]["own-leave"][1], words["machines"]["away"]):
            for headers in (ANSWER, ANSWER + SUPPRESSED, ANSWER + "Return-Path: <ann@firm.example>\n"):
                assert verdict(ANN, headers, before + "Offer", f"{TEXT}\n{text}\n") == ("person", None), text


BY_RULE = GENERATED + "X-MS-Exchange-Generated-Message-Source: Mailbox Rules Agent\n"


@pytest.mark.parametrize(
    ("loop", "subject"),
    [
        ("team@firm.example", "Printer"),  # redirected: From stays who wrote it
        ("ann@firm.example", "FW: Printer"),
        ("ann@firm.example", "WG: Printer"),
        ("ann@firm.example", "TR : Imprimante"),
    ],
)
def test_a_rule_of_an_exchange_mailbox_passes_on_a_persons_mail(loop: str, subject: str) -> None:
    for headers in (BY_RULE, BY_RULE + ANSWER, BY_RULE + ANSWER + NULL_PATH):
        mail = f"{headers}X-MS-Exchange-Inbox-Rules-Loop: {loop}\nFrom: {ANN}\nSubject: {subject}\n\nIt is broken.\n"
        assert screen(parse(mail.encode()), frozenset()).verdict == "person", headers


def test_a_rule_of_an_exchange_mailbox_answers() -> None:
    for subject in ("Printer", "Away", "Selwyn autoreply", "Automatic reply: FW: Printer"):
        for loop in ("", "X-MS-Exchange-Inbox-Rules-Loop: ann@firm.example\n"):
            mail = f"{BY_RULE}{loop}From: {ANN}\nSubject: {subject}\n\nBack on Monday.\n"
            assert screen(parse(mail.encode()), frozenset()).reason == Reason.AUTO_REPLY, (subject, loop)
