"""Dead letters: the original record with its key, value and headers, and why it could not be processed."""

import re
import traceback
from datetime import UTC, datetime
from pathlib import Path

from runtime.kafka.producer import ProducerRecord
from runtime.processing.outcomes import Dead
from runtime.processing.retry_topics import attempt_of, plain_headers
from runtime.security.redaction import conceal
from runtime.telemetry.logs import redact_text
from schemas.reasons import Reason
from schemas.topics import Topic
from schemas.wire import Header, Record

PREFIX = "dlq-"
MAX_MESSAGE = 500  # characters
MAX_BESIDE = 64 * 1024  # bytes of key and headers of a dead letter without value: every topic takes it
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def dead_letter(record: Record, topic: Topic, dead: Dead, stage: str, prefix: str, now: datetime) -> ProducerRecord:
    """The record as it goes to its topic's `.dlq`. A replay of it is the record without the `dlq-` headers."""
    headers: list[Header] = [header for header in plain_headers(record) if not header[0].startswith(PREFIX)]
    headers += [
        (f"{PREFIX}original-topic", record.topic.encode()),
        (f"{PREFIX}original-partition", b"%d" % record.partition),
        (f"{PREFIX}original-offset", b"%d" % record.offset),
        (f"{PREFIX}original-timestamp", b"%d" % record.timestamp_ms),
        (f"{PREFIX}stage", stage.encode()),
        (f"{PREFIX}attempts", b"%d" % attempt_of(record)),
        (f"{PREFIX}error-class", dead.reason.encode()),
        (f"{PREFIX}error-message", _message(dead.text).encode("utf-8", "replace")),
        (f"{PREFIX}failed-at", now.astimezone(UTC).isoformat().encode()),
    ]
    key = b"" if record.key is None and record.value is None else record.key  # Kafka's clients refuse to send nothing
    return ProducerRecord(topic.dlq(prefix), key, record.value, tuple(headers))


def without_value(letter: ProducerRecord) -> ProducerRecord:
    """The dead letter of a record that is too large for the `.dlq` topic: it says where the original is.

    Without the record's own key and headers, too, where those alone are many bytes.
    """
    kept = ProducerRecord(letter.topic, letter.key or b"", None, letter.headers)
    if kept.size > MAX_BESIDE:
        ours = tuple(header for header in letter.headers if header[0].startswith(PREFIX))
        kept = ProducerRecord(letter.topic, b"", None, ours)
    dropped = (f"{PREFIX}value-dropped", b"%d bytes" % (letter.size - kept.size))
    return kept._replace(headers=(*kept.headers, dropped))


def handler_failed(error: Exception) -> Dead:
    """The outcome of a record that revealed a defect of the program.

    Class and place of the error only: its text may hold content of the message.
    """
    frames = traceback.extract_tb(error.__traceback__)
    place = f" in {'/'.join(Path(frames[-1].filename).parts[-2:])}:{frames[-1].lineno}" if frames else ""
    return Dead(Reason.HANDLER_FAILED, f"{type(error).__name__}{place}")


def _message(text: str) -> str:
    return _CONTROL.sub(" ", conceal(redact_text(text)))[:MAX_MESSAGE]
