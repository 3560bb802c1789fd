"""The messages that the desk has accepted, as far as rate limits count them: loaded only where a limit can be reached.

A batch costs one statement that counts, by an index alone. Only for senders near a limit a second one reads the times.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import Any

from pydantic_core import to_json
from sqlalchemy import Connection, Text, text

from desk.prepared import Prepared
from desk.tables import NUMBER, TIME
from logger.core.rate_limits import RecentMail, Whose, windows_of
from schemas.persons import Person
from schemas.resolved_mail import ResolvedMail
from schemas.settings import RateLimits
from schemas.snapshot import SettingsSnapshot

_Asked = dict[str, str | datetime | None]
# A row per sender at a server, or per server, for each of the windows that its messages look back upon.
_ASKED = {
    "postgresql": "json_to_recordset(CAST(:asked AS json)) "
    "AS asked (server text, person text, since timestamptz, until timestamptz)",
    "sqlite": "(SELECT value ->> 'server' AS server, value ->> 'person' AS person, "
    "value ->> 'since' AS since, value ->> 'until' AS until FROM json_each(:asked)) AS asked",
}
_AS_JSON: Mapping[str, Callable[[Sequence[_Asked]], str]] = {
    "postgresql": lambda asked: to_json(asked).decode(),
    # Times as the text that `desk.tables.SqliteTime` stores, and SQLite compares.
    "sqlite": partial(json.dumps, default=lambda at: at.astimezone(UTC).isoformat(timespec="microseconds")),
}
_WITHIN = "mails.received > asked.since AND mails.received <= asked.until"


@dataclass(frozen=True, slots=True)
class _Statements:
    """`count`: how many messages each asked row has at most. `times`: those messages themselves.

    Counted are also a person's messages at other servers, and those that came by a second route, which had no effect:
    to leave them out, each row would have to be read.
    """

    count: Prepared
    times: Prepared

    @classmethod
    def of(cls, asked: str, found_by: str) -> "_Statements":
        """`found_by` and the window find the messages by an index.

        Were the server in the same WHERE, PostgreSQL might take the server's index for the messages of one person, as
        long as it has not analysed a young table.
        """
        found = f"mails.{found_by} AND {_WITHIN}"
        count = f"SELECT count(*) FROM mails WHERE {found}"
        times = "asked.server, asked.person, mails.server_id, mails.item_id, mails.received"
        return cls(
            Prepared(
                text(f"SELECT asked.server, asked.person, ({count}) FROM {asked}").columns(
                    server=Text, person=Text, stored=NUMBER
                )
            ),
            Prepared(
                text(f"SELECT {times} FROM {asked} JOIN mails ON {found} AND mails.outcome <> 'duplicate'").columns(
                    server=Text, person=Text, server_id=Text, item_id=NUMBER, received=TIME
                )
            ),
        )


_BY_SENDER = {dialect: _Statements.of(asked, "person_id = asked.person") for dialect, asked in _ASKED.items()}
_BY_SERVER = {dialect: _Statements.of(asked, "server_id = asked.server") for dialect, asked in _ASKED.items()}


def load_recent_mail(
    connection: Connection,
    mails: Sequence[ResolvedMail],
    actors: Mapping[str, Person],
    settings: SettingsSnapshot,
) -> RecentMail:
    """As much as `RecentMail.exceeded_limit` needs for these messages. `actors`: the person by `sender.person_id`."""
    limits = _limits_of(mails, settings)
    received: defaultdict[Whose, list[datetime]] = defaultdict(list)
    for mail in mails:
        of_server = limits.get(mail.server_id)
        if of_server and (of_server.per_sender or of_server.per_sender_and_item):
            received[mail.server_id, actors[mail.sender.person_id].id].append(mail.received)
        if of_server and of_server.per_server:
            received[mail.server_id, None].append(mail.received)
    recent = RecentMail(limits)
    if not received:
        return recent
    asked = {
        whose: [_as_row(whose, *window) for window in windows]
        for whose, windows in windows_of(received, limits).items()
    }
    dialect = connection.dialect.name
    for statements, counted in ((_BY_SENDER[dialect], True), (_BY_SERVER[dialect], False)):
        rows = {whose: found for whose, found in asked.items() if (whose[1] is not None) is counted}
        for row in _near_a_limit(connection, statements, rows, received, limits):
            if counted:
                recent.add((row.server, row.person), row.received)
                recent.add((row.server, row.person, row.item_id), row.received)
            else:
                recent.add((row.server,), row.received)
    return recent


def _limits_of(mails: Iterable[ResolvedMail], settings: SettingsSnapshot) -> Mapping[str, RateLimits]:
    """By incoming server. One that has been deleted meanwhile has no limits any more."""
    servers = map(settings.incoming_server, {mail.server_id for mail in mails})
    return {server.id: server.floods for server in servers if server is not None}


def _near_a_limit(
    connection: Connection,
    statements: _Statements,
    asked: Mapping[Whose, Sequence[_Asked]],
    received: Mapping[Whose, Sequence[datetime]],
    limits: Mapping[str, RateLimits],
) -> Iterable[Any]:
    """The stored messages of senders who reach a limit if all that are counted or in the batch lie in one window."""
    if not asked:
        return ()
    as_json = _AS_JSON[connection.dialect.name]
    counts: Counter[Whose] = Counter()
    for server, person, count in statements.count.rows(connection, asked=as_json([*chain(*asked.values())])):
        counts[server, person] += count
    near = [
        row
        for whose, count in counts.items()
        if count and count + len(received[whose]) > _lowest(limits[whose[0]], whose[1])
        for row in asked[whose]
    ]
    found = statements.times.rows(connection, asked=as_json(near)) if near else ()
    return (row for row in found if row.server_id == row.server)


def _lowest(limits: RateLimits, person: str | None) -> int:
    if person is None:
        return limits.per_server
    return min(filter(None, (limits.per_sender, limits.per_sender_and_item)))


def _as_row(whose: Whose, since: datetime, until: datetime) -> _Asked:
    server, person = whose
    return {"server": server, "person": person, "since": since, "until": until}
