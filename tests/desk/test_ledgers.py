"""The ledger of outgoing mail, item references, and persons by address."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any, Literal

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, insert

from deploy.local.servers.database import Database
from desk.deliveries import Deferred, DeliveryLedger, DeliveryResult
from desk.engine import open_desk, read_transaction, write_transaction
from desk.errors import UnstorableError
from desk.item_detail import show_item
from desk.item_references import parse_reference, reference
from desk.persons import find_persons
from desk.single_writes import USUAL_ROWS
from desk.tables import person_addresses, persons
from runtime.outages import OutageError
from schemas.events import ItemKind
from schemas.reasons import Reason
from tests.desks import make_tables

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
Outcome = Literal["sent", "deferred", "failed", "bounced"]


def result(outcome: Outcome, name: str = "n", **more: Any) -> DeliveryResult:
    return DeliveryResult(notification_id=name, outcome=outcome, recipient="ann@example.test", at=NOW, **more)


@pytest.fixture
def ledger(engine: Engine) -> Iterator[DeliveryLedger]:
    ledger = DeliveryLedger(engine)
    yield ledger
    ledger.close()


@pytest.mark.parametrize(
    ("recorded", "finished"),
    [
        (["deferred"], None),
        (["deferred", "sent"], "sent"),
        (["sent", "deferred"], "sent"),
        (["sent", "sent"], "sent"),
        (["sent", "bounced"], "bounced"),
        (["deferred", "failed"], "failed"),
    ],
)
def test_deliveries(ledger: DeliveryLedger, recorded: list[Outcome], finished: Outcome | None) -> None:
    assert ledger.look_up(["n"]).finished == ledger.look_up([]).finished == {}
    for outcome in recorded:
        ledger.record(result(outcome, attempt=2, server_id="out", smtp_reply="250 OK", message_id="<m@x>"))
    found = ledger.look_up(["n", "another"]).finished
    assert {key: one.outcome for key, (one,) in found.items()} == ({"n": finished} if finished else {})
    if finished:
        assert found["n"] == (result(finished, attempt=2, server_id="out", smtp_reply="250 OK", message_id="<m@x>"),)


def test_deliveries_are_looked_up_by_their_index_in_a_young_table(postgres_desk_url: str) -> None:
    engine = open_desk(postgres_desk_url)
    ledger = DeliveryLedger(engine)
    with read_transaction(ledger.engine) as connection:
        assert connection.exec_driver_sql("SHOW enable_seqscan").scalar() == "off"
    ledger.close()
    engine.dispose()


def test_a_delivery_is_recorded_after_the_database_closed_all_connections(postgres_desk_url: str) -> None:
    engine = open_desk(postgres_desk_url)
    ledger = DeliveryLedger(engine)
    with ThreadPoolExecutor(4) as threads:  # so that more than one connection is kept
        together = Barrier(4)

        def record(name: str) -> None:
            together.wait(10)
            for number in range(50):
                ledger.record(result("sent", name=f"{name}{number}"))

        list(threads.map(record, "abcd"))
    assert len(ledger.look_up([f"{name}{number}" for name in "abcd" for number in range(50)]).finished) == 200
    url = engine.url
    with psycopg.connect(host=url.host, port=url.port, user=url.username, dbname="postgres") as admin:
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        assert len(admin.execute(query, [url.database]).fetchall()) > 2
    with pytest.raises(OutageError) as caught:
        ledger.record(result("sent"))
    assert caught.value.reason is Reason.DATABASE_AWAY
    for _ in range(3):
        ledger.record(result("sent"))
    assert "n" in ledger.look_up(["n"]).finished
    ledger.close()
    engine.dispose()


@pytest.mark.database
def test_what_is_recorded_outlives_the_database_that_is_killed() -> None:
    with Database() as database:
        make_tables(database.url())
        engine = open_desk(database.url())
        ledger = DeliveryLedger(engine)
        names = [f"n{number}" for number in range(26)]
        with ThreadPoolExecutor(2) as connections:
            list(connections.map(lambda name: ledger.record(result("sent", name=name)), names))
        database.kill()
        database.start()
        assert set(ledger.look_up(names).finished) == set(names)
        ledger.close()
        engine.dispose()


def test_the_recipients_of_one_transaction_are_recorded_together(ledger: DeliveryLedger) -> None:
    first, second = result("sent"), result("failed")._replace(recipient="ben@example.test")
    ledger.record(first, second)
    assert set(ledger.look_up(["n"]).finished["n"]) == {first, second}
    with pytest.raises(UnstorableError):
        ledger.record(result("sent", name="m"), result("sent", name="m", attempt=2**70))
    assert ledger.look_up(["m"]).finished == {}


@pytest.mark.parametrize("count", [1, USUAL_ROWS, USUAL_ROWS + 1, 201])
def test_any_number_of_results_is_recorded_as_it_is(ledger: DeliveryLedger, count: int) -> None:
    every = {"server_id": "aus-1", "reason": Reason.SERVER_DEFERRED, "smtp_reply": "450 später \u2028 \U0001f600 '$1'"}
    more = {**every, "message_id": "<m@x>", "sent_message_id": "", "mail_id": "a" * 32, "reference": "C-000001"}
    results = [result("failed", name=f"ü{number}", attempt=number, **more) for number in range(count)]
    for _ in range(2):
        ledger.record(*results)
    assert ledger.look_up([one.notification_id for one in results]).finished == {
        one.notification_id: (one,) for one in results
    }


def test_what_is_deferred_is_known_by_its_line_until_it_is_dropped(ledger: DeliveryLedger) -> None:
    later = NOW + timedelta(hours=1)
    first, other = Deferred("n", "it/ann", 3, 10, NOW, later), Deferred("m", "it/ben", 4, 2**40, NOW)
    ledger.defer([first, other])
    ledger.record(result("sent"))
    known = ledger.look_up(["n"], ["it/ann"])
    assert (list(known.finished), known.deferred) == (["n"], (first,))
    ledger.defer([replace(first, due_at=later, yields_at=later + timedelta(hours=1))])
    assert ledger.look_up([], ["it/ann"]).deferred == (replace(first, due_at=later),)  # it still yields at that time
    ledger.defer([replace(other, yields_at=later)])
    ledger.drop(["n", "unknown"])
    assert ledger.look_up([], ["it/ann", "it/ben"]).deferred == (replace(other, yields_at=later),)


def test_a_result_that_the_database_cannot_hold_harms_no_other(postgres_desk_url: str) -> None:
    engine = open_desk(postgres_desk_url)
    ledger = DeliveryLedger(engine)
    for _ in range(2):
        with pytest.raises(UnstorableError):
            ledger.record(result("sent", smtp_reply="a\0b"))
        ledger.record(result("sent"))
    assert [one.smtp_reply for one in ledger.look_up(["n"]).finished["n"]] == [""]
    ledger.close()
    engine.dispose()


@given(st.sampled_from(["call", "task", "request"]), st.integers(1, 10**18 - 1))
def test_a_reference_says_kind_and_number(kind: ItemKind, number: int) -> None:
    assert parse_reference(reference(kind, number)) == (kind, number)
    assert parse_reference(f" {reference(kind, number).lower()} ") == (kind, number)


@pytest.mark.parametrize("no", ["", "C-12345", "X-000123", "C-000123x", "C000123", "C-" + "1" * 19, "C-٠٠٠١٢٣"])
def test_what_is_no_reference(no: str) -> None:
    assert parse_reference(no) is None


def test_an_item_that_is_not_there(engine: Engine) -> None:
    with read_transaction(engine) as connection:
        assert show_item(connection, "C-000001") is None
        assert show_item(connection, "nonsense") is None


def test_persons_who_share_an_address_come_in_the_order_of_their_ids(engine: Engine) -> None:
    rows = [
        {
            "id": id_,
            "first_name": "",
            "last_name": "",
            "is_user": True,
            "is_analyst": False,
            "office": "",
            "disabled": id_ == "a",
            "version": 0,
        }
        for id_ in ("c", "a", "b")
    ]
    addresses = [
        {"person_id": id_, "position": 1, "address": "Us@x.test", "normalised": "us@x.test"} for id_ in ("c", "b", "a")
    ]
    own = [
        {"person_id": "b", "position": 0, "address": "b@x.test", "normalised": "b@x.test"},
        {"person_id": "b", "position": 2, "address": "us@X.test", "normalised": "us@x.test"},
    ]
    with write_transaction(engine) as connection:
        connection.execute(insert(persons), rows)
        connection.execute(insert(person_addresses), [*addresses, *own])
    with read_transaction(engine) as connection:
        found = find_persons(connection, ["us@x.test", "nobody@x.test"])
        assert find_persons(connection, []) == {}
    assert list(found) == ["us@x.test"]
    assert [person.id for person in found["us@x.test"]] == ["a", "b", "c"]
    assert [person.disabled for person in found["us@x.test"]] == [True, False, False]
    assert found["us@x.test"][1].addresses == ("b@x.test", "Us@x.test", "us@X.test")
