"""The desk on PostgreSQL, by psycopg 3: its connections, and the end of those that are frozen.

A server that is frozen, with its machine running, keeps its connections open: neither TCP nor the server's own
time-outs end the wait. So a connection can be bounded: no response is waited for longer than a while.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

import psycopg
from psycopg import errors
from pydantic_core import to_json
from sqlalchemy import URL, Engine, create_engine, event, text

from desk.errors import desk_errors

APPLICATION = "mailcall"  # our name at PostgreSQL
FROZEN_SECONDS = 30

# Each thread gets a connection: one that had to wait for another's would take that for an outage.
POOL: Mapping[str, Any] = {"hide_parameters": True, "max_overflow": -1}
# A database host that is gone without a word is noticed within half a minute.
_POSTGRESQL: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
    "application_name": APPLICATION,
}
# What the server does about a client that is gone, or frozen, within a transaction: it ends it, and so lets go of its
# locks. A transaction that waits for them fails after a time that is longer than this takes.
_SESSION: Mapping[str, str] = {
    "timezone": "UTC",
    "idle_in_transaction_session_timeout": "30s",
    "lock_timeout": "60s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
# pglz, the default, costs ten times the CPU of lz4; a server built without lz4 keeps its default.
_LZ4 = (
    "SELECT set_config(name, 'lz4', false) FROM pg_settings "
    "WHERE name = 'default_toast_compression' AND 'lz4' = ANY(enumvals)"
)
# PostgreSQL ends a session that is idle in a transaction on its own. One that waits for the rest of a COPY counts as
# active: there neither that time-out nor statement_timeout takes effect until the client goes on.
_END = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    " AND usename = current_user AND application_name = :application AND state = 'active'"
    " AND wait_event = 'ClientRead' AND query_start < now() - make_interval(secs => :seconds)"
)


class BoundedConnection(psycopg.Connection[Any]):
    """`answer_seconds`: for each statement. It is closed when they have passed, so that nobody is given it again."""

    answer_seconds: float | None = None

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """As the driver's. Raises `psycopg.errors.OperationalError` when the time is over."""
        try:
            return super().wait(gen, interval, self.answer_seconds if timeout is None else timeout)
        except errors._WaitTimeout:
            if self.answer_seconds is None:
                raise
            self.pgconn.finish()
            raise errors.OperationalError(f"it has not answered for {self.answer_seconds:.0f} s") from None


def open_postgresql(url: URL, autocommit: bool) -> Engine:
    options = " ".join(f"-c {name}={value}" for name, value in _SESSION.items())
    arguments = {name: value for name, value in _POSTGRESQL.items() if name not in url.query}
    connect_args = {"options": options, **arguments}
    isolation: dict[str, Any] = {"isolation_level": "AUTOCOMMIT"} if autocommit else {}
    # `to_json`: in a third of the time of `json.dumps`, and two documents are written for each item.
    engine = create_engine(url, connect_args=connect_args, json_serializer=to_json, **POOL, **isolation)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.execute(_LZ4)
        connection.commit()

    return engine


def bound(engine: Engine, answer_seconds: float) -> None:
    """No statement on a connection of this engine may take longer."""

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: Any, _record: Any, arguments: Any, options: Any) -> BoundedConnection:
        connection = BoundedConnection.connect(*arguments, **options)
        connection.answer_seconds = answer_seconds
        return connection


def prefer_indexes(engine: Engine) -> None:
    """No table is read as a whole on a connection of this engine, where an index does; each statement has one plan.

    PostgreSQL keeps the plan of a statement that is run often. One that it made while a table was almost empty reads
    the whole of it each time, until the table is analysed: with 2,000 mails that is most of what a batch costs there.

    Of others it makes a plan for the keys of each call: to plan how a sender is found takes five times as long as that.
    """

    @event.listens_for(engine, "connect")
    def _prefer(connection: Any, _record: Any) -> None:
        # What has to be read as a whole has a cost by now at which PostgreSQL would compile its plan first.
        connection.execute(
            "SELECT set_config('enable_seqscan', 'off', false), set_config('jit', 'off', false),"
            " set_config('plan_cache_mode', 'force_generic_plan', false)"
        )
        connection.commit()


@cache
def libpq_options() -> frozenset[str]:
    """The names of the options that a URL may have behind its question mark."""
    return frozenset(option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults())


def end_frozen(engine: Engine) -> int:
    """Ends the sessions of Mailcall whose process has not sent the rest of a COPY for `FROZEN_SECONDS`; how many.

    Such a process finds its transaction gone when it goes on, takes that for an outage, and does its work again.
    """
    with desk_errors(engine), engine.begin() as connection:
        return len(connection.execute(_END, {"application": APPLICATION, "seconds": FROZEN_SECONDS}).all())
