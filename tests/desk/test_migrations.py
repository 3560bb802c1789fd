"""The migrations make the tables that the code knows, wherever they start from."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, select, text

from desk import outbox
from desk.engine import open_desk, read_transaction, write_transaction
from desk.ledger import may_be_from
from desk.migrate import MIGRATIONS, REVISIONS, upgrade, wait_until_current
from desk.tables import metadata
from runtime.outages import OutageError
from schemas.reasons import Reason
from schemas.topics import CALL_EVENTS
from schemas.wire import OutputRecord

AT = datetime(2026, 11, 28, 10, 0, tzinfo=UTC)
A_MAIL = """INSERT INTO mails (mail_id, server_id, outcome, item_id, received, logged_at, size, sha256)
    VALUES ('m', 'it', 'call-logged', 1, '2026-11-28 10:00', '2026-11-28 10:00', 1, '')"""


def upgrade_to(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def test_from_empty_they_make_the_tables_of_the_code(empty_desk_url: str) -> None:
    engine = open_desk(empty_desk_url)
    upgrade(engine)
    with read_transaction(engine) as connection:
        assert {*metadata.tables, "alembic_version"} == set(inspect(connection).get_table_names())
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_the_names_of_their_files_say_their_revisions_in_order() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    newest_first = ScriptDirectory.from_config(config).walk_revisions()
    assert list(REVISIONS) == [one.revision for one in newest_first][::-1]


def test_several_processes_at_once_make_them_once(empty_desk_url: str) -> None:
    engines = [open_desk(empty_desk_url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(upgrade, engines)) == [None] * 4
    for engine in engines:
        wait_until_current(engine, 0)
        engine.dispose()


def test_whoever_needs_them_waits_for_them(empty_desk_url: str) -> None:
    engine = open_desk(empty_desk_url)
    with pytest.raises(OutageError, match="the logger creates them") as caught:
        wait_until_current(engine, 0.1)
    assert caught.value.reason is Reason.DATABASE_AWAY
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait_until_current, engine, 30)
        upgrade(engine)
        assert waiting.result(30) is None
    engine.dispose()


@pytest.mark.parametrize("had_mail", [False, True])
def test_a_desk_that_holds_messages_may_have_them_from_0_1(empty_desk_url: str, had_mail: bool) -> None:
    """Such as one whose tables are those of that release, and that has logged a message meanwhile, or none."""
    engine = open_desk(empty_desk_url)
    with write_transaction(engine) as connection:
        upgrade_to(connection, "0004")
        if had_mail:
            connection.execute(text(A_MAIL))
    upgrade(engine)
    with read_transaction(engine) as connection:
        assert may_be_from(connection, "0.1") is had_mail
    engine.dispose()


def test_the_outbox_keeps_its_rows_and_uses_no_id_again(empty_desk_url: str) -> None:
    engine, messages = open_desk(empty_desk_url), [OutputRecord(CALL_EVENTS, "C-000001", b"{}")]
    with write_transaction(engine) as connection:
        upgrade_to(connection, "0010")
        first = outbox.replace(connection, (), messages, AT)
    upgrade(engine)
    with write_transaction(engine) as connection:
        assert connection.execute(select(metadata.tables["outbox"])).all() == [(first, AT, outbox.pack(messages))]
        second = outbox.replace(connection, [first], messages, AT)
    with write_transaction(engine) as connection:
        outbox.discard(connection, [second])
        assert first < second < outbox.replace(connection, (), messages, AT)
    engine.dispose()


def test_tables_of_a_newer_release_are_left_alone(empty_desk_url: str) -> None:
    engine = open_desk(empty_desk_url)
    upgrade(engine)
    with write_transaction(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    upgrade(engine)
    wait_until_current(engine, 0)
    with read_transaction(engine) as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == "9999"
    engine.dispose()
