"""The index of mails in the database: what records make of it, in whatever order and how often they come."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select

from console.mails.index.conditions import Query
from console.mails.index.facts import indexed_topics
from console.mails.index.letter_facts import DISCARDED, DISCARDED_AT, SETTLED_BY, SETTLED_WHY
from console.mails.index.record_facts import facts_of
from console.mails.index.search import MOST_WALKED, IndexedMail, Page, find_mails, make_trigrams, one_mail
from console.mails.index.store import (
    end_by_ledger,
    read_positions,
    write_facts,
    write_positions,
)
from desk.engine import open_desk, read_transaction, write_transaction
from desk.tables import dead_letters, items, mail_index, mail_steps, mails, persons
from runtime.kafka.producer import ProducerRecord, prepare
from runtime.processing.dead_letters import dead_letter
from runtime.processing.outcomes import Dead
from schemas.events import CallLogged, NotificationRequested, NotificationResult
from schemas.reasons import Reason
from schemas.resolved_mail import ConversationReferences, RejectedMail, ResolvedMail, Sender
from schemas.topics import (
    CALL_EVENTS,
    MAIL_FETCHED,
    MAIL_REJECTED,
    MAIL_RESOLVED,
    NOTIFICATION_REQUESTED,
    NOTIFICATION_RESULTS,
    Topic,
)
from schemas.wire import OutputRecord, Record, encode

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
TOPICS = indexed_topics("p")
HOSTILE = "\u202egpj.exe\0<script>alert(1)</script>\r\n' OR 1=1 -- %_\\ 𝔉ü" + "x" * 5_000


@pytest.fixture
def desk(desk_url: str) -> Iterator[Engine]:
    engine = open_desk(desk_url)
    yield engine
    engine.dispose()


def mail_id(number: int) -> str:
    return f"{number:032x}"


def record(message: OutputRecord | ProducerRecord, offset: int, partition: int = 0) -> Record:
    one = prepare(message, "p") if isinstance(message, OutputRecord) else message
    return Record(one.topic, partition, offset, one.key, one.value, one.headers, int(NOW.timestamp() * 1000) + offset)


def fetched(number: int, offset: int = 0, **extensions: str) -> Record:
    known = {"serverid": "it-mailbox", "internaldate": NOW.isoformat(), "mailbox": "INBOX;UID=7", **extensions}
    message = encode(
        MAIL_FETCHED,
        "ann@example.org",
        b"Subject: x\r\n\r\n",
        id=mail_id(number),
        source="/t",
        time=NOW,
        extensions=known,
    )
    return record(message, offset)


def resolved(number: int, offset: int = 0, **fields: Any) -> Record:
    sender = Sender(
        address=fields.pop("address", "ann@example.org"), person_id="ann", kind="user-only", new_person=False,
        set_user_flag=False, logging_analyst="ida", reason="a known User",
    )  # fmt: skip
    known: dict[str, Any] = {
        "mail_id": mail_id(number), "server_id": "it-mailbox", "received": NOW, "size": 7, "sha256": "0" * 64,
        "message_id": f"<{number}@example.org>", "subject": f"Printer {number}", "text": "t", "reply": "t",
        "sender": sender, "conversation": ConversationReferences(), "wanted": "log-or-update",
        "call_template": "it", "answerable": True,
    }  # fmt: skip
    return _of(MAIL_RESOLVED, ResolvedMail(**{**known, **fields}), number, offset)


def rejected(number: int, offset: int = 0, reason: Reason = Reason.AUTO_REPLY, **fields: Any) -> Record:
    known: dict[str, Any] = {
        "mail_id": mail_id(number), "server_id": "it-mailbox", "reason": reason, "evidence": "a header",
        "sender": "ann@example.org", "subject": "Out of office", "received": NOW,
    }  # fmt: skip
    return _of(MAIL_REJECTED, RejectedMail(**{**known, **fields}), number, offset)


def logged(number: int, offset: int = 0, reference: str = "C-000007", partition: str = "it") -> Record:
    event = CallLogged(
        reference=reference, item_kind="call", partition=partition, at=NOW, mail_id=mail_id(number), person_id="ann",
        user="ann", logging_analyst="ida", call_template="it", impact="1", urgency="1", priority="1", subject="s",
    )  # fmt: skip
    return _of(CALL_EVENTS, event, number, offset)


def asked(number: int, offset: int = 0) -> Record:
    notification = NotificationRequested(
        notification_id=mail_id(99), recipient="ann@example.org", event="CallLogged", mail_id=mail_id(number),
        requested_at=NOW,
    )  # fmt: skip
    return _of(NOTIFICATION_REQUESTED, notification, number, offset)


def sent(number: int, offset: int = 0, source: str = "/mailcall/outbound") -> Record:
    result = NotificationResult(
        notification_id=mail_id(99), outcome="sent", recipient="ann@example.org", mail_id=mail_id(number),
        smtp_reply="250 ok", at=NOW,
    )  # fmt: skip
    return _of(NOTIFICATION_RESULTS, result, number, offset, source)


def _of(topic: Topic, value: Any, number: int, offset: int, source: str = "/t") -> Record:
    return record(encode(topic, "ann@example.org", value, id=mail_id(number), source=source, time=NOW), offset)


def dead(original: Record, offset: int, topic: Topic = MAIL_FETCHED) -> Record:
    letter = dead_letter(original, topic, Dead(Reason.WRONG_SCHEMA, "no good"), topic.dead_letters[0], "p", NOW)
    return record(letter, offset)


def settlement(topic: Topic, letter_id: str, offset: int, *, discarded: bool) -> Record:
    names = (DISCARDED, DISCARDED_AT) if discarded else ("dlq-replayed", "dlq-replayed-at")
    headers = (
        (names[0], letter_id.encode()), (names[1], NOW.isoformat().encode()), (SETTLED_BY, b"ida"),
        (SETTLED_WHY, b"spam"),
    )  # fmt: skip
    return record(ProducerRecord(topic.dlq("p"), b"ann@example.org", None, headers), offset)


def take(desk: Engine, *records: Record) -> None:
    with write_transaction(desk) as connection:
        write_facts(connection, [fact for one in records for fact in facts_of(one, TOPICS[one.topic])])


def shown(desk: Engine, number: int = 1) -> IndexedMail:
    with read_transaction(desk) as connection:
        found = one_mail(connection, mail_id(number))
    assert found is not None
    return found


def find(desk: Engine, query: Query, size: int = 50, after: Any = None) -> Page:
    with read_transaction(desk) as connection:
        return find_mails(connection, query, after, size)


def numbers(page: Page) -> list[int]:
    return [int(one.mail_id, 16) for one in page.mails]


def steps(desk: Engine) -> list[tuple[str, str]]:
    with read_transaction(desk) as connection:
        query = select(mail_steps.c.topic, mail_steps.c.outcome).order_by(mail_steps.c.topic, mail_steps.c.topic_offset)
        return [tuple(row) for row in connection.execute(query)]


# ---- ends ------------------------------------------------------------------------------------------------------------

LETTER = "mail.fetched/0/50"
WAYS: dict[str, tuple[Sequence[Record], str]] = {
    "on its way": ([fetched(1), resolved(1)], "on-the-way"),
    "logged": ([fetched(1), resolved(1), logged(1)], "call-logged"),
    "a machine's": ([fetched(1), rejected(1)], "rejected"),
    "held": ([fetched(1), rejected(1, reason=Reason.QUARANTINE)], "quarantined"),
    "released": (
        [rejected(1, reason=Reason.QUARANTINE), rejected(1, 1, Reason.QUARANTINE, released="ida")],
        "on-the-way",
    ),
    "released, and logged": (
        [rejected(1, reason=Reason.QUARANTINE), rejected(1, 1, Reason.QUARANTINE, released="ida"), logged(1)],
        "call-logged",
    ),
    "released, and rejected by the logger": (
        [
            rejected(1, reason=Reason.QUARANTINE),
            rejected(1, 1, Reason.QUARANTINE, released="ida"),
            rejected(1, 2, Reason.FLOOD),
        ],
        "rejected",
    ),
    "discarded": (
        [rejected(1, reason=Reason.QUARANTINE), rejected(1, 1, Reason.QUARANTINE, discarded="ida", note="spam")],
        "discarded",
    ),
    "a report": ([fetched(1), sent(1, source="/mailcall/resolver")], "notification-result"),
    "a dead letter": ([fetched(1), dead(fetched(1), 50)], "dead-lettered"),
    "an answer was sent": ([fetched(1), resolved(1), logged(1), asked(1), sent(1)], "call-logged"),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_mail_has_one_end_in_whatever_order_its_topics_are_read(way: str, desk: Engine) -> None:
    records, end = WAYS[way]
    for order in permutations(records) if len(records) < 4 else [records, records[::-1]]:
        with write_transaction(desk) as connection:
            for table in (mail_index, mail_steps, dead_letters):
                connection.execute(table.delete())
        for one in order:
            take(desk, one)
        take(desk, *order)  # all of it once more
        assert shown(desk).outcome == end, [one.topic for one in order]


def test_a_dead_letter_counts_until_it_is_replayed_or_discarded(desk: Engine) -> None:
    take(desk, fetched(1), dead(fetched(1), 50), fetched(2, 1), dead(fetched(2, 1), 51))
    assert (shown(desk, 1).outcome, shown(desk, 1).reason) == ("dead-lettered", "wrong-schema")

    take(desk, settlement(MAIL_FETCHED, LETTER, 60, discarded=False))
    take(desk, settlement(MAIL_FETCHED, "mail.fetched/0/51", 61, discarded=True))
    take(desk, dead(fetched(1), 50), dead(fetched(2, 1), 51))  # read once more, as after `mailcall mail reindex`

    assert shown(desk, 1).outcome == "on-the-way"
    assert shown(desk, 2).outcome == "discarded"
    with read_transaction(desk) as connection:
        states = {
            row.id: (row.state, row.settled_by, row.settled_why) for row in connection.execute(select(dead_letters))
        }
    assert states == {LETTER: ("replayed", "ida", "spam"), "mail.fetched/0/51": ("discarded", "ida", "spam")}


def test_a_duplicate_is_known_by_the_desks_ledger_alone(desk: Engine) -> None:
    take(desk, fetched(1), resolved(1))
    with write_transaction(desk) as connection:
        connection.execute(insert(persons), [_person()])
        connection.execute(insert(items), [_item(7)])
        connection.execute(insert(mails), [_ledger(1, "duplicate", 7)])

    with write_transaction(desk) as connection:
        assert end_by_ledger(connection) == 1
        assert end_by_ledger(connection) == 0

    found = shown(desk)
    assert (found.outcome, found.reference, found.partition) == ("duplicate", "C-000007", "it")


def test_a_mail_whose_own_records_are_gone_is_filled_from_the_ledger(desk: Engine) -> None:
    with write_transaction(desk) as connection:
        connection.execute(insert(persons), [_person()])
        connection.execute(insert(items), [_item(7)])
        connection.execute(insert(mails), [_ledger(1, "call-logged", 7)])
    take(desk, logged(1))
    found = shown(desk)
    assert (found.server_id, found.received, found.message_id) == ("it-mailbox", NOW, "<old@x>")
    assert (found.outcome, found.reference) == ("call-logged", "C-000007")


def test_every_record_of_its_way_is_kept_with_its_place(desk: Engine) -> None:
    take(desk, fetched(1, 3), resolved(1, 4), logged(1, 5), asked(1, 6), sent(1, 7))
    assert steps(desk) == [
        ("call.events", "call-logged"),
        ("mail.fetched", "fetched"),
        ("mail.resolved", "resolved"),
        ("notification.requested", "notified"),
        ("notification.results", "sent"),
    ]
    found = shown(desk)
    assert (found.reference, found.partition, found.sender) == ("C-000007", "it", "ann@example.org")
    assert (found.subject, found.message_id, found.size) == ("Printer 1", "<1@example.org>", 7)


@pytest.mark.parametrize("topic", list(TOPICS))
@pytest.mark.parametrize("value", [None, b"", b"\xff\xfe", b"{}", b"[" * 5_000])
def test_what_cannot_be_decoded_stops_nothing(topic: str, value: bytes | None, desk: Engine) -> None:
    junk = Record(topic, 0, 1, None, value, (("ce_id", b"\xff"), ("x", None), ("ce_serverid", b"s")), 10**20)  # type: ignore[arg-type]
    take(desk, junk, fetched(1))
    assert shown(desk).outcome == "on-the-way"


def test_hostile_words_in_every_field_are_stored_cut_and_found(desk: Engine) -> None:
    take(
        desk,
        resolved(1, subject=HOSTILE, message_id=f"<{HOSTILE}@x>", address=HOSTILE),
        rejected(2, reason=Reason.BLOCKED, evidence=HOSTILE, subject=HOSTILE, sender=HOSTILE, message_id=HOSTILE),
        rejected(3, reason=Reason.QUARANTINE, released=HOSTILE, note=HOSTILE),
    )
    for number in (1, 2, 3):
        found = shown(desk, number)
        for text in (found.sender, found.subject, found.message_id or "", found.detail):
            assert len(text) <= 500
            assert "\0" not in text
    assert numbers(find(desk, Query(words="<script>alert(1)"))) == [2, 1]
    assert numbers(find(desk, Query(subject="%_\\"))) == [2, 1]
    assert numbers(find(desk, Query(subject="%x%"))) == []
    assert numbers(find(desk, Query(words="' OR 1=1 --"))) == [2, 1]
    assert numbers(find(desk, Query(words=HOSTILE[:6]))) == [2, 1]


# ---- search ----------------------------------------------------------------------------------------------------------


@pytest.fixture(params=[True, False], ids=["trigrams", "walking"])
def filled(request: pytest.FixtureRequest, desk: Engine) -> Engine:
    """A thousand mails, a minute between two; of PostgreSQL once with the index of trigrams and once without."""
    with write_transaction(desk) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("DROP INDEX IF EXISTS mail_index_words_trigrams")
        if request.param:
            make_trigrams(connection)
        connection.execute(insert(mail_index), [row(number) for number in range(1_000)])
    return desk


def row(number: int) -> dict[str, Any]:
    sender, subject = f"user{number % 10}@example.org", "Rare Ünit" if number == 500 else f"Printer {number} broken"
    return {
        "mail_id": mail_id(number), "server_id": ("it-mailbox", "hr-mailbox")[number % 2], "sender": sender,
        "received": NOW + timedelta(minutes=number), "subject": subject, "words": f"{sender}\n{subject}".casefold(),
        "message_id": f"<{number}@example.org>", "size": number, "detail": "",
        "outcome": "rejected" if number % 100 == 0 else "call-logged", "reference": f"C-{number:06d}",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (Query(), range(999, 949, -1)),
        (Query(words="rare"), [500]),
        (Query(words="ÜNIT rare"), [500]),
        (Query(subject="ünit"), [500]),
        (Query(subject="user3"), []),
        (Query(sender="broken"), []),
        (Query(sender="User3@Example.org", words="printer"), range(993, 500, -10)),
        (Query(words="C-000123"), [123]),
        (Query(words="c-000123"), [123]),
        (Query(reference="C-000123"), [123]),
        (Query(words="<77@example.org>"), [77]),
        (Query(message_id="77@example.org"), [77]),
        (Query(words=mail_id(42)), [42]),
        (Query(words=mail_id(42), server_id="hr-mailbox"), []),
        (Query(outcome="rejected"), range(900, -1, -100)),
        (
            Query(outcome="rejected", words="printer", server_id="it-mailbox"),
            [900, 800, 700, 600, 400, 300, 200, 100, 0],
        ),
        (Query(outcome="rejected", server_id="hr-mailbox"), []),
        (Query(since=NOW + timedelta(minutes=990), until=NOW + timedelta(minutes=993)), [992, 991, 990]),
        (Query(words="ab"), []),
        (Query(words="en"), range(999, 949, -1)),
    ],
)
def test_mails_are_found(query: Query, found: Sequence[int], filled: Engine) -> None:
    assert numbers(find(filled, query)) == list(found)


@pytest.mark.parametrize(
    "query", [Query(), Query(words="printer"), Query(outcome="call-logged", server_id="it-mailbox")]
)
def test_pages_follow_one_another_without_gap_or_repetition(query: Query, filled: Engine) -> None:
    whole = numbers(find(filled, query, 1_000))
    paged, after = [], None
    while True:
        page = find(filled, query, 37, after)
        paged += numbers(page)
        after = page.after
        if after is None:
            break
    assert paged == whole
    assert len(whole) in (1_000, 999, 490)


def test_a_page_looks_at_a_bounded_number_of_mails_and_says_how_far(
    filled: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(MOST_WALKED) == {"sqlite", "postgresql"}
    monkeypatch.setattr("console.mails.index.search.MOST_WALKED", dict.fromkeys(MOST_WALKED, 100))
    monkeypatch.setattr("console.mails.index.search.FEW_WALKED", 10)
    monkeypatch.setattr("console.mails.index.search.MOST_FOUND", 0)
    page, looks = find(filled, Query(words="rare")), 1
    while page.after is not None:
        assert page.walked_to == page.after[0]
        assert page.mails == ()
        page, looks = find(filled, Query(words="rare"), after=page.after), looks + 1
        if page.mails:
            break
    assert (numbers(page), looks) == ([500], 5)


def test_positions_are_kept_with_the_rows_or_not_at_all(desk: Engine) -> None:
    with write_transaction(desk) as connection:
        write_positions(connection, {("a", 0): 5, ("b", 1): 7})
    with pytest.raises(RuntimeError), write_transaction(desk) as connection:
        write_positions(connection, {("a", 0): 9})
        raise RuntimeError
    with read_transaction(desk) as connection:
        assert read_positions(connection, ["a", "b"]) == {("a", 0): 5, ("b", 1): 7}


def _person() -> dict[str, Any]:
    return {
        "id": "ann", "first_name": "Ann", "last_name": "A", "is_user": True, "is_analyst": False, "email_format": None,
        "office": "", "disabled": False, "version": 1,
    }  # fmt: skip


def _item(number: int) -> dict[str, Any]:
    texts = (
        "status subject description logging_analyst call_template screen_set ipk_status ipk_stream assigned_office "
        "assigned_group call_type impact urgency priority"
    ).split()
    return {
        **dict.fromkeys(texts, ""), "id": number, "kind": "call", "partition": "it", "user_id": "ann", "fields": {},
        "settings_versions": {}, "opened_at": NOW, "version": 1,
    }  # fmt: skip


def _ledger(number: int, outcome: str, item: int) -> dict[str, Any]:
    return {
        "mail_id": mail_id(number), "server_id": "it-mailbox", "outcome": outcome, "item_id": item,
        "message_id": "<old@x>", "received": NOW, "logged_at": NOW, "size": 1, "sha256": "0" * 64,
    }  # fmt: skip
