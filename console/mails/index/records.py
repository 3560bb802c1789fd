"""The records that tell of mails, fetched from where the index says that they lie.

Where there is no index, as on a desk whose window never ran, topics are read whole instead.
"""

import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, select

from console.errors import UserError
from console.mails.index.ends import QUARANTINED
from console.mails.index.facts import INDEXED, TOPICS_WITH_DEAD_LETTERS, Step
from console.mails.index.updater import catch_up
from desk.engine import open_desk, read_transaction
from desk.queries import any_of
from desk.tables import mail_index, mail_steps
from runtime.config import ProcessConfig
from runtime.kafka.topic_reader import Place, RecordReader, read_to_end
from schemas.topics import MAIL_REJECTED, Topic
from schemas.wire import Record

MOST_STEPS = 500  # a mail to a group of thousands has more
_HELD = select(mail_index.c.mail_id).where(mail_index.c.outcome == QUARANTINED)


class MailRecords:
    """Records of mails at one installation. `complete`: set while this process keeps the index itself."""

    def __init__(
        self, config: ProcessConfig, engine: Engine, reader: RecordReader, complete: threading.Event | None = None
    ) -> None:
        self.config = config
        self.engine = engine
        self._reader = reader
        self._complete = complete or threading.Event()

    def of(self, topic: Topic, mail_ids: Collection[str]) -> list[Record]:
        """What the topic says of these mails, in its order; where there is no index, what it says of any mail.

        What retention has taken away is left out. Raises `OutageError`, `TopicMissingError`.
        """
        if not mail_ids:
            return []
        if not self.has_index((topic,)):
            return list(read_to_end(self.config, [topic.name(self.config.topic_prefix)]))
        return self.known(topic, mail_ids)

    def known(self, topic: Topic, mail_ids: Collection[str]) -> list[Record]:
        """The same as far as the index knows by now: for pages, which read no topic."""
        with read_transaction(self.engine) as connection:
            found = self.at(_places_of(connection, self.config.topic_prefix, topic, mail_ids))
        return [found[place] for place in sorted(found)]

    def held(self) -> list[Record]:
        """What `mail.rejected` says of the mails in quarantine, or of all where there is no index."""
        if not self.has_index((MAIL_REJECTED,)):
            return list(read_to_end(self.config, [MAIL_REJECTED.name(self.config.topic_prefix)]))
        with read_transaction(self.engine) as connection:
            mail_ids = list(connection.scalars(_HELD))
        return self.of(MAIL_REJECTED, mail_ids)

    def at(self, places: Collection[Place]) -> dict[Place, Record]:
        """The records at these places (topics in full), as far as they are still kept."""
        return self._reader.at(places)

    def gone(self, places: Collection[Place]) -> set[Place]:
        """Those of these places of which retention has taken the record away."""
        starts = self._reader.starts({(topic, partition) for topic, partition, _ in places})
        return {place for place in places if place[2] < starts.get(place[:2], 0)}

    def bring_up_to_date(self) -> None:
        """Raises `UserError` where there is no index yet."""
        if not self.has_index(INDEXED, TOPICS_WITH_DEAD_LETTERS):
            raise UserError(
                "there is no index of mails yet: the window makes it", "start the window (`python -m console`)"
            )

    def has_index(self, topics: Sequence[Topic], dead_letters_of: Sequence[Topic] = ()) -> bool:
        """Whether the index tells all that these topics, and these ones' dead letter topics, hold now."""
        return self._complete.is_set() or catch_up(self.config, self.engine, topics, dead_letters_of)


@contextmanager
def mail_records(config: ProcessConfig) -> Iterator[MailRecords]:
    """For one command."""
    engine, reader = open_desk(config.desk_url), RecordReader(config)
    try:
        yield MailRecords(config, engine, reader)
    finally:
        reader.close()
        engine.dispose()


def _places_of(connection: Connection, prefix: str, topic: Topic, mail_ids: Collection[str]) -> list[Place]:
    query = select(mail_steps.c.topic_partition, mail_steps.c.topic_offset).where(
        any_of(mail_steps.c.mail_id), mail_steps.c.topic == topic.short
    )
    name = topic.name(prefix)
    return [
        (name, row.topic_partition, row.topic_offset) for row in connection.execute(query, {"keys": list(mail_ids)})
    ]


def steps_of(connection: Connection, mail_id: str) -> list[Step]:
    """Every record of a mail's way, as it was told; at most `MOST_STEPS`, the oldest."""
    query = select(mail_steps).where(mail_steps.c.mail_id == mail_id).order_by(mail_steps.c.at).limit(MOST_STEPS)
    return [Step(**row) for row in connection.execute(query).mappings()]
