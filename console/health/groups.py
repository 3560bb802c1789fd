"""The consumer groups of the pipeline, and which topics each of them reads. What there is to look after, as data."""

from dataclasses import dataclass

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
