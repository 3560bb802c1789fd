"""Forms, lists and groups that write in From for others: who is the sender where an incoming server names them."""

import pytest

from resolver.admission import admit
from resolver.examine import examine
from resolver.resolve import Examined, trust_in
from schemas.reasons import Reason
from schemas.resolved_mail import TrustVerdict
from schemas.settings import EmailOptions, IncomingServer

OWN = frozenset({"it@desk.example"})
FORM, ANN, BEN = "noreply@shop.example", "ann@client.example", "ben@client.example"
LIST = "staff@lists.example"


def server(*names: str, **fields: str) -> IncomingServer:
    known = {"id": "it", "protocol": "imap", "call_template": "c", "default_logging_analyst": "ida"}
    return IncomingServer.model_validate({**known, **fields, "reply_to_is_sender": names})


def arrived(at: IncomingServer, *headers: str, options: EmailOptions | None = None, released: str = "") -> Examined:
    raw = "\r\n".join((*headers, "To: it@desk.example", "Subject: Printer", "", "It is broken.", "")).encode()
    return admit(examine(raw, OWN), at, options or EmailOptions(), released=released)


@pytest.mark.parametrize(
    ("named", "headers", "address", "name", "header"),
    [
        ((FORM,), (f"From: {FORM}", f"Reply-To: Ann Ek <{ANN}>"), ANN, "Ann Ek", "Reply-To"),
        (("@shop.example",), (f"From: {FORM}", f"Reply-To: {ANN}"), ANN, "", "Reply-To"),
        ((FORM,), (f"From: Shop <{FORM.upper()}>", f"Reply-To: {ANN.upper()}"), ANN, "", "Reply-To"),
        ((FORM,), (f"From: {FORM}", f"Reply-To: {BEN}", f"X-Original-From: {ANN}"), BEN, "", "Reply-To"),
        ((FORM,), (f"From: {FORM}", f"X-Original-From: Ann <{ANN}>", f"X-Original-Sender: {BEN}"), ANN, "Ann",
         "X-Original-From"),
        ((LIST,), (f"From: 'Ben Bo' via Staff <{LIST}>", f"X-Original-Sender: {BEN}"), BEN, "Ben Bo",
         "X-Original-Sender"),
        # Answers go to the list, or to it as well: the list wrote nothing.
        ((LIST,), (f"From: Ann via Staff <{LIST}>", f"Reply-To: {LIST}, Ann <{ANN}>"), ANN, "Ann", "Reply-To"),
        (("@lists.example",), (f"From: {LIST}", "Reply-To: all@lists.example", f"X-Original-From: {ANN}"), ANN, "",
         "X-Original-From"),
        ((FORM,), (f"From: {FORM}", "Reply-To: it@desk.example", f"X-Original-From: {ANN}"), ANN, "",
         "X-Original-From"),
        # Nobody else is named, or not by an address: From it is.
        ((FORM,), (f"From: {FORM}",), FORM, "", "From"),
        ((FORM,), (f"From: {FORM}", f"Reply-To: {FORM}"), FORM, "", "From"),
        ((FORM,), (f"From: {FORM}", "Reply-To: Ann, it@desk.example"), FORM, "", "From"),
        # Not named in the setting: all is as it was.
        ((), (f"From: {FORM}", f"Reply-To: {ANN}"), FORM, "", "From"),
        (("@example",), (f"From: {FORM}", f"Reply-To: {ANN}"), FORM, "", "From"),
        (("@shop.example",), ("From: a@mail.shop.example", f"Reply-To: {ANN}"), "a@mail.shop.example", "", "From"),
        (("form@shop.example",), (f"From: {FORM}", f"Reply-To: {ANN}"), FORM, "", "From"),
        ((ANN,), (f"From: {BEN}", f"Reply-To: {ANN}"), BEN, "", "From"),
    ],
)  # fmt: skip
def test_who_is_the_sender(
    named: tuple[str, ...], headers: tuple[str, ...], address: str, name: str, header: str
) -> None:
    sender = arrived(server(*named), *headers).sender

    assert (sender.address, sender.name, sender.header) == (address, name, header)
    assert bool(sender.in_name_of) == (header != "From")
    if sender.in_name_of:
        assert sender.in_name_of in sender.reason
        assert header in sender.reason


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ("dmarc=pass header.from=shop.example", "unproved"),
        ("dkim=pass header.d=client.example", "unproved"),
        ("dmarc=fail header.from=shop.example", "failed"),
        ("spf=fail smtp.mailfrom=shop.example", "failed"),
    ],
)
def test_who_wrote_is_trusted_no_further_than_the_one_in_from(found: str, expected: TrustVerdict) -> None:
    marking = server(FORM, trust="mark", authserv_id="mx.desk.example")
    results = f"Authentication-Results: mx.desk.example; {found}"
    mail = arrived(marking, results, f"From: {FORM}", f"Reply-To: {ANN}")

    assert mail.sender.address == ANN
    assert trust_in(mail, marking).verdict == expected


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ((f"Reply-To: {ANN}",), True),
        ((f"Reply-To: {ANN}", "Auto-Submitted: auto-generated"), False),
        ((f"Reply-To: {ANN}", "List-Id: <staff.lists.example>"), False),
        ((f"Reply-To: {ANN}", "Precedence: list"), False),
        ((f"Reply-To: {ANN}", "Return-Path: <>"), False),
        (("Reply-To: no-reply@client.example",), False),
        ((), False),
    ],
)
def test_who_wrote_is_answered_as_anybody_is(headers: tuple[str, ...], expected: bool) -> None:
    assert arrived(server(FORM), f"From: {FORM}", *headers).answerable is expected


def test_an_automatic_answer_by_a_list_stays_one() -> None:
    mail = arrived(server(LIST), f"From: {LIST}", f"Reply-To: {ANN}", "Auto-Submitted: auto-replied")
    assert (mail.screening.verdict, mail.screening.reason) == ("rejected", Reason.AUTO_REPLY)


@pytest.mark.parametrize("entry", [ANN, "@client.example", FORM, "@shop.example"])
def test_both_who_wrote_and_in_whose_name_may_be_blocked(entry: str) -> None:
    options = EmailOptions(blocked_senders=(entry,))
    mail = arrived(server(FORM), f"From: {FORM}", f"Reply-To: {ANN}", options=options)
    assert mail.screening.reason is Reason.BLOCKED
    assert entry in mail.screening.evidence


def test_a_released_mail_has_the_same_sender() -> None:
    mail = arrived(server(FORM), f"From: {FORM}", f"Reply-To: {ANN}", "Auto-Submitted: auto-replied", released="ida")
    assert (mail.screening.verdict, mail.sender.address) == ("person", ANN)


def test_of_any_number_of_mailboxes_a_few_are_looked_at() -> None:
    crowd = ", ".join(f"a{number}@client.example" for number in range(2_000))
    mail = arrived(server(FORM), f"From: {FORM}", f"Reply-To: {crowd}")
    assert mail.sender.address == "a0@client.example"
    assert len(mail.others) < 100
