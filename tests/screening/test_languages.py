"""Ten mails of persons and ten of machines in each of forty-one languages: who wrote them is known in all.

The words stand in languages/NAME.yaml, the mails around them here. Whoever knows another language adds a file:

- formal, undeliverable, read: what mail systems put before the subject that they answer, return or report as read;
  colon, where something else than ": " follows; answer and forward: what mail programs put before a subject;
- persons: subject and text of ten mails to a desk. What comes before the subject is added (PERSONS);
- machines: an absence, the words of a bounce and of a receipt, and Outlook's receipt in words (five lines).
"""

from pathlib import Path
from typing import Any

import pytest
import yaml

from resolver.parsing import parse
from resolver.screening import screen
from schemas.reasons import Reason

LANGUAGES: dict[str, dict[str, Any]] = {
    file.stem: yaml.safe_load(file.read_text("utf-8"))
    for file in sorted((Path(__file__).parent / "languages").glob("*.yaml"))
}

ANSWER = "In-Reply-To: <note-1@desk.example>\nReferences: <note-1@desk.example>\n"
GENERATED = "Auto-Submitted: auto-generated\n"
NULL_PATH = "Return-Path: <>\n"
SUPPRESSED = "X-Auto-Response-Suppress: DR, OOF, AutoReply\n"
TEXT = "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n"
RETURNED = (
    "Received: from desk.example by mx.example; Mon, 24 Nov 2025 09:13:00 +0100\n"
    "From: Help desk <it@desk.example>\nTo: hans@firm.example\nSubject: Offer\nMessage-ID: <offer-7@desk.example>\n"
)
FAILED = "Reporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; hans@firm.example\nAction: failed\nStatus: 5.1.1\n"
OPENED = (
    "Reporting-UA: firm.example; Mail\nFinal-Recipient: rfc822; ann@firm.example\n"
    "Original-Message-ID: <note-1@desk.example>\nDisposition: manual-action/MDN-sent-manually; displayed\n"
)

# Of each of the ten: who writes, headers beside From and To, what stands before the subject and what below the text.
ANN = "Ann Usher <ann@firm.example>"
PERSONS: dict[str, tuple[str, str, str, str]] = {
    "set-up": (ANN, SUPPRESSED, "", ""),
    "does-not-stop": (ANN, SUPPRESSED + "Return-Path: <ann@firm.example>\n", "formal", ""),
    "own-leave": (ANN, "Precedence: bulk\n", "", ""),
    "came-back": ("Ann Usher <postmaster@firm.example>", "Return-Path: <postmaster@firm.example>\n", "", RETURNED),
    "undeliverable": ('"Mail Administrator" <mail@firm.example>', "", "undeliverable", ""),
    "receipts": ("root <root@firm.example>", SUPPRESSED, "", ""),
    "read": (ANN, "Return-Path: <ann@firm.example>\n", "read", ""),
    "forwards": (ANN, "References: <report-1@mx.example>\n", "forward undeliverable", RETURNED),
    "answers": (ANN, ANSWER, "answer number", ""),
    "form": ("Web form <form@shop.example>", GENERATED, "", ""),
}


def before_subject(words: dict[str, Any], kinds: str) -> list[str]:
    """Every way to write what stands before the subject: a kind may have several words."""
    ways = [""]
    for kind in kinds.split():
        found = ["[C-000123] "] if kind == "number" else words[kind]
        found = [found + ": "] if isinstance(found, str) else found
        colon = words.get("colon", ": ")
        ways = [
            way + (word if kind in ("number", "answer", "forward") else word + colon) for way in ways for word in found
        ]
    return ways


def verdict(sender: str, headers: str, subject: str, body: str) -> tuple[str, str | None]:
    mail = f"{headers}From: {sender}\nTo: it@desk.example\nSubject: {subject}\nMessage-ID: <1@firm.example>\n{body}"
    judged = screen(parse(mail.encode()), frozenset({"it@desk.example"}))
    return judged.verdict, judged.reason


