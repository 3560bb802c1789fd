"""The consumer groups of the pipeline: which topics each reads, and how the processes of each are doing. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from console.health.sample import Sample, moved_at
from schemas.topics import (
    DESK_REQUESTED,
    MAIL_FETCHED,
    MAIL_RESOLVED,
    MAILBOX_CURSORS,
    NOTIFICATION_REQUESTED,
    NOTIFICATION_RESULTS,
    PERSONS,
    SERVER_TESTS,
    TOPICS,
    Topic,
)


@dataclass(frozen=True, slots=True)
class Group:
    """A consumer group: `name` stands behind the installation's prefix, `process` is what has its members.

    `commits`: whether it says how far it is. Ingest's group only shares the servers out.
    """

    name: str
    process: str
    duty: str
    reads: tuple[Topic, ...]
    commits: bool = True

    def topics(self) -> tuple[str, ...]:
        """Short names, `.retry` among them."""
        return tuple(name for topic in self.reads for name in _with_retry(topic))


GROUPS: tuple[Group, ...] = (
    Group("ingest", "ingest", "fetches mail from the incoming servers", (MAILBOX_CURSORS,), commits=False),
    Group("resolver", "resolver", "parses mails and finds their senders", (MAIL_FETCHED,)),
    Group(
        "logger",
        "logger",
        "logs calls and keeps the desk",
        (MAIL_RESOLVED, DESK_REQUESTED, NOTIFICATION_RESULTS, PERSONS),
    ),
    Group("outbound", "outbound", "sends mail", (NOTIFICATION_REQUESTED,)),
    Group("ingest-tests", "ingest", "tests incoming servers", (SERVER_TESTS,)),
    Group("outbound-tests", "outbound", "tests outgoing servers", (SERVER_TESTS,)),
)
RETRY, DLQ = ".retry", ".dlq"


def topic_names(prefix: str) -> dict[str, str]:
    """Full name of every topic of the catalogue with those beside it -> its short name, such as `mail.fetched.dlq`."""
    names: dict[str, str] = {}
    for topic in TOPICS:
        names[topic.name(prefix)] = topic.short
        if topic.deferred:
            names[topic.retry(prefix)] = topic.short + RETRY
        if topic.dead_letters:
            names[topic.dlq(prefix)] = topic.short + DLQ
    return names


def _with_retry(topic: Topic) -> tuple[str, ...]:
    return (topic.short, topic.short + RETRY) if topic.deferred else (topic.short,)


@dataclass(frozen=True, slots=True)
class ProcessLine:
    """A group of processes: how many run, what waits for them, since when the oldest waits, when one last took some.

    None: not known. What was put off on purpose (`deferred`) does not wait.
    """

    group: Group
    members: int | None
    waiting: int | None
    oldest: datetime | None
    moved: datetime | None
    deferred: int


def processes(samples: Sequence[Sample]) -> list[ProcessLine]:
    return [_process(group, samples) for group in GROUPS]


def _process(group: Group, samples: Sequence[Sample]) -> ProcessLine:
    if not samples:
        return ProcessLine(group, None, None, None, None, 0)
    last = samples[-1]
    found = {topic: last.progress.get((group.name, topic)) for topic in group.topics()} if group.commits else {}
    known = {topic: progress for topic, progress in found.items() if progress}
    now = [progress for topic, progress in known.items() if not topic.endswith(RETRY)]
    moves = [moved_at(samples, (group.name, topic)) for topic in known]
    return ProcessLine(
        group,
        last.members.get(group.name),
        sum(progress.lag for progress in now) if known else None,
        min((progress.oldest for progress in now if progress.oldest), default=None),
        max((moved for moved in moves if moved), default=None),
        sum(progress.lag for topic, progress in known.items() if topic.endswith(RETRY)),
    )
