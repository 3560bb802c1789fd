"""Keys go to the partitions where every other Kafka client puts them; a sender's mails would lose their order else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner import DefaultPartitioner

from runtime.kafka.partitioner import KeyPartitioner


class Cluster:
    """What kafka-python knows of a topic `t` of 12 partitions."""

    def topics(self) -> set[str]:
        return {"t"}

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return set(range(12)) if topic == "t" else None

    available_partitions_for_topic = partitions_for_topic


@given(st.binary(max_size=40))
def test_a_key_goes_where_kafkas_own_partitioner_puts_it(key: bytes) -> None:
    places = [partitioner.partition("t", key, key, None, None, Cluster()) for partitioner in (OURS, THEIRS, OURS)]
    assert len(set(places)) == 1


def test_a_record_without_key_goes_anywhere_and_an_unknown_topic_is_refused() -> None:
    assert len({OURS.partition("t", None, None, None, None, Cluster()) for _ in range(200)}) > 1
    with pytest.raises(ValueError, match="not found"):
        OURS.partition("other", b"k", b"k", None, None, Cluster())


OURS, THEIRS = KeyPartitioner(), DefaultPartitioner()
