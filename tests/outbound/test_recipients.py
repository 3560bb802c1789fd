"""To, Cc and Bcc: who is named where, and each one's outcome by itself."""

from collections.abc import Callable
from email import message_from_bytes, policy

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.servers.smtp_sink import SmtpSink
from outbound.compose import compose
from outbound.render import Rendered
from runtime.outages import OutageError
from runtime.processing.outcomes import Ok, Reject, Retry
from schemas.events import NotificationRequested
from schemas.ids import notification_of
from schemas.reasons import Reason
from schemas.settings import EmailOptions, OutgoingServer
from schemas.tokens import NO_KEYS
from tests.outbound.conftest import NOW, by
from tests.outbound.desk import Desk, results_of

MakeRequest = Callable[..., NotificationRequested]
MakeServer = Callable[..., OutgoingServer]
TO, CC, BCC = "ursula@example.com", "carl@example.com", "audit@example.com"
GREY = "451 try later"


@pytest.fixture
def request_(make_request: MakeRequest) -> NotificationRequested:
    return make_request(cc=(CC,), bcc=(BCC,))


def test_everybody_gets_the_same_mail_in_which_nobody_reads_of_bcc(
    served: Desk, smtp_sink: SmtpSink, request_: NotificationRequested
) -> None:
    (outcome,) = served.handle(request_)
    (mail,) = smtp_sink.messages
    assert mail.recipients == (TO, CC, BCC)
    read = message_from_bytes(mail.raw, policy=policy.default)
    assert [one.addr_spec for one in read["Cc"].addresses] == [CC]
    assert BCC.encode() not in mail.raw and b"\nbcc" not in mail.raw.lower()
    assert [(one.recipient, one.outcome) for one in results_of(outcome)] == [(TO, "sent"), (CC, "sent"), (BCC, "sent")]


def test_results_of_several_recipients_are_records_of_their_own(served: Desk, request_: NotificationRequested) -> None:
    (outcome,) = served.handle(request_)
    assert isinstance(outcome, Ok)
    ids = [value for message in outcome.outputs for name, value in message.headers if name == "ce_id"]
    assert len(ids) == len(set(ids)) == 4  # with the server's status


def test_who_is_deferred_gets_the_mail_later_and_nobody_else_gets_it_again(
    served: Desk, smtp_sink: SmtpSink, request_: NotificationRequested
) -> None:
    smtp_sink.replies[CC] = GREY
    (first,) = served.handle(request_)
    assert isinstance(first, Retry) and first.reason is Reason.SERVER_DEFERRED
    assert [one.outcome for one in results_of(first)] == ["sent", "deferred", "sent"]
    smtp_sink.replies.clear()
    (second,) = served.handle(request_, attempt=2)
    assert isinstance(second, Ok)
    assert [(one.recipient, one.outcome, one.attempt) for one in results_of(second)] == [(CC, "sent", 2)]
    assert [mail.recipients for mail in smtp_sink.messages] == [(TO, BCC), (CC,)]


def test_after_a_crash_those_who_have_the_mail_are_told_of_with_those_left(
    served: Desk, smtp_sink: SmtpSink, request_: NotificationRequested
) -> None:
    smtp_sink.replies[CC] = GREY
    served.handle(request_)  # recorded, then killed before results and deferral were written
    (again,) = served.handle(request_)
    assert isinstance(again, Retry)
    assert {(one.recipient, one.outcome) for one in results_of(again)} == {
        (TO, "sent"),
        (CC, "deferred"),
        (BCC, "sent"),
    }
    assert [mail.recipients for mail in smtp_sink.messages] == [(TO, BCC)]


def test_who_is_refused_for_good_is_told_and_the_others_have_it(
    served: Desk, smtp_sink: SmtpSink, request_: NotificationRequested
) -> None:
    smtp_sink.replies[TO] = "550 no such user"
    (outcome,) = served.handle(request_)
    assert isinstance(outcome, Reject) and outcome.reason is Reason.RECIPIENT_REFUSED
    assert [one.outcome for one in results_of(outcome)] == ["failed", "sent", "sent"]
    (again,) = served.handle(request_)
    assert {(one.recipient, one.outcome) for one in results_of(again)} == {(TO, "failed"), (CC, "sent"), (BCC, "sent")}
    assert len(smtp_sink.messages) == 1


def test_only_those_left_are_given_up_in_the_end(served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest) -> None:
    served.apply(EmailOptions(default_outgoing_server="it-out", give_up_after_hours=1))
    smtp_sink.replies[CC] = GREY
    request = make_request(cc=(CC,), requested_at="2026-11-23T10:59:00Z")
    (outcome,) = served.handle(request, attempt=8)
    assert isinstance(outcome, Reject) and outcome.reason is Reason.RETRIES_EXHAUSTED
    assert [(one.recipient, one.outcome) for one in results_of(outcome)] == [(TO, "sent"), (CC, "failed")]


