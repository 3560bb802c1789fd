"""The runtime's pure parts: deferral, dead letters, batches, back-off, decoding, what a stage makes of outcomes."""

from collections.abc import Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from itertools import islice

import pytest

from runtime.backoff import delays
from runtime.config import ProcessConfig
from runtime.kafka.producer import ProducerRecord
from runtime.lifecycle import StopProcess
from runtime.outages import OutageError
from runtime.processing.batch_runner import split
from runtime.processing.dead_letters import dead_letter, handler_failed, without_value
from runtime.processing.handler_runner import HandlerRunner
from runtime.processing.outcomes import Dead, InFlight, Ok, Outcome, Reject, Retry, decode_batch
from runtime.processing.retry_topics import TURN_MS, as_original, attempt_of, deferred, is_due, milliseconds_to_wait
from schemas.reasons import Reason
from schemas.topics import MAIL_FETCHED, NOTIFICATION_REQUESTED, Topic
from schemas.wire import OutputRecord, Record, UndecodableError

TOPIC = NOTIFICATION_REQUESTED.name("t")
NOW = 1_800_000_000_000


def record(value: bytes | None = b"v", headers: Sequence[tuple[str, bytes]] = (), topic: str = TOPIC) -> Record:
    return Record(topic, 3, 42, b"k", value, headers, NOW - 1000)


def as_read(outgoing: ProducerRecord, offset: int = 7, timestamp_ms: int = NOW) -> Record:
    return Record(outgoing.topic, 1, offset, outgoing.key, outgoing.value, outgoing.headers, timestamp_ms)


def defer(original: Record, seconds: float) -> ProducerRecord:
    return deferred(original, NOTIFICATION_REQUESTED, Retry(Reason.SERVER_DEFERRED, seconds), "t", NOW)


def test_a_deferred_record_comes_back_as_the_original_with_its_attempt() -> None:
    original = record(headers=[("h", b"1")])
    once = as_read(defer(original, 60))
    assert once.topic == f"{TOPIC}.retry"
    again = as_original(once, TOPIC)
    assert (again.topic, again.partition, again.offset, again.timestamp_ms) == (TOPIC, 3, 42, NOW - 1000)
    assert (again.key, again.value) == (original.key, original.value)
    assert (attempt_of(original), attempt_of(again)) == (1, 2)
    twice = as_original(as_read(defer(again, 60)), TOPIC)
    assert (attempt_of(twice), twice.offset) == (3, 42)
    assert [name for name, _ in twice.headers].count("retry-attempt") == 1


def test_a_deferred_record_waits_until_it_is_due() -> None:
    soon = as_read(defer(record(), 5))
    assert milliseconds_to_wait(soon, NOW) == 5000
    assert not is_due(soon, NOW + 4999)
    assert milliseconds_to_wait(soon, NOW + 5000) == 0
    assert is_due(soon, NOW + 5000)


def test_a_far_due_time_holds_up_the_partition_for_one_turn_only() -> None:
    far = as_read(defer(record(), 3600))
    assert milliseconds_to_wait(far, NOW) == TURN_MS
    assert milliseconds_to_wait(far, NOW + TURN_MS) == 0
    assert not is_due(far, NOW + TURN_MS)


@pytest.mark.parametrize("value", [b"", b"soon", b"-1", b"9" * 40, b"\xff"])
def test_a_foreign_record_on_a_retry_topic_is_due_at_once(value: bytes) -> None:
    foreign = record(headers=[("retry-not-before", value), ("retry-attempt", value)], topic=f"{TOPIC}.retry")
    assert is_due(foreign, NOW)
    assert attempt_of(foreign) == 1
    assert as_original(foreign, TOPIC).offset == 42


