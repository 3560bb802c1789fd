"""Logs: one JSON object per line on stderr, with `mail_id` and `trace_id` where known, and without secrets."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor

from runtime.security.redaction import HIDDEN, conceal

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
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        lambda _logger, _method, event: {"process": process, **event},
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            redact,
            structlog.processors.JSONRenderer(sort_keys=False, ensure_ascii=False),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for library, least in _LIBRARIES.items():
        logging.getLogger(library).setLevel(max(least, root.level))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(root.level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def get_logger(name: str) -> FilteringBoundLogger:
    """A logger whose methods take an event as text and fields by keyword: `log.info("stored", mail_id=...)`."""
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger


def redact(_logger: Any, _method: str, event: EventDict) -> EventDict:
    """Removes values under keys such as `password`, passwords in URLs and every known secret, at any depth."""
    return {key: HIDDEN if _SECRET_KEY.search(str(key)) else _clean(value) for key, value in event.items()}


def redact_text(text: str) -> str:
    """The text without passwords in URLs."""
    return _URL_PASSWORD.sub(rf"\1:{HIDDEN}@", text)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return conceal(redact_text(value) if "://" in value else value)
    if isinstance(value, MutableMapping):
        return redact(None, "", value)
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return _clean(repr(value))  # as the renderer would show it: an error, bytes, a set
