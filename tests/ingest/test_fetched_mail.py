"""What other systems may leave out on `mail.fetched`, and what they may not."""

import hashlib
from datetime import UTC, datetime

import pytest

from schemas import ids
from schemas.fetched import open_fetched
from schemas.reasons import Reason
from schemas.wire import Header, Record, UndecodableError

RAW = b"From: ann@example.test\r\n\r\nhello\r\n"
AT_MS = 1_795_000_000_000


def record(raw: bytes | None = RAW, **headers: str) -> Record:
    given: list[Header] = [(f"ce_{name}", value.encode()) for name, value in headers.items()]
    return Record("t", 0, 0, b"key", raw, given, AT_MS)


def test_a_server_and_the_bytes_are_enough() -> None:
    mail = open_fetched(record(serverid="it"))
    assert mail.mail_id == ids.mail_id("it", RAW)
    assert (mail.raw, mail.size, mail.sha256) == (RAW, len(RAW), hashlib.sha256(RAW).hexdigest())
    assert mail.received == datetime.fromtimestamp(AT_MS / 1000, UTC)


def test_an_id_of_another_shape_is_not_taken_for_a_mail_id() -> None:
    for id_ in ("order 7", "A" * 32, "0" * 33, "0" * 32 + "\n"):
        assert open_fetched(record(serverid="it", id=id_)).mail_id == ids.mail_id("it", RAW)


def test_what_is_given_is_taken() -> None:
    date = "2026-11-01T08:00:00+02:00"
    mail = open_fetched(record(serverid="it", id="0" * 32, internaldate=date, size="9", sha256="s", mailbox="m"))
    assert (mail.mail_id, mail.size, mail.sha256, mail.mailbox) == ("0" * 32, 9, "s", "m")
    assert mail.received.isoformat() == date


@pytest.mark.parametrize("date", ["yesterday", "2026-11-01T08:00:00", ""])
def test_a_date_that_cannot_be_read_gives_way_to_the_next_best(date: str) -> None:
    mail = open_fetched(record(serverid="it", internaldate=date, time="2026-11-02T00:00:00Z"))
    assert mail.received == datetime(2026, 11, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "raw", "told"),
    [
        ({}, RAW, "ce_serverid"),
        ({"serverid": "no id!"}, RAW, "ce_serverid"),
        ({"serverid": "it"}, b"", "no mail"),
        ({"serverid": "it", "dataref": "sha256/aa/b"}, b"", "ce_dataref"),
        ({"serverid": "it", "dataref": "sha256/aa/b", "id": "0" * 32, "sha256": "s", "size": "x"}, b"", "ce_dataref"),
    ],
)
def test_what_cannot_be_derived_is_asked_for(headers: dict[str, str], raw: bytes, told: str) -> None:
    with pytest.raises(UndecodableError) as caught:
        open_fetched(record(raw, **headers))
    assert caught.value.reason is Reason.WRONG_SCHEMA
    assert told in str(caught.value)


def test_a_claim_check_carries_no_bytes() -> None:
    mail = open_fetched(record(b"", serverid="it", dataref="sha256/aa/b", id="0" * 32, sha256="s", size="900000"))
    assert (mail.raw, mail.dataref, mail.size) == (b"", "sha256/aa/b", 900_000)
