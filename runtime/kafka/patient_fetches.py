"""An instance among others lets its next fetch wait for a while, so that it brings more records.

Of several instances each finds fewer records whenever it looks, and what a batch costs beside its records (a commit,
statements, wake-ups) is paid as much more often. A broker holds a fetch until there is enough or its time is over: with
as long as the last batch took, once for each other instance, all of them look about as often as one alone.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kafka import KafkaConsumer

ENOUGH_BYTES = 500_000  # less than a fetch takes of one partition: a backlog waits for nothing
LONGEST_SECONDS = 0.25


class PatientFetches:
    """Those of one consumer."""

    def __init__(self, consumer: "KafkaConsumer") -> None:
        self._create = consumer._fetcher._create_fetch_requests
        self._milliseconds = 0
        self._asked: set[Any] = set()  # brokers, since `wait`
        consumer._fetcher._create_fetch_requests = self._create_requests

    def wait(self, seconds: float) -> None:
        """The next fetch of each broker waits that long for `ENOUGH_BYTES`; those after it end with any record."""
        self._milliseconds = int(min(seconds, LONGEST_SECONDS) * 1000)
        self._asked = set()

    def _create_requests(self) -> Any:
        requests = self._create()
        if self._milliseconds:
            for broker in requests.keys() - self._asked:
                request, _ = requests[broker]
                request.min_bytes = min(ENOUGH_BYTES, request.max_bytes)
                request.max_wait_ms = min(self._milliseconds, request.max_wait_ms)
            self._asked |= requests.keys()
        return requests
