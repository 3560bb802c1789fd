"""Messages of a POP3 session: what each is recognised by, and each read whole or not at all.

A message is recognised by its unique id (RFC 1939, section 7: UIDL), or by a digest if it has none of its own.
"""

import hashlib
import poplib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ingest.connectors.owed import NotGivenError
from ingest.connectors.pop3_session import Pop3Session
from ingest.connectors.refusals import is_throttled
from ingest.connectors.remote_mail import RemoteMail, agreed, is_short, short_of, spooled
from mailserver.errors import words_of


@dataclass(slots=True)
class Identified:
    """`numbers`: the messages by their ids, in the mailbox's order. `by_digest`: how many have no unique id.

    `not_given`: messages of which the server gave nothing to recognise them by, with what it said.
    """

    numbers: dict[str, int] = field(default_factory=dict)
    not_given: dict[str, str] = field(default_factory=dict)
    by_digest: int = 0


def identify(session: Pop3Session, listed: Iterable[int], unique_ids: Mapping[int, str]) -> Identified:
    """Ids of all messages, listed with one or not.

    If an id is missing, or several messages have the same, they are distinguished by their headers. Different messages
    may have the same header: those are distinguished by their whole content, and only copies of one message counted.
    """
    identified = Identified()
    mails_of = Counter(unique_ids.values())
    ids: dict[int, str] = {}
    for number in sorted({*listed, *unique_ids}):
        uidl = unique_ids.get(number)
        if uidl and mails_of[uidl] == 1:
            ids[number] = uidl
        else:
            identified.by_digest += 1
            _add_digest(ids, number, lambda n: _header_digest(session, n), identified)
    headers = Counter(ids.values())
    for number in [number for number, id_ in ids.items() if headers[id_] > 1]:
        del ids[number]
        _add_digest(ids, number, lambda n: _content_digest(session, n), identified)
    copies: Counter[str] = Counter()
    for number, id_ in sorted(ids.items()):
        copies[id_] += 1
        identified.numbers[id_ if copies[id_] == 1 else f"{id_}-{copies[id_]}"] = number
    return identified


def read_whole(session: Pop3Session, number: int, uidl: str, announced: int, room: int) -> RemoteMail:
    """The message, checked against its size; if it is shorter, it is read once more.

    Raises `NotGivenError`; `poplib.error_proto` and `OSError` if the connection breaks, or the account as a whole is
    throttled.
    """
    mail = _read(session, number, uidl, announced, room)
    if not is_short(mail, announced):
        return mail
    again = _read(session, number, uidl, announced, room)
    if not agreed(mail, again, announced):
        raise NotGivenError(short_of(mail, again, announced))
    return again


def is_refusal(error: Exception) -> bool:
    """Whether the server said no to one command."""
    return isinstance(error, poplib.error_proto) and words_of(error).startswith("-ERR")


def is_break(error: Exception) -> bool:
    """Whether the connection is of no more use."""
    return isinstance(error, (poplib.error_proto, OSError)) and not is_refusal(error)


def _add_digest(ids: dict[int, str], number: int, digest: Callable[[int], str], identified: Identified) -> None:
    try:
        ids[number] = digest(number)
    except poplib.error_proto as error:
        if not is_refusal(error):
            raise
        identified.not_given[f"number {number}"] = words_of(error)


def _header_digest(session: Pop3Session, number: int) -> str:
    try:
        header = session.header(number)
    except poplib.error_proto as error:
        if not is_refusal(error):
            raise
        return _content_digest(session, number)  # TOP is optional
    return f"top-{hashlib.sha256(header).hexdigest()[:32]}"


def _content_digest(session: Pop3Session, number: int) -> str:
    digest = hashlib.sha256()
    for piece in session.content(number):
        digest.update(piece)
    return f"mail-{digest.hexdigest()[:32]}"


def _read(session: Pop3Session, number: int, uidl: str, announced: int, room: int) -> RemoteMail:
    try:
        return spooled(uidl, f"POP3;UIDL={uidl}", session.content(number), room=room, announced=announced)
    except poplib.error_proto as error:
        said = words_of(error)
        if not is_refusal(error) or is_throttled(said):
            raise
        raise NotGivenError(said) from error
