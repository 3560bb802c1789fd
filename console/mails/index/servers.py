"""Which incoming servers have mail in the index: a step of its index for each, not a look at every row."""

from sqlalchemy import Connection, select

from desk.tables import mail_index

MOST = 200


def indexed_servers(connection: Connection) -> tuple[str, ...]:
    """Ids in their order, at most `MOST`: also of servers that are no longer set up."""
    found: list[str] = []
    last = ""
    while len(found) < MOST:
        query = select(mail_index.c.server_id).where(mail_index.c.server_id > last)
        row = connection.execute(query.order_by(mail_index.c.server_id).limit(1)).one_or_none()
        if row is None:
            break
        last = row.server_id
        found.append(last)
    return tuple(found)
