"""Looks at the broker, kept for an hour: what the window's sampler and `mailcall topics status` stand on."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from console.health.probe import Probe
from console.health.sample import Sample
from runtime.config import ProcessConfig
from runtime.outcomes import OutageError

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


class Looks:
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
