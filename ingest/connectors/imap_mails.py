"""Messages of the chosen IMAP folder, each read whole or not at all, whatever the server makes of the command.

An ordinary server costs one command per batch. With others: if a batch is refused, its messages are asked for one by
one; messages that are shorter than announced are read once more; and if pieces are odd, or end too soon, the whole
message is asked for.
"""

import imaplib
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any

from ingest.connectors.imap_connection import MAX_RESPONSE_BYTES, FetchRefusedError
from ingest.connectors.imap_responses import internal_date, origin_of, responses, uid_of
from ingest.connectors.imap_session import ImapSession
from ingest.connectors.mailbox_connector import FetchResult
from ingest.connectors.refusals import is_throttled
from ingest.connectors.remote_mail import RemoteMail, agreed, is_short, short_of, spooled
from mailserver.errors import words_of

PIECE_BYTES = 4_000_000  # of a message that is too large to be fetched at once
MOST_BYTES_AT_ONCE = MAX_RESPONSE_BYTES - 1_000_000  # of a message whose pieces are odd
MOST_ODD_PIECES = 50  # more than there would be, before we stop asking for a server's small pieces
_SMALL_BYTES = 10_000  # of a piece of a message that cannot be had at once
_TELLING_BYTES = 64  # a piece this long does not equal the message's beginning by chance


class NotGivenError(imaplib.IMAP4.error):
    """The server lists a message and does not give it, or not whole: what it said or did."""


class _OddPieceError(Exception):
    """What came is not the piece that was asked for, or one of far too many."""


