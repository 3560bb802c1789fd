"""What a fetch asks of a partition is compared by values: all that a consumer sends, so that no change is missed."""

import pytest
from kafka.protocol.consumer import FetchRequest

from runtime.kafka.clients import _compare_fetches_quickly

FetchPartition = FetchRequest.FetchTopic.FetchPartition
ASKED = {
    "partition": 3,
    "fetch_offset": 700,
    "current_leader_epoch": 2,
    "last_fetched_epoch": 1,
    "partition_max_bytes": 1_000_000,
}
FOLLOWERS_ALONE = {"log_start_offset", "replica_directory_id", "high_watermark"}  # brokers send these to one another


@pytest.fixture(autouse=True)
def compared_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FetchPartition, "__eq__", FetchPartition.__eq__)  # as it was, after the test
    _compare_fetches_quickly.__wrapped__()


def test_a_release_of_the_client_that_sends_more_fails_here() -> None:
    assert set(FetchPartition.fields) == ASKED.keys() | FOLLOWERS_ALONE


def test_the_same_is_equal() -> None:
    assert FetchPartition(**ASKED) == FetchPartition(**ASKED)


@pytest.mark.parametrize("name", ASKED)
def test_each_value_that_changes_is_seen(name: str) -> None:
    assert FetchPartition(**ASKED) != FetchPartition(**{**ASKED, name: ASKED[name] + 1})
