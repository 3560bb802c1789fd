"""Traces by OpenTelemetry's SDK, sent by OTLP over HTTP. Imported only where traces are on.

Names and attributes: OpenTelemetry's semantic conventions for messaging, and for Kafka.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from runtime.telemetry.traces import NO_SPAN, Batch, Publish, Span
from runtime.version import VERSION
from schemas.topics import MAIL_FETCHED
from schemas.wire import Header, OutputRecord, Record

TRACEPARENT = "traceparent"
SERVER = "ce_serverid"
BAD = ("dead", "failed")  # outcomes that are errors
_propagator = TraceContextTextMapPropagator()
_given: ContextVar[SpanContext | None] = ContextVar("given", default=None)


class OtelTraces:
    """`Traces`. Endpoint, headers, sampler, queue and the rest: the standard `OTEL_*` variables."""

    def __init__(self, program: str, prefix: str) -> None:
        self._prefix = prefix
        ours = Resource({"service.namespace": "mailcall", "service.name": program, "service.version": VERSION})
        resource = Resource.create().merge(ours).merge(OTELResourceDetector().detect())  # OTEL_SERVICE_NAME wins
        self._provider = TracerProvider(resource=resource, id_generator=_Ids(), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("mailcall", VERSION)

    def process(self, stage: str, records: Sequence[Record]) -> Batch:
        parents = [_parent(_header(record.headers)) for record in records]
        contexts = [context for parent in parents if parent and (context := _span_context(parent))]
        whole = self._tracer.start_span(
            f"receive {stage}",
            context=Context(),
            kind=SpanKind.CONSUMER,
            links=[Link(context) for context in contexts],
            attributes={
                "messaging.system": "kafka",
                "messaging.operation.name": "poll",
                "messaging.operation.type": "receive",
                "messaging.batch.message_count": len(records),
            },
        ) if len(contexts) > 1 else None  # fmt: skip
        pairs = [self._process(record, parent) for record, parent in zip(records, parents, strict=True)]
        return Batch([record for record, _ in pairs], [span for _, span in pairs], whole.end if whole else lambda: None)

    def _process(self, record: Record, parent: Context | None) -> tuple[Record, Span]:
        if parent is None:
            return record, NO_SPAN
        span = self._tracer.start_span(
            f"process {record.topic}",
            context=parent,
            kind=SpanKind.CONSUMER,
            attributes={
                "messaging.system": "kafka",
                "messaging.operation.name": "process",
                "messaging.operation.type": "process",
                "messaging.destination.name": record.topic,
                "messaging.destination.partition.id": str(record.partition),
                "messaging.kafka.offset": record.offset,
            },
        )
        return record._replace(headers=_with(record.headers, span)), _Open(span)

    def publishing(self, publish: Publish) -> Publish:
        def traced(messages: list[OutputRecord]) -> None:
            begun = [self._begin(message) for message in messages]
            publish([message for message, _ in begun])
            for _, span in begun:
                span.end("ok")

        return traced

    def _begin(self, message: OutputRecord) -> tuple[OutputRecord, Span]:
        """A message's first span is the one that its derived `traceparent` names: its trace has the mail's id."""
        parent = _parent(_header(message.headers)) if message.topic is MAIL_FETCHED else None
        if parent is None:
            return message, NO_SPAN
        topic, headers = message.topic.name(self._prefix), dict(message.headers)
        with _as(_span_context(parent)):
            span = self._tracer.start_span(
                f"send {topic}",
                context=Context(),
                kind=SpanKind.PRODUCER,
                attributes={
                    "messaging.system": "kafka",
                    "messaging.operation.name": "send",
                    "messaging.operation.type": "send",
                    "messaging.destination.name": topic,
                    "mailcall.server": headers[SERVER].decode(),
                },
            )
        return message._replace(headers=_with(message.headers, span)), _Open(span)

    def send_mail(self, traceparent: str, server_id: str) -> Span:
        parent = _parent(traceparent)
        if parent is None:
            return NO_SPAN
        return _Open(
            self._tracer.start_span(
                "send mail",
                context=parent,
                kind=SpanKind.CLIENT,
                attributes={"network.protocol.name": "smtp", "mailcall.server": server_id},
            )
        )

    def close(self) -> None:
        self._provider.shutdown()


@dataclass(frozen=True, slots=True)
class _Open:
    span: trace.Span

    def end(self, outcome: str, reason: str = "") -> None:
        self.span.set_attribute("mailcall.outcome", outcome)
        if reason:
            self.span.set_attribute("mailcall.reason", reason)
        if outcome in BAD:
            self.span.set_attribute("error.type", reason or outcome)
            self.span.set_status(Status(StatusCode.ERROR))
        self.span.end()


class _Ids(RandomIdGenerator):
    """Random ids, but for a span whose ids are given."""

    def generate_trace_id(self) -> int:
        given = _given.get()
        return given.trace_id if given else super().generate_trace_id()

    def generate_span_id(self) -> int:
        given = _given.get()
        return given.span_id if given else super().generate_span_id()


@contextmanager
def _as(given: SpanContext | None) -> Iterator[None]:
    token = _given.set(given)
    try:
        yield
    finally:
        _given.reset(token)


def _header(headers: Sequence[Header]) -> str:
    return next((value.decode("ascii", "replace") for name, value in headers if _is_ours(name) and value), "")


def _is_ours(name: str) -> bool:
    return name.lower() == TRACEPARENT


def _parent(traceparent: str) -> Context | None:
    """None where it is no W3C trace context."""
    found = _propagator.extract({TRACEPARENT: traceparent}, context=Context())
    return found if _span_context(found) else None


def _span_context(context: Context) -> SpanContext | None:
    found = trace.get_current_span(context).get_span_context()
    return found if found.is_valid else None


def _with(headers: Sequence[Header], span: trace.Span) -> tuple[Header, ...]:
    """The headers with the span in place of what they named before."""
    own = span.get_span_context()
    value = f"00-{own.trace_id:032x}-{own.span_id:016x}-{int(own.trace_flags & TraceFlags.SAMPLED):02x}"
    return (*(header for header in headers if not _is_ours(header[0])), (TRACEPARENT, value.encode()))
