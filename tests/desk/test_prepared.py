"""Statements that go past SQLAlchemy: the same rows as through it, on both databases."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, bindparam, insert, select, text, update

from desk.engine import open_desk, read_transaction, write_transaction
from desk.errors import ConflictError, UnstorableError
from desk.fast_writes import BulkInsert
from desk.persons import find_persons
from desk.prepared import Prepared
from desk.queries import any_of
from desk.tables import ENTERED, NUMBER, bounced_addresses, message_ids, persons

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
COLUMNS = bounced_addresses.c
ADDRESSES = ("ann@example.test", 'a\\"b{},@example.test', "NULL", "乌@example.test")


@pytest.fixture
def filled(engine: Engine) -> Engine:
    rows = [{"address": one, "bounces": n, "status": "550", "last_at": AT} for n, one in enumerate(ADDRESSES)]
    with write_transaction(engine) as connection:
        connection.execute(insert(bounced_addresses), rows)
    return engine


@pytest.fixture
def by_keys(postgres_desk_url: str) -> Iterator[Engine]:
    engine = open_desk(postgres_desk_url, by_keys=True)
    yield engine
    engine.dispose()


def test_rows_are_those_of_sqlalchemy(filled: Engine) -> None:
    query = select(bounced_addresses).where(any_of(COLUMNS.address)).order_by(COLUMNS.bounces)
    with read_transaction(filled) as connection:
        for keys in (list(ADDRESSES), ["nobody@example.test", ADDRESSES[1]], []):
            found = Prepared(query).rows(connection, keys=keys)
            assert [row._asdict() for row in found] == connection.execute(query, {"keys": keys}).mappings().all()
            assert [row.last_at for row in found] == [AT] * len(found)


def test_a_statement_without_rows_changes_what_it_names(filled: Engine) -> None:
    mark = Prepared(
        update(bounced_addresses)
        .where(any_of(COLUMNS.address), COLUMNS.bounces < 100)
        .values(bounces=COLUMNS.bounces + 10, marked_at=bindparam("at"), status="marked")
    )
    with write_transaction(filled) as connection:
        for _ in range(2):
            assert mark.rows(connection, keys=[ADDRESSES[1]], at=AT) == []
    with read_transaction(filled) as connection:
        rows = connection.execute(select(bounced_addresses).order_by(COLUMNS.bounces)).all()
    assert [(row.bounces, row.status, row.marked_at) for row in rows] == [
        (0, "550", None),
        (2, "550", None),
        (3, "550", None),
        (21, "marked", AT),
    ]


def test_errors_are_those_of_the_desk(filled: Engine) -> None:
    doubled = Prepared(insert(bounced_addresses).from_select(list(COLUMNS.keys()), select(bounced_addresses)))
    with pytest.raises(ConflictError), write_transaction(filled) as connection:
        doubled.rows(connection)
    by_address = Prepared(select(COLUMNS.address).where(any_of(COLUMNS.address)))
    with read_transaction(filled) as connection:  # the same cursor, after an error
        assert len(by_address.rows(connection, keys=list(ADDRESSES))) == len(ADDRESSES)
    if filled.dialect.name == "postgresql":
        with pytest.raises(UnstorableError), read_transaction(filled) as connection:
            by_address.rows(connection, keys=["a\0"])


def test_a_table_that_has_just_been_filled_is_read_by_its_index(by_keys: Engine) -> None:
    """PostgreSQL keeps the plan that it made while the table had one row."""
    index = Prepared(select(message_ids).where(any_of(message_ids.c.message_id)))
    with write_transaction(by_keys) as connection:
        connection.execute(insert(message_ids), {"message_id": "<one@example.test> IT", "item_id": 1})
        connection.execute(text("ANALYZE message_ids"))
        for _ in range(20):  # prepared by the driver after 5, planned for good after 5 more
            index.rows(connection, keys=["<0@example.test> IT"] * 10)
        rows = [(f"<{n}@example.test> IT", n) for n in range(1000)]
        BulkInsert(message_ids, ("message_id", "item_id")).insert(connection, rows)
        assert len(index.rows(connection, keys=[key for key, _ in rows[:10]])) == 10
        (name,) = connection.execute(text("SELECT name FROM pg_prepared_statements WHERE generic_plans > 0")).scalars()
        plan = connection.exec_driver_sql(f"EXPLAIN EXECUTE {name}('{{a}}')").scalars().all()
    assert not [line for line in plan if "Seq Scan" in line]
    assert [line for line in plan if "message_ids_pkey" in line]


def test_a_statement_is_not_planned_anew_for_the_keys_of_each_call(by_keys: Engine) -> None:
    """By its costs PostgreSQL would plan this one each time, as it does without `by_keys`."""
    with read_transaction(by_keys) as connection:
        for _ in range(20):
            find_persons(connection, ["nobody@example.test"])
        plans = "SELECT custom_plans, generic_plans FROM pg_prepared_statements WHERE statement LIKE '%normalised%'"
        ((custom, generic),) = connection.execute(text(plans)).all()
    assert custom == 0
    assert generic > 10


def test_persons_whom_mails_have_made_are_not_looked_through(by_keys: Engine) -> None:
    """Not even by a plan that is made for any number of them."""
    query = Prepared(select(persons.c.id).where(ENTERED).limit(bindparam("most", type_=NUMBER)))
    row = {"first_name": "", "last_name": "", "is_user": True, "is_analyst": False, "disabled": False, "office": ""}
    with write_transaction(by_keys) as connection:
        ids = ("ann", "m-1", "mo", "n")
        connection.execute(insert(persons), [{**row, "id": id_, "version": 1} for id_ in ids])
        for _ in range(20):
            assert {found.id for found in query.rows(connection, most=10)} == {"ann", "mo", "n"}
        names = (
            "SELECT name FROM pg_prepared_statements WHERE generic_plans > 0 AND statement LIKE 'SELECT persons.id%'"
        )
        (name,) = connection.execute(text(names)).scalars()
        plan = connection.exec_driver_sql(f"EXPLAIN EXECUTE {name}(10)").scalars().all()
    assert [line for line in plan if "persons_entered_idx" in line]
