"""Complaints and receipts without their report part, and persons who speak of them."""

import pytest

from resolver.parsing import parse
from resolver.screening import screen
from schemas.reasons import Reason

HANS, DESK = "hans@firma.example", "it@desk.example"
OWN_ID = "<mailcall.00112233445566778899aabbccddeeff@desk.example>"
FIELDS = (
    "Received: from desk.example by mx.firma.example; Mon, 24 Nov 2025 09:13:00 +0100\n"
    f"From: IT help desk <{DESK}>\nTo: {HANS}\nSubject: [C-000123] Printer\nMessage-ID: {OWN_ID}\n"
)
FEEDBACK = "Feedback-Type: abuse\nUser-Agent: SomeLoop/1.0\nVersion: 1\nSource-IP: 192.0.2.10\n"
LOOP = f"From: Feedback loop <fbl@provider.example>\nTo: {DESK}\n"
NOBODY = f"Return-Path: <>\nFrom: Provider <robot@provider.example>\nTo: {DESK}\n"
KARL = f"Return-Path: <karl@krug.example>\nFrom: Karl Krug <karl@krug.example>\nTo: {DESK}\n"


def mixed(head: str, text: str, *parts: tuple[str, str], kind: str = "multipart/mixed") -> str:
    more = "".join(f"\n--B\nContent-Type: {name}\n\n{content}" for name, content in parts)
    return f"{head}MIME-Version: 1.0\nContent-Type: {kind}; boundary=B\n\n--B\n\n{text}\n{more}\n--B--\n"


MAIL = ("message/rfc822", FIELDS + "\nIt was logged.")
REPORT = "multipart/report; report-type=feedback-report"
COMPLAINTS: dict[str, str] = {
    "report without its part": mixed(LOOP + "Subject: complaint\n", "A complaint.", MAIL, kind=REPORT),
    "report whose part is text": mixed(
        LOOP + "Subject: complaint\n", "A complaint.", ("text/plain", FEEDBACK), MAIL, kind=REPORT
    ),
    "report with the mail as headers": mixed(
        LOOP + "Subject: x\n",
        "A complaint.",
        ("message/feedback-report", FEEDBACK),
        ("text/rfc822-headers", FIELDS),
        kind=REPORT,
    ),
    "report with the mail in the text": mixed(
        LOOP + "Subject: x\n", f"A complaint.\n\n{FIELDS}", ("message/feedback-report", FEEDBACK), kind=REPORT
    ),
    "mixed with the part": mixed(LOOP + "Subject: x\n", "Hello", ("message/feedback-report", FEEDBACK), MAIL),
    "fields in the text": mixed(NOBODY + "Subject: x\n", f"Hello\n\n{FEEDBACK}", MAIL),
    "all of it text": f"{NOBODY}Subject: Bericht\n\nHallo\n\n{FEEDBACK}\n{FIELDS}",
    "outlook.com": mixed(
        f"From: staff@provider.example\nTo: {DESK}\nSubject: complaint about message from 192.0.2.10\n", "", MAIL
    ),
    "aol": mixed(
        f"From: scomp@provider.example\nTo: {DESK}\nSubject: Email Feedback Report for IP 192.0.2.10\n", "", MAIL
    ),
    "in words": mixed(NOBODY + "Subject: Abuse report\n", "A user marked this mail as spam.", MAIL),
    "in German": mixed(NOBODY + "Subject: Beschwerde\n", "Ein Empfänger hat diese E-Mail als Spam markiert.", MAIL),
    "in French, headers in the text": f"{NOBODY}Subject: Plainte\n\nUn destinataire a signalé ce message.\n\n{FIELDS}",
    "in Russian": mixed(NOBODY + "Subject: Жалоба\n", "Получатель пожаловался на это письмо.", MAIL),
    "in Chinese": mixed(NOBODY + "Subject: 投诉\n", "收件人将此邮件标记为垃圾邮件。", MAIL),
}


@pytest.mark.parametrize("name", COMPLAINTS)
def test_a_complaint_about_our_mail(name: str) -> None:
    judged = screen(parse(COMPLAINTS[name].encode()), frozenset({DESK}))
    assert (judged.reason, judged.about) == (Reason.COMPLAINT, OWN_ID), judged.evidence
    assert judged.bounce is None


def test_who_has_our_mail_and_thanks_for_a_complaint_does_not_complain() -> None:
    head = f"Return-Path: <>\nFrom: Support <{HANS}>\nTo: {DESK}\nAuto-Submitted: auto-replied\n"
    judged = screen(parse(f"{head}Subject: Ihre Beschwerde\n\nSie ist da.\n\n{FIELDS}".encode()), frozenset({DESK}))
    assert judged.reason == Reason.AUTO_REPLY


def test_what_is_refused_as_spam_is_a_bounce() -> None:
    text = f"Your mail to {HANS} was refused: 550 5.7.1 it is marked as spam.\n\n{FIELDS}"
    judged = screen(parse(f"{NOBODY}Subject: Hinweis\n\n{text}".encode()), frozenset({DESK}))
    assert (judged.reason, judged.about) == (Reason.BOUNCE, OWN_ID)


