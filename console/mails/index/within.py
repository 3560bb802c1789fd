"""Which mails of the index somebody may see: those of some partitions."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from desk.any_of import any_of
from desk.tables import mail_index


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


def are_within(connection: Connection, mail_ids: Collection[str], within: Within) -> bool:
    """Whether all of these mails are in the index and lie within."""
    query = select(mail_index.c.mail_id).where(any_of(mail_index.c.mail_id), within.has(mail_index.c))
    return set(connection.scalars(query, {"keys": sorted(set(mail_ids))})) == set(mail_ids)
