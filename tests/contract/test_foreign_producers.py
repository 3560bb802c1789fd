"""What producers of other systems may put on our topics, under both loops: transactions, odd names, large batches."""

from collections import Counter
from collections.abc import Iterator

import pytest
from kafka import KafkaProducer

from runtime.config import ProcessConfig
from runtime.kafka import decompression as unpacking
from runtime.kafka import poll_limits as polled_bytes
from runtime.kafka.clients import make_producer
from runtime.kafka.topic_reader import kept_since, read_between, read_to_end
from runtime.processing import faust_consumer
from runtime.telemetry.metrics import LAG
from schemas.topics import MAIL_FETCHED
from schemas.wire import LEAST_RECORD_BYTES, NOT_UNPACKED, UNREADABLE_NAME, Record, UndecodableError, open_envelope
from tests.contract.loops import LoopName, ObedientHandler, Running, until
from tests.contract.test_loops import config, dead_letters, empty, loop, outputs  # noqa: F401 - fixtures

NAME = "na\u00efve".encode("latin-1")


class RawName(str):
    """A header name whose bytes are sent as they are."""

    def encode(self, *_: object) -> bytes:
        return NAME


@pytest.fixture
def foreign(config: ProcessConfig, topic_prefix: str) -> Iterator[KafkaProducer]:  # noqa: F811
    """In a transaction, which the test ends or leaves open."""
    producer = KafkaProducer(
        bootstrap_servers=config.kafka_bootstrap_servers, transactional_id=topic_prefix, compression_type="lz4"
    )
    producer.init_transactions()
    producer.begin_transaction()
    yield producer
    producer.close(timeout=10)


def _send(producer: KafkaProducer, config: ProcessConfig, *values: bytes) -> None:  # noqa: F811
    for value in values:
        producer.send(MAIL_FETCHED.name(config.topic_prefix), value, b"key", partition=0)
    producer.flush(30)


def test_a_record_with_a_name_that_is_not_utf8_is_marked_and_stops_no_reader(
    loop: LoopName,  # noqa: F811
    config: ProcessConfig,  # noqa: F811
    foreign: KafkaProducer,
) -> None:
    topic = MAIL_FETCHED.name(config.topic_prefix)
    for number in range(9):
        headers = [("ce_id", b"1"), (RawName("x") if number in (3, 4) else "x", b"\xff"), ("y", b"")]
        foreign.send(topic, b"mail-%d" % number, b"key", headers)
    foreign.commit_transaction()
    handler = ObedientHandler()
    with Running(loop, config, handler):
        until(lambda: len(handler.handled) >= 9, "every record handled")
    assert handler.count() == Counter(b"mail-%d" % number for number in range(9))
    marked = [record for record in handler.handled if UNREADABLE_NAME in dict(record.headers)]
    assert [record.value for record in marked] == [b"mail-3", b"mail-4"]
    for record in marked:
        assert list(record.headers) == [("ce_id", b"1"), ("na?ve", b"\xff"), ("y", b""), (UNREADABLE_NAME, NAME)]
    assert len(outputs(config)) == 9


def test_a_marked_record_cannot_be_decoded() -> None:
    record = Record("t", 0, 0, b"k", b"mail", [("na?ve", b""), (UNREADABLE_NAME, NAME)])
    with pytest.raises(UndecodableError, match="the name of a header is not UTF-8: 'na\ufffdve'"):
        open_envelope(MAIL_FETCHED, record)


def test_a_batch_that_is_too_large_unpacked_is_one_record_and_stops_no_reader(
    loop: LoopName,  # noqa: F811
    config: ProcessConfig,  # noqa: F811
    foreign: KafkaProducer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unpacking, "MAX_UNPACKED_BYTES", 100_000)
    for value in (b"before", b"a" * 300_000, b"after"):
        _send(foreign, config, value)  # each in a batch of its own
    foreign.commit_transaction()
    handler = ObedientHandler()
    with Running(loop, config, handler):
        until(lambda: len(handler.handled) >= 3, "every record handled")
    assert handler.count() == Counter([b"before", b"", b"after"])
    (large,) = [record for record in handler.handled if record.value == b""]
    assert dict(large.headers)[NOT_UNPACKED].startswith(b"1 records, offsets 1 to 1: ")


