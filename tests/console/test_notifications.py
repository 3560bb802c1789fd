"""Every notification is accounted for: the account itself, and the commands with a real outbound and server."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from console.audit.reconcile_notifications import STATUSES, ReconcileInput, RequestedNotification, balance
from console.config import ConsoleConfig
from deploy.local.ports import wait_until
from deploy.local.servers.smtp_sink import SmtpSink
from desk.engine import write_transaction
from desk.tables import deliveries
from runtime.kafka.producer import ProducerRecord, Publisher
from schemas.events import NotificationRequested, NotificationResult
from schemas.ids import notification_id
from schemas.reasons import Reason
from schemas.settings import EmailOptions, OutgoingServer, Security, Setting
from schemas.topics import NOTIFICATION_REQUESTED, NOTIFICATION_RESULTS, SETTINGS
from schemas.wire import encode
from tests.console.conftest import Mailcall

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
A = "a" * 32
ANN, BOB = "ann@example.com", "bob@example.com"
TOPIC, RETRY = "requested", "retry"


def result(outcome: str, recipient: str = ANN, attempt: int = 1, reason: Reason | None = None) -> NotificationResult:
    return NotificationResult.model_validate(
        {"notification_id": A, "outcome": outcome, "recipient": recipient, "attempt": attempt, "at": NOW}
        | ({"reason": reason} if reason else {})
    )


def facts(*attempts: NotificationResult, to: tuple[str, ...] = (ANN,), **changes: Any) -> ReconcileInput:
    """Passed by outbound, so that what has no end is missing."""
    known: dict[str, Any] = {
        "asked": {A: RequestedNotification(A, NOW, to[0], frozenset(to))},
        "places": {A: ((TOPIC, 3, 7),)},
        "positions": {(TOPIC, 3): 8},
        "retry": RETRY,
        "attempts": {A: attempts},
    }
    return ReconcileInput(**{**known, **changes})


WAITS: dict[str, Any] = {"places": {A: ((TOPIC, 3, 7), (RETRY, 3, 2))}, "positions": {(TOPIC, 3): 8, (RETRY, 3): 2}}
TRIED: dict[str, Any] = {"places": {A: ((TOPIC, 3, 7), (RETRY, 3, 2))}, "positions": {(TOPIC, 3): 8, (RETRY, 3): 3}}
REFUSED = Reason.RECIPIENT_REFUSED
SLOW = Reason.SERVER_DEFERRED


@pytest.mark.parametrize(
    ("known", "status", "detail"),
    [
        (facts(result("sent")), "sent", ""),
        (facts(result("sent", ANN.upper())), "sent", ""),
        (facts(result("failed", reason=REFUSED)), "failed", "recipient-refused"),
        (facts(result("deferred", reason=SLOW), result("sent", attempt=2), **TRIED), "sent", ""),
        (facts(result("sent"), result("sent", BOB), to=(ANN, BOB)), "sent", ""),
        (facts(result("sent"), result("failed", BOB, reason=REFUSED), to=(ANN, BOB)), "failed", "refused for 1 of 2"),
        (facts(result("sent"), to=(ANN, BOB)), "missing", "outbound has passed it"),
        (facts(result("sent"), result("deferred", BOB, reason=SLOW), to=(ANN, BOB), **WAITS), "deferred", "attempt 1"),
        (facts(result("deferred", reason=SLOW), **WAITS), "deferred", "server-deferred, after attempt 1"),
        (facts(**WAITS), "deferred", "not yet tried"),
        (facts(result("deferred", reason=SLOW), **TRIED), "missing", ""),
        (facts(result("sent"), result("sent", attempt=2), **TRIED), "double", ANN),
        (facts(result("failed"), result("sent", attempt=2), **TRIED), "double", ANN),
        (facts(positions={}), "on-the-way", "waits for outbound"),
        (facts(positions={(TOPIC, 3): 7}), "on-the-way", "waits for outbound"),
        (facts(positions={(TOPIC, 3): 7}, dead={A: "unknown-template"}), "on-the-way", "waits for outbound"),
        (facts(dead={A: "unknown-template"}), "dead-lettered", "unknown-template"),
        (facts(result("sent"), dead={A: "unknown-template"}), "sent", ""),
        (facts(), "missing", "no end is known"),
    ],
)
def test_where_a_notification_stands(known: ReconcileInput, status: str, detail: str) -> None:
    account = balance(known)
    assert (account.statuses[0].status, detail in account.statuses[0].detail) == (status, True)
    assert account.outcomes[status] == sum(account.outcomes.values()) == 1
    assert account.balanced == (status not in ("missing", "double"))
    assert account.records == 1


# ---- with a real outbound --------------------------------------------------------------------------------------------

NOBODY, LATER = "nobody@desk.example", "later@desk.example"


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as sink:
        sink.replies |= {NOBODY: "550 5.1.1 no such mailbox", LATER: "451 4.3.2 try again later"}
        yield sink


@pytest.fixture
def outbound(config: ConsoleConfig, run: Mailcall, publisher: Publisher, sink: SmtpSink) -> Iterator[None]:
    """outbound as a process, sending to the sink."""
    server = OutgoingServer(
        id="out", host="127.0.0.1", port=sink.port, security=Security.NONE, from_address="it@desk.example"
    )
    settings: list[Setting] = [server, EmailOptions(default_outgoing_server="out")]
    publisher.publish(
        [encode(SETTINGS, f"{one.kind}/{one.id}", one, id=one.id, source="/test", time=NOW) for one in settings]
    )
    names = ("kafka_bootstrap_servers", "topic_prefix", "desk_url")
    values = {f"MAILCALL_{name.upper()}": str(getattr(config, name)) for name in names}
    process = subprocess.Popen([sys.executable, "-m", "outbound"], env=os.environ | values, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def asked(name: str, recipient: str, **changes: Any) -> NotificationRequested:
    values: dict[str, Any] = {
        "notification_id": notification_id(name, recipient, "Told"),
        "recipient": recipient,
        "event": "Told",
        "subject": "Private words",
        "text": "Private words",
        "data": {"reference": "C-000123"},
        "requested_at": datetime.now(UTC),
    }
    return NotificationRequested.model_validate(values | changes)


@pytest.mark.usefixtures("outbound")
def test_the_commands_follow_notifications_to_their_ends(
    run: Mailcall, config: ConsoleConfig, publisher: Publisher, desk: Engine
) -> None:
    every = {
        "sent": asked("1", "ida@desk.example", cc=["noor@desk.example"]),
        "failed": asked("2", "ida@desk.example", cc=[NOBODY]),
        "deferred": asked("3", LATER),
        "dead-lettered": asked("4", "ida@desk.example", event="NobodyMadeOne", text=None),
    }
    publisher.publish(
        [
            encode(NOTIFICATION_REQUESTED, one.recipient, one, id=f"event-{name}", source="/test", time=NOW)
            for name, one in every.items()
        ]
    )
    topic = NOTIFICATION_REQUESTED.name(config.topic_prefix)
    publisher.publish([ProducerRecord(topic, b"k", b"no notification", ())])

    def account() -> Any:
        return json.loads(run("reconcile", "--json", "--each").out)["notifications"]

    assert wait_until(lambda: account()["outcomes"]["on-the-way"] == 0, 60)
    now = account()
    assert (now["balanced"], now["notifications"], now["records"]) == (True, 5, 5)
    ends = {one["notification_id"]: one["status"] for one in now["each"]}
    assert {name: ends[one.notification_id] for name, one in every.items()} == {name: name for name in every}
    assert {end: count for end, count in now["outcomes"].items() if count} == {
        "sent": 1, "failed": 1, "deferred": 1, "dead-lettered": 2,
    }  # fmt: skip

    listed = run("notifications", "list").out
    assert all(one.notification_id in listed for one in every.values())
    (failed,) = json.loads(run("notifications", "list", "--status", "failed", "--item", "c-000123", "--json").out)
    assert (failed["notification_id"], failed["detail"]) == (
        every["failed"].notification_id, "recipient-refused for 1 of 2",
    )  # fmt: skip
    shown = run("notifications", "show", every["failed"].notification_id).out
    assert "550 5.1.1" in shown and NOBODY in shown and "C-000123" in shown
    assert "Private" not in listed + shown + run("notifications", "list", "--json").out

    returned = NotificationResult(
        notification_id=every["sent"].notification_id, outcome="bounced", recipient="noor@desk.example", at=NOW
    )
    bounce = encode(
        NOTIFICATION_RESULTS, returned.notification_id, returned, id="1", source="/test", time=NOW,
        extensions={"outcome": "bounced"},
    )  # fmt: skip
    publisher.publish([bounce])
    tried = json.loads(run("notifications", "show", every["sent"].notification_id, "--json").out)["attempts"]
    assert [(one["outcome"], one["recipient"]) for one in tried] == [
        ("sent", "ida@desk.example"), ("sent", "noor@desk.example"), ("bounced", "noor@desk.example"),
    ]  # fmt: skip

    with write_transaction(desk) as connection:
        lost = deliveries.c.notification_id == every["sent"].notification_id
        connection.execute(deliveries.delete().where(lost))
    ran = run("reconcile")
    assert ran.code == 1
    assert every["sent"].notification_id in ran.out and "missing" in ran.out and "out of balance" in ran.out


def test_what_nobody_knows_and_what_is_no_end_is_told(run: Mailcall, desk: Engine) -> None:
    assert run("notifications", "list").out.strip() == "there are no such notifications"
    unknown = run("notifications", "show", A)
    assert (unknown.code, "mailcall notifications list" in unknown.err) == (2, True)
    help_ = run("notifications", "list", "--help").out
    assert all(status in help_ for status in STATUSES)
    wrong = run("notifications", "list", "--status", "lost")
    assert (wrong.code, "dead-lettered" in wrong.err) == (2, True)
    assert run("notifications", "list", "--item", "123").code == 2


def test_what_only_the_ledger_knows_is_shown_from_there(run: Mailcall, desk: Engine) -> None:
    with write_transaction(desk) as connection:
        connection.execute(
            deliveries.insert().values(
                notification_id=A, recipient=ANN, attempt=1, outcome="sent", smtp_reply="250 OK", at=NOW
            )
        )
    shown = run("notifications", "show", A)
    assert shown.code == 0
    assert ANN in shown.out and "250 OK" in shown.out
