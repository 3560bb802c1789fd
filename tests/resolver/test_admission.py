"""What the settings refuse, in which order, and what a release changes: the checks, and the records they end in."""

import hashlib
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from desk.engine import read_transaction
from desk.persons import find_persons
from resolver.admission import admit
from resolver.examine import examine
from resolver.handler import ResolverHandler
from resolver.resolve import Examined
from runtime.blobs import BlobStore
from runtime.processing.outcomes import FinalOutcome, Ok, Reject
from schemas import ids
from schemas.fetched import FetchedMail, open_fetched, released_by
from schemas.mail import Screening
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.resolved_mail import RejectedMail, ResolvedMail
from schemas.settings import EmailOptions, IncomingServer
from schemas.snapshot import SettingsSnapshot
from schemas.tokens import NO_KEYS, TokenKeys
from schemas.topics import MAIL_FETCHED, MAIL_REJECTED, MAIL_RESOLVED, NOTIFICATION_RESULTS
from schemas.wire import CloudEvent, OutputRecord, Record, decode, encode
from tests.resolver.in_process import examine_here

NOW = datetime(2026, 11, 1, 12, 5, tzinfo=UTC)
OWN = frozenset({"desk@example.org"})
FAILS = "Authentication-Results: mx.desk.example; dmarc=fail header.from=example.org"
PASSES = "Authentication-Results: mx.desk.example; dmarc=pass header.from=example.org"
LOOPS = "X-Mailcall-Loop: yes"
ROBOT = "Auto-Submitted: auto-replied"
Fetched = Callable[..., Record]


def mail(*headers: str, from_: str = "alan@example.org") -> bytes:
    lines = (*headers, f"From: {from_}", "Subject: Printer", "Message-ID: <1@example.org>", "", "It is broken.", "")
    return "\r\n".join(lines).encode()


def server(**fields: Any) -> IncomingServer:
    known = {"id": "it-mailbox", "protocol": "imap", "call_template": "it-call", "default_logging_analyst": "ida"}
    return IncomingServer.model_validate({**known, "use_linked_analyst": True, **fields})


KEYS = TokenKeys((b"k" * 32,))
QUARANTINE = server(trust="quarantine", authserv_id="mx.desk.example")
MARK = server(trust="mark", authserv_id="mx.desk.example")


def examined(*headers: str, from_: str = "alan@example.org") -> Examined:
    return examine(mail(*headers, from_=from_), OWN)


def blocking(*entries: str) -> EmailOptions:
    return EmailOptions(blocked_senders=entries)


def verdict(found: Examined) -> tuple[str, Reason | None]:
    return found.screening.verdict, found.screening.reason


@pytest.mark.parametrize(
    ("entry", "from_", "is_blocked"),
    [
        ("Alan@Example.ORG", "alan@example.org", True),
        ("alan@example.org", "Alan <ALAN@EXAMPLE.org>", True),
        ("@example.org", "anybody@example.org", True),
        ("@bücher.example", "a@xn--bcher-kva.example", True),
        ("@example.org", "anybody@mail.example.org", False),
        ("@example.org", "anybody@badexample.org", False),
        ("alan@example.org", "lan@example.org", False),
    ],
)
def test_blocked_senders(entry: str, from_: str, is_blocked: bool) -> None:
    found = admit(examined(from_=from_), server(), blocking("other@example.net", entry))

    assert verdict(found) == (("rejected", Reason.BLOCKED) if is_blocked else ("person", None))
    if is_blocked:
        assert blocking(entry).blocked_senders[0] in found.screening.evidence


@pytest.mark.parametrize(("plus_tags", "is_blocked"), [(True, True), (False, False)])
def test_a_plus_tag_that_is_none_of_the_address_does_not_get_round_a_block(plus_tags: bool, is_blocked: bool) -> None:
    options = EmailOptions(blocked_senders=("ann@example.org",), plus_tags=plus_tags)
    found = admit(examined(from_="ann+news@example.org"), server(), options)
    assert (found.screening.reason is Reason.BLOCKED) == is_blocked


def test_a_mail_without_a_sender_is_nobody_who_could_be_blocked() -> None:
    assert verdict(admit(examine(b"Subject: x\r\n\r\n", OWN), server(), blocking("@example.org"))) == ("person", None)