def test_a_dead_letter_of_a_replayed_and_deferred_record_tells_of_this_time_only() -> None:
    retried = as_original(as_read(defer(record(headers=[("h", b"1"), ("dlq-stage", b"old")]), 1)), TOPIC)
    dead = Dead(Reason.RETRIES_EXHAUSTED, "gave up on smtp://u:secret@h\r\nX: y")
    letter = dead_letter(retried, NOTIFICATION_REQUESTED, dead, "outbound", "t", datetime(2026, 11, 1, tzinfo=UTC))
    headers = dict(letter.headers)
    assert letter.topic == f"{TOPIC}.dlq"
    assert headers == {
        "h": b"1",
        "dlq-original-topic": TOPIC.encode(),
        "dlq-original-partition": b"3",
        "dlq-original-offset": b"42",
        "dlq-original-timestamp": b"%d" % (NOW - 1000),
        "dlq-stage": b"outbound",
        "dlq-attempts": b"2",
        "dlq-error-class": b"retries-exhausted",
        "dlq-error-message": b"gave up on smtp://u:***@h X: y",
        "dlq-failed-at": b"2026-11-01T00:00:00+00:00",
    }


def test_a_dead_letter_can_always_be_sent() -> None:
    empty = Record(TOPIC, 0, 0, None, None, [("n", None)], 0)  # type: ignore[list-item] # Kafka allows null header values
    letter = dead_letter(empty, NOTIFICATION_REQUESTED, Dead(Reason.NULL_VALUE, ""), "s", "t", datetime.now(UTC))
    assert (letter.key, letter.value) == (b"", None)
    assert dict(letter.headers)["n"] == b""
    large = ProducerRecord("t.dlq", None, b"x" * 1000)
    assert without_value(large) == ProducerRecord("t.dlq", b"", None, (("dlq-value-dropped", b"1000 bytes"),))
    beside = ProducerRecord("t.dlq", b"k" * 900_000, b"x" * 1000, (("n", b"v" * 900_000), ("dlq-stage", b"s")))
    assert without_value(beside) == ProducerRecord(
        "t.dlq", b"", None, (("dlq-stage", b"s"), ("dlq-value-dropped", b"1801001 bytes"))
    )


def test_a_fault_is_told_by_class_and_place_without_content() -> None:
    try:
        raise KeyError("content of a mail")
    except KeyError as error:
        dead = handler_failed(error)
    assert dead.reason is Reason.HANDLER_FAILED
    assert dead.text.startswith("KeyError in runtime/test_decisions.py:")
    assert "content" not in dead.text


@pytest.mark.parametrize(
    ("sizes", "stretches"),
    [
        ([], []),
        ([4], [(0, 1)]),
        ([4, 4, 4], [(0, 2), (2, 3)]),
        ([99, 1, 1], [(0, 1), (1, 3)]),
        ([1, 99, 1], [(0, 1), (1, 2), (2, 3)]),
        ([10, 10], [(0, 1), (1, 2)]),
    ],
)
def test_batches_are_bounded_by_bytes(sizes: list[int], stretches: list[tuple[int, int]]) -> None:
    assert list(split([record(b"x" * size) for size in sizes], 10)) == stretches


def test_backoff_doubles_up_to_a_limit_with_jitter() -> None:
    assert list(islice(delays(1, 5, draw=lambda: 1.0), 5)) == [1, 2, 4, 5, 5]
    assert list(islice(delays(1, 5, draw=lambda: 0.0), 3)) == [0.5, 1, 2]


def test_what_cannot_be_decoded_is_dead_and_the_rest_goes_on() -> None:
    def decode(record: Record) -> str:
        if record.value is None:
            raise UndecodableError(Reason.NULL_VALUE, "the record has no value")
        return record.value.decode()

    decoded, outcomes = decode_batch([record(b"a"), record(None), record(b"b")], decode)
    assert decoded == [(0, "a"), (2, "b")]
    assert outcomes == [None, Dead(Reason.NULL_VALUE, "the record has no value"), None]


class Scripted:
    """Answers with what the script holds for each value, or raises it."""

    stage = "outbound"

    def __init__(self, script: dict[bytes, Outcome | Exception], topics: tuple[Topic, ...] = (NOTIFICATION_REQUESTED,)):
        self.topics = topics
        self._script = script

    def handle(self, records: Sequence[Record]) -> Sequence[Outcome]:
        outcomes = []
        for record in records:
            answer = self._script[record.value or b""]
            if isinstance(answer, Exception):
                raise answer
            outcomes.append(answer)
        return outcomes