def test_one_address_in_several_fields_is_one_recipient(
    served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest
) -> None:
    served.handle(make_request(cc=("Ursula@Example.com", CC), bcc=(CC,)))
    assert smtp_sink.messages[0].recipients == (TO, CC)


def test_a_mail_to_many_is_handed_over_in_parts(
    served: Desk, smtp_sink: SmtpSink, make_request: MakeRequest, make_server: MakeServer
) -> None:
    served.apply(make_server(port=smtp_sink.port, recipients_per_mail=2))
    copies = tuple(f"copy{number}@example.com" for number in range(4))
    (outcome,) = served.handle(make_request(bcc=copies))
    assert [len(mail.recipients) for mail in smtp_sink.messages] == [2, 2, 1]
    ids = [_message_id(mail.raw) for mail in smtp_sink.messages]
    assert [one.message_id for one in results_of(outcome)] == [ids[0], ids[0], ids[1], ids[1], ids[2]]
    assert len({mail.raw.replace(id_.encode(), b"") for mail, id_ in zip(smtp_sink.messages, ids, strict=True)}) == 1
    assert [one.recipient for one in results_of(outcome)] == [TO, *copies]


class _Gateway(SmtpSink):
    """As DavMail 6.0.1: it takes a second mail with a Message-ID that it knows, and sends nothing."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        known = {_message_id(mail.raw) for mail in self.messages}
        if _message_id(envelope.original_content or b"") in known:
            return "250 OK"
        return await super().handle_DATA(server, session, envelope)


def test_everybody_gets_it_by_a_gateway_that_sends_a_message_id_once(
    served: Desk, make_request: MakeRequest, make_server: MakeServer
) -> None:
    copies = tuple(f"copy{number}@example.com" for number in range(5))
    request = make_request(bcc=copies)
    with _Gateway() as gateway:
        served.apply(make_server(port=gateway.port, recipients_per_mail=4))
        gateway.replies |= {copies[0]: GREY, copies[1]: GREY}
        served.handle(request)
        del gateway.replies[copies[0]]
        served.handle(request, attempt=2)
        gateway.replies.clear()
        served.handle(request, attempt=3)
        assert {one for mail in gateway.messages for one in mail.recipients} == {TO, *copies}
        ids = {_message_id(mail.raw) for mail in gateway.messages}
        assert len(ids) == len(gateway.messages) == 4
        assert {notification_of(id_) for id_ in ids} == {request.notification_id}


def test_a_mail_that_a_crash_repeats_is_the_same_to_the_same_recipients(
    served: Desk, smtp_sink: SmtpSink, request_: NotificationRequested, monkeypatch: pytest.MonkeyPatch
) -> None:
    smtp_sink.replies[CC] = GREY
    served.handle(request_)
    smtp_sink.replies.clear()
    with monkeypatch.context() as killed:
        killed.setattr(served.ledger, "record", lambda *_: (_ for _ in ()).throw(OutageError(Reason.DATABASE_AWAY, "")))
        served.start()
        with pytest.raises(OutageError):
            served.handle(request_, attempt=2)
    served.start()
    served.handle(request_, attempt=2)
    first, once, again = (_message_id(mail.raw) for mail in smtp_sink.messages)
    assert once == again != first


def test_every_attempt_is_in_the_ledger(served: Desk, smtp_sink: SmtpSink, request_: NotificationRequested) -> None:
    smtp_sink.replies[CC] = GREY
    served.handle(request_)
    served.handle(request_, attempt=2)
    assert [entry.kind for entry in served.attempts("C-000123")] == [
        "notification-sent",
        "notification-deferred",
        "notification-sent",
        "notification-deferred",
    ]


@given(
    texts=st.lists(st.text(), min_size=3, max_size=3),
    copies=st.lists(st.emails(), max_size=3),
    blind=st.from_regex(r"[a-z]{12}@hidden\.example", fullmatch=True),
)
def test_no_text_adds_a_recipient_and_a_blind_copy_is_named_nowhere(
    texts: list[str], copies: list[str], blind: str
) -> None:
    subject, text, name = texts
    request = NotificationRequested.model_construct(
        None, notification_id="a" * 32, recipient=TO, recipient_name=name, cc=tuple(copies), bcc=(blind,),
        event="X", data={"reference": subject}, requested_at=NOW, in_reply_to=subject, references=(text,),
    )  # fmt: skip
    server = OutgoingServer(id="out", from_address="it@desk.example", from_name="")
    content = compose(request, Rendered(subject, text, text), by(server), NOW, NO_KEYS).content
    read = message_from_bytes(content, policy=policy.compat32)
    fields = [name.lower() for name, _ in read.items()]
    assert [fields.count(one) for one in ("to", "cc", "bcc", "subject")] == [1, int(bool(copies)), 0, 1]
    assert blind.encode() not in content


def _message_id(raw: bytes) -> str:
    return str(message_from_bytes(raw)["Message-ID"])
