"""Logs: one JSON object per line on stderr, with `mail_id` and `trace_id` where known, and without secrets."""

import json
import logging
import re
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from runtime.security.redaction import HIDDEN, conceal

_FIELDS = "event_fields"  # the attribute of a log record in which an `EventLogger` keeps its fields
_SECRET_KEY = re.compile(r"password|passwd|secret|token|authorization|credential|private_key", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@]*):[^\s/@]+@", re.IGNORECASE)
# Lowest level of libraries that log every retry; our own code logs what an operator has to know of it.
_LIBRARIES = {
    "kafka": logging.ERROR,
    "kafka.cluster": logging.CRITICAL,
    "kafka.net": logging.CRITICAL,  # two lines per attempt to connect
    "aiokafka": logging.ERROR,
    "alembic": logging.WARNING,
    "faust": logging.ERROR,
    "mode": logging.ERROR,
}


def configure(process: str, level: str = "info") -> None:
    """Sends all logging of this process, the libraries' too, to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLine(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for library, least in _LIBRARIES.items():
        logging.getLogger(library).setLevel(max(least, root.level))


class EventLogger:
    """Each method takes an event as text and fields by keyword: `log.info("stored", mail_id=...)`.

    `exc_info`: an error whose traceback is logged, too.
    """

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, event: str, **fields: Any) -> None:
        self._log(logging.DEBUG, event, fields)

    def info(self, event: str, **fields: Any) -> None:
        self._log(logging.INFO, event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        self._log(logging.WARNING, event, fields)

    def error(self, event: str, *, exc_info: BaseException | None = None, **fields: Any) -> None:
        self._log(logging.ERROR, event, fields, exc_info)

    def exception(self, event: str, **fields: Any) -> None:
        """As `error`, with the error that is being handled."""
        self._log(logging.ERROR, event, fields, sys.exception())

    def _log(self, level: int, event: str, fields: Mapping[str, Any], error: BaseException | None = None) -> None:
        if self._logger.isEnabledFor(level):
            self._logger.log(level, event, exc_info=error, extra={_FIELDS: fields})


def get_logger(name: str) -> EventLogger:
    """The logger of a module or process."""
    return EventLogger(name)


class JsonLine(logging.Formatter):
    """One line for each log record: the event's fields, then event, level, logger, time, and traceback if any."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        event = {
            "process": self._process,
            **(fields_of(record) or {}),
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "timestamp": _utc(record.created),
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return json.dumps(redact(event), ensure_ascii=False)


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def fields_of(record: logging.LogRecord) -> Mapping[str, Any] | None:
    """The fields that an event was logged with; None where a library logged it."""
    fields: Mapping[str, Any] | None = getattr(record, _FIELDS, None)
    return fields


def redact(event: Mapping[str, Any]) -> dict[str, Any]:
    """Removes values under keys such as `password`, passwords in URLs and every known secret, at any depth."""
    return {str(key): HIDDEN if _SECRET_KEY.search(str(key)) else _clean(value) for key, value in event.items()}


def redact_text(text: str) -> str:
    """The text without passwords in URLs."""
    return _URL_PASSWORD.sub(rf"\1:{HIDDEN}@", text)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return conceal(redact_text(value) if "://" in value else value)
    if isinstance(value, Mapping):
        return redact(value)
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _clean(repr(value))  # as the renderer would show it: an error, bytes, a set
