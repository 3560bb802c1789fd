"""Mails of a POP3 session, each read whole or not at all."""

import poplib

from ingest.connectors.announced import agreed, is_short, short_of
from ingest.connectors.base import RemoteMail, spooled
from ingest.connectors.passing import asks_for_rest
from ingest.connectors.pop3_ids import is_refusal
from ingest.connectors.pop3_session import Pop3Session
from mailserver.errors import words_of


class NotGivenError(Exception):
    """The server lists a mail and does not give it, or not whole: what it said or did."""


def read_whole(session: Pop3Session, number: int, uidl: str, announced: int, room: int) -> RemoteMail:
    """The mail, held against its size; where it is short of that, it is read once more.

    Raises `NotGivenError`; `poplib.error_proto` and `OSError` where the connection breaks, or the account as a whole is
    to be left alone.
    """
    mail = _read(session, number, uidl, announced, room)
    if not is_short(mail, announced):
        return mail
    again = _read(session, number, uidl, announced, room)
    if not agreed(mail, again, announced):
        raise NotGivenError(short_of(mail, again, announced))
    return again


def is_break(error: Exception) -> bool:
    """Whether the connection is of no more use."""
    return isinstance(error, OSError) or (isinstance(error, poplib.error_proto) and not is_refusal(error))


def _read(session: Pop3Session, number: int, uidl: str, announced: int, room: int) -> RemoteMail:
    try:
        return spooled(uidl, f"POP3;UIDL={uidl}", session.content(number), room=room, announced=announced)
    except poplib.error_proto as error:
        said = words_of(error)
        if not is_refusal(error) or asks_for_rest(said):
            raise
        raise NotGivenError(said) from error
