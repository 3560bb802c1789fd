"""The window's samples of the last hour, taken by one thread; and whether broker and desk answer it."""

import threading
from dataclasses import replace

from sqlalchemy import Engine, text

from console.health.looks import SAMPLE_SECONDS, Looks, Traffic, trouble_of
from console.live.hub import Tell
from desk.engine import read_transaction
from runtime.config import ProcessConfig
from runtime.logs import get_logger

log = get_logger(__name__)

SAMPLED = "traffic"  # what open pages are told by


class Sampler:
    """`current` may be read from any thread. `changed` is called in the sampler's thread after each look."""

    def __init__(
        self,
        config: ProcessConfig,
        engine: Engine,
        changed: Tell,
        seconds: float = SAMPLE_SECONDS,
    ) -> None:
        self._looks = Looks(config)
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
                    log.exception("a sample failed; the next one is taken all the same")
                stop.wait(self._seconds)
        finally:
            self._looks.close()

    def _ask_desk(self) -> None:
        with read_transaction(self._engine) as connection:
            connection.execute(text("SELECT 1"))
