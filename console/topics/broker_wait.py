"""Waiting for a broker that is slow, and saying so: a command that is silent for a minute looks as if it hung."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from runtime.broker_address import is_listening
from runtime.config import ProcessConfig
from runtime.outcomes import OutageError

R = TypeVar("R")

_SILENT_SECONDS = 3.0
_PAUSE_SECONDS = 1.0


class BrokerWait:
    """`seconds` are for all attempts of one command together. `tell` gets a line for the user whenever it waits."""

    def __init__(self, config: ProcessConfig, seconds: float, tell: Callable[[str], None]) -> None:
        self._servers = config.kafka_bootstrap_servers
        self._deadline = time.monotonic() + seconds
        self._tell = tell

    def run(self, what: str, attempt: Callable[[], R]) -> R:
        """What `attempt` returns; tried again while the broker is slow. `what` is being done, for the user.

        Raises its `OutageError` where nobody takes connections at the broker's address, or when the time is over.
        """
        while True:
            try:
                with self._telling(what):
                    return attempt()
            except OutageError as error:
                if time.monotonic() + _PAUSE_SECONDS > self._deadline or not is_listening(self._servers):
                    raise
                self._tell(f"the broker is slow ({error}): {what} is tried again for {self._left():.0f} s more")
                time.sleep(_PAUSE_SECONDS)

    @contextmanager
    def _telling(self, what: str) -> Iterator[None]:
        """Says so once where an attempt takes long."""
        timer = threading.Timer(_SILENT_SECONDS, self._tell_slow, (what,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _tell_slow(self, what: str) -> None:
        if is_listening(self._servers):
            self._tell(f"the broker is slow: {what} takes longer than {_SILENT_SECONDS:g} s; waiting, Ctrl-C gives up")

    def _left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())
