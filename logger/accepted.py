"""The mails that the desk has accepted and that floods are counted by: loaded only where a limit can be reached.

A batch costs one statement that counts. Only for those who come near a limit a second one asks for the times.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, TextClause, TextualSelect, text

from desk.tables import TIME
from logger.floods import Accepted, window_start
from schemas.mail import ResolvedMail
from schemas.persons import Person
from schemas.settings import RateLimits

# One row a sender at a server, or a server, with the window that all of its mails look back upon.
_ASKED = {
    "postgresql": "json_to_recordset(CAST(:asked AS json)) "
    "AS asked (server text, person text, since timestamptz, until timestamptz)",
    "sqlite": "(SELECT value ->> 'server' AS server, value ->> 'person' AS person, "
    "value ->> 'since' AS since, value ->> 'until' AS until FROM json_each(:asked)) AS asked",
}
# A mail that came by a second way had no effect, and is none of the accepted ones.
_WITHIN = "mails.received > asked.since AND mails.received <= asked.until AND mails.outcome <> 'duplicate'"


@dataclass(frozen=True, slots=True)
class _Statements:
    """`count`: how many mails each asked row has. `times`: those mails themselves."""

    count: TextClause
    times: TextualSelect

    @classmethod
    def of(cls, asked: str, found_by: str) -> "_Statements":
        """`found_by` and the window find the mails by an index. Those of a person's other servers are left out after.

        Were the server in the same WHERE, PostgreSQL might take the server's index for the mails of one person, as long
        as it has not analysed a young table.
        """
        found = f"mails.{found_by} AND {_WITHIN}"
        count = f"SELECT count(*) FILTER (WHERE mails.server_id = asked.server) FROM mails WHERE {found}"
        times = "asked.server, asked.person, mails.server_id, mails.item_id, mails.received"
        return cls(
            text(f"SELECT asked.server, asked.person, ({count}) FROM {asked}"),
            text(f"SELECT {times} FROM {asked} JOIN mails ON {found}").columns(received=TIME),
        )


_BY_SENDER = {dialect: _Statements.of(asked, "person_id = asked.person") for dialect, asked in _ASKED.items()}
_BY_SERVER = {dialect: _Statements.of(asked, "server_id = asked.server") for dialect, asked in _ASKED.items()}

# Server and person, None where everybody's mails are counted.
_Whose = tuple[str, str | None]


def load_accepted(
    connection: Connection,
    mails: Sequence[ResolvedMail],
    acting: Mapping[str, Person],
    limits: Mapping[str, RateLimits],
) -> Accepted:
    """As much as `flood_of` needs for these mails. `acting`: the person by `sender.person_id`."""
    by_sender: defaultdict[_Whose, list[datetime]] = defaultdict(list)
    by_server: defaultdict[_Whose, list[datetime]] = defaultdict(list)
    for mail in mails:
        floods = limits.get(mail.server_id)
        if floods and (floods.per_sender or floods.per_sender_and_item):
            by_sender[mail.server_id, acting[mail.sender.person_id].id].append(mail.received)
        if floods and floods.per_server:
            by_server[mail.server_id, None].append(mail.received)
    dialect, accepted = connection.dialect.name, Accepted()
    for row in _near_a_limit(connection, _BY_SENDER[dialect], by_sender, limits):
        accepted.add((row.server, row.person), row.received)
        accepted.add((row.server, row.person, row.item_id), row.received)
    for row in _near_a_limit(connection, _BY_SERVER[dialect], by_server, limits):
        accepted.add((row.server,), row.received)
    return accepted


def _near_a_limit(
    connection: Connection,
    statements: _Statements,
    received: Mapping[_Whose, Sequence[datetime]],
    limits: Mapping[str, RateLimits],
) -> Iterable[Any]:
    """The stored mails of those who reach a limit if all that are stored and at hand lie in one window."""
    if not received:
        return ()
    asked = {whose: _window(whose, times, limits) for whose, times in received.items()}
    counts = connection.execute(statements.count, {"asked": _packed(asked.values())})
    near = [
        asked[server, person]
        for server, person, count in counts
        if count and count + len(received[server, person]) > _lowest(limits[server], person)
    ]
    found = connection.execute(statements.times, {"asked": _packed(near)}) if near else ()
    return (row for row in found if row.server_id == row.server)


def _lowest(floods: RateLimits, person: str | None) -> int:
    if person is None:
        return floods.per_server
    return min(filter(None, (floods.per_sender, floods.per_sender_and_item)))


def _window(whose: _Whose, received: Sequence[datetime], limits: Mapping[str, RateLimits]) -> dict[str, str | None]:
    server, person = whose
    since = window_start(min(received), limits[server].minutes)
    return {"server": server, "person": person, "since": _utc(since), "until": _utc(max(received))}


def _packed(asked: Iterable[Mapping[str, str | None]]) -> str:
    return json.dumps(list(asked))


def _utc(at: datetime) -> str:
    """As both databases compare it: SQLite by the text that `desk.tables.SqliteTime` stores."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
