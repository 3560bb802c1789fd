"""A Maildir or a directory of .eml files on this machine: for imports and demos. Polled.

Its cursor is the set of names fetched that are still there. Everything is done relative to directories that are held
open, and no link is ever followed: no name in the folder, and nobody who may write there, leads out of it.
"""

import errno
import os
import stat
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from itertools import chain, count
from pathlib import Path

from ingest.connectors.base import (
    BLOCK_BYTES,
    LOOKED_AT,
    SHOWN_BYTES,
    WATCH,
    FetchedBatch,
    Mode,
    RemoteMail,
    Step,
    lies_there,
    spooled,
    take_block,
    too_many,
)
from ingest.connectors.mail_files import MAILDIR, TOP, EmlDirectory, Kind, Maildir, MailFile, in_order
from ingest.connectors.suspects import Suspects
from ingest.shown import header_of, holds
from mailserver.authentication import method_for
from mailserver.errors import MailServerError
from mailserver.sasl import Credentials
from runtime.foreign_words import words
from runtime.logs import get_logger
from runtime.private_files import PRIVATE_DIRECTORY
from schemas.reasons import Reason
from schemas.servers import MailboxCursor
from schemas.settings import IncomingServer

log = get_logger(__name__)

PIECE_BYTES = 4_000_000  # read at once

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # what turned into a pipe does not hold us up
_RIGHTS = "give the account that ingest runs under the right to read it and, unless after_fetch is leave, to change it"
_REMEDIES: Mapping[int, str] = {
    errno.ENOENT: "make it, or correct path",
    errno.ENOTDIR: "it has to be a directory, and no link below path is followed",
    errno.ELOOP: "no link below path is followed",
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EXDEV: "move_to has to lie on the same file system",
}