def test_oversize() -> None:
    rejecting = server(oversize="reject", max_mail_bytes=100_000)

    found = admit(examined(), rejecting, EmailOptions(), truncated=200_000)

    assert verdict(found) == ("rejected", Reason.OVERSIZE)
    assert "200000" in found.screening.evidence
    assert "100000" in found.screening.evidence
    assert verdict(admit(examined(), rejecting, EmailOptions())) == ("person", None)
    assert verdict(admit(examined(), server(), EmailOptions(), truncated=200_000)) == ("person", None)


@pytest.mark.parametrize(
    ("headers", "at", "expected"),
    [
        ((FAILS,), QUARANTINE, ("rejected", Reason.QUARANTINE)),
        ((PASSES,), QUARANTINE, ("person", None)),
        ((), QUARANTINE, ("person", None)),
        ((PASSES, FAILS), QUARANTINE, ("person", None)),
        ((FAILS, PASSES), QUARANTINE, ("rejected", Reason.QUARANTINE)),
        ((FAILS,), MARK, ("person", None)),
        ((FAILS,), server(), ("person", None)),
        ((FAILS, ROBOT), QUARANTINE, ("rejected", Reason.AUTO_REPLY)),
        ((FAILS, LOOPS), QUARANTINE, ("rejected", Reason.LOOP)),
    ],
)
def test_quarantine(headers: tuple[str, ...], at: IncomingServer, expected: tuple[str, Reason | None]) -> None:
    assert verdict(admit(examined(*headers), at, EmailOptions())) == expected


def test_the_first_check_that_answers_wins() -> None:
    at = server(trust="quarantine", authserv_id="mx.desk.example", oversize="reject")

    def reason(options: EmailOptions, truncated: int | None) -> Reason | None:
        return admit(examined(FAILS), at, options, truncated).screening.reason

    assert reason(blocking("@example.org"), 10**9) is Reason.BLOCKED
    assert reason(EmailOptions(), 10**9) is Reason.OVERSIZE
    assert reason(EmailOptions(), None) is Reason.QUARANTINE


@pytest.mark.parametrize("header", [FAILS, ROBOT, "X-Nothing: x"])
def test_a_released_mail_is_a_persons(header: str) -> None:
    found = admit(examined(header), QUARANTINE, blocking("@example.org"), 10**9, released="root")

    assert found.screening == Screening(verdict="person", evidence="released by root")


def test_our_own_mail_is_not_released() -> None:
    assert verdict(admit(examined(LOOPS), server(), EmailOptions(), released="root")) == ("rejected", Reason.LOOP)


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore((tmp_path / "blobs").as_uri())


@pytest.fixture
def handle(desk: Engine, snapshot: SettingsSnapshot, blobs: BlobStore) -> Callable[..., FinalOutcome]:
    """Handles one record at a server with these settings."""

    def directory(addresses: Collection[str]) -> dict[str, tuple[Person, ...]]:
        with read_transaction(desk) as connection:
            return find_persons(connection, addresses)

    def run(
        record: Record, at: IncomingServer, options: EmailOptions | None = None, keys: TokenKeys = NO_KEYS
    ) -> FinalOutcome:
        changes = [(f"incoming-server/{at.id}", at, 100)]
        settings = snapshot.with_changes([*changes, ("email-options/email-options", options, 101)])
        handler = ResolverHandler(
            lambda: settings, lambda: settings, directory, blobs, lambda: NOW, examine_here, token_keys=keys
        )
        return handler.handle([record])[0]

    return run


def output(outcome: FinalOutcome) -> OutputRecord:
    assert isinstance(outcome, Ok | Reject)
    (message,) = outcome.outputs
    return message


def rejected(outcome: FinalOutcome) -> RejectedMail:
    message = output(outcome)
    assert message.topic is MAIL_REJECTED
    return RejectedMail.model_validate_json(message.value or b"")


def resolved(outcome: FinalOutcome) -> ResolvedMail:
    message = output(outcome)
    assert message.topic is MAIL_RESOLVED
    return ResolvedMail.model_validate_json(message.value or b"")


