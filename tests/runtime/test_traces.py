"""Traces: what a collector is sent of batches, retries and dead letters; and nothing at all while they are off."""

import subprocess
import sys
from collections.abc import Iterator, Sequence

import pytest

from runtime.config import ProcessConfig
from runtime.kafka.producer import ProducerRecord
from runtime.processing.batch_runner import BatchRunner
from runtime.processing.handler_runner import HandlerRunner
from runtime.processing.outcomes import Dead, Ok, Outcome, Retry
from runtime.telemetry import traces
from runtime.telemetry.health import Health
from schemas import ids
from schemas.reasons import Reason
from schemas.topics import MAIL_FETCHED, NOTIFICATION_REQUESTED, NOTIFICATION_RESULTS, Topic
from schemas.wire import OutputRecord, Record
from tests.otlp import Receiver, Span, receiver

IDS = [digit * 32 for digit in "abc"]
TOPIC = NOTIFICATION_REQUESTED.name("t")
ADDRESS = "ann@example.com"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiver() as collector:
        for name, value in collector.environment.items():
            monkeypatch.setenv(name, value)
        traces.start("outbound", "t")
        yield collector
        traces.stop()


class Handler:
    """Answers in order with `answers`; keeps the headers that it was given."""

    stage = "outbound"
    topics: tuple[Topic, ...] = (NOTIFICATION_REQUESTED,)

    def __init__(self, *answers: Outcome) -> None:
        self.answers = answers
        self.given: list[str] = []

    def handle(self, records: Sequence[Record]) -> Sequence[Outcome]:
        self.given = [dict(record.headers).get("traceparent", b"").decode() for record in records]
        return self.answers[: len(records)]


class Published(list[ProducerRecord]):
    def publish(self, messages: Sequence[ProducerRecord]) -> None:
        self.extend(messages)

    def traceparent(self, topic: str) -> str:
        (found,) = (one for one in self if one.topic == topic)
        return dict(found.headers)["traceparent"].decode()


def record(offset: int, mail_id: str) -> Record:
    headers = (("ce_id", ADDRESS.encode()), ("traceparent", ids.traceparent(mail_id).encode()))
    return Record(TOPIC, 7, offset, ADDRESS.encode(), b"{}", headers if mail_id else headers[:1])


def do(handler: Handler, records: Sequence[Record]) -> Published:
    published = Published()
    work = BatchRunner(HandlerRunner(handler, ProcessConfig(topic_prefix="t")), published, {}, Health(60))
    assert work.run(records) == []
    traces.stop()
    return published


def named(collector: Receiver, name: str) -> list[Span]:
    return [span for span in collector.spans() if span.name.startswith(name)]


def test_records_of_a_batch_go_on_in_their_own_traces_and_the_batch_links_them(collector: Receiver) -> None:
    told = OutputRecord(NOTIFICATION_RESULTS, "k", b"{}")
    handler = Handler(Ok((told,)), Retry(Reason.RATE_LIMITED, 5), Dead(Reason.WRONG_SCHEMA, "no"), Ok())
    published = do(handler, [record(offset, id_) for offset, id_ in enumerate((*IDS, ""))])

    spans = named(collector, "process")
    assert [span.trace for span in spans] == IDS
    assert [span.parent for span in spans] == [ids.traceparent(id_).split("-")[2] for id_ in IDS]
    assert handler.given == [*(f"00-{span.trace}-{span.id}-01" for span in spans), ""]
    outcomes = [(span.attributes["mailcall.outcome"], span.attributes.get("mailcall.reason")) for span in spans]
    assert outcomes == [("ok", None), ("retry", "rate-limited"), ("dead", "wrong-schema")]
    assert [span.is_error for span in spans] == [False, False, True]
    assert [span.attributes["messaging.kafka.offset"] for span in spans] == [0, 1, 2]
    assert published.traceparent(NOTIFICATION_REQUESTED.retry("t")) == handler.given[1]
    (batch,) = named(collector, "receive")
    assert batch.trace not in IDS
    assert batch.links == [span.parent for span in spans]
    assert batch.attributes["messaging.batch.message_count"] == 4
    assert not [body for body in collector.raw if ADDRESS.encode() in body]


def test_one_record_alone_is_no_batch(collector: Receiver) -> None:
    do(Handler(Ok()), [record(0, IDS[0])])

    assert [span.name for span in collector.spans()] == [f"process {TOPIC}"]


def test_what_a_sampler_leaves_out_is_left_out_in_every_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
    sent: list[OutputRecord] = []
    with receiver() as collector:
        for name, value in collector.environment.items():
            monkeypatch.setenv(name, value)
        traces.start("ingest", "t")
        headers = (("ce_serverid", b"it"), ("traceparent", ids.traceparent(IDS[0]).encode()))
        traces.current().publishing(sent.extend)([OutputRecord(MAIL_FETCHED, "k", b"x", headers)])
        handed_on = Record(TOPIC, 0, 0, b"k", b"{}", sent[0].headers)
        do(Handler(Ok()), [handed_on])
        assert collector.raw == []
    assert dict(sent[0].headers)["traceparent"].startswith(f"00-{IDS[0]}-".encode())
    assert dict(sent[0].headers)["traceparent"].endswith(b"-00")


def test_off_nothing_of_opentelemetry_is_imported_and_records_go_on_as_they_are() -> None:
    program = (
        "import sys, ingest.__main__, resolver.__main__, logger.__main__, outbound.__main__;"
        "from runtime.telemetry import traces; traces.start('x', 't'); records = [object()];"
        "assert traces.current().process('x', records).records is records;"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env={})
    assert ran.stdout == "[]\n"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("OTEL_TRACES_EXPORTER", "zipkin", "OTEL_TRACES_EXPORTER: 'zipkin' is not there; write otlp, or none"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "'grpc' is not there; write http/protobuf, or leave it out"),
    ],
)
def test_what_there_is_not_is_refused_at_the_start(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, words: str
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setenv(name, value)
    with pytest.raises(traces.TracesError) as refused:
        traces.start("x", "t")
    assert words in str(refused.value)


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp")
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    monkeypatch.delitem(sys.modules, "runtime.telemetry.otel_traces", raising=False)
    with pytest.raises(traces.TracesError, match=r"mailcall\[otel\] is not installed"):
        traces.start("x", "t")
