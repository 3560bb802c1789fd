"""Whoever keeps somebody waiting waits for PostgreSQL no longer than it says, and then takes another connection."""

import pytest
from sqlalchemy import text

from desk.engine import open_desk, read_transaction, write_transaction
from runtime.outages import OutageError

pytestmark = [pytest.mark.database, pytest.mark.timeout(60)]


def test_a_statement_without_an_answer_is_an_outage_and_the_next_one_is_none(postgres_url: str) -> None:
    engine = open_desk(postgres_url, answer_seconds=1.0)
    try:
        with pytest.raises(OutageError, match="has not answered for 1 s"), write_transaction(engine) as connection:
            connection.execute(text("CREATE TABLE half (one integer)"))
            connection.execute(text("SELECT pg_sleep(600)"))
        with read_transaction(engine) as connection:
            assert connection.scalar(text("SELECT to_regclass('half')")) is None, "nothing of it was stored"
    finally:
        engine.dispose()
