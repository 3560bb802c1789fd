"""What may be committed while records are in hand: never past one of them, and all that is done before."""

from hypothesis import given
from hypothesis import strategies as st
from kafka import TopicPartition

from runtime.processing.offsets import OffsetTracker

PARTITION, OTHER = TopicPartition("t", 0), TopicPartition("t", 1)


def test_without_anything_in_hand_the_end_is_committed_once() -> None:
    window = OffsetTracker()
    for offset in (3, 4, 5):
        window.seen(PARTITION, offset, in_flight=False)
    assert window.committable_offsets() == {PARTITION: 6}
    window.committed(window.committable_offsets())
    assert window.committable_offsets() == {}


def test_a_partition_that_is_given_up_is_forgotten_and_the_other_is_not() -> None:
    window = OffsetTracker()
    window.seen(PARTITION, 0, in_flight=True)
    window.seen(OTHER, 7, in_flight=False)
    window.forget([PARTITION])
    assert window.committable_offsets() == {OTHER: 8}
    window.seen(PARTITION, 2, in_flight=False)
    assert window.committable_offsets()[PARTITION] == 3


@given(st.lists(st.booleans(), min_size=1, max_size=30), st.data())
def test_in_whatever_order_they_end_none_is_passed_and_none_is_held_back(
    in_hand: list[bool], data: st.DataObject
) -> None:
    window = OffsetTracker()
    for offset, pending in enumerate(in_hand):
        window.seen(PARTITION, offset, pending)
    left = [offset for offset, pending in enumerate(in_hand) if pending]
    window.committed({PARTITION: -1})
    for offset in data.draw(st.permutations(left)):
        assert window.committable_offsets() == {PARTITION: min(left)}
        window.mark_processed(PARTITION, offset)
        left.remove(offset)
    assert window.committable_offsets() == {PARTITION: min(left) if left else len(in_hand)}


def test_a_record_that_comes_again_is_in_hand_again() -> None:
    window = OffsetTracker()
    for _ in range(2):
        window.seen(PARTITION, 4, in_flight=True)
    window.mark_processed(PARTITION, 4)
    assert window.committable_offsets() == {PARTITION: 5}
