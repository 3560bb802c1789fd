"""Records on their way out, as any Kafka client takes them."""

from dataclasses import dataclass

from schemas.wire import Header, OutputRecord


@dataclass(frozen=True, slots=True)
class ProducerRecord:
    """One record to be produced: the topic's full name, raw key and value, as dead letters and deferred records are."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of key, value and headers."""
        return len(self.key or b"") + len(self.value or b"") + sum(len(n) + len(v) for n, v in self.headers)


def prepare(message: OutputRecord, prefix: str) -> ProducerRecord:
    """A message of the catalogue with its topic's name at the broker."""
    return ProducerRecord(
        message.topic.name(prefix), message.key.encode("utf-8", "replace"), message.value, message.headers
    )
