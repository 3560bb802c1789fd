"""Connections, transactions, errors and bulk inserts, the same on both databases."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import Engine, TextClause, insert, select, text

from desk import postgresql
from desk.engine import check_url, open_desk, read_transaction, write_transaction
from desk.errors import ConflictError, DeskError, DeskUrlError, UnstorableError
from desk.fast_writes import FEW, BulkInsert
from desk.queries import any_of
from desk.tables import files, items, message_ids, outbox, persons, roles
from runtime.outages import OutageError
from schemas.reasons import Reason

PERSON: dict[str, Any] = {
    "id": "ann",
    "first_name": "",
    "last_name": "",
    "is_user": True,
    "is_analyst": False,
    "office": "",
    "disabled": False,
    "version": 0,
}


@pytest.mark.parametrize(
    "url",
    [
        "mysql://ann:s3cret@host/x",
        "postgresql://ann:s3cret@host/x",
        "postgresql+psycopg://ann@host:s3cret/x",
        "s3cret",
        "",
    ],
)
def test_a_url_of_no_desk_is_told_without_its_password(url: str) -> None:
    with pytest.raises(DeskUrlError) as caught:
        open_desk(url)
    assert "s3cret" not in str(caught.value)
    assert "postgresql+psycopg" in str(caught.value)


def test_an_option_that_postgresql_does_not_know_is_told_without_it() -> None:
    with pytest.raises(DeskUrlError, match="option behind its question mark") as caught:
        check_url("postgresql+psycopg://ann@host/x?sslmode=require&s3cret=s3cret")
    assert "s3cret" not in str(caught.value)


def test_urls_of_a_desk() -> None:
    for url in (
        "postgresql+psycopg://ann@host:1/x",
        "postgresql+psycopg://ann@host/x?sslmode=require",
        "sqlite:///x.db",
        "sqlite://",
    ):
        assert str(check_url(url)) == url


def test_a_database_that_is_not_there_is_an_outage(tmp_path_factory: pytest.TempPathFactory) -> None:
    nowhere = tmp_path_factory.mktemp("desk") / "no" / "such" / "folder.db"
    for url in ("postgresql+psycopg://u:s3cret@127.0.0.1:1/x", f"sqlite:///{nowhere}"):
        with pytest.raises(OutageError) as caught, read_transaction(open_desk(url)) as connection:
            connection.execute(text("SELECT 1"))
        assert caught.value.reason is Reason.DATABASE_AWAY
        assert "s3cret" not in str(caught.value)


def test_a_transaction_is_stored_whole_or_not_at_all(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), write_transaction(engine) as connection:
        connection.execute(insert(persons), PERSON)
        _ = 1 / 0
    with read_transaction(engine) as connection:
        assert connection.execute(select(persons)).all() == []


def test_several_processes_may_open_a_new_file_at_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    for attempt in range(40):  # one in ten failed, before each waited for its turn at WAL mode
        url = f"sqlite:///{tmp_path_factory.mktemp('desk') / f'{attempt}.db'}"
        engines = [open_desk(url) for _ in range(8)]
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(_journal_mode, engines)) == ["wal"] * 8


def _journal_mode(engine: Engine) -> str:
    with write_transaction(engine) as connection:
        mode: str = connection.execute(text("PRAGMA journal_mode")).scalar_one()
    engine.dispose()
    return mode


@pytest.mark.parametrize("count", [1, FEW, FEW + 1, 500])
def test_bulk_inserts(engine: Engine, count: int) -> None:
    bulk = BulkInsert(message_ids, ("message_id", "item_id"))
    rows = [(f'<{n}\t"\\N"\n乌龟>', n) for n in range(count)]
    with write_transaction(engine) as connection:
        bulk.insert(connection, [])
        bulk.insert(connection, iter(rows))
    with read_transaction(engine) as connection:
        assert connection.execute(select(message_ids).order_by(message_ids.c.item_id)).all() == rows
    with pytest.raises(ConflictError) as caught, write_transaction(engine) as connection:
        bulk.insert(connection, rows[-1:])
    assert "乌龟" not in str(caught.value)


def test_bulk_inserts_of_documents_and_times(engine: Engine) -> None:
    with write_transaction(engine) as connection:
        connection.execute(insert(persons), PERSON)
    names = [column.name for column in items.c if not column.nullable]
    noon = datetime(2026, 11, 20, 14, 0, tzinfo=timezone(timedelta(hours=2)))
    values: dict[str, Any] = dict.fromkeys(names, "x")
    values |= {
        "id": 7,
        "user_id": "ann",
        "fields": {"a": "ü"},
        "settings_versions": {},
        "opened_at": noon,
        "version": 1,
    }
    for count in (1, FEW, FEW + 1):
        with write_transaction(engine) as connection:
            rows = [[{**values, "id": count * 10 + n}[name] for name in names] for n in range(count)]
            BulkInsert(items, names).insert(connection, rows)
    with read_transaction(engine) as connection:
        found = connection.execute(select(items.c.fields, items.c.opened_at, items.c.closed_at)).all()
    assert found == [({"a": "ü"}, datetime(2026, 11, 20, 12, 0, tzinfo=UTC), None)] * (2 * FEW + 2)


def test_rows_must_refer_to_what_is_there(engine: Engine) -> None:
    row = ("m", 0, 99, "n", "t", 1, "s", "b", False)
    with pytest.raises(DeskError) as caught, write_transaction(engine) as connection:
        BulkInsert(files, [column.name for column in files.c]).insert(connection, [row])
    assert "text" not in str(caught.value)


def test_a_number_beyond_64_bits_cannot_be_stored(engine: Engine) -> None:
    for count in (1, FEW, FEW + 1):
        with pytest.raises(UnstorableError), write_transaction(engine) as connection:
            BulkInsert(message_ids, ("message_id", "item_id")).insert(
                connection, [(str(n), 2**70) for n in range(count)]
            )


@pytest.mark.parametrize("text", ["\0", "\ud800"])
def test_a_document_that_is_no_text_cannot_be_stored(postgres_desk_url: str, text: str) -> None:
    engine = open_desk(postgres_desk_url)
    names = ("id", "name", "key", "rights", "partitions", "version")
    for count in (1, FEW, FEW + 1):
        with pytest.raises(UnstorableError), write_transaction(engine) as connection:
            rows = [(str(n), "a", str(n), [text], None, 1) for n in range(count)]
            BulkInsert(roles, names).insert(connection, rows)
    engine.dispose()


def test_a_key_too_long_for_an_index_is_no_outage(postgres_url: str) -> None:
    engine = open_desk(postgres_url)
    with pytest.raises(UnstorableError), write_transaction(engine) as connection:
        message_ids.create(connection)
        key = "".join(chr(0x4E00 + n * 37 % 20_000) for n in range(10_000))
        connection.execute(insert(message_ids), {"message_id": key, "item_id": 1})
    engine.dispose()


def test_among(engine: Engine) -> None:
    now = datetime(2026, 11, 20, tzinfo=UTC)
    with write_transaction(engine) as connection:
        connection.execute(insert(outbox), [{"id": n, "created_at": now, "messages": f"'{n}\""} for n in range(1, 4)])
    with read_transaction(engine) as connection:
        by_id, by_text = (select(outbox.c.id).where(any_of(column)) for column in (outbox.c.id, outbox.c.messages))
        assert set(connection.execute(by_id, {"keys": [1, 3, 10**15]}).scalars()) == {1, 3}
        assert set(connection.execute(by_text, {"keys": ["'2\"", "乌", "{}", "NULL", ","]}).scalars()) == {2}
        assert connection.execute(by_text, {"keys": []}).all() == []


def test_sqlite_is_set_up_for_several_processes(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("desk") / "desk.db"
    for autocommit in (False, True):
        engine = open_desk(f"sqlite:///{path}", autocommit=autocommit)
        with read_transaction(engine) as connection:
            pragmas = ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
            found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in pragmas]
        assert found == ["wal", 1, 30_000, 2]
        engine.dispose()


def test_postgresql_is_set_up_for_utc(postgres_url: str) -> None:
    for autocommit in (False, True):
        engine = open_desk(postgres_url, autocommit=autocommit)
        with read_transaction(engine) as connection:
            found = [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in ("timezone", "synchronous_commit")]
        assert found == ["UTC", "on"]
        engine.dispose()


def test_a_transaction_in_which_a_process_stood_still_is_ended_as_an_outage(
    postgres_desk_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = {**postgresql._SESSION, "idle_in_transaction_session_timeout": "1s"}
    monkeypatch.setattr(postgresql, "_SESSION", short)
    engine, watching = open_desk(postgres_desk_url), open_desk(postgres_desk_url)
    alive = text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")
    with pytest.raises(OutageError, match="was frozen") as caught, write_transaction(engine) as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        deadline = time.monotonic() + 30
        while _count(watching, alive, pid=pid):
            assert time.monotonic() < deadline
        connection.execute(insert(persons), PERSON)
    assert caught.value.reason is Reason.DATABASE_AWAY
    with write_transaction(engine) as connection:
        connection.execute(insert(persons), PERSON)
    assert _count(watching, text("SELECT count(*) FROM persons")) == 1


def test_a_database_that_takes_no_writes_for_a_while_is_an_outage(postgres_url: str) -> None:
    """As a server that has become a standby, or whose disk is full."""
    engine, other = open_desk(postgres_url), open_desk(postgres_url)
    with write_transaction(other) as connection:
        connection.execute(text(f"ALTER DATABASE {engine.url.database} SET default_transaction_read_only = on"))
    with pytest.raises(OutageError, match="read-only") as caught, write_transaction(engine) as connection:
        connection.execute(text("CREATE TABLE written (n INT)"))
    assert caught.value.reason is Reason.DATABASE_AWAY
    with write_transaction(other) as connection:
        connection.execute(text(f"ALTER DATABASE {engine.url.database} RESET default_transaction_read_only"))
    with write_transaction(engine) as connection:
        connection.execute(text("CREATE TABLE written (n INT)"))


def _count(engine: Engine, query: TextClause, **parameters: Any) -> int:
    with read_transaction(engine) as connection:
        count: int = connection.execute(query, parameters).scalar_one()
    return count
