"""What the connectors share: what waits to be fetched, what is owed, fetching one by one, and refusals."""

import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from ingest.connectors.base import Mode
from ingest.connectors.owed import NotGivenError, Owed, Suspects, too_much_owed
from ingest.connectors.remote_mail import FIRST_PART_BYTES, RemoteMail
from mailserver.errors import MailServerError, server_label
from schemas.reasons import Reason
from schemas.settings import IncomingServer

# Given handle, announced size and the bytes that may be held in memory; None: the message is gone.
ReadOne = Callable[[str, int, int], RemoteMail | None]


@dataclass(slots=True)
class FetchResult:
    """What happened to messages that were asked for, by handle; those in neither are gone. `not_given`: why not.

    `broken`: what ended the fetch after its first messages; the others wait again.
    """

    mails: dict[str, RemoteMail] = field(default_factory=dict)
    not_given: dict[str, str] = field(default_factory=dict)
    gone: list[str] = field(default_factory=list)
    broken: MailServerError | None = None


class MailboxConnector:
    """What connectors share: what waits to be fetched, what is owed, fetching one by one, and refusals."""

    def __init__(self, server: IncomingServer, mode: Mode) -> None:
        self._server = server
        self._mode = mode
        self._waiting: list[tuple[str, int]] = []  # (handle, size) of messages that are listed and not yet fetched
        self._owed = Owed()
        self.suspects = Suspects()

    @property
    def backlog(self) -> int:
        return len(self._waiting)

    def wait(self, seconds: float, stop: threading.Event) -> None:
        """For a server that cannot announce new messages: it is polled."""
        self._owed.new_round()
        stop.wait(seconds)

    def _fetch_one_by_one(
        self,
        taken: list[tuple[str, int]],
        room: int,
        read: ReadOne,
        is_break: Callable[[Exception], bool],
    ) -> FetchResult:
        """Read messages that were taken from those that wait.

        `read` is given handle, announced size and the room that is left; None: the message is gone. It raises
        `NotGivenError` for this one message, `MailServerError` for the connection or the whole mailbox. Announced sizes
        are not trusted: what no longer fits waits for the next batch, and so does what comes after a break.
        """
        result, held = FetchResult(), 0
        while taken and held <= room:
            handle, size = taken[0]
            try:
                mail = self._read_suspect(handle, size, max(room - held, FIRST_PART_BYTES), read, is_break)
            except NotGivenError as error:
                result.not_given[handle] = str(error)
            except MailServerError as error:
                if not result.mails:
                    raise
                result.broken = error
                break
            else:
                if mail is None:
                    result.gone.append(handle)
                else:
                    result.mails[handle] = mail
                    # If it is not kept whole, the server may still be sending it: no other follows.
                    held += len(mail.raw) if mail.is_kept_whole else room + 1
            del taken[0]
        self._waiting[:0] = taken
        return result

    def _read_suspect(
        self, handle: str, size: int, room: int, read: ReadOne, is_break: Callable[[Exception], bool]
    ) -> RemoteMail | None:
        if self.suspects.breaks_connections(handle):
            raise NotGivenError(self.suspects.skip(handle))
        with self.suspects.fetching([handle], is_break):
            return read(handle, size, room)

    @property
    def _label(self) -> str:
        """The server in an error's text."""
        return server_label(self._server)

    def _refused(self, text: str, *, temporary: bool = False) -> MailServerError:
        """The folder cannot be used as the settings say."""
        return MailServerError(Reason.FOLDER_REFUSED, f"{self._label}: {text}", temporary=temporary)

    def _check_owed(self) -> None:
        text = too_much_owed(self._owed)
        if text:
            raise MailServerError(Reason.SERVER_UNREACHABLE, f"{self._label}: {text}", temporary=True)

    def _check_size(self, handles: Collection[str]) -> None:
        """Raises `MailServerError` if this many messages cannot be remembered as fetched."""
        if sum(len(handle.encode()) + 3 for handle in handles) > self._mode.cursor_bytes:
            raise self._refused(
                f"it holds {len(handles)} messages that have been fetched, more than a cursor can hold: take "
                "messages out of it, or set after_fetch to delete or, where that is possible, move"
            )


def whats_there(server: IncomingServer, mails: int) -> str:
    """What a first read would do with this many messages."""
    there = "1 message is there" if mails == 1 else f"{mails} messages are there"
    first = {"now": "leaves alone what is there", "beginning": "fetches all of it"}[server.start_from]
    return f"{there}; a first read {first} (start_from: {server.start_from})"
