"""One look at the broker: where topics end, how far groups are, how old what waits is. Its cost is bounded."""

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from console.health.groups import DLQ, GROUPS, topic_names
from console.health.sample import Progress, Reading, Sample
from runtime.config import ProcessConfig
from runtime.kafka.clients import broker_errors, make_admin, make_consumer, poll, position
from runtime.kafka.topic_setup import partition_counts
from runtime.outages import OutageError

if TYPE_CHECKING:
    from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition

OFFSETS_MS = 5_000
HOUR = timedelta(hours=1)
MAX_LOOKS = 24  # partitions whose oldest waiting record is looked at in one sample; the others keep what is known
LOOK_SECONDS = 3.0
LOOK_BYTES = 65_536  # of one partition; a batch that is larger comes whole
Place = tuple[str, int, int]  # full name of a topic, partition, offset


@dataclass(frozen=True, slots=True)
class Look:
    """What was found at a place when the partition ended at `end`: when its record was written; None: there is none."""

    at: datetime | None
    end: int


class Probe:
    """Keeps its connections, and the ages of records that it has looked at. One thread at a time."""

    def __init__(self, config: ProcessConfig) -> None:
        self._config = config
        self._names = topic_names(config.topic_prefix)
        self._admin: KafkaAdminClient | None = None
        self._consumer: KafkaConsumer | None = None
        self._looks: dict[Place, Look] = {}

    def measure(self) -> Sample:
        """Raises `OutageError`."""
        try:
            with broker_errors():
                return self._measure()
        except OutageError:
            self.close()
            raise

    def close(self) -> None:
        """Whatever cannot be closed is given up: other connections are made."""
        with suppress(Exception):
            if self._admin is not None:
                self._admin.close()
        with suppress(Exception):
            if self._consumer is not None:
                self._consumer.close(autocommit=False)
        self._admin = self._consumer = None

    def _measure(self) -> Sample:
        from kafka import TopicPartition
        from kafka.admin import OffsetSpec

        admin = self._admin = self._admin or make_admin(self._config)
        at = datetime.now(UTC)
        counts = partition_counts(admin, list(self._names))
        partitions = [TopicPartition(name, number) for name, count in counts.items() for number in range(count)]
        begins = _offsets(admin, dict.fromkeys(partitions, OffsetSpec.EARLIEST))
        ends = _offsets(admin, dict.fromkeys(partitions, OffsetSpec.LATEST))
        hour_ago = int((at - HOUR).timestamp() * 1000)
        dead = [partition for partition in partitions if self._names[partition.topic].endswith(DLQ)]
        since = _offsets(admin, dict.fromkeys(dead, hour_ago))
        waiting = self._waiting(admin, begins, ends)
        self._look(waiting, ends)
        return Sample(
            at=at,
            written=self._sums(ends),
            kept=self._sums({place: end - begins.get(place, 0) for place, end in ends.items()}),
            last_hour=self._sums({place: ends[place] - offset for place, offset in since.items() if offset >= 0}),
            progress=self._progress(waiting, ends),
            members=self._members(admin),
            missing=tuple(name for name in self._names if name not in counts),
        )

    def _sums(self, offsets: "Mapping[TopicPartition, int]") -> dict[str, int]:
        sums: defaultdict[str, int] = defaultdict(int)
        for place, offset in offsets.items():
            sums[self._names[place.topic]] += offset
        return dict(sums)

    def _waiting(
        self, admin: "KafkaAdminClient", begins: "Mapping[TopicPartition, int]", ends: "Mapping[TopicPartition, int]"
    ) -> "dict[str, dict[TopicPartition, int]]":
        """By group, the offset that it takes next of each partition it reads."""
        groups = {f"{self._config.topic_prefix}.{group.name}": group for group in GROUPS if group.commits}
        committed = admin.list_group_offsets(list(groups))
        waiting: dict[str, dict[TopicPartition, int]] = {}
        for full_name, group in groups.items():
            offsets, topics = committed.get(full_name, {}), group.topics()
            waiting[group.name] = {
                place: max(begins.get(place, 0), offsets[place].offset if place in offsets else -1)
                for place in ends
                if self._names[place.topic] in topics
            }
        return waiting

    def _progress(
        self,
        waiting: "Mapping[str, Mapping[TopicPartition, int]]",
        ends: "Mapping[TopicPartition, int]",
    ) -> dict[Reading, Progress]:
        found: dict[Reading, Progress] = {}
        for group, places in waiting.items():
            by_topic: defaultdict[str, list[tuple[TopicPartition, int]]] = defaultdict(list)
            for place, offset in places.items():
                by_topic[self._names[place.topic]].append((place, offset))
            for topic, offsets in by_topic.items():
                behind = {place: offset for place, offset in offsets if self._waits(place, offset, ends)}
                looks = [self._looks.get(_place(place, offset)) for place, offset in behind.items()]
                found[group, topic] = Progress(
                    lag=sum(ends[place] - offset for place, offset in behind.items()),
                    taken=sum(offset for _, offset in offsets),
                    oldest=min((look.at for look in looks if look and look.at), default=None),
                )
        return found

    def _waits(self, place: "TopicPartition", offset: int, ends: "Mapping[TopicPartition, int]") -> bool:
        """Whether a record waits there. Behind the last one there may be marks of transactions, which nobody takes."""
        look = self._looks.get(_place(place, offset))
        return offset < ends[place] and (look is None or look.at is not None)

    def _members(self, admin: "KafkaAdminClient") -> dict[str, int]:
        groups = {f"{self._config.topic_prefix}.{group.name}": group.name for group in GROUPS}
        found = admin.describe_groups(list(groups))
        return {name: len(found.get(full, {}).get("members") or ()) for full, name in groups.items()}

    def _look(
        self, waiting: "Mapping[str, Mapping[TopicPartition, int]]", ends: "Mapping[TopicPartition, int]"
    ) -> None:
        """Looks at the first record that waits, where it is not known yet: those furthest behind go first."""
        behind = {
            _place(place, offset): ends[place]
            for places in waiting.values()
            for place, offset in places.items()
            if offset < ends[place]
        }
        self._looks = {place: look for place, look in self._looks.items() if self._known(place, behind.get(place))}
        unknown = sorted(behind.keys() - self._looks.keys(), key=lambda place: place[2] - behind[place])
        # Two groups may read one partition, each from a place of its own: one is looked at now, the other next time.
        first: dict[tuple[str, int], Place] = {}
        for place in unknown:
            first.setdefault(place[:2], place)
        chosen = list(first.values())[:MAX_LOOKS]
        if chosen:
            self._looks |= self._first_of(chosen, behind)

    def _known(self, place: Place, end: int | None) -> bool:
        """That nothing but marks stands behind a place holds until something is written there."""
        return end is not None and (self._looks[place].at is not None or self._looks[place].end == end)

    def _first_of(self, looks: Sequence[Place], ends: Mapping[Place, int]) -> dict[Place, Look]:
        """Of each place, the first record at or behind it, as far as there was time."""
        from kafka import TopicPartition

        consumer = self._consumer = self._consumer or self._make_consumer()
        places = {TopicPartition(topic, number): (topic, number, offset) for topic, number, offset in looks}
        consumer.assign(list(places))
        consumer.resume(*places)  # one that was assigned before is still paused
        for partition, place in places.items():
            consumer.seek(partition, place[2])
        found: dict[Place, Look] = {}
        deadline = time.monotonic() + LOOK_SECONDS
        while len(found) < len(places) and time.monotonic() < deadline:
            for partition, records in poll(consumer, 200).items():
                place = places[partition]
                found.setdefault(place, Look(datetime.fromtimestamp(records[0].timestamp / 1000, UTC), ends[place]))
                consumer.pause(partition)
            for partition, place in places.items():
                if place not in found and (position(consumer, partition) or 0) >= ends[place]:
                    found[place] = Look(None, ends[place])
        return found

    def _make_consumer(self) -> "KafkaConsumer":
        return make_consumer(
            self._config,
            "ages",
            fetch_max_wait_ms=100,
            max_poll_records=1,
            fetch_max_bytes=MAX_LOOKS * LOOK_BYTES,
            max_partition_fetch_bytes=LOOK_BYTES,
        )


def _place(place: "TopicPartition", offset: int) -> Place:
    return place.topic, place.partition, offset


def _offsets(admin: "KafkaAdminClient", wanted: "Mapping[TopicPartition, Any]") -> "dict[TopicPartition, int]":
    """-1 where there is none, such as no record since a moment."""
    if not wanted:
        return {}
    found = admin.list_partition_offsets(dict(wanted), timeout_ms=OFFSETS_MS)
    return {partition: place.offset for partition, place in found.items()}
