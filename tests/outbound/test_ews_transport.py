"""Mail sent through Exchange Web Services, against a fake of them: once, to whom it is for, and as it was written."""

import threading
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from mailserver.errors import MailServerError
from outbound.transports.base import RecipientResult
from outbound.transports.ews import EwsTransport
from outbound.transports.exchange_messages import addressed
from schemas.reasons import Reason
from schemas.settings import OutgoingServer
from tests.exchange.ews_accounts import ADDRESS, account_of
from tests.exchange.ews_chaos import let_loose
from tests.exchange.ews_server import EwsServer

TO = "ursula@example.com"
MAIL = (
    b"From: Desk <desk@example.test>\r\nTo: Ursula <ursula@example.com>\r\nSubject: dots\r\n"
    b"Message-ID: <one@example.test>\r\nImportance: high\r\nAuto-Submitted: auto-replied\r\n\r\n.\r\n..two\r\nend\r\n"
)
MAILS = 100  # among all faults; 1,000 showed no more
BOTH = [TO, "hidden@example.com"]


@pytest.fixture
def ews() -> Iterator[EwsServer]:
    with EwsServer() as server:
        server.account(ADDRESS)
        yield server


def transport(ews: EwsServer, password: str = "right", save_sent: bool = True, **profile: Any) -> EwsTransport:
    server = OutgoingServer(
        id="it-out", protocol="mapi", profile="exchange", mailbox=ADDRESS, from_address=ADDRESS, host="unused",
        save_sent=save_sent,
    )  # fmt: skip
    return EwsTransport(server, lambda _: account_of(ews, password=password, **profile))


def send(one: EwsTransport, recipients: list[str] | None = None, content: bytes = MAIL) -> RecipientResult:
    recipients = recipients or [TO]
    verdicts = one.send("", recipients, content)
    assert verdicts.keys() == set(recipients)
    return verdicts[recipients[0]]


def in_folder(ews: EwsServer, name: str) -> list[bytes]:
    return [item.raw for item in ews.store.mailbox(ADDRESS).by_name[name].items.values()]


@pytest.mark.parametrize("save_sent", [True, False])
def test_a_mail_goes_as_it_was_written_with_nothing_beside_it(ews: EwsServer, save_sent: bool) -> None:
    one = transport(ews, save_sent=save_sent)
    assert send(one).outcome == "sent"
    one.quit()
    (sent,) = ews.store.sent
    assert (sent.raw, sent.recipients) == (MAIL, (TO,))
    assert set(sent.beside) <= {"ExtendedProperty"}
    assert in_folder(ews, "sentitems") == ([MAIL] if save_sent else [])
    assert in_folder(ews, "drafts") == []


def test_mails_go_over_one_connection(ews: EwsServer) -> None:
    one = transport(ews, save_sent=False)
    for number in range(3):
        send(one, content=MAIL.replace(b"one@", b"%d@" % number))
    one.quit()
    assert (len(ews.store.sent), ews.connections) == (3, 1)


def test_who_stands_in_no_header_gets_it_and_is_seen_by_nobody(ews: EwsServer) -> None:
    verdicts = transport(ews).send("", BOTH, MAIL)
    assert {one.outcome for one in verdicts.values()} == {"sent"}
    (sent,) = ews.store.sent
    assert set(sent.recipients) == set(BOTH)
    assert sent.raw == MAIL


def test_who_has_it_already_gets_no_second_one(ews: EwsServer) -> None:
    """A part of the recipients: who stands in To and is not among them."""
    assert send(transport(ews), ["hidden@example.com"]).outcome == "sent"
    (sent,) = ews.store.sent
    assert sent.recipients == ("hidden@example.com",)


@pytest.mark.parametrize(
    ("recipients", "first"),
    [
        (["a@x.org", "c@x.org", "b@x.org"], b"From: d@x.org\r\nTo: Anna A <a@x.org>\r\nCc: b@x.org,\r\n c@x.org\r\n"),
        (["c@x.org"], b"From: d@x.org\r\nCc: <c@x.org>\r\n"),
        (["B@X.org", "e@x.org"], b"Bcc: e@x.org\r\nFrom: d@x.org\r\nCc: <b@x.org>\r\n"),
        (["e@x.org"], b"Bcc: e@x.org\r\nFrom: d@x.org\r\n"),
    ],
)
def test_headers_name_just_those_whom_the_mail_is_for(recipients: list[str], first: bytes) -> None:
    rest = b"Subject: s\r\n\r\nTo: nobody@x.org\r\n"
    mail = b"From: d@x.org\r\nTo: Anna A <a@x.org>\r\nCc: b@x.org,\r\n c@x.org\r\n" + rest
    assert addressed(mail, recipients) == first + rest