def test_a_mail_in_quarantine_is_held_with_all_that_is_needed_to_release_it(
    handle: Callable[..., FinalOutcome], fetched: Fetched, blobs: BlobStore
) -> None:
    record = fetched(mail(FAILS), key="alan@example.org", mailbox="INBOX;UID=7")

    outcome = handle(record, QUARANTINE)

    assert isinstance(outcome, Reject)
    assert outcome.reason is Reason.QUARANTINE
    value, message = rejected(outcome), output(outcome)
    assert (value.reason, value.evidence) == (Reason.QUARANTINE, "dmarc=fail")
    assert (value.sender, value.subject) == ("alan@example.org", "Printer")
    assert blobs.get(value.blob or "") == mail(FAILS)
    context, _ = decode(MAIL_REJECTED, Record("t", 0, 0, message.key.encode(), message.value, message.headers))
    held = FetchedMail.from_envelope(CloudEvent(context, b""), 0)
    before = open_fetched(record)
    assert held.dataref == value.blob
    for name in ("mail_id", "server_id", "received", "size", "sha256", "mailbox", "traceparent"):
        assert getattr(held, name) == getattr(before, name)


def test_of_a_claim_check_in_quarantine_the_blob_is_the_same(
    handle: Callable[..., FinalOutcome], fetched: Fetched, blobs: BlobStore
) -> None:
    key = blobs.put(mail(FAILS))
    record = fetched(b"", dataref=key, size="1", sha256="0" * 64)
    assert rejected(handle(record, QUARANTINE)).blob == key


@pytest.mark.parametrize(
    ("raw", "options", "reason"),
    [
        (mail(ROBOT), None, Reason.AUTO_REPLY),
        (mail(), blocking("@example.org"), Reason.BLOCKED),
        (mail("Auto-Submitted: auto-generated", from_="desk@example.org"), None, Reason.LOOP),
    ],
)
def test_any_other_rejected_mail_is_named_and_not_kept(
    raw: bytes, options: EmailOptions | None, reason: Reason, handle: Callable[..., FinalOutcome], fetched: Fetched
) -> None:
    value = rejected(handle(fetched(raw), QUARANTINE, options))

    assert value.reason is reason
    assert value.sender.endswith("@example.org")
    assert (value.subject, value.blob, value.released) == ("Printer", None, "")
    assert value.received is not None


def test_a_subject_of_any_length_stands_there_in_part(handle: Callable[..., FinalOutcome], fetched: Fetched) -> None:
    raw = mail(ROBOT).replace(b"Printer", b"Printer " * 1000)
    assert len(rejected(handle(fetched(raw), server())).subject) == 200


def test_a_mail_over_the_limit_is_rejected_where_the_server_says_so(
    handle: Callable[..., FinalOutcome], fetched: Fetched
) -> None:
    record = fetched(mail(), truncated="80000000")
    assert rejected(handle(record, server(oversize="reject"))).reason is Reason.OVERSIZE
    assert resolved(handle(record, server())).subject == "Printer"


@pytest.mark.parametrize(
    ("headers", "at", "trust", "analyst", "set_user_flag"),
    [
        ((), server(), "not-checked", "alan", True),
        ((PASSES,), MARK, "passed", "alan", True),
        ((FAILS,), MARK, "failed", "ida", False),
        ((), MARK, "unproved", "ida", False),
        ((), QUARANTINE, "unproved", "ida", False),
    ],
)
def test_who_is_not_proved_has_no_analysts_rights(
    headers: tuple[str, ...],
    at: IncomingServer,
    trust: str,
    analyst: str,
    set_user_flag: bool,
    handle: Callable[..., FinalOutcome],
    fetched: Fetched,
) -> None:
    value = resolved(handle(fetched(mail(*headers)), at))

    assert value.trust == trust
    assert value.sender.person_id == "alan"
    assert (value.sender.logging_analyst, value.sender.set_user_flag) == (analyst, set_user_flag)


def test_a_user_is_a_user_whoever_proves_it(handle: Callable[..., FinalOutcome], fetched: Fetched) -> None:
    value = resolved(handle(fetched(mail(FAILS, from_="ursula@example.org")), MARK))
    assert (value.sender.person_id, value.sender.kind, value.sender.logging_analyst) == ("ursula", "user-only", "ida")


def released_record(fetched: Fetched, raw: bytes, keys: TokenKeys, **changes: str) -> Record:
    """As `mailcall mail release` writes it."""
    signed = released_by(open_fetched(fetched(raw)), hashlib.sha256(raw).hexdigest(), "root", keys)
    return fetched(raw, **{**signed.extensions(), **changes})