class ImapMails:
    """Reads messages over one session. `locator`: how people find a message, by its UID.

    Raises `imaplib.IMAP4.error` if the connection breaks, or the account as a whole is throttled.
    """

    def __init__(self, session: ImapSession, locator: Callable[[str], str]) -> None:
        self._session = session
        self._locator = locator

    def read(self, sizes: Mapping[str, int], room: int) -> FetchResult:
        """Messages by UID, `sizes` as announced. One larger than `room` has to be alone: it is read in pieces."""
        result = FetchResult()
        large = max(sizes.values()) > room
        result.mails = (
            self._in_pieces(sizes, room, result.not_given) if large else self._together(sizes, result.not_given)
        )
        short = {uid: sizes[uid] for uid, mail in result.mails.items() if is_short(mail, sizes[uid])}
        if short:
            again = self._otherwise(short, room, result.not_given) if large else self._together(short, result.not_given)
            _take_agreed(result, short, again)
        self._look_for_missing(result, sizes.keys() - result.mails.keys() - result.not_given.keys())
        return result

    def beginning(self, uid: str, limit: int) -> bytes | None:
        """A message's first bytes; None if it is gone."""
        found = self._piece(uid, 0, limit)
        return found[1][:limit] if found else None

    def _together(self, sizes: Mapping[str, int], refused: dict[str, str]) -> dict[str, RemoteMail]:
        """Messages in one command; one by one if that is refused, to find out which of them is not given."""
        try:
            response = self._session.uid_fetch(",".join(sizes), "(UID INTERNALDATE BODY.PEEK[])")
        except FetchRefusedError as error:
            given, said = self._given(error.given, sizes), words_of(error)
            if is_throttled(said):
                raise
        else:
            return self._given(response, sizes)
        missing = [uid for uid in sizes if uid not in given]
        if len(sizes) == 1:
            refused |= dict.fromkeys(missing, said)
            return given
        for uid in missing:
            given |= self._together({uid: sizes[uid]}, refused)
        return given

    def _given(self, response: Sequence[Any], sizes: Mapping[str, int]) -> dict[str, RemoteMail]:
        """The messages in a response. NIL or nothing for a message of some size is no empty message."""
        found: dict[str, RemoteMail] = {}
        for line, raw in responses(response):
            uid = str(uid_of(line))
            if uid in sizes and raw is not None and (raw or not sizes[uid]):
                found[uid] = RemoteMail(uid, self._locator(uid), raw, internal_date(line))
        return found

    def _in_pieces(self, sizes: Mapping[str, int], room: int, refused: dict[str, str]) -> dict[str, RemoteMail]:
        length = min(PIECE_BYTES, room)
        return _each(sizes, refused, lambda uid, announced: self._read_in_pieces(uid, announced, length, room))

    def _otherwise(self, sizes: Mapping[str, int], room: int, refused: dict[str, str]) -> dict[str, RemoteMail]:
        """Messages whose pieces ended too soon: at once; if they are too large for that, in other pieces."""
        length = min(PIECE_BYTES, room) // 2

        def read_otherwise(uid: str, announced: int) -> RemoteMail | None:
            if announced <= MOST_BYTES_AT_ONCE:
                return self._at_once(uid, announced, room)
            return self._read_in_pieces(uid, announced, length, room)

        return _each(sizes, refused, read_otherwise)

    def _read_in_pieces(self, uid: str, announced: int, length: int, room: int) -> RemoteMail | None:
        """A message that is never in memory whole, unless its server gives odd pieces; None if it is gone."""
        first = self._piece(uid, 0, length)
        if first is None:
            return None
        line, start = first
        try:
            _check_piece(line, 0)
            return spooled(
                uid,
                self._locator(uid),
                self._pieces(uid, start, length, announced),
                room=room,
                internal_date=internal_date(line),
                announced=announced,
            )
        except _OddPieceError:
            return self._at_once(uid, announced, room)

    def _pieces(self, uid: str, start: bytes, length: int, announced: int) -> Iterator[bytes]:
        """Until there is no more. The first one may be the whole message, and each shorter than was asked for."""
        if not start and announced:
            raise NotGivenError("it gives nothing of it")
        yield start
        position, piece = len(start), start
        for _ in range(_most_pieces(announced, length)):
            if position == announced or (position > announced and len(piece) != length):
                return
            following = self._piece(uid, position, length)
            if following is None:
                raise NotGivenError("it gives no more of it after a part")
            line, piece = following
            if not piece:
                return
            _check_piece(line, position)
            if len(piece) > length or (len(piece) >= _TELLING_BYTES and piece == start[: len(piece)]):
                raise _OddPieceError
            yield piece
            position += len(piece)
        raise _OddPieceError

    def _piece(self, uid: str, position: int, length: int) -> tuple[bytes, bytes] | None:
        """(line, bytes) of a message's bytes from a position on (RFC 9051, 6.4.5: BODY[]<position.length>)."""
        return self._one(uid, f"(UID INTERNALDATE BODY.PEEK[]<{position}.{length}>)")

    def _at_once(self, uid: str, announced: int, room: int) -> RemoteMail | None:
        if announced > MOST_BYTES_AT_ONCE:
            raise NotGivenError(f"it gives other pieces than those asked for, of a message of {announced} bytes")
        found = self._one(uid, "(UID INTERNALDATE BODY.PEEK[])")
        if found is None:
            return None
        line, raw = found
        if not raw and announced:
            raise NotGivenError("it gives nothing of it")
        return spooled(uid, self._locator(uid), [raw], room=room, internal_date=internal_date(line))

    def _one(self, uid: str, items: str) -> tuple[bytes, bytes] | None:
        """(line, bytes) of what was asked for of one message; None if the response has nothing of it."""
        try:
            response = self._session.uid_fetch(uid, items)
        except FetchRefusedError as error:
            said = words_of(error)
            if is_throttled(said):
                raise
            raise NotGivenError(said) from error
        for line, raw in responses(response):
            if str(uid_of(line)) == uid and raw is not None:
                return line, raw
        return None

    def _look_for_missing(self, result: FetchResult, missing: Set[str]) -> None:
        """A message that is not in the response was taken away meanwhile, unless the server still lists it."""
        if not missing:
            return
        try:
            response = self._session.uid_fetch(",".join(sorted(missing)), "(UID)")
        except FetchRefusedError as error:
            there = missing if not error.given else {str(uid_of(line)) for line, _ in responses(error.given)}
        else:
            there = {str(uid_of(line)) for line, _ in responses(response)}
        result.not_given |= dict.fromkeys(missing & there, "it gives no content")


def _each(
    sizes: Mapping[str, int], refused: dict[str, str], read_one: Callable[[str, int], RemoteMail | None]
) -> dict[str, RemoteMail]:
    found: dict[str, RemoteMail] = {}
    for uid, announced in sizes.items():
        try:
            mail = read_one(uid, announced)
        except NotGivenError as error:
            refused[uid] = words_of(error)
        else:
            if mail:
                found[uid] = mail
    return found


def _take_agreed(result: FetchResult, short: Mapping[str, int], again: Mapping[str, RemoteMail]) -> None:
    for uid, announced in short.items():
        first = result.mails.pop(uid)
        if uid not in again:
            continue
        if agreed(first, again[uid], announced):
            result.mails[uid] = again[uid]
        else:
            result.not_given[uid] = short_of(first, again[uid], announced)


def _check_piece(line: bytes, position: int) -> None:
    """Raises `_OddPieceError` if the server itself says that a piece is of another place."""
    if origin_of(line) not in (None, position):
        raise _OddPieceError


def _most_pieces(announced: int, length: int) -> int:
    """How many pieces are asked for: few, unless there is no other way to get the message."""
    smallest = length if announced <= MOST_BYTES_AT_ONCE else _SMALL_BYTES
    return announced // smallest + MOST_ODD_PIECES
