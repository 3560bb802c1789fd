"""What is held in quarantine, and releasing it: the command over real topics, a real desk and blob store."""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from console.config import ConsoleConfig
from desk.engine import write_transaction
from desk.tables import mails
from runtime.blobs import BlobStore
from runtime.kafka.producer import Publisher
from runtime.kafka.topic_reader import read_to_end
from runtime.security.token_keys import make_token_key, read_token_keys
from schemas import ids
from schemas.fetched import FetchedMail, is_released, open_fetched
from schemas.reasons import Reason
from schemas.resolved_mail import RejectedMail
from schemas.topics import MAIL_FETCHED, MAIL_REJECTED
from schemas.wire import OutputRecord, encode

Mailcall = Callable[..., Any]
NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "token.key"
    make_token_key(made)
    monkeypatch.setenv("MAILCALL_TOKEN_KEY_FILE", str(made))
    return made


@pytest.fixture
def mail(run: Mailcall, desk: Engine, key_file: Path) -> Mailcall:
    """`mailcall mail`, with a token key."""
    return lambda *arguments: run("mail", *arguments)


def fetched_mail(number: int, **fields: Any) -> FetchedMail:
    raw = f"From: ann@example.org\r\nSubject: Mail {number}\r\n\r\nHello\r\n".encode()
    known: dict[str, Any] = {
        "mail_id": ids.mail_id("it-mailbox", raw),
        "server_id": "it-mailbox",
        "received": NOW + timedelta(minutes=number),
        "size": len(raw),
        "sha256": hashlib.sha256(raw).hexdigest(),
        "mailbox": f"INBOX;UID={number}",
        "raw": raw,
        "traceparent": ids.traceparent(ids.mail_id("it-mailbox", raw)),
    }
    return FetchedMail(**{**known, **fields})


def fetched_record(mail: FetchedMail) -> OutputRecord:
    return encode(
        MAIL_FETCHED, "ann@example.org", mail.raw, id=mail.mail_id, source="/test", time=NOW,
        traceparent=mail.traceparent, extensions=mail.extensions(),
    )  # fmt: skip


def rejected_record(mail: FetchedMail, reason: Reason, blob: str | None = None, released: str = "") -> OutputRecord:
    value = RejectedMail(
        mail_id=mail.mail_id, server_id=mail.server_id, reason=reason, evidence="dmarc=fail", sender="ann@example.org",
        subject="Mail \x1b[31m", received=mail.received, blob=blob, released=released,
    )  # fmt: skip
    known = {**mail.extensions(), "dataref": blob} if blob else None
    return encode(
        MAIL_REJECTED, "ann@example.org", value, id=mail.mail_id, source="/test", time=NOW,
        traceparent=mail.traceparent, extensions=known,
    )  # fmt: skip


def held_record(mail: FetchedMail, config: ConsoleConfig) -> OutputRecord:
    return rejected_record(mail, Reason.QUARANTINE, BlobStore(config.blob_url).put(mail.raw))


def fetched(config: ConsoleConfig) -> list[FetchedMail]:
    records = read_to_end(config, [MAIL_FETCHED.name(config.topic_prefix)])
    return [open_fetched(record) for record in records]


def listed(mail: Mailcall) -> list[str]:
    return [one["mail_id"] for one in json.loads(mail("held", "--json").out)]


def test_what_is_held_is_listed_oldest_first_until_it_is_released_or_in_the_desk(
    mail: Mailcall, config: ConsoleConfig, publisher: Publisher, desk: Engine
) -> None:
    late, early, in_desk, reply = (fetched_mail(number) for number in (3, 1, 2, 4))
    held = [held_record(one, config) for one in (late, early, in_desk)]
    publisher.publish([*held, held[0], rejected_record(reply, Reason.AUTO_REPLY)])
    with write_transaction(desk) as connection:
        row = {"mail_id": in_desk.mail_id, "server_id": "it-mailbox", "outcome": "call-logged", "item_id": 1}
        connection.execute(insert(mails), {**row, "received": NOW, "logged_at": NOW, "size": 1, "sha256": "0" * 64})

    assert listed(mail) == [early.mail_id, late.mail_id]
    shown = mail("held").out
    assert early.mail_id in shown
    assert "ann@example.org" in shown
    assert "dmarc=fail" in shown
    assert "\x1b" not in shown

    assert mail("release", early.mail_id, "--who", "root").out == f"released {early.mail_id}\n"
    assert listed(mail) == [late.mail_id]


