"""By what each mail of a POP3 session is known again: its unique id, or a digest where it has none of its own."""

import hashlib
import poplib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ingest.connectors.pop3_session import Pop3Session
from mailserver.errors import words_of


@dataclass(slots=True)
class Identified:
    """`numbers`: the mails by their ids, in the mailbox's order. `by_digest`: how many have no unique id of their own.

    `not_given`: mails of which the server gave nothing to tell them by, with what it said.
    """

    numbers: dict[str, int] = field(default_factory=dict)
    not_given: dict[str, str] = field(default_factory=dict)
    by_digest: int = 0


def identify(session: Pop3Session, listed: Iterable[int], unique_ids: Mapping[int, str]) -> Identified:
    """Ids of all mails (RFC 1939, section 7: UIDL), listed with one or not.

    Where an id is missing, or several mails have the same, they are told apart by their headers. The same headers may
    belong to different mails: those are told apart by all that is in them, and only copies of one mail are counted.
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
            _tell(ids, number, lambda n: _header_digest(session, n), identified)
    headers = Counter(ids.values())
    for number in [number for number, id_ in ids.items() if headers[id_] > 1]:
        del ids[number]
        _tell(ids, number, lambda n: _content_digest(session, n), identified)
    copies: Counter[str] = Counter()
    for number, id_ in sorted(ids.items()):
        copies[id_] += 1
        identified.numbers[id_ if copies[id_] == 1 else f"{id_}-{copies[id_]}"] = number
    return identified


def is_refusal(error: poplib.error_proto) -> bool:
    """Whether the server said no to one command; else the connection is of no more use."""
    return words_of(error).startswith("-ERR")


def _tell(ids: dict[int, str], number: int, digest: Callable[[int], str], identified: Identified) -> None:
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