@pytest.mark.parametrize(
    ("operation", "answer", "sent_by_then"),
    [
        ("CreateItem", "lost", 0),  # a draft was made
        ("SendItem", "lost", 1),  # it was sent
        ("SendItem", "cut", 1),
        ("SendItem", "damaged", 1),
    ],
)
def test_a_mail_whose_answer_was_lost_is_looked_for_before_it_is_sent_again(
    operation: str, answer: str, sent_by_then: int, ews: EwsServer
) -> None:
    ews.fail(operation, answer=answer)
    with pytest.raises(MailServerError) as caught:
        send(transport(ews))
    assert (caught.value.reason, caught.value.temporary) == (Reason.SERVER_UNREACHABLE, True)
    assert len(ews.store.sent) == sent_by_then
    assert send(transport(ews)).outcome == "sent"  # as after a restart
    assert send(transport(ews)).outcome == "sent"
    assert [one.raw for one in ews.store.sent] == [MAIL]
    assert (in_folder(ews, "sentitems"), in_folder(ews, "drafts")) == ([MAIL], [])


def test_without_copies_a_mail_whose_answer_was_lost_comes_twice_with_the_same_id(ews: EwsServer) -> None:
    ews.fail("CreateItem", answer="lost")
    with pytest.raises(MailServerError):
        send(transport(ews, save_sent=False))
    assert send(transport(ews, save_sent=False)).outcome == "sent"
    assert [one.raw for one in ews.store.sent] == [MAIL] * 2


def test_another_mail_to_the_same_person_is_another_mail(ews: EwsServer) -> None:
    one = transport(ews)
    send(one)
    send(one, content=MAIL.replace(b"one@", b"two@"))
    assert len(ews.store.sent) == 2


@pytest.mark.parametrize(
    ("code", "outcome", "reason"),
    [
        ("ErrorSendAsDenied", "deferred", Reason.ACCOUNT_LIMITED),
        ("ErrorSubmissionQuotaExceeded", "deferred", Reason.ACCOUNT_LIMITED),
        ("ErrorInvalidRecipients", "failed", Reason.RECIPIENT_REFUSED),
        ("ErrorMessageSizeExceeded", "failed", Reason.MESSAGE_REFUSED),
        ("ErrorInternalServerError", "deferred", Reason.SERVER_DEFERRED),
        ("ErrorOfTheYear2040", "deferred", Reason.SERVER_DEFERRED),
    ],
)
@pytest.mark.parametrize("save_sent", [True, False])
def test_a_refusal_of_a_mail_leaves_the_connection_fit_for_the_next(
    code: str, outcome: str, reason: Reason, save_sent: bool, ews: EwsServer
) -> None:
    ews.fail("SendItem" if save_sent else "CreateItem", code=code)
    one = transport(ews, save_sent=save_sent)
    verdict = send(one)
    assert (verdict.outcome, verdict.reason) == (outcome, reason)
    assert code in verdict.reply
    assert in_folder(ews, "drafts") == []
    assert send(one).outcome == "sent"


def test_a_sender_that_the_account_may_not_send_as_is_told(ews: EwsServer) -> None:
    verdict = send(transport(ews), content=MAIL.replace(b"desk@example.test>", b"boss@example.test>"))
    assert (verdict.outcome, verdict.reason) == ("deferred", Reason.ACCOUNT_LIMITED)
    assert ews.store.sent == []


def test_where_one_of_several_is_refused_the_others_get_it(ews: EwsServer) -> None:
    ews.fail("SendItem", code="ErrorInvalidRecipients")  # of the mail to all
    ews.fail("SendItem", code="ErrorInvalidRecipients")  # of that to the first
    verdicts = transport(ews).send("", BOTH, MAIL)
    assert [verdicts[one].outcome for one in BOTH] == ["failed", "sent"]
    assert [one.recipients for one in ews.store.sent] == [("hidden@example.com",)]


