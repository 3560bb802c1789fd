"""What the kept view holds at one moment, and how records change it. Values: a change gives a new one. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from console.settings.state import MANAGED_BY
from schemas.keyed import decode_keyed, key_of
from schemas.servers import ServerStatus, ServerTestResult, SettingsChange
from schemas.settings import Setting
from schemas.snapshot import SettingsSnapshot
from schemas.topics import SERVER_STATUS, SERVER_TEST_RESULTS, SETTINGS, SETTINGS_CHANGES, Topic
from schemas.wire import Record, UndecodableError, decode

FOLLOWED: tuple[Topic, ...] = (SETTINGS, SERVER_STATUS, SETTINGS_CHANGES, SERVER_TEST_RESULTS)
MAX_CHANGES = 2_000
MAX_UNSAVED = 100  # tests of servers that are not saved
MAX_CHANGES_BYTES = 8_000_000  # of their records; in memory about four times as much

ServerKey = tuple[str, str]  # direction and id


@dataclass(frozen=True, slots=True)
class RecordedChange:
    """One record of `settings.changes`: `offset` is its place, `size` its bytes."""

    offset: int
    size: int
    change: SettingsChange


@dataclass(frozen=True, slots=True)
class ViewSnapshot:
    """Settings, states of servers and the newest changes, all as of one moment.

    `managed`: the file or repository that a setting is managed in, by key, where it is in one.
    `undecodable`: why the newest record of a setting (`kind/id`) counts for nothing; the one before it is in force.
    `changes`: the newest `MAX_CHANGES` by their `ce_id`, the oldest first; `changes_whole`: none is left out.
    `tests`: the newest test of each server (`kind/id`), without the mail that it found.
    `settings_at`: offset of the newest record of the settings that was taken, -1: none.
    """

    settings: SettingsSnapshot = field(default_factory=SettingsSnapshot)
    managed: Mapping[str, str] = field(default_factory=dict)
    undecodable: Mapping[str, str] = field(default_factory=dict)
    statuses: Mapping[ServerKey, ServerStatus] = field(default_factory=dict)
    tests: Mapping[str, ServerTestResult] = field(default_factory=dict)
    changes: Mapping[str, RecordedChange] = field(default_factory=dict)
    changes_whole: bool = True
    settings_at: int = -1

    def status(self, direction: str, server_id: str) -> ServerStatus | None:
        return self.statuses.get((direction, server_id))

    def with_records(self, records: Iterable[Record], prefix: str) -> "ViewSnapshot":
        """The view after these records of the topics `FOLLOWED`, in their order. What cannot be decoded is skipped."""
        by_topic: dict[str, list[Record]] = {topic.name(prefix): [] for topic in FOLLOWED}
        for record in records:
            by_topic[record.topic].append(record)
        view = self
        for topic, take in _TAKES:
            if taken := by_topic[topic.name(prefix)]:
                view = take(view, taken)
        return view


def _with_settings(view: ViewSnapshot, records: list[Record]) -> ViewSnapshot:
    changes: list[tuple[str, Setting | None, int]] = []
    managed, undecodable = dict(view.managed), dict(view.undecodable)
    for record in records:
        key = key_of(record)
        try:
            context, value = (None, None) if record.value is None else decode_keyed(SETTINGS, record)
        except UndecodableError as error:
            undecodable[key] = str(error)
            continue
        changes.append((key, value, record.offset))
        managed[key] = context.extensions.get(MANAGED_BY, "") if context else ""
        undecodable.pop(key, None)
    return replace(
        view,
        settings=view.settings.with_changes(changes),
        managed={key: place for key, place in managed.items() if place},
        undecodable=undecodable,
        settings_at=records[-1].offset,
    )


def _with_statuses(view: ViewSnapshot, records: list[Record]) -> ViewSnapshot:
    """The topic's key is the server's id alone; a tombstone takes away what was last said under it."""
    statuses = dict(view.statuses)
    for record in records:
        key = key_of(record)
        if record.value is None:
            statuses = {place: status for place, status in statuses.items() if status.server_id != key}
            continue
        try:
            status: ServerStatus = decode(SERVER_STATUS, record)[1]
        except UndecodableError:
            continue  # somebody else's record says nothing of the server
        statuses[status.direction, status.server_id] = status
    return replace(view, statuses=statuses)


def _with_changes(view: ViewSnapshot, records: list[Record]) -> ViewSnapshot:
    changes = dict(view.changes)
    for record in records:
        try:
            context, change = decode(SETTINGS_CHANGES, record)
        except UndecodableError:
            continue  # somebody else's record tells of no change
        found = RecordedChange(record.offset, len(record.value or b""), change)
        changes.setdefault(context.id or str(record.offset), found)  # published again where an answer was waited for
    size = sum(kept.size for kept in changes.values())
    whole = view.changes_whole
    while len(changes) > MAX_CHANGES or size > MAX_CHANGES_BYTES:
        size -= changes.pop(next(iter(changes))).size
        whole = False
    return replace(view, changes=changes, changes_whole=whole)


def _with_tests(view: ViewSnapshot, records: list[Record]) -> ViewSnapshot:
    """Of a server that is not there yet, too: it may be saved as it was tested. The oldest go where there are many."""
    tests = dict(view.tests)
    for record in records:
        try:
            result: ServerTestResult = decode(SERVER_TEST_RESULTS, record)[1]
        except UndecodableError:
            continue  # somebody else's record tells of no test
        if result.server:
            tests.pop(result.server, None)
            tests[result.server] = result.model_copy(update={"sender": "", "subject": "", "message": ""})
    while len(tests) > len(view.settings.settings) + MAX_UNSAVED:
        tests.pop(next(iter(tests)))
    return replace(view, tests=tests)


_TAKES = (
    (SETTINGS, _with_settings),
    (SERVER_STATUS, _with_statuses),
    (SETTINGS_CHANGES, _with_changes),
    (SERVER_TEST_RESULTS, _with_tests),
)