DISPOSITION = (
    f"Final-Recipient: rfc822; {HANS}\nOriginal-Message-ID: {OWN_ID}\n"
    "Disposition: manual-action/MDN-sent-manually; displayed\n"
)
READER = f"Return-Path: <>\nFrom: Hans <{HANS}>\nTo: {DESK}\nIn-Reply-To: {OWN_ID}\n"
SHOWN = "Отчёт\n\n   Кому: Hans\n   Тема: Printer\n   Дата: 24.11.2025 08:00\n\n24.11.2025 09:14\n"
RECEIPTS: dict[str, str] = {
    "mixed with the part": mixed(
        f"From: Hans <{HANS}>\nTo: {DESK}\nSubject: x\n", "Read.", ("message/disposition-notification", DISPOSITION)
    ),
    "report whose part is text": mixed(
        READER + "Subject: x\n",
        "Read.",
        ("text/plain", DISPOSITION),
        kind="multipart/report; report-type=disposition-notification",
    ),
    "fields in the text": f"{READER}Subject: Gelesen\n\nDie Nachricht wurde angezeigt.\n\n{DISPOSITION}",
    "mozilla in words": f"{READER}Subject: Return Receipt (displayed) - [C-000123] Printer\n\nNo more than that.",
    "mozilla in German": f"{READER}Subject: Empfangsbestätigung (angezeigt) - [C-000123] Printer\n\nGelesen.",
    "outlook in Greek": f"{READER}Subject: Διαβάστηκε: Printer\n\n{SHOWN}",
    "outlook in Turkish": f"{READER}Subject: Okundu: Printer\n\n{SHOWN}",
    "outlook in Hungarian": f"{READER}Subject: Elolvasva: Printer\n\n{SHOWN}",
    "outlook in Korean": f"{READER}Subject: 읽음: Printer\n\n{SHOWN}",
    "outlook in Vietnamese": f"{READER}Subject: Đã đọc: Printer\n\n{SHOWN}",
    "outlook in Hebrew": f"{READER}Subject: נקרא: Printer\n\n{SHOWN}",
}


@pytest.mark.parametrize("name", RECEIPTS)
def test_a_receipt_for_our_mail(name: str) -> None:
    judged = screen(parse(RECEIPTS[name].encode()), frozenset({DESK}))
    assert (judged.reason, judged.about) == (Reason.RECEIPT, OWN_ID), judged.evidence


FORM = f"Return-Path: <web@shop.example>\nFrom: web@shop.example\nTo: {DESK}\nAuto-Submitted: auto-generated\n"
PERSONS: dict[str, str] = {
    "complains by a form, with the headers": f"{FORM}Subject: Complaint\n\nYour mail is spam! See:\n\n{FIELDS}",
    "pastes a report into a form": f"{FORM}Subject: x\n\nWhat is this?\n\n{FEEDBACK}\n{FIELDS}",
    "pastes a receipt into a form": f"{FORM}Subject: x\n\nWhat is this?\n\n{DISPOSITION}",
    "passes a complaint on": mixed(
        KARL + "Subject: Fwd: complaint\n", "What is this?", ("message/feedback-report", FEEDBACK), MAIL
    ),
    "pastes a complaint": f"{KARL}Subject: Beschwerde\n\nIst das von euch?\n\n{FEEDBACK}\n{FIELDS}",
    "complains himself": mixed(KARL + "Subject: Complaint: your mail is spam\n", "Stop it.", MAIL),
    "team for complaints": f"From: complaints@shop.example\nTo: {DESK}\n"
    f"Subject: Complaint about message from Anna\n\nHello",
    "abuse desk by hand": mixed(
        f"Return-Path: <abuse@isp.example>\nFrom: Ann <abuse@isp.example>\nTo: {DESK}\nSubject: Abuse report\n",
        "Please look at this mail.",
        MAIL,
    ),
    "passes a receipt on": mixed(
        KARL + "Subject: Fwd: Read\n", "Why do I get these?", ("message/disposition-notification", DISPOSITION)
    ),
    "pastes a receipt": f"{KARL}Subject: receipts\nIn-Reply-To: {OWN_ID}\n\nWhat does it say?\n\n{DISPOSITION}",
    "writes in the form of a receipt": f"{KARL}Subject: Printer (broken) - room 12\nIn-Reply-To: {OWN_ID}\n\nAgain.",
    "answers with fields": f"{KARL}Subject: Re: Printer\nIn-Reply-To: {OWN_ID}\n\n{SHOWN}",
}


@pytest.mark.parametrize("name", PERSONS)
def test_who_speaks_of_complaints_and_receipts_is_a_person(name: str) -> None:
    judged = screen(parse(PERSONS[name].encode()), frozenset({DESK}))
    assert (judged.verdict, judged.reason) == ("person", None), judged.evidence
