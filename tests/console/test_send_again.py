"""Failed notifications sent again: what is refused and why, and with a real outbound and server once and no more."""

import json
from email import message_from_bytes
from typing import Any

import pytest
from sqlalchemy import Engine

from console.config import ConsoleConfig
from console.notifications.send_again import again_id, may_have_arrived
from deploy.local.ports import wait_until
from deploy.local.servers.smtp_sink import SmtpSink
from desk import tables
from runtime.kafka.producer import ProducerRecord, Publisher
from runtime.kafka.topic_reader import read_to_end
from schemas.events import NotificationResult
from schemas.ids import MAIL_ID
from schemas.topics import NOTIFICATION_REQUESTED
from schemas.wire import encode
from tests.console.conftest import Mailcall
from tests.console.test_notifications import NOBODY, asked, outbound, sink
from tests.desk.rows import NOW, add, add_attempt

__all__ = ["outbound", "sink"]  # fixtures

A, B = "a" * 32, "b" * 32
ANN = "ann@example.test"


def tried(outcome: str, reply: str, reason: str | None = None, server: str | None = "out") -> NotificationResult:
    values = {"notification_id": A, "recipient": ANN, "outcome": outcome, "smtp_reply": reply, "at": NOW}
    return NotificationResult.model_validate({**values, "server_id": server, "reason": reason})


@pytest.mark.parametrize(
    ("attempts", "doubtful"),
    [
        ([tried("failed", "550 5.1.1 no such mailbox", "recipient-refused")], False),
        ([tried("failed", "451 try later", "retries-exhausted")], False),
        ([tried("failed", "the connection broke", "retries-exhausted")], True),
        ([tried("deferred", "timed out", "server-unreachable"), tried("failed", "550 no", "message-refused")], True),
        ([tried("deferred", "535 wrong password", "authentication-refused"), tried("failed", "550 no")], False),
        ([tried("failed", "", "no-outgoing-server", None)], False),
        ([tried("bounced", "5.1.1")], False),
    ],
)
def test_only_where_a_server_said_no_is_it_known_not_to_have_arrived(
    attempts: list[NotificationResult], doubtful: bool
) -> None:
    assert may_have_arrived(attempts) is doubtful


def test_the_id_is_that_of_a_notification_and_the_recipients_alone() -> None:
    assert MAIL_ID.fullmatch(again_id((A, ANN)))
    assert again_id((A, ANN)) == again_id((A, "Ann@Example.TEST"))
    assert len({A, again_id((A, ANN)), again_id((A, "bob@example.test")), again_id((again_id((A, ANN)), ANN))}) == 4


@pytest.mark.parametrize(
    ("attempts", "told"),
    [
        ({}, "has failed for nobody"),
        ({"outcome": "sent"}, "has failed for nobody"),
        ({"outcome": "failed", "reason": "retries-exhausted", "server_id": "out"}, "may have arrived"),
        ({"outcome": "failed", "reason": "recipient-refused"}, "no longer kept on notification.requested"),
    ],
)
def test_what_cannot_be_sent_again_is_told(run: Mailcall, desk: Engine, attempts: dict[str, Any], told: str) -> None:
    if attempts:
        add_attempt(desk, A, **attempts)
    ran = run("notifications", "send-again", A)
    assert (ran.code, told in ran.err) == (2, True), ran.err


def test_a_waiting_one_and_one_sent_again_and_a_marked_address_are_refused(run: Mailcall, desk: Engine) -> None:
    add_attempt(desk, A, "deferred", reason="server-deferred")
    assert "it is deferred" in run("notifications", "send-again", A, "--to", ANN).err
    add_attempt(desk, B, "failed", reason="recipient-refused")
    mark = {"address": ANN, "bounces": 3, "status": "5.1.1", "last_at": NOW, "marked_at": NOW}
    add(desk, tables.bounced_addresses, mark)
    assert "take its mark off" in run("notifications", "send-again", B).err
    add_attempt(desk, again_id((B, ANN)), "sent")
    assert "was sent again already: that one is sent" in run("notifications", "send-again", B).err


@pytest.mark.usefixtures("outbound")
def test_it_goes_out_once_to_those_for_whom_it_failed(
    run: Mailcall, config: ConsoleConfig, publisher: Publisher, sink: SmtpSink
) -> None:
    one = asked("1", "ida@desk.example", cc=[NOBODY])
    publisher.publish(
        [encode(NOTIFICATION_REQUESTED, one.recipient, one, id=one.notification_id, source="/test", time=NOW)]
    )

    def attempts(id_: str) -> Any:
        shown = run("notifications", "show", id_, "--json")
        return json.loads(shown.out)["attempts"] if shown.code == 0 else []

    assert wait_until(lambda: len(attempts(one.notification_id)) == 2, 60)
    del sink.replies[NOBODY]  # the mailbox is there now
    new = again_id((one.notification_id, NOBODY))
    for _ in range(2):
        ran = run("notifications", "send-again", one.notification_id, "--who", "ann")
        assert (ran.code, new in ran.out) == (0, True) or "sent again already" in ran.err, ran.err
    assert wait_until(lambda: len(attempts(new)) == 1, 60)
    assert run("notifications", "send-again", one.notification_id).code == 2
    failed = next(a for a in attempts(one.notification_id) if a["outcome"] == "failed")
    assert [(a["outcome"], a["recipient"]) for a in attempts(new)] == [("sent", NOBODY)]
    # A record that comes once more is known again, as is the second command's, if it was quick: nothing is sent by it.
    topic = NOTIFICATION_REQUESTED.name(config.topic_prefix)
    record, *_ = [r for r in read_to_end(config, [topic]) if ("ce_id", new.encode()) in r.headers]
    assert dict(record.headers)["ce_again"] == one.notification_id.encode() and ("ce_againby", b"ann") in record.headers
    last = asked("2", "ida@desk.example")
    publisher.publish([ProducerRecord(topic, record.key, record.value, tuple(record.headers))])
    publisher.publish([encode(NOTIFICATION_REQUESTED, NOBODY, last, id="l", source="/test", time=NOW)])
    assert wait_until(lambda: len(attempts(last.notification_id)) == 1, 60)
    mails = [mail for mail in sink.messages if NOBODY in mail.recipients]
    assert len(mails) == 1 and mails[0].recipients == (NOBODY,)
    assert failed["message_id"] in message_from_bytes(mails[0].raw)["References"]
    assert json.loads(run("reconcile", "--json").out)["notifications"]["balanced"]
