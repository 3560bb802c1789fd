"""What operations work with. The command line makes one such object a call, the window keeps one."""

import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING

from console.config import ConsoleConfig
from console.errors import Remedy, UserError

if TYPE_CHECKING:
    import threading

    from sqlalchemy import Engine

    from console.health.sampler import Sampler
    from console.jobs.jobs import Jobs
    from console.live.hub import Hub
    from console.mails.contents import MailContents
    from console.mails.index.follower import IndexFollower
    from console.mails.index.records import MailRecords
    from console.servers.drafts import Drafts
    from console.servers.test_runs import ServerTestRuns
    from console.templates.samples import Samples
    from console.views.answers import Answers
    from console.views.views import Views
    from runtime.kafka.producer import Publisher
    from runtime.kafka.topic_reader import RecordReader
    from runtime.telemetry.health import Health


class KeyLocks:
    """Locks by key; the number of keys is that of the settings that were ever saved here."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)

    @contextmanager
    def held(self, keys: Iterable[str]) -> Iterator[None]:
        """Holds all of them, taken in one order, so that nobody waits for somebody who waits for him."""
        with self._lock:
            locks = [self._locks[key] for key in sorted(set(keys))]
        with ExitStack() as stack:
            for lock in locks:
                stack.enter_context(lock)
            yield


class Services:
    """Each is made when it is first asked for, so that a command that needs none of them starts fast."""

    def __init__(
        self, config: ConsoleConfig, health: "Health | None" = None, desk_answer_seconds: float | None = None
    ) -> None:
        """`desk_answer_seconds`: as `open_desk` has it."""
        self.config = config
        self.locks = KeyLocks()
        self._health = health
        self._desk_answer_seconds = desk_answer_seconds

    @cached_property
    def publisher(self) -> "Publisher":
        """Connects to the broker with the first record."""
        from runtime.kafka.producer import Publisher

        return Publisher(self.config, "console")

    @cached_property
    def engine(self) -> "Engine":
        """The desk's database; connects when it is first used. Raises `UserError` for a URL that cannot be used."""
        from desk.engine import open_desk
        from desk.errors import DeskUrlError

        try:
            return open_desk(self.config.desk_url, answer_seconds=self._desk_answer_seconds)
        except DeskUrlError as error:
            raise UserError(str(error), Remedy.CONFIGURE_DESK) from None

    @cached_property
    def record_reader(self) -> "RecordReader":
        """Single records by their place; connects to the broker when it is first used."""
        from runtime.kafka.topic_reader import RecordReader

        return RecordReader(self.config)

    @cached_property
    def mail_records(self) -> "MailRecords":
        """The records that tell of mails, by the index of mails where there is one."""
        from console.mails.index.records import MailRecords

        return MailRecords(self.config, self.engine, self.record_reader, self.mail_index.complete)

    @cached_property
    def mail_index(self) -> "IndexFollower":
        """Keeps the index of mails, once `follow` has been called."""
        from console.mails.index.follower import IndexFollower

        return IndexFollower(self.config, self.engine, self._health)

    @cached_property
    def mail_contents(self) -> "MailContents":
        """What mails say, read in a child process and kept for a while."""
        from console.mails.contents import MailContents
        from runtime.blobs import BlobStore

        return MailContents(self.mail_records, BlobStore(self.config.blob_url))

    @cached_property
    def live(self) -> "Hub":
        """Tells open pages what has changed."""
        from console.live.hub import Hub

        return Hub()

    @cached_property
    def views(self) -> "Views":
        """Settings, states of servers and changes, once `follow` has been called."""
        from console.views.views import Views

        return Views(self.config, self.live.changed, self._health)

    @cached_property
    def answers(self) -> "Answers":
        """The answers to tests and to requests of the desk, once `follow` has been called."""
        from console.views.answers import Answers, readers

        return Answers(self.config, readers(self.config.topic_prefix), self.live.changed, self._health)

    @cached_property
    def sampler(self) -> "Sampler":
        """Lag, rates and ages of the last hour, once `follow` has been called."""
        from console.health.sampler import Sampler

        return Sampler(self.config, self.engine, self.live.changed)

    @cached_property
    def jobs(self) -> "Jobs":
        """Work of minutes, in child processes."""
        from console.jobs.jobs import Jobs

        return Jobs(self.config, self.live.changed)

    @cached_property
    def samples(self) -> "Samples":
        """What message templates make of an example."""
        from console.templates.samples import Samples

        return Samples()

    @cached_property
    def drafts(self) -> "Drafts":
        """The Email Server Details that each account has open."""
        from console.servers.drafts import Drafts

        return Drafts()

    @cached_property
    def test_runs(self) -> "ServerTestRuns":
        """The newest test of mail servers that each account has started."""
        from console.servers.test_runs import ServerTestRuns

        return ServerTestRuns()

    def follow(self, stop: "threading.Event") -> None:
        """Starts the threads of views, answers, samples, index of mails; they end after `stop`. Waits for nothing."""
        for follower in (self.views, self.answers, self.sampler, self.mail_index):
            follower.start(stop)

    def close(self) -> None:
        """Closes what was made. The threads of `follow` have been told to stop."""
        made = vars(self)
        for name in ("mail_contents", "record_reader"):
            if name in made:
                made[name].close()
        if "jobs" in made:
            self.jobs.close()
        for name in ("views", "answers", "sampler", "mail_index"):
            if name in made:
                made[name].join()
        if "publisher" in made:
            self.publisher.close()
        if "engine" in made:
            self.engine.dispose()
