"""A batch of messages and commands of other systems: stored at once, decided in order, each known to the next."""

from unittest import mock

import pytest
from sqlalchemy import select

from desk import outbox
from desk.bounced_addresses import add_bounce
from desk.engine import read_transaction, write_transaction
from desk.tables import items
from runtime.processing.outcomes import Dead, Ok
from schemas.desk_commands import AddressToUnmark
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.topics import CALL_EVENTS, NOTIFICATION_REQUESTED, PERSONS
from tests.logger.harness import NOW, Logger, ask, make_mail

ANN = Person(id="ann", last_name="Lee", addresses=("ann@example.test",), is_user=True)
ROB = Person(id="rob", last_name="Roe", addresses=("rob@example.test",), is_analyst=True)


@pytest.fixture
def desk(logger: Logger) -> Logger:
    logger.feed(ANN, ROB)
    return logger


def test_a_command_finds_the_call_that_a_message_of_its_batch_logs(desk: Logger) -> None:
    assert desk.feed(ask("close"), make_mail("one", person=ANN)) == [Ok(), Ok()]
    call = desk.item("C-000001")
    assert [entry.kind for entry in call.journal] == ["call-logged", "item-closed"]
    assert call.status == "closed"
    with read_transaction(desk.engine) as connection:
        assert connection.execute(select(items.c.version)).scalar_one() == 2


def test_a_command_knows_what_a_message_of_its_batch_did(desk: Logger) -> None:
    desk.feed(make_mail("one", person=ANN))
    reply = {"message_ids": ["<one@example.test>"]}
    desk.feed(make_mail("two", person=ANN, wanted="close", conversation=reply), ask("update"))
    assert desk.item("C-000001").status == "closed"
    assert [event.event for event in desk.of(CALL_EVENTS)] == ["CallLogged", "CallClosed", "ActionRefused"]


def test_numbers_of_both_follow_one_another(desk: Logger) -> None:
    desk.feed(
        ask("create-task", "r/1"),
        make_mail("one", person=ANN),
        make_mail("two", person=ANN),
        ask("create-request", "r/2", linked_to="C-000002"),
    )
    events = [(event.event, event.reference) for event in desk.of(CALL_EVENTS)]
    assert events == [
        ("CallLogged", "C-000001"),
        ("CallLogged", "C-000002"),
        ("TaskLogged", "T-000003"),
        ("RequestLogged", "R-000004"),
    ]


def test_the_person_whom_a_message_creates_is_the_commands_user(desk: Logger) -> None:
    mail = make_mail("one", "new@example.test", sender={"first_name": "Nina"})
    desk.feed(mail, ask("create-task", user="new@example.test"))
    (person,) = desk.of(PERSONS)
    assert person.first_name == "Nina"
    assert {desk.item(reference).user for reference in ("C-000001", "T-000002")} == {person.id}


def test_a_command_creates_the_person_where_the_message_has_no_effect(desk: Logger) -> None:
    mail = make_mail("one", "new@example.test", call_template="no-priority", sender={"first_name": "Nina"})
    dead, ok = desk.feed(mail, ask("create-task", user="new@example.test"))
    assert isinstance(dead, Dead) and ok == Ok()
    (person,) = desk.of(PERSONS)
    assert (person.first_name, person.addresses) == ("", ("new@example.test",))
    assert desk.item("T-000001").user == person.id


def test_nobody_who_is_not_in_the_desk_acts(desk: Logger) -> None:
    mail = make_mail("one", "new@example.test", call_template="no-priority")
    desk.feed(make_mail("first", person=ANN))
    desk.feed(mail, ask("watch", person=mail.sender.person_id, text=""))
    assert desk.of(CALL_EVENTS)[-1].reason == Reason.UNKNOWN_PERSON


def test_the_whole_batch_is_one_transaction_and_one_outbox_row(desk: Logger) -> None:
    with (
        mock.patch("logger.transaction.write_transaction", wraps=write_transaction) as opened,
        mock.patch.object(outbox, "replace", wraps=outbox.replace) as replaced,
    ):
        desk.feed(make_mail("one", person=ANN), ask("create-task"), ANN.model_copy(update={"version": 2}))
        assert (opened.call_count, replaced.call_count) == (1, 1)
        desk.feed()
        assert opened.call_count == 1


def test_an_address_is_written_to_again_by_the_batch_that_takes_it_off_the_suppression_list(desk: Logger) -> None:
    with write_transaction(desk.engine) as connection:
        assert add_bounce(connection, "ann@example.test", "550", NOW, 1)
    desk.feed(ask("create-task", "r/1"))
    assert desk.of(NOTIFICATION_REQUESTED) == []
    assert [entry.kind for entry in desk.item("T-000001").journal] == ["task-logged", "not-told"]
    unmark = AddressToUnmark(request_id="u/1", requested_at=NOW, by="rob", address="ann@example.test")
    assert desk.feed(unmark, ask("create-task", "r/2"), unmark) == [Ok(), Ok(), Ok()]
    assert [one.recipient for one in desk.of(NOTIFICATION_REQUESTED)] == ["ann@example.test"]
    assert desk.feed(unmark) == [Ok()]
