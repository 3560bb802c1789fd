"""The running watchers of this instance, kept as settings and assignment require. Used by one thread."""

import time
from collections.abc import Collection, Iterable

from ingest import records
from ingest.context import WatcherContext
from ingest.server_assignment import Watched, changes, partition_of, servers_of
from ingest.status import StatusTracker, forget
from ingest.watcher import MailboxWatcher
from runtime.outages import OutageError
from runtime.telemetry.logs import get_logger
from schemas.servers import MailboxCursor
from schemas.settings import IncomingServer
from schemas.snapshot import SettingsSnapshot
from schemas.topics import SERVER_STATUS
from schemas.wire import tombstone

log = get_logger(__name__)

STOP_SECONDS = 3.0  # a rebalance waits for it without a heartbeat: with one interval less than the session's time-out


class WatcherPool:
    """One watcher per server, and the cursors of all servers of the assigned partitions, watched or not."""

    def __init__(self, context: WatcherContext) -> None:
        self._context = context
        self._running: dict[str, MailboxWatcher] = {}
        self._made_of: dict[str, Watched] = {}  # by id, for each that runs
        self._cursors: dict[str, MailboxCursor] = {}
        self._disabled: dict[str, IncomingServer] = {}
        self._deleted: set[str] = set()  # servers that no longer exist, whose status is still to be deleted

    def learn(self, server_id: str, cursor: MailboxCursor | None) -> None:
        """A cursor from the topic; None: it was deleted."""
        if cursor is None:
            self._cursors.pop(server_id, None)
        else:
            self._cursors[server_id] = cursor

    def adjust(self, snapshot: SettingsSnapshot, owned: Collection[int], partitions: int) -> None:
        """Start and stop watchers so that those of the assigned partitions run."""
        wanted, disabled = servers_of(snapshot, owned, partitions)
        change = changes(self._made_of, wanted)
        had = self._running.keys() | self._disabled.keys()
        self._stop(change.stop)
        for made_of in change.start:
            server = made_of.server
            watcher = MailboxWatcher(server, self._cursors.get(server.id), self._context)
            self._running[server.id], self._made_of[server.id] = watcher, made_of
            watcher.start()
            log.info("watching", server=server.id, protocol=server.protocol, folder=server.folder)
        self._report_disabled(disabled)
        self._report_deleted(had, {server.id for server in snapshot.all_of(IncomingServer)})

    def drop(self, partitions_lost: Collection[int], partitions: int) -> None:
        """Stop the watchers of partitions that another instance is assigned from now on."""
        self._stop([id_ for id_ in self._running if partition_of(id_, partitions) in partitions_lost])
        self._cursors = {
            id_: cursor for id_, cursor in self._cursors.items() if partition_of(id_, partitions) not in partitions_lost
        }

    def close(self) -> None:
        self._stop(list(self._running))

    def __len__(self) -> int:
        return len(self._running)

    def _stop(self, server_ids: Iterable[str]) -> None:
        """Stop these, all at once, and keep the cursors that they reached."""
        stopping = {id_: self._running.pop(id_) for id_ in server_ids}
        for id_ in stopping:
            del self._made_of[id_]
        for watcher in stopping.values():
            watcher.stop()
        deadline = time.monotonic() + STOP_SECONDS
        for id_, watcher in stopping.items():
            if not watcher.join(max(0.0, deadline - time.monotonic())):
                watcher.interrupt()
                log.warning("a watcher did not stop in time and was interrupted", server=id_)
            else:
                log.info("no longer watching", server=id_)
            forget(id_)
            self.learn(id_, watcher.cursor)

    def _report_disabled(self, disabled: Iterable[IncomingServer]) -> None:
        now = self._context.now()
        known, self._disabled = self._disabled, {server.id: server for server in disabled}
        statuses = [StatusTracker(id_).moved("disabled", now)[1] for id_ in self._disabled if id_ not in known]
        try:
            self._context.publish([records.status_record(status, now) for status in statuses if status])
        except OutageError as error:
            log.info("a status could not be published", state="disabled", why=str(error))

    def _report_deleted(self, had: Iterable[str], existing: Collection[str]) -> None:
        """The instance that had a server until it was deleted deletes its status."""
        self._deleted = {id_ for id_ in self._deleted.union(had) if id_ not in existing}
        try:
            self._context.publish([tombstone(SERVER_STATUS, id_) for id_ in sorted(self._deleted)])
        except OutageError as error:
            log.info("the status of deleted servers could not be deleted; it is retried", why=str(error))
        else:
            self._deleted = set()