@pytest.mark.parametrize(
    ("fault", "reason", "after"),
    [
        ({"busy": 90_000}, Reason.ACCOUNT_LIMITED, 90),
        ({"is_busy": True}, Reason.ACCOUNT_LIMITED, 10),
        ({"status": 503}, Reason.ACCOUNT_LIMITED, 60),
        ({"status": 429, "headers": {"Retry-After": "17"}}, Reason.ACCOUNT_LIMITED, 17),
        ({"status": 403}, Reason.AUTHENTICATION_REFUSED, 0),
        ({"status": 302, "headers": {"Location": "http://elsewhere.example/"}}, Reason.SERVER_UNREACHABLE, 0),
        ({"code": "ErrorAccessDenied"}, Reason.SERVER_UNREACHABLE, 0),
        ({"code": "ErrorNonExistentMailbox"}, Reason.SERVER_UNREACHABLE, 0),
        ({"unheard": True}, Reason.SERVER_UNREACHABLE, 0),
        ({"answer": "doctype"}, Reason.SERVER_UNREACHABLE, 0),
    ],
)
def test_trouble_of_the_server_is_no_verdict_on_the_mail(
    fault: dict[str, Any], reason: Reason, after: float, ews: EwsServer
) -> None:
    ews.fail("FindItem", **fault)
    one = transport(ews)
    with pytest.raises(MailServerError) as caught:
        send(one)
    assert (caught.value.reason, caught.value.temporary, caught.value.after) == (reason, True, after)
    assert send(one).outcome == "sent"


def test_a_wrong_password_is_told_without_the_password(ews: EwsServer) -> None:
    with pytest.raises(MailServerError) as caught:
        send(transport(ews, password="wr0ng-one"))
    assert caught.value.reason is Reason.AUTHENTICATION_REFUSED
    assert "it-out" in caught.value.text
    assert "wr0ng-one" not in caught.value.text
    assert ews.store.sent == []


def test_what_waits_for_an_answer_can_be_broken_off(ews: EwsServer) -> None:
    asked, released = threading.Event(), threading.Event()

    def hold() -> None:
        asked.set()
        released.wait(20)

    ews.fail("SendItem", call=hold)
    one = transport(ews)
    failed: list[MailServerError] = []

    def run() -> None:
        try:
            send(one)
        except MailServerError as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    assert asked.wait(20)
    one.abort()
    thread.join(5)
    assert not thread.is_alive()
    released.set()
    assert [error.reason for error in failed] == [Reason.SERVER_UNREACHABLE]


def test_with_every_fault_at_once_each_mail_is_sent_once(ews: EwsServer) -> None:
    """By a sender that is killed at any place: what was not noted down as sent is handed over again."""
    mails = [MAIL.replace(b"one@", b"%d@" % number) for number in range(MAILS)]
    let_loose(ews, Random(18), 0.1)
    left = list(mails)
    for _ in range(50):
        one = transport(ews, timeout_seconds=5)
        again = []
        for raw in left:
            try:
                if send(one, content=raw).outcome != "sent":
                    again.append(raw)
            except MailServerError:
                again.append(raw)
        one.close()
        left = again
    assert left == []
    assert sorted(one.raw for one in ews.store.sent) == sorted(mails)
    assert sorted(in_folder(ews, "sentitems")) == sorted(mails)
    assert in_folder(ews, "drafts") == []


def test_the_steps_are_told(ews: EwsServer) -> None:
    told: list[tuple[str, str]] = []
    one = transport(ews)
    one = EwsTransport(one.server, lambda _: account_of(ews), lambda step, status: told.append((step, status)))
    one.open()
    one.quit()
    assert [step for step, _ in told] == list(EwsTransport.steps[:-1])
    assert str(ews.port) in told[0][1]
    assert "by basic" in told[1][1]


def test_the_id_that_the_server_gave_is_told_also_when_it_is_looked_up_later(
    ews: EwsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver = ews.store.send

    def renaming(mailbox: Any, item: Any) -> None:
        item.raw = item.raw.replace(b"<one@example.test>", b"<renamed@exchange.example>")
        deliver(mailbox, item)

    monkeypatch.setattr(ews.store, "send", renaming)
    assert send(transport(ews)).message_id == "<renamed@exchange.example>"
    assert send(transport(ews)).message_id == "<renamed@exchange.example>"
    assert [one.raw for one in ews.store.sent] == [MAIL.replace(b"one@example.test", b"renamed@exchange.example")]


def test_an_id_that_was_kept_is_no_news_and_trouble_behind_the_sending_is_none(ews: EwsServer) -> None:
    assert send(transport(ews)) == RecipientResult("sent", None, "NoError: the server took the message")
    ews.fail("SendItem", call=lambda: ews.fail("FindItem", status=503))
    verdict = send(transport(ews), content=MAIL.replace(b"one@", b"two@"))
    assert (verdict.outcome, verdict.message_id) == ("sent", "")
