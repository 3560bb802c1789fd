"""Transactions of processes that stand still, and so hold up others."""

from sqlalchemy import Engine, text

from desk.engine import APPLICATION, write_transaction

FROZEN_SECONDS = 30

# PostgreSQL ends a session that is idle in a transaction by itself. One that waits for the rest of a COPY counts as
# active: there neither that time-out nor statement_timeout takes effect until the client goes on.
_END = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    " AND usename = current_user AND application_name = :application AND state = 'active'"
    " AND wait_event = 'ClientRead' AND query_start < now() - make_interval(secs => :seconds)"
)


def end_frozen(engine: Engine) -> int:
    """Ends the sessions of Mailcall whose process has not sent the rest of a COPY for `FROZEN_SECONDS`; how many.

    Such a process finds its transaction gone when it goes on, takes that for an outage, and does its work again.
    """
    with write_transaction(engine) as connection:
        return len(connection.execute(_END, {"application": APPLICATION, "seconds": FROZEN_SECONDS}).all())
