"""What is looked for in the index of mails, and which mails somebody may see: as conditions on its columns. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, and_, literal, or_, true, tuple_

from console.mails.index.facts import MAX_MESSAGE_ID, fold, storable
from desk.item_references import parse_reference, reference
from desk.tables import mail_index
from schemas.ids import MAIL_ID


@dataclass(frozen=True, slots=True)
class Within:
    """`servers`: ids of the incoming servers whose calls are logged in one of `partitions`."""

    partitions: frozenset[str]
    servers: frozenset[str]

    def has(self, mail: Any) -> ColumnElement[bool]:
        """Whether a mail, by its columns of the index, lies within. A mail is where its item is; one that has none is
        where its server's calls are. Where neither is known, it is nowhere.
        """
        of_server = and_(mail.partition.is_(None), mail.server_id.in_(sorted(self.servers)))
        return or_(mail.partition.in_(sorted(self.partitions)), of_server)


MAX_TYPED = 500  # characters of what is looked for
Place = tuple[datetime, str]
Condition = Callable[[Any], ColumnElement[bool]]  # of the columns of the index, or of some of its rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is looked for; "" and None: anything. `since` is included, `until` is not; both are aware.

    `words` are looked for in sender and subject, each anywhere in them. A mail id, an item's reference and a Message-ID
    in angle brackets are known as such there.
    """

    words: str = ""
    sender: str = ""
    subject: str = ""
    message_id: str = ""
    reference: str = ""
    outcome: str = ""
    server_id: str = ""
    since: datetime | None = None
    until: datetime | None = None


def understood(query: Query) -> Query:
    """What stands in the field for words and names one mail or item is looked for as that."""
    words = query.words.strip()
    item = parse_reference(words)
    if item is not None:
        return replace(query, words="", reference=reference(*item))
    if words.startswith("<") and words.endswith(">") and "@" in words and " " not in words:
        return replace(query, words="", message_id=words)
    return query


def exact_conditions(query: Query) -> list[Condition]:
    """What few mails have, by an index of its own."""
    words, message_id = query.words.strip(), query.message_id.strip().strip("<>")
    if MAIL_ID.fullmatch(words):
        return [lambda mail: mail.mail_id == words]
    if message_id:
        forms = [storable(form, MAX_MESSAGE_ID) for form in (f"<{message_id}>", message_id)]
        return [lambda mail: mail.message_id.in_(forms)]
    if query.reference.strip():
        item = parse_reference(query.reference)
        named = reference(*item) if item else query.reference.strip()
        return [lambda mail: mail.reference == named]
    return []


def word_conditions(query: Query) -> list[Condition]:
    """Sender and subject stand in one column, a line each: so one index of trigrams finds words of both."""
    if MAIL_ID.fullmatch(query.words.strip()):
        return []
    patterns = [f"%{_literal(word)}%" for word in query.words.split()]
    if query.sender.strip():
        patterns.append(f"%{_literal(query.sender.strip())}%\n%")
    if query.subject.strip():
        patterns.append(f"%\n%{_literal(query.subject.strip())}%")
    return [partial(_is_like, pattern) for pattern in patterns]


def _is_like(pattern: str, mail: Any) -> ColumnElement[bool]:
    like: ColumnElement[bool] = mail.words.like(pattern, escape="\\")
    return like


def _literal(typed: str) -> str:
    """As it is written in a pattern, folded as the column is."""
    return re.sub(r"([\\%_])", r"\\\1", storable(fold(typed), MAX_TYPED))


def filter_conditions(query: Query) -> list[Condition]:
    """Filters with an index of their own, the one that leaves the fewest mails first."""
    conditions: list[Condition] = []
    if query.outcome:
        conditions.append(lambda mail: mail.outcome == query.outcome)
    if query.server_id:
        conditions.append(lambda mail: mail.server_id == query.server_id)
    return conditions


def bound_conditions(query: Query, after: Place | None) -> list[Condition]:
    bounds: list[Condition] = []
    if query.since is not None:
        bounds.append(lambda mail: mail.received >= query.since)
    if query.until is not None:
        bounds.append(lambda mail: mail.received < query.until)
    if after is not None:
        bounds.append(partial(is_behind, after))
    return bounds


def is_behind(place: Place, mail: Any) -> ColumnElement[bool]:
    at = literal(place[0], mail_index.c.received.type), literal(place[1])
    return tuple_(mail.received, mail.mail_id) < tuple_(*at)


def anything(_mail: Any) -> ColumnElement[bool]:
    return true()