def test_a_released_mail_goes_on_and_proves_no_more_than_before(
    handle: Callable[..., FinalOutcome], fetched: Fetched
) -> None:
    value = resolved(handle(released_record(fetched, mail(FAILS), KEYS), QUARANTINE, keys=KEYS))

    assert value.released
    assert value.trust == "failed"
    assert (value.sender.person_id, value.sender.logging_analyst) == ("alan", "ida")
    assert value.mail_id == ids.mail_id("it-mailbox", mail(FAILS))
    assert not resolved(handle(fetched(mail()), server())).released


def test_what_an_older_key_released_is_released(handle: Callable[..., FinalOutcome], fetched: Fetched) -> None:
    rotated = TokenKeys((b"n" * 32, *KEYS.keys))
    assert resolved(handle(released_record(fetched, mail(FAILS), KEYS), QUARANTINE, keys=rotated)).released


@pytest.mark.parametrize(
    "changes",
    [
        {"releasemark": ""},
        {"releasemark": "0" * 64},
        {"releasemark": "\u0663"},
        {"released": "ida"},
        {"wholeref": f"sha256/00/{'0' * 64}"},
        {"serverid": "hr-mailbox"},
        {"sha256": "0" * 64, "releasemark": "0" * 64},
    ],
)
def test_a_mail_that_only_says_it_was_released_is_held_as_any_other(
    changes: dict[str, str], handle: Callable[..., FinalOutcome], fetched: Fetched
) -> None:
    at = QUARANTINE.model_copy(update={"id": changes.get("serverid", QUARANTINE.id)})
    outcome = handle(released_record(fetched, mail(FAILS), KEYS, **changes), at, keys=KEYS)
    assert rejected(outcome).reason is Reason.QUARANTINE


def test_the_mark_of_one_mail_releases_no_other(handle: Callable[..., FinalOutcome], fetched: Fetched) -> None:
    marked = open_fetched(released_record(fetched, mail(FAILS), KEYS))
    other = mail(FAILS).replace(b"broken", b"yours")
    assert other != mail(FAILS)
    record = encode(
        MAIL_FETCHED, "", other, id=marked.mail_id, source="/x", time=NOW, traceparent=marked.traceparent,
        extensions=marked.extensions(),
    )  # fmt: skip
    forged = Record("mail.fetched", 0, 7, b"", record.value, record.headers, 0)
    assert open_fetched(forged).mail_id == marked.mail_id
    assert rejected(handle(forged, QUARANTINE, keys=KEYS)).reason is Reason.QUARANTINE


@pytest.mark.parametrize("keys", [NO_KEYS, TokenKeys((b"x" * 32,))])
def test_without_our_key_no_mail_is_released(
    keys: TokenKeys, handle: Callable[..., FinalOutcome], fetched: Fetched
) -> None:
    record = released_record(fetched, mail(FAILS), KEYS)
    assert rejected(handle(record, QUARANTINE, keys=keys)).reason is Reason.QUARANTINE
    unsigned = fetched(mail(FAILS), released="root")
    assert rejected(handle(unsigned, QUARANTINE, keys=keys)).reason is Reason.QUARANTINE


def test_a_report_from_a_blocked_sender_still_tells_of_our_notification(
    handle: Callable[..., FinalOutcome], fetched: Fetched
) -> None:
    notification = ids.notification_id("0" * 32, "CallLogged", "a@b.c")
    about = ids.message_id(notification, "desk.example")
    raw = mail(
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=b",
        f"In-Reply-To: {about}",
    ).replace(b"It is broken.", b"--b\r\nContent-Type: message/disposition-notification\r\n\r\nDisposition: x\r\n--b--")

    assert output(handle(fetched(raw), server(), blocking("@example.org"))).topic is NOTIFICATION_RESULTS


def test_of_two_addresses_in_from_none_is_proved(handle: Callable[..., FinalOutcome], fetched: Fetched) -> None:
    value = resolved(handle(fetched(mail(PASSES, from_="alan@example.org, eve@example.net")), MARK))
    assert (value.trust, value.sender.logging_analyst) == ("unproved", "ida")


def test_without_a_received_only_the_topmost_line_is_looked_at_and_it_is_read_as_it_stands() -> None:
    found = examined("Authentication-Results: a.example;\r\n\tdkim=pass (=?utf-8?q?x?=)", PASSES)
    assert found.authentication_results == (" a.example;\r\n\tdkim=pass (=?utf-8?q?x?=)\r",)
