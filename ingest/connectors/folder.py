"""A Maildir or a directory of .eml files on this machine: for imports and demos. Polled.

Its cursor is the set of names fetched that are still there.
"""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from pathlib import Path

from ingest.connectors.base import BATCH_BYTES, LOOKED_AT, SHOWN_BYTES, WATCH, FetchedBatch, Mode, Step, take_batch
from ingest.connectors.mail_files import MAILDIR, TOP, EmlDirectory, Kind, Maildir, MailFile, in_order
from ingest.connectors.mailbox_connector import MailboxConnector, whats_there
from ingest.connectors.open_directories import OpenDirectories, remedy_for
from ingest.connectors.remote_mail import RemoteMail, spooled
from ingest.mail_preview import header_of, holds
from mailserver.authentication import method_for
from mailserver.sasl import Credentials
from runtime.security.redaction import printable
from runtime.telemetry.logs import get_logger
from schemas.servers import MailboxCursor
from schemas.settings import IncomingServer

log = get_logger(__name__)

PIECE_BYTES = 4_000_000  # read at once


class FolderConnector(MailboxConnector):
    """One directory. See `Connector`. It has to be in the mode's `folder_root`, links resolved."""

    def __init__(self, server: IncomingServer, _account: Credentials, mode: Mode = WATCH) -> None:
        super().__init__(server, mode)
        self._kind: Kind = EmlDirectory()
        self._directories = OpenDirectories()
        self._files: dict[str, MailFile] = {}  # by handle, as the last look found them
        self._unfinished = False  # a file was seen that may still be written
        self._skip_logged = False

    @property
    def _label(self) -> str:
        return f"{self._server.id} ({self._server.path})"

    def opening(self) -> tuple[Step, ...]:
        return Step("open folder", self._open), Step("list mails", self._count)

    def _open(self) -> str:
        method_for(self._server, "folder")
        self._check_move_to()
        with self._translated():
            path = self._real_path()
            self._directories.open_top(path)
            self._kind = Maildir() if all((path / name).is_dir() for name in MAILDIR) else EmlDirectory()
            for directory in self._kind.directories:
                self._directories.enter(TOP, directory)
        return f"{self._server.path} is {self._kind.label}"

    def _count(self) -> str:
        with self._translated():
            self._look()
        return whats_there(self._server, len(self._files))

    def newest(self, marker: str) -> bytes | None:
        with self._translated():
            for handle, _ in sorted(self._files.items(), key=lambda item: item[1].mtime_ns, reverse=True)[:LOOKED_AT]:
                mail = self._fetch(handle, BATCH_BYTES)
                if mail is not None and holds(header_of(mail.raw), marker):
                    return mail.raw[:SHOWN_BYTES]
        return None

    def _check_move_to(self) -> None:
        name = self._server.move_to
        if name is not None and ("/" in name or name.strip() in ("", ".", "..", *MAILDIR)):
            raise self._refused(
                f"move_to {name!r} is no name of a directory within path: write one without a slash, such as done",
                temporary=False,
            )

    def _real_path(self) -> Path:
        """Where the folder really is. Raises `MailServerError` if ingest may not read there."""
        root, path = self._mode.folder_root.resolve(), Path(os.path.realpath(self._server.path or "", strict=True))
        if not path.is_relative_to(root):
            raise self._refused(
                f"it lies outside of {root}, the only place where folders may be read: correct path, or "
                "MAILCALL_FOLDER_ROOT of the process ingest"
            )
        return path

    def next_batch(self, cursor: MailboxCursor | None, room: int = BATCH_BYTES) -> FetchedBatch | None:
        if cursor is not None and (cursor.folder != self._server.path or cursor.uid is not None):
            cursor = None  # of another folder or protocol: this one was never read
        known = cursor.uidls if cursor else ()
        with self._translated():
            if not self._waiting:
                self._look_for_new(frozenset(known))
            if cursor is None and self._server.start_from == "now":
                self._waiting.clear()
                return FetchedBatch((), self._cursor(tuple(self._files)), skipped=len(self._files))
            while self._waiting:
                fetched = [self._fetch(handle, room) for handle, _ in take_batch(self._waiting, room)]
                mails = tuple(mail for mail in fetched if mail is not None)
                if mails:
                    still_there = (handle for handle in known if handle in self._files)
                    handles = tuple(chain(still_there, (mail.handle for mail in mails)))
                    return FetchedBatch(mails, self._cursor(handles))
        return None

    def _look_for_new(self, known: frozenset[str]) -> None:
        self._look()
        now = time.time_ns()
        quiet_since = now - int(self._kind.quiet_seconds * 1e9)
        new = {handle: file for handle, file in self._files.items() if handle not in known}
        ready = {h: file for h, file in new.items() if not quiet_since < file.mtime_ns <= now}
        self._unfinished = len(ready) < len(new)
        self._waiting = [(h, ready[h].size) for h in sorted(ready, key=lambda h: in_order(ready[h]))]

    def _look(self) -> None:
        """Which messages are there. No file is opened for that."""
        if not self._directories:
            self._open()
        self._files = {
            self._kind.handle(file.name, file.mtime_ns): file
            for directory in self._kind.directories
            for file in self._directories.files(directory, self._kind.takes, self._skip)
        }

    def _skip(self, name: str) -> None:
        if not self._skip_logged:
            self._skip_logged = True
            log.warning("links and other entries that are no files are skipped", server=self._server.id, first=name)

    def _fetch(self, handle: str, room: int) -> RemoteMail | None:
        """The message; None if it is gone or was changed meanwhile: then the next look finds what is there."""
        file = self._files[handle]
        content = self._directories.open_file(file)
        if content is None:
            return None
        with content:
            mail = spooled(
                handle,
                f"FOLDER;NAME={handle}",
                iter(partial(content.read, min(PIECE_BYTES, room)), b""),
                room=room,
                internal_date=_date(os.fstat(content.fileno())),
                announced=file.size,
            )
            after = os.fstat(content.fileno())
        return mail if (after.st_size, after.st_mtime_ns) == (file.size, file.mtime_ns) else None

    def apply_after_fetch(self, batch: FetchedBatch) -> None:
        if self._server.after_fetch == "leave" or not batch.mails:
            return
        with self._translated():
            missed = [mail.handle for mail in batch.mails if not self._apply(mail.handle)]
            if missed:  # a mail program renamed them, or they were fetched by an earlier connector
                self._look()
                for handle in missed:
                    self._apply(handle)

    def _apply(self, handle: str) -> bool:
        """Whether the message was there. A file that was changed since is another message."""
        file = self._files.get(handle)
        if file is None or self._directories.state(file.directory, file.name) != (file.size, file.mtime_ns):
            return False
        if self._server.after_fetch == "seen":
            self._mark_seen(handle, file)
            return True
        if self._server.after_fetch == "delete":
            self._directories.delete(file)
        else:
            self._directories.move(file, self._target(file.directory), self._kind.numbered)
        del self._files[handle]
        return True

    def _mark_seen(self, handle: str, file: MailFile) -> None:
        marked = self._kind.seen(file)
        if marked is None or self._directories.state(*marked) is not None:
            return  # there is no such mark, or it is set already
        self._files[handle] = self._directories.rename(file, *marked)

    def _target(self, directory: str) -> str:
        """The directory that a message of `directory` is moved to, created if it is missing: of a Maildir another."""
        folder = self._directories.create(TOP, self._server.move_to or "")
        if directory == TOP:
            return folder
        for name in MAILDIR:
            self._directories.create(folder, name)
        return os.path.normpath(f"{folder}/{directory}")

    def wait(self, seconds: float, stop: threading.Event) -> None:
        unfinished = self._unfinished
        self.close()
        stop.wait(min(seconds, self._kind.quiet_seconds) if unfinished else seconds)

    def interrupt(self) -> None:
        """There is nothing to cancel: files respond at once, and `wait` ends by its event."""

    def close(self) -> None:
        self._directories.close()
        self._files, self._waiting, self._unfinished = {}, [], False

    def _cursor(self, handles: tuple[str, ...]) -> MailboxCursor:
        self._check_size(handles)
        return MailboxCursor(server_id=self._server.id, folder=self._server.path or "", uidls=handles)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """A person fixes the cause in the file system, and nobody is harmed by another look: so it is temporary."""
        try:
            yield
        except OSError as error:
            named = error.filename if isinstance(error.filename, str) else self._server.path
            what = f"{printable(named)!r}: {printable(error.strerror or error)}"
            raise self._refused(f"{what}; {remedy_for(error)}", temporary=True) from error


def _date(seen: os.stat_result) -> datetime | None:
    """When the file was last written, which is when its message came; None if it is beyond all years."""
    try:
        return datetime.fromtimestamp(seen.st_mtime, UTC)
    except (ValueError, OverflowError, OSError):
        return None
