"""ingest or outbound as it is, in a hurry: `python -m tests.e2e.hurried ingest`.

Where it waits for minutes it waits for fractions of a second, and it takes mails a few at a time; so a test sees soon
what becomes of trouble, and a kill finds more between two of its steps.
"""

import runpy
import sys
from collections.abc import Mapping
from datetime import timedelta
from importlib import import_module
from typing import Any

SOON = timedelta(seconds=0.2)
# By process: module, name of what is another one, and its value.
HURRIED: Mapping[str, tuple[tuple[str, str, Any], ...]] = {
    "ingest": (
        ("ingest.backoff", "FIRST_SECONDS", 0.1),
        ("ingest.backoff", "MOST_SECONDS", 1.0),
        ("ingest.backoff", "PERMANENT_SECONDS", (0.2, 0.2, 0.2)),
        ("ingest.connectors.base", "BATCH_MAILS", 5),
        ("ingest.connectors.graph_changes", "LISTING_SECONDS", 1.0),
        ("ingest.connectors.graph_folder", "DELTA_PAGE_MAILS", 10),
        ("ingest.connectors.owed", "AGAIN_SECONDS", (0, 0, 0, 0, 0)),
        ("ingest.watcher_group", "SESSION_MS", 3_000),
        ("ingest.watcher_group", "HEARTBEAT_MS", 900),
    ),
    "outbound": (
        ("outbound.retry_policy", "FIRST_SECONDS", 0.5),
        ("outbound.retry_policy", "UNAVAILABLE_SECONDS", 1.0),
        ("outbound.retry_policy", "LONGEST_SECONDS", 1.0),
        ("outbound.server_availability", "FIRST_HOLD", SOON),
        ("outbound.server_availability", "LONGEST_HOLD", SOON),
        ("outbound.server_availability", "LIMITED_HOLD", SOON),
    ),
}
OF_BOTH = (
    ("mailserver.exchange.ews_errors", "_THROTTLED_SECONDS", 0.1),
    ("mailserver.exchange.graph_responses", "THROTTLED_SECONDS", 0.1),
    ("mailserver.oauth", "FRESH_SECONDS", 0.0),
)


def _hurry(module: str, name: str, value: Any) -> None:
    """Raises `AttributeError` where the code does not have it any more."""
    owner = import_module(module)
    getattr(owner, name)
    setattr(owner, name, value)


if __name__ == "__main__":
    process = sys.argv.pop(1)
    for one in (*HURRIED[process], *OF_BOTH):
        _hurry(*one)
    runpy.run_module(process, run_name="__main__", alter_sys=True)