@pytest.mark.parametrize("mail", PERSONS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_a_persons_mail_stays_a_persons(language: str, mail: str) -> None:
    words = LANGUAGES[language]
    sender, headers, kinds, below = PERSONS[mail]
    subject, text = words["persons"][mail]
    for before in before_subject(words, kinds):
        found = verdict(sender, headers, before + subject, f"{TEXT}\n{text}\n\n{below}")
        assert found == ("person", None), before + subject


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_person_writes_about_automatic_answers(language: str) -> None:
    words = LANGUAGES[language]
    for formal in words["formal"]:
        for headers in ("", SUPPRESSED, "Return-Path: <ann@firm.example>\n", "Precedence: bulk\n"):
            for subject in (f"{formal}: C-000123", f"{formal} - Outlook?", f"{formal}："):
                found = verdict(ANN, headers, subject, f"{TEXT}\n{words['machines']['away']}\n")
                assert found == ("person", None), (headers, subject)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_person_has_read_it(language: str) -> None:
    words = LANGUAGES[language]
    texts = ("Your message was read by all of us, but page 7?", "Ihre Nachricht wurde gelesen, und nun?", "17: 4")
    for before in before_subject(words, "read"):
        for text in (*texts, words["persons"]["receipts"][1]):
            assert verdict(ANN, "", before + "the manual", f"{TEXT}\n{text}\n") == ("person", None), before
        quoted = f"{words['persons']['read'][1]}\n\nFrom: Ida\nTo: Ann\nSubject: Offer\n\nPlease read it.\n"
        assert verdict(ANN, ANSWER, before + "the manual", f"{TEXT}\n{quoted}") == ("person", None), before


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_person_answers_an_automatic_answer(language: str) -> None:
    words = LANGUAGES[language]
    for before in before_subject(words, "answer formal"):
        for mail in ("answers", "does-not-stop"):
            subject, text = words["persons"][mail]
            assert verdict(ANN, ANSWER + SUPPRESSED, before + subject, f"{TEXT}\n{text}\n") == ("person", None), before


# What responders set beside the formal words before the subject; each alone says that something was answered.
RESPONDERS = {
    "exchange": ANSWER
    + GENERATED
    + "X-Auto-Response-Suppress: All\nX-MS-Exchange-Inbox-Rules-Loop: ann@firm.example\n",
    "exchange-behind-a-gateway": ANSWER + "X-Auto-Response-Suppress: All\n",
    "no-mark-but-an-answer": "In-Reply-To: <note-1@desk.example>\n",
    "references-alone": "References: <note-1@desk.example>\n",
    "generated-and-no-answer": GENERATED,
    "empty-envelope-sender": NULL_PATH,
    "old-vacation": "Precedence: junk\n",
}


@pytest.mark.parametrize("responder", RESPONDERS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_an_automatic_answer_stays_a_machines(language: str, responder: str) -> None:
    words = LANGUAGES[language]
    for before in before_subject(words, "formal"):
        found = verdict(ANN, RESPONDERS[responder], before + "Offer", f"{TEXT}\n{words['machines']['away']}\n")
        assert found == ("rejected", Reason.AUTO_REPLY), before


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_vacation_program_answers(language: str) -> None:
    words = LANGUAGES[language]
    headers = ANSWER + "Auto-Submitted: auto-replied (vacation)\nPrecedence: bulk\nX-Autoreply: yes\n"
    found = verdict(ANN, headers, f"{words['answer']}: Offer", f"{TEXT}\n{words['machines']['away']}\n")
    assert found == ("rejected", Reason.AUTO_REPLY)


def report(kind: str, words: str, part: str, returned: str) -> str:
    """A multipart/report as RFC 6522 has it, whose first part is in somebody's language."""
    parts = (
        TEXT + f"\n{words}\n",
        f"Content-Type: message/{kind}\n\n{part}",
        f"Content-Type: text/rfc822-headers\n\n{returned}",
    )
    head = f'MIME-Version: 1.0\nContent-Type: multipart/report; report-type={kind}; boundary="b"\n\n'
    return head + "".join(f"--b\n{content}\n" for content in parts) + "--b--\n"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_bounce_stays_a_machines(language: str) -> None:
    words = LANGUAGES[language]
    text = f"{words['machines']['not-delivered']}\n\nhans@firm.example\n"
    for before in before_subject(words, "undeliverable"):
        body = report("delivery-status", text, FAILED, RETURNED)
        found = verdict("postmaster@mx.example", NULL_PATH, before + "Offer", body)
        assert found == ("rejected", Reason.BOUNCE), before
        body = f"{TEXT}\n{text}\n{RETURNED}"
        for headers in (NULL_PATH, NULL_PATH + GENERATED, NULL_PATH + ANSWER):
            found = verdict("Mail Delivery System <postmaster@mx.example>", headers, before + "Offer", body)
            assert found == ("rejected", Reason.BOUNCE), (before, headers)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_receipt_stays_a_machines(language: str) -> None:
    words = LANGUAGES[language]
    head, recipient, subject, sent, tail = words["machines"]["receipt"]
    fields = f"   {recipient}: Ann Usher\n   {subject}: Offer\n   {sent}: 24.11.2025 08:00\n"
    for before in before_subject(words, "read"):
        body = report("disposition-notification", words["machines"]["opened"], OPENED, RETURNED)
        assert verdict(ANN, "", before + "Offer", body) == ("rejected", Reason.RECEIPT), before
        for headers in (ANSWER, NULL_PATH):
            found = verdict(ANN, headers, before + "Offer", f"{TEXT}\n{head}\n\n{fields}\n{tail}\n")
            assert found == ("rejected", Reason.RECEIPT), (before, headers)
