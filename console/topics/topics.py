"""Creating the topics of the catalogue."""

import time

from runtime.config import ProcessConfig
from runtime.outcomes import OutageError
from runtime.topic_setup import TopicReport, create_topics, missing_topics
from schemas.reasons import Reason

WAIT_SECONDS = 30.0
_POLL_SECONDS = 0.1


def create(config: ProcessConfig) -> TopicReport:
    """Create what is missing; returns once the broker shows all of it, so that the next command finds it.

    Raises `OutageError`.
    """
    report = create_topics(config)
    deadline = time.monotonic() + WAIT_SECONDS
    while missing := missing_topics(config):
        if time.monotonic() > deadline:
            raise OutageError(Reason.BROKER_AWAY, f"the broker took the new topics, but does not show {missing[0]}")
        time.sleep(_POLL_SECONDS)
    return report
