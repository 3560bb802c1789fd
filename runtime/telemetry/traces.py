"""OpenTelemetry traces, one per message: off unless `OTEL_TRACES_EXPORTER` is `otlp`. Here is what runs when off.

A stage hands its handler each record with the `traceparent` of its own span, so that whatever the handler publishes,
now or from an outbox later, continues from there. Spans hold topic, place and outcome, never anything of a message.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.wire import OutputRecord, Record

EXPORTER = "OTEL_TRACES_EXPORTER"
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
PROTOCOL = "http/protobuf"
EXTRA = "mailcall[otel]"
Publish = Callable[[list[OutputRecord]], None]


class Span(Protocol):
    def end(self, outcome: str, reason: str = "") -> None:
        """A span that is never ended is never exported: its record is redelivered."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records as the handler gets them, and a span for each; `end` once all is done but for what is in flight."""

    records: Sequence[Record]
    spans: Sequence[Span]
    end: Callable[[], None]


class Traces(Protocol):
    def process(self, stage: str, records: Sequence[Record]) -> Batch:
        """A span for each record that carries a `traceparent`, and one for all of them where there are several."""

    def publishing(self, publish: Publish) -> Publish:
        """The same, with a span for each record that begins a trace."""

    def send_mail(self, traceparent: str, server_id: str) -> Span:
        """The transfer of a message to an outgoing server. Any thread."""

    def close(self) -> None:
        """Sends what is still to be sent."""


class _NoSpan:
    def end(self, outcome: str, reason: str = "") -> None: ...


NO_SPAN = _NoSpan()


class _Off:
    def process(self, _stage: str, records: Sequence[Record]) -> Batch:
        return Batch(records, (NO_SPAN,) * len(records), _nothing)

    def publishing(self, publish: Publish) -> Publish:
        return publish

    def send_mail(self, _traceparent: str, _server_id: str) -> Span:
        return NO_SPAN

    def close(self) -> None: ...


class TracesError(ValueError):
    """Traces are configured in a way that does not exist; the text says which variable, and what to do."""


_current: Traces = _Off()


def current() -> Traces:
    return _current


def start(program: str, prefix: str) -> None:
    """Turns traces on for this process if the environment asks for them. Raises `TracesError`."""
    global _current
    wanted = os.environ.get(EXPORTER, "").strip().lower()
    if wanted in ("", "none") or os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return
    if wanted != "otlp":
        raise TracesError(f"{EXPORTER}: {wanted[:40]!r} is not there; write otlp, or none")
    protocol = next(filter(None, map(os.environ.get, PROTOCOLS)), PROTOCOL)
    if protocol != PROTOCOL:
        raise TracesError(f"{PROTOCOLS[1]}: {protocol[:40]!r} is not there; write {PROTOCOL}, or leave it out")
    try:
        from runtime.telemetry.otel_traces import OtelTraces
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("opentelemetry"):
            raise
        raise TracesError(f"{EXPORTER} is otlp, but {EXTRA} is not installed: docs/running.md, Traces") from None
    _current = OtelTraces(program, prefix)


def stop() -> None:
    """Sends what is still to be sent, and turns traces off."""
    global _current
    _current.close()
    _current = _Off()


def _nothing() -> None: ...
