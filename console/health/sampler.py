"""Samples of the broker, kept for an hour: what `mailcall topics status` and the pages of operations show.

The window takes them in one thread, which also asks whether the desk's database answers.
"""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from console.health.probe import Probe
from console.health.sample import Sample
from console.live.hub import Tell
from runtime.config import ProcessConfig
from runtime.outages import OutageError
from runtime.telemetry.logs import get_logger

if TYPE_CHECKING:
    from sqlalchemy import Engine

SAMPLE_SECONDS = 10.0
KEPT = 360  # samples: one hour; each holds a few dozen numbers


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something does not answer: since when, what it says, and what to do."""

    since: datetime
    text: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Traffic:
    """What is known of the last hour, the oldest sample first. None: it answers."""

    samples: Sequence[Sample] = ()
    broker: Trouble | None = None
    desk: Trouble | None = None

    @property
    def last(self) -> Sample | None:
        return self.samples[-1] if self.samples else None


class BrokerSamples:
    """Keeps its connections. One thread at a time."""

    def __init__(self, config: ProcessConfig) -> None:
        self._probe = Probe(config)
        self._samples: deque[Sample] = deque(maxlen=KEPT)
        self._broker: Trouble | None = None

    @property
    def current(self) -> Traffic:
        return Traffic(tuple(self._samples), self._broker)

    def look(self) -> None:
        """One more sample. Raises `OutageError`."""
        self._samples.append(self._probe.measure())

    def take(self) -> Traffic:
        """As `look`. Where the broker does not answer, what is known stays and the trouble is told."""
        self._broker = trouble_of(self._broker, self.look)
        return self.current

    def close(self) -> None:
        self._probe.close()


def trouble_of(before: Trouble | None, ask: Callable[[], None]) -> Trouble | None:
    """What `ask` fails with (`OutageError`), since when: as long as it has failed without a break."""
    try:
        ask()
    except OutageError as error:
        since = before.since if before else datetime.now(UTC)
        return Trouble(since, str(error), error.remedy)
    return None


log = get_logger(__name__)

SAMPLED = "traffic"  # what open pages are told by


class Sampler:
    """`current` may be read from any thread. `changed` is called in the sampler's thread after each look."""

    def __init__(
        self,
        config: ProcessConfig,
        engine: "Engine",
        changed: Tell,
        seconds: float = SAMPLE_SECONDS,
    ) -> None:
        self._looks = BrokerSamples(config)
        self._engine = engine
        self._changed = changed
        self._seconds = seconds
        self._current = Traffic()
        self._thread: threading.Thread | None = None

    @property
    def current(self) -> Traffic:
        return self._current

    def start(self, stop: threading.Event) -> None:
        """Starts the thread, which ends after `stop`."""
        self._thread = threading.Thread(target=self._run, args=(stop,), name="sampler", daemon=True)
        self._thread.start()

    def join(self) -> None:
        if self._thread is not None:
            self._thread.join(5.0)

    def look(self) -> None:
        """One sample."""
        desk = trouble_of(self._current.desk, self._ask_desk)
        self._current = replace(self._looks.take(), desk=desk)
        self._changed((SAMPLED,))

    def _run(self, stop: threading.Event) -> None:
        try:
            while not stop.is_set():
                try:
                    self.look()
                except Exception:
                    log.exception("a sample failed; sampling continues")
                stop.wait(self._seconds)
        finally:
            self._looks.close()

    def _ask_desk(self) -> None:
        """Imported here: `mailcall topics status` needs no database, and starts faster without."""
        from sqlalchemy import text

        from desk.engine import read_transaction

        with read_transaction(self._engine) as connection:
            connection.execute(text("SELECT 1"))
