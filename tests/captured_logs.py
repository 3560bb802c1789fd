"""What our own code logs meanwhile, as the test asserts it; the libraries' lines are left out."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from runtime.telemetry.logs import fields_of


class _Collector(logging.Handler):
    def __init__(self, events: list[dict[str, Any]]) -> None:
        super().__init__()
        self._events = events

    def emit(self, record: logging.LogRecord) -> None:
        fields = fields_of(record)
        if fields is not None:
            self._events.append({**fields, "event": record.getMessage(), "log_level": record.levelname.lower()})


@contextmanager
def capture_logs() -> Iterator[list[dict[str, Any]]]:
    """Every event so far, of any level and thread: its fields, `event` and `log_level`."""
    events: list[dict[str, Any]] = []
    collector, root = _Collector(events), logging.getLogger()
    level = root.level
    root.addHandler(collector)
    root.setLevel(logging.DEBUG)
    try:
        yield events
    finally:
        root.setLevel(level)
        root.removeHandler(collector)
