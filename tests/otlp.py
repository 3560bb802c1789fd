"""A receiver of OTLP over HTTP, as a collector is one: what it was sent, as spans."""

import gzip
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Span:
    """Ids in hexadecimal digits; `parent` is empty where it has none. `links`: the spans' ids."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    start: int
    end: int
    attributes: Mapping[str, Any]
    links: Sequence[str]
    is_error: bool


@dataclass
class Receiver:
    """`raw`: every request's body as it came, unpacked."""

    port: int
    raw: list[bytes] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    @property
    def environment(self) -> dict[str, str]:
        """Turns traces on, and sends them here soon."""
        return {
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
        }

    def spans(self) -> list[Span]:
        """In the order of their beginnings."""
        found = [span for body in list(self.raw) for span in _spans(body)]
        return sorted(found, key=lambda span: span.start)

    def wait_for(self, names: Collection[str], trace: str, seconds: float = 60.0) -> list[Span]:
        """Of this trace the first span of each name, once all are there: a record that comes again has two."""
        with self.arrived:
            came = self.arrived.wait_for(lambda: {span.name for span in self._of(trace)} >= set(names), seconds)
            assert came, self.spans()
        first = {span.name: span for span in reversed(self._of(trace))}
        return sorted(first.values(), key=lambda span: span.start)

    def _of(self, trace: str) -> list[Span]:
        return [span for span in self.spans() if span.trace == trace]


@contextmanager
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/v1/traces"
            with here.arrived:
                here.raw.append(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
                here.arrived.notify_all()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here = Receiver(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _spans(body: bytes) -> Iterator[Span]:
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        service = _attributes(resource.resource.attributes)["service.name"]
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Span(
                    service,
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    _attributes(span.attributes),
                    [link.span_id.hex() for link in span.links],
                    span.status.code == span.status.STATUS_CODE_ERROR,
                )


def _attributes(pairs: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