def test_a_record_that_is_larger_than_ours_may_be_is_a_dead_letter_that_says_where_it_lies(
    loop: LoopName,  # noqa: F811
    config: ProcessConfig,  # noqa: F811
    foreign: KafkaProducer,
) -> None:
    """The topic of an administrator may take more than we are set to."""
    small = config.model_copy(update={"kafka_max_record_bytes": LEAST_RECORD_BYTES})
    topic, large = MAIL_FETCHED.name(config.topic_prefix), b"dead" * 200_000
    foreign.send(topic, large, b"key", [("n", b"v")], partition=0)
    foreign.send(topic, b"dead", b"key", [("n", large)], partition=0)
    foreign.send(topic, b"mail", b"key", partition=0)
    foreign.commit_transaction()
    with Running(loop, small, ObedientHandler()) as running:
        until(lambda: outputs(config) or running.error, "the mail behind them")
    assert outputs(config) == [b"mail"]
    by_value, by_header = (dict(letter.headers) for letter in dead_letters(config))
    assert (by_value["dlq-value-dropped"], by_value["n"]) == (b"800000 bytes", b"v")
    assert (by_header["dlq-value-dropped"], by_header.get("n")) == (b"800008 bytes", None)
    assert [letter["dlq-original-offset"] for letter in (by_value, by_header)] == [b"0", b"1"]


def test_packed_records_that_are_large_together_come_in_several_polls(
    loop: LoopName,  # noqa: F811
    config: ProcessConfig,  # noqa: F811
    foreign: KafkaProducer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(polled_bytes, "MAX_POLLED_BYTES", 100_000)
    monkeypatch.setattr(faust_consumer, "MAX_POLLED_BYTES", 100_000)
    values = [b"%03d" % number + b"a" * 40_000 for number in range(30)]
    values.insert(10, b"large" + b"b" * 200_000)
    _send(foreign, config, *values)
    foreign.commit_transaction()
    handler = ObedientHandler()
    with Running(loop, config, handler):
        until(lambda: len(handler.handled) >= len(values), "every record handled")
    assert [record.value for record in handler.handled] == values
    assert [record.value for record in read_to_end(config, [MAIL_FETCHED.name(config.topic_prefix)])] == values


def test_a_record_of_an_aborted_or_open_transaction_is_not_seen(
    loop: LoopName,  # noqa: F811
    config: ProcessConfig,  # noqa: F811
    foreign: KafkaProducer,
) -> None:
    topic = MAIL_FETCHED.name(config.topic_prefix)
    plain = make_producer(config, "plain")
    plain.send(topic, b"before", b"key", partition=0).get(30)
    _send(foreign, config, b"aborted-1", b"aborted-2")
    foreign.abort_transaction()
    foreign.begin_transaction()
    _send(foreign, config, b"committed")
    foreign.commit_transaction()
    foreign.begin_transaction()
    handler = ObedientHandler()
    with Running(loop, config, handler) as running:
        until(lambda: len(handler.handled) >= 2, "what is committed handled")
        _send(foreign, config, b"open")
        plain.send(topic, b"after", b"key", partition=1).get(30)  # in the other one nothing passes what is open
        until(lambda: not running.health.not_ready() and len(handler.handled) >= 3, "what came after handled")
    assert handler.count() == Counter([b"before", b"committed", b"after"])
    assert Counter(outputs(config)) == handler.count()
    plain.close(timeout=10)


def test_a_topic_that_ends_with_the_mark_of_a_transaction_is_read_to_its_end(
    loop: LoopName,  # noqa: F811
    config: ProcessConfig,  # noqa: F811
    foreign: KafkaProducer,
) -> None:
    topic = MAIL_FETCHED.name(config.topic_prefix)
    _send(foreign, config, b"committed")
    foreign.commit_transaction()
    foreign.begin_transaction()
    _send(foreign, config, b"aborted")
    foreign.abort_transaction()
    assert [record.value for record in read_to_end(config, [topic])] == [b"committed"]
    assert [record.value for record in read_between(config, [topic], 0)] == [b"committed"]
    assert kept_since(config, topic)
    lag = LAG.labels("resolver", MAIL_FETCHED.short + ".v1")
    lag.set(-1)
    handler = ObedientHandler()
    with Running(loop, config, handler):
        until(lambda: len(handler.handled) >= 1, "what is committed handled")
        until(lambda: lag._value.get() == 0, "no lag")
    assert handler.count() == Counter([b"committed"])
