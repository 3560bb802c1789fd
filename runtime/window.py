"""Up to where the records of each partition are done, while some before the last are still in hand. Pure."""

from collections.abc import Iterable, Mapping

from kafka import TopicPartition


class OffsetTracker:
    """What can be committed: of each partition the first record in hand, else the one after the last that was seen."""

    def __init__(self) -> None:
        self._ends: dict[TopicPartition, int] = {}
        self._in_hand: dict[TopicPartition, set[int]] = {}
        self._committed: dict[TopicPartition, int] = {}

    def seen(self, partition: TopicPartition, offset: int, in_hand: bool) -> None:
        """A record was handled, or is in hand. Those of a partition come in their order."""
        self._ends[partition] = max(offset + 1, self._ends.get(partition, 0))
        if in_hand:
            self._in_hand.setdefault(partition, set()).add(offset)

    def settled(self, partition: TopicPartition, offset: int) -> None:
        """A record that was in hand is done."""
        self._in_hand.get(partition, set()).discard(offset)

    def positions(self) -> dict[TopicPartition, int]:
        """The offsets to commit; only of partitions that have moved on since the last commit."""
        found = {partition: self._position(partition) for partition in self._ends}
        return {partition: offset for partition, offset in found.items() if self._committed.get(partition) != offset}

    def committed(self, positions: Mapping[TopicPartition, int]) -> None:
        self._committed.update(positions)

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """They belong to somebody else now."""
        for partition in partitions:
            for known in (self._ends, self._in_hand, self._committed):
                known.pop(partition, None)

    def _position(self, partition: TopicPartition) -> int:
        return min(self._in_hand.get(partition) or (self._ends[partition],))
