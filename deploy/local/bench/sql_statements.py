"""How many SQL statements a database has done, as PostgreSQL counts them itself."""

import psycopg

MODULE = "pg_stat_statements"
_DONE = """SELECT coalesce(sum(calls), 0) FROM pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_database WHERE datname = %s)"""


def count_from_next_start(connection: psycopg.Connection) -> None:
    """Statements are counted from the server's next start on, where its module is installed."""
    if connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = %s", (MODULE,)).fetchone():
        connection.execute(f"ALTER SYSTEM SET shared_preload_libraries = '{MODULE}'")
        connection.execute(f"CREATE EXTENSION {MODULE}")


def statements_done(dsn: str, database: str) -> int | None:
    """In that database so far; None where they are not counted. `dsn` leads to a database beside it."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_extension WHERE extname = %s", (MODULE,)).fetchone():
            return None
        row = connection.execute(_DONE, (database,)).fetchone()
    return int(row[0]) if row else None
