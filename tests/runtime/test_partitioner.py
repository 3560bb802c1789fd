"""Keys go to the partitions where every other Kafka client puts them; a sender's mails would lose their order else."""

from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner import DefaultPartitioner

from runtime.kafka.partitioner import partition_of_key


class Cluster:
    """What kafka-python knows of a topic `t` of 12 partitions."""

    def topics(self) -> set[str]:
        return {"t"}

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return set(range(12)) if topic == "t" else None

    available_partitions_for_topic = partitions_for_topic


@given(st.binary(max_size=40))
def test_a_key_goes_where_kafkas_own_partitioner_puts_it(key: bytes) -> None:
    theirs = DefaultPartitioner().partition("t", key, key, None, None, Cluster())
    assert [partition_of_key(key, 12) for _ in range(2)] == [theirs, theirs]
