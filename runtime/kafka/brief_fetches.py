"""A fetch that leaves out a partition, since records of it still wait here, comes back soon.

A consumer asks each broker for one fetch at a time, and the broker holds it open while nothing comes. What there is of
the partition that was left out would wait for its end: with a hold of seconds, a burst of one sender came in portions
with seconds between them (kafka-python 3.0.12, aiokafka 0.14.0).
"""

from functools import cache
from typing import Any

BRIEF_MS = 50


@cache
def hold_kafka_python_fetches_briefly() -> None:
    """Once a process."""
    from kafka.consumer.fetcher import Fetcher

    create = Fetcher._create_fetch_requests

    def create_requests(fetcher: Any) -> Any:
        requests = create(fetcher)
        if fetcher._completed_fetches or fetcher._next_partition_records:
            for request, _ in requests.values():
                request.max_wait_ms = min(request.max_wait_ms, BRIEF_MS)
        return requests

    Fetcher._create_fetch_requests = create_requests


@cache
def hold_aiokafka_fetches_briefly() -> None:
    """Once a process."""
    from aiokafka.consumer.fetcher import Fetcher

    actions = Fetcher._get_actions_per_node

    def actions_per_node(fetcher: Any, assignment: Any) -> Any:
        usual = fetcher._fetch_max_wait_ms
        if fetcher._records:
            fetcher._fetch_max_wait_ms = min(usual, BRIEF_MS)
        try:
            return actions(fetcher, assignment)
        finally:
            fetcher._fetch_max_wait_ms = usual

    Fetcher._get_actions_per_node = actions_per_node