class FolderConnector:
    """One directory. See `Connector`. It has to lie in the mode's `folder_root`, links resolved."""

    def __init__(self, server: IncomingServer, _account: Credentials, mode: Mode = WATCH) -> None:
        self._server = server
        self._root = mode.folder_root
        self._cursor_bytes = mode.cursor_bytes
        self._kind: Kind = EmlDirectory()
        self._opened: dict[str, int] = {}  # path within the folder -> descriptor of the directory
        self._files: dict[str, MailFile] = {}  # by handle, as the last look found them
        self._waiting: list[tuple[str, int]] = []  # (handle, size) not yet fetched
        self._unfinished = False  # a file was seen that may still be written
        self._passed_over_told = False
        self.suspects = Suspects()  # a file breaks no connection: it stays empty

    @property
    def backlog(self) -> int:
        return len(self._waiting)

    def opening(self) -> tuple[Step, ...]:
        return Step("open folder", self._open), Step("list mails", self._count)

    def _open(self) -> str:
        method_for(self._server, "folder")
        self._check_move_to()
        with self._translated():
            path = self._real_path()
            self._opened[TOP] = os.open(path, _DIRECTORY)
            self._kind = Maildir() if all((path / name).is_dir() for name in MAILDIR) else EmlDirectory()
            for directory in self._kind.directories:
                self._enter(TOP, directory)
        return f"{self._server.path} is {self._kind.words}"

    def _count(self) -> str:
        with self._translated():
            self._look()
        return lies_there(self._server, len(self._files))

    def newest(self, marker: str) -> bytes | None:
        with self._translated():
            for handle, _ in sorted(self._files.items(), key=lambda item: item[1].mtime_ns, reverse=True)[:LOOKED_AT]:
                mail = self._fetch(handle, BLOCK_BYTES)
                if mail is not None and holds(header_of(mail.raw), marker):
                    return mail.raw[:SHOWN_BYTES]
        return None

    def _check_move_to(self) -> None:
        name = self._server.move_to
        if name is not None and ("/" in name or name.strip() in ("", ".", "..", *MAILDIR)):
            raise self._refused(
                f"move_to {name!r} is no name of a directory within path: write one without a slash, such as done"
            )

    def _real_path(self) -> Path:
        """Where the folder really is. Raises `MailServerError` where ingest may not read there."""
        root, path = self._root.resolve(), Path(os.path.realpath(self._server.path or "", strict=True))
        if not path.is_relative_to(root):
            raise self._refused(
                f"it lies outside of {root}, where alone folders may be read: correct path, or MAILCALL_FOLDER_ROOT of "
                "the process ingest"
            )
        return path

    def _enter(self, parent: str, name: str) -> str:
        """Hold a directory below `parent` open, too; its path within the folder."""
        path = os.path.normpath(f"{parent}/{name}")
        if path not in self._opened:
            self._opened[path] = os.open(name, _DIRECTORY, dir_fd=self._opened[parent])
        return path

    def next_block(self, cursor: MailboxCursor | None, room: int = BLOCK_BYTES) -> FetchedBatch | None:
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
                fetched = [self._fetch(handle, room) for handle, _ in take_block(self._waiting, room)]
                mails = tuple(mail for mail in fetched if mail is not None)
                if mails:
                    still_there = (handle for handle in known if handle in self._files)
                    return FetchedBatch(mails, self._cursor(tuple(chain(still_there, (mail.handle for mail in mails)))))
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
        """Which mails are there. No file is opened for that."""
        self._ensure()
        self._files = {
            self._kind.handle(file.name, file.mtime_ns): file
            for directory in self._kind.directories
            for file in self._listed(directory)
        }

    def _listed(self, directory: str) -> Iterator[MailFile]:
        with os.scandir(self._opened[directory]) as entries:
            for entry in entries:
                if not self._kind.takes(entry.name):
                    continue
                if not entry.is_file(follow_symlinks=False):
                    self._pass_over(entry.name)
                    continue
                try:
                    seen = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue  # taken away at this moment
                if seen.st_size:  # an empty file is no mail yet
                    yield MailFile(directory, entry.name, seen.st_size, seen.st_mtime_ns)

    def _pass_over(self, name: str) -> None:
        if not self._passed_over_told:
            self._passed_over_told = True
            log.warning("links and other things that are no files are passed over", server=self._server.id, first=name)

    def _fetch(self, handle: str, room: int) -> RemoteMail | None:
        """The mail; None where it is gone or was changed meanwhile: then the next look finds what is there."""
        file = self._files[handle]
        try:
            descriptor = os.open(file.name, _FILE, dir_fd=self._opened[file.directory])
        except FileNotFoundError:
            return None
        with os.fdopen(descriptor, "rb") as content:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            mail = spooled(
                handle,
                f"FOLDER;NAME={handle}",
                iter(partial(content.read, min(PIECE_BYTES, room)), b""),
                room=room,
                internal_date=_date(os.fstat(descriptor)),
                announced=file.size,
            )
            after = os.fstat(descriptor)
        return mail if (after.st_size, after.st_mtime_ns) == (file.size, file.mtime_ns) else None

    def settle(self, block: FetchedBatch) -> None:
        if self._server.after_fetch == "leave" or not block.mails:
            return
        with self._translated():
            missed = [mail.handle for mail in block.mails if not self._settled(mail.handle)]
            if missed:  # a mail program renamed them, or they were fetched by an earlier connector
                self._look()
                for handle in missed:
                    self._settled(handle)

    def _settled(self, handle: str) -> bool:
        """Whether the mail was there and is settled. A file that was changed since is another mail."""
        file = self._files.get(handle)
        if file is None or self._state(file.directory, file.name) != (file.size, file.mtime_ns):
            return False
        if self._server.after_fetch == "seen":
            self._mark_seen(handle, file)
            return True
        if self._server.after_fetch == "delete":
            os.unlink(file.name, dir_fd=self._opened[file.directory])
        else:
            self._move(file)
        del self._files[handle]
        return True

    def _state(self, directory: str, name: str) -> tuple[int, int] | None:
        """Size and time of the last change; None where there is no such file."""
        try:
            seen = os.stat(name, dir_fd=self._opened[directory], follow_symlinks=False)
        except FileNotFoundError:
            return None
        return seen.st_size, seen.st_mtime_ns

    def _mark_seen(self, handle: str, file: MailFile) -> None:
        marked = self._kind.seen(file)
        if marked is None or self._state(*marked) is not None:
            return  # there is no such mark, or it is set already
        directory, name = marked
        source, target = self._opened[file.directory], self._opened[directory]
        os.rename(file.name, name, src_dir_fd=source, dst_dir_fd=target)
        self._files[handle] = MailFile(directory, name, file.size, file.mtime_ns)

    def _move(self, file: MailFile) -> None:
        """A name is first made ours, empty, so that no file there can be overwritten."""
        target = self._opened[self._target(file.directory)]
        for number in count():
            name = self._kind.numbered(file.name, number) if number else file.name
            try:
                os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=target))
            except FileExistsError:
                continue
            break
        try:
            os.rename(file.name, name, src_dir_fd=self._opened[file.directory], dst_dir_fd=target)
        except OSError:
            os.unlink(name, dir_fd=target)
            raise

    def _target(self, directory: str) -> str:
        """The directory that a mail of `directory` is moved to, made where it is missing: of a Maildir one more."""
        folder = self._made(TOP, self._server.move_to or "")
        if directory == TOP:
            return folder
        for name in MAILDIR:
            self._made(folder, name)
        return os.path.normpath(f"{folder}/{directory}")

    def _made(self, parent: str, name: str) -> str:
        if os.path.normpath(f"{parent}/{name}") not in self._opened:
            try:
                os.mkdir(name, PRIVATE_DIRECTORY, dir_fd=self._opened[parent])
            except FileExistsError:
                pass  # if it is no directory, the next line says so
        return self._enter(parent, name)

    def wait(self, seconds: float, stop: threading.Event) -> None:
        unfinished = self._unfinished
        self.close()
        stop.wait(min(seconds, self._kind.quiet_seconds) if unfinished else seconds)

    def interrupt(self) -> None:
        """Nothing to break off: files answer at once, and `wait` ends by its event."""

    def close(self) -> None:
        opened, self._opened = self._opened, {}
        for descriptor in opened.values():
            os.close(descriptor)
        self._files, self._waiting, self._unfinished = {}, [], False

    def _ensure(self) -> None:
        if not self._opened:
            self._open()

    def _cursor(self, handles: tuple[str, ...]) -> MailboxCursor:
        told = too_many(handles, self._cursor_bytes)
        if told:
            raise self._refused(told)
        return MailboxCursor(server_id=self._server.id, folder=self._server.path or "", uidls=handles)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            named = error.filename if isinstance(error.filename, str) else self._server.path
            what = f"{words(named)!r}: {words(error.strerror or error)}"
            remedy = _REMEDIES.get(error.errno or 0, "see that the file system is in order")
            raise self._refused(f"{what}; {remedy}", temporary=True) from error

    def _refused(self, text: str, *, temporary: bool = False) -> MailServerError:
        """Looking again harms nobody: what a person mends in the file system is found by itself."""
        return MailServerError(
            Reason.FOLDER_REFUSED, f"{self._server.id} ({self._server.path}): {text}", temporary=temporary
        )


def _date(seen: os.stat_result) -> datetime | None:
    """When the file was last written, which is when its mail came; None where it is beyond all years."""
    try:
        return datetime.fromtimestamp(seen.st_mtime, UTC)
    except (ValueError, OverflowError, OSError):
        return None
