"""The window over settings that are held in memory: what is published is in force at once."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from console.audit import history
from console.services import KeyLocks
from console.settings import conflicts
from console.settings.state import MANAGED_BY
from console.templates.samples import Samples
from console.views.snapshot import FOLLOWED, ViewSnapshot
from console.views.views import Freshness
from runtime.kafka.producer import check_size, prepare
from runtime.outages import OutageError
from schemas.reasons import Reason
from schemas.servers import SettingsChange
from schemas.settings import Setting
from schemas.topics import SETTINGS, SETTINGS_CHANGES
from schemas.wire import MAX_RECORD_BYTES, OutputRecord, Record, decode, encode

AT = datetime(2026, 11, 29, tzinfo=UTC)


class MemoryServices:
    """`published`: every change that was recorded, the newest last. `away`: the broker is.
    `max_record_bytes`: what it takes, as the publisher has it."""

    topic_prefix = "t"
    public_key_file: Path | None = None

    def __init__(self, engine: Engine, settings: Iterable[Setting], managed_by: str = "") -> None:
        self.engine = engine
        self.samples = Samples()
        self.locks = KeyLocks()
        self.published: list[SettingsChange] = []
        self.away = False
        self.max_record_bytes = MAX_RECORD_BYTES
        self.views = self.publisher = self.config = self
        self.freshness = Freshness(ready=True, stale_since=None)
        self.current = ViewSnapshot()
        self.records: list[Record] = []
        label = {MANAGED_BY: managed_by} if managed_by else None
        keyed = ((f"{one.kind}/{one.id}", one) for one in settings)
        self._append(encode(SETTINGS, key, one, id=key, source="/t", time=AT, extensions=label) for key, one in keyed)

    def publish(self, messages: Sequence[OutputRecord]) -> None:
        if self.away:
            raise OutageError(Reason.BROKER_AWAY, "the broker cannot be reached")
        for message in messages:
            check_size(prepare(message, self.topic_prefix), self.max_record_bytes)
        for record in self._append(messages):
            if record.topic == SETTINGS_CHANGES.name(self.topic_prefix):
                self.published.append(decode(SETTINGS_CHANGES, record)[1])

    def catch_up(self, _seconds: float) -> bool:
        return True

    def stored(self, key: str) -> Setting | None:
        return self.current.settings.settings.get(key)

    def _append(self, messages: Iterable[OutputRecord]) -> list[Record]:
        end = len(self.records)
        new = [
            Record(one.topic.name(self.topic_prefix), 0, offset, one.key.encode(), one.value, one.headers)
            for offset, one in enumerate(messages, end + 1)
        ]
        self.records += new
        followed = {topic.name(self.topic_prefix) for topic in FOLLOWED}
        self.current = self.current.with_records([one for one in new if one.topic in followed], self.topic_prefix)
        return new


def read_from_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What reads a topic whole is given the records of `MemoryServices`."""

    def read_to_end(config: MemoryServices, topics: Sequence[str]) -> list[Record]:
        if config.away:
            raise OutageError(Reason.BROKER_AWAY, "the broker cannot be reached")
        return [record for record in config.records if record.topic in topics]

    for module in (conflicts, history):
        monkeypatch.setattr(module, "read_to_end", read_to_end)