def test_nothing_held_is_said(mail: Mailcall) -> None:
    assert mail("held").out == "no message is held\n"
    assert mail("held", "--json").out == "[]\n"


def test_a_released_mail_is_fetched_once_more_from_the_blob_store(
    mail: Mailcall, config: ConsoleConfig, publisher: Publisher, key_file: Path
) -> None:
    one = fetched_mail(1, truncated=80_000_000, wholeref="sha256/00/" + "0" * 64)
    publisher.publish([held_record(one, config)])

    ran = mail("release", one.mail_id, one.mail_id, "--who", "root", "--json")
    again = mail("release", one.mail_id, "--who", "ida")

    assert json.loads(ran.out) == [one.mail_id]
    assert again.code == 0
    first, second = fetched(config)
    assert (first.released, second.released) == ("root", "ida")
    assert BlobStore(config.blob_url).get(first.dataref or "") == one.raw
    keys = read_token_keys(key_file)
    assert all(is_released(released, one.raw, keys) for released in (first, second))
    assert not is_released(first._replace(released="ida"), one.raw, keys)
    for name in ("mail_id", "server_id", "received", "size", "sha256", "mailbox", "truncated", "wholeref"):
        assert getattr(first, name) == getattr(second, name) == getattr(one, name)
    record_keys = {record.key for record in read_to_end(config, [MAIL_FETCHED.name(config.topic_prefix)])}
    assert record_keys == {b"ann@example.org"}


def test_a_mail_that_was_rejected_for_anything_else_is_taken_from_its_topic(
    mail: Mailcall, config: ConsoleConfig, publisher: Publisher
) -> None:
    other, reply = fetched_mail(1), fetched_mail(2)
    publisher.publish([fetched_record(other), fetched_record(reply), rejected_record(reply, Reason.AUTO_REPLY)])

    assert mail("release", reply.mail_id, "--who", "root").code == 0

    (released,) = (one for one in fetched(config) if one.released)
    assert (released.mail_id, released.raw, released.received) == (reply.mail_id, reply.raw, reply.received)


@pytest.mark.parametrize(
    ("reason", "told"),
    [(None, "was rejected"), (Reason.LOOP, "never becomes a call"), (Reason.BLOCKED, "keeps mails for 7 days")],
)
def test_what_cannot_be_released_is_told_and_nothing_is_published(
    reason: Reason | None, told: str, mail: Mailcall, config: ConsoleConfig, publisher: Publisher
) -> None:
    good, bad = fetched_mail(1), fetched_mail(2)
    publisher.publish([held_record(good, config)])
    if reason:
        publisher.publish([rejected_record(bad, reason)])

    ran = mail("release", good.mail_id, bad.mail_id)

    assert ran.code == 2
    assert told in ran.err
    assert bad.mail_id in ran.err
    assert fetched(config) == []
    assert listed(mail) == [good.mail_id]


def test_without_a_token_key_nothing_is_released(
    mail: Mailcall, config: ConsoleConfig, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = fetched_mail(1)
    publisher.publish([held_record(one, config)])
    monkeypatch.delenv("MAILCALL_TOKEN_KEY_FILE")

    ran = mail("release", one.mail_id)

    assert ran.code == 2
    assert "MAILCALL_TOKEN_KEY_FILE" in ran.err
    assert fetched(config) == []
    assert listed(mail) == [one.mail_id]
