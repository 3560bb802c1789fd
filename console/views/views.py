"""The kept view of settings, states of servers and newest changes, followed from their topics by one thread."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from console.live.hub import Tell
from console.views.follower import Follower
from console.views.snapshot import FOLLOWED, ViewSnapshot
from runtime.config import ProcessConfig
from runtime.telemetry.health import Health
from schemas.wire import Record

# What open pages are told by: `console/live/hub.py`.
SETTINGS, SERVERS, HISTORY, FRESHNESS = "settings", "servers", "history", "freshness"


@dataclass(frozen=True, slots=True)
class Freshness:
    """`ready`: read to where the topics ended at the start. `stale_since`: the broker is unavailable since."""

    ready: bool
    stale_since: datetime | None


class Views:
    """`current` is a value: take it once for a page, so that all of the page is of one moment.

    Its memory is that of the settings, one status a server, and the bounded newest changes (`snapshot.py`). Persons are
    not followed: there may be very many, and the desk's tables have them. `changed` is called in the view's thread.
    """

    def __init__(self, config: ProcessConfig, changed: Tell, health: Health | None = None) -> None:
        self._prefix = config.topic_prefix
        self._changed = changed
        self._current = ViewSnapshot()
        topics = [topic.name(self._prefix) for topic in FOLLOWED]
        self._follower = Follower(
            config, "views", topics, self._take, health=health, told=lambda: changed((FRESHNESS,))
        )

    @property
    def current(self) -> ViewSnapshot:
        return self._current

    @property
    def freshness(self) -> Freshness:
        return Freshness(self._follower.ready, self._follower.stale_since)

    def start(self, stop: threading.Event) -> None:
        """Starts to follow; returns at once. `wait_ready` tells when `current` is complete."""
        self._follower.start(stop)

    def join(self) -> None:
        self._follower.join()

    def wait_ready(self, seconds: float) -> bool:
        return self._follower.wait_ready(seconds)

    def catch_up(self, seconds: float) -> bool:
        """After publishing: waits until `current` has it. False: not within `seconds`; it comes later."""
        return self._follower.catch_up(seconds)

    def _take(self, records: Sequence[Record]) -> None:
        before, after = self._current, self._current.with_records(records, self._prefix)
        self._current = after
        parts = {
            SETTINGS: before.settings_at != after.settings_at,
            SERVERS: before.statuses is not after.statuses or before.tests is not after.tests,
            HISTORY: before.changes is not after.changes,
        }
        self._changed([name for name, differs in parts.items() if differs])
