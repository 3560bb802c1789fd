"""The bytes of a response, collected with half the copies that kafka-python 3.0.12 makes of them.

What responses hold is large where records are fetched. Memory for each copy is new to the process, and costs more than
the copying.
"""

from functools import cache

from kafka.protocol import parser
from kafka.protocol.frame import KafkaBytes


class ResponseBytes(KafkaBytes):  # type: ignore[misc]  # it has no types
    """Has its size from the beginning; is written from its beginning on, and then read from there."""

    _idx: int

    def read(self, nbytes: int | None = None) -> bytes:
        start = self._idx
        self._idx = len(self) if nbytes is None else min(len(self), start + nbytes)
        return bytes(memoryview(self)[start : self._idx])

    def write(self, data: bytes) -> None:
        """Raises `ValueError` beyond its size, where nobody writes."""
        start = self._idx
        self._idx += len(data)
        memoryview(self)[start : self._idx] = data


@cache
def copy_responses_less() -> None:
    """Once a process: every client of kafka-python collects its responses so from here on."""
    parser.KafkaBytes = ResponseBytes