CONFIG = ProcessConfig(topic_prefix="t", dead_letter_limit=3)


def test_a_fault_in_a_batch_costs_one_record() -> None:
    stage = HandlerRunner(Scripted({b"good": Ok(), b"bad": ValueError("x")}), CONFIG)
    outcomes = stage.run_handler([record(b"good"), record(b"bad"), record(b"good")])
    assert [type(outcome) for outcome in outcomes] == [Ok, Dead, Ok]


def test_an_outage_goes_to_the_loop() -> None:
    stage = HandlerRunner(Scripted({b"x": OutageError(Reason.DATABASE_AWAY, "")}), CONFIG)
    with pytest.raises(OutageError):
        stage.run_handler([record(b"x")])


def test_a_handler_that_breaks_the_protocol_makes_dead_letters_not_losses() -> None:
    class Short(Scripted):
        def handle(self, records: Sequence[Record]) -> Sequence[Outcome]:
            return list(super().handle(records))[1:]

    assert isinstance(HandlerRunner(Short({b"v": Ok()}), CONFIG).run_handler([record()])[0], Dead)
    later = Retry(Reason.SERVER_SLOW, 1)
    for answer in (later, InFlight(Future(), Ok, later)):
        never_deferred = Scripted({b"v": answer}, (MAIL_FETCHED,))
        assert isinstance(
            HandlerRunner(never_deferred, CONFIG).run_handler([record(topic=MAIL_FETCHED.name("t"))])[0], Dead
        )


def test_every_outcome_says_what_is_published() -> None:
    stage = HandlerRunner(Scripted({}), CONFIG)
    output = OutputRecord(NOTIFICATION_REQUESTED, "k", b"o")
    topics = {
        "ok": stage.to_publish(record(), Ok((output,))),
        "reject": stage.to_publish(record(), Reject(Reason.LOOP, (output,))),
        "retry": stage.to_publish(record(), Retry(Reason.SERVER_SLOW, 1, (output,))),
        "dead": stage.to_publish(record(), Dead(Reason.NULL_VALUE, "")),
        "dead, and told": stage.to_publish(record(), Dead(Reason.UNKNOWN_TEMPLATE, "", (output,))),
    }
    assert {word: [outgoing.topic for outgoing in found] for word, found in topics.items()} == {
        "ok": [TOPIC],
        "reject": [TOPIC],
        "retry": [TOPIC, f"{TOPIC}.retry"],
        "dead": [f"{TOPIC}.dlq"],
        "dead, and told": [f"{TOPIC}.dlq", TOPIC],
    }


def test_dead_letters_in_a_row_stop_the_process_and_a_good_record_starts_the_count_anew() -> None:
    stage = HandlerRunner(Scripted({}), CONFIG)
    dead = Dead(Reason.WRONG_SCHEMA, "")
    stage.check_limit([dead, dead, dead, Ok(), dead, dead])
    with pytest.raises(StopProcess, match=r"wrong-schema.*MAILCALL_DEAD_LETTER_LIMIT"):
        stage.check_limit([dead, dead])
    no_limit = HandlerRunner(Scripted({}), CONFIG.model_copy(update={"dead_letter_limit": 0}))
    no_limit.check_limit([dead] * 1000)


def test_dead_letters_of_which_whoever_asked_is_told_do_not_stop_the_process() -> None:
    stage = HandlerRunner(Scripted({}), CONFIG)
    dead = Dead(Reason.WRONG_SCHEMA, "")
    told = Dead(Reason.UNKNOWN_TEMPLATE, "", (OutputRecord(NOTIFICATION_REQUESTED, "k", b"o"),))
    stage.check_limit([told] * 1000)
    with pytest.raises(StopProcess, match="wrong-schema"):
        stage.check_limit([dead, dead, told, dead, told, dead])
