"""The `persons` topic: the CMDB's way in, and what comes back of our own."""

import pytest

from desk.engine import read_transaction
from desk.persons import find_persons, load_persons
from logger.core.events import SOURCE
from runtime.processing.outcomes import Dead, Ok
from runtime.telemetry.metrics import PERSONS_OUTDATED
from schemas import ids
from schemas.persons import Person
from schemas.reasons import Reason
from schemas.settings import Format
from schemas.topics import NOTIFICATION_REQUESTED, PERSONS
from schemas.wire import Record, encode
from tests.logger.harness import NOW, PREFIX, Logger, as_record, make_mail

ANN = Person(
    id="ann",
    first_name="Ann",
    last_name="Lee",
    addresses=("Ann@Example.test", "lee@example.test"),
    is_user=True,
    is_analyst=True,
    email_format=Format.TEXT,
    office="North",
    version=4,
)


def stored(logger: Logger, id_: str) -> Person | None:
    with read_transaction(logger.engine) as connection:
        return load_persons(connection, [id_]).get(id_)


def tombstone(id_: str) -> Record:
    return Record(PERSONS.name(PREFIX), 0, 0, id_.encode(), None)


def test_a_person_is_stored_whole(logger: Logger) -> None:
    assert logger.feed(ANN, ANN) == [Ok(), Ok()]
    assert stored(logger, "ann") == ANN
    with read_transaction(logger.engine) as connection:
        assert find_persons(connection, ["ann@example.test", "lee@example.test", "x@y"]) == {
            "ann@example.test": (ANN,),
            "lee@example.test": (ANN,),
        }
    assert logger.published == []


def test_a_later_record_replaces_all_of_it(logger: Logger) -> None:
    later = Person(id="ann", last_name="Smith", addresses=("ann@new.test",), is_user=True, version=5)
    logger.feed(ANN)
    logger.feed(later)
    assert stored(logger, "ann") == later
    with read_transaction(logger.engine) as connection:
        assert find_persons(connection, ["ann@example.test"]) == {}
    same_version = later.model_copy(update={"office": "South"})
    logger.feed(same_version)
    assert stored(logger, "ann") == same_version


@pytest.mark.parametrize("together", [True, False], ids=["in one batch", "in two"])
def test_a_record_with_a_lower_version_changes_nothing_and_is_told(logger: Logger, together: bool) -> None:
    older = ANN.model_copy(update={"office": "South", "addresses": ("old@example.test",), "version": 3})
    without = ANN.model_copy(update={"office": "South", "version": 0})
    counted = PERSONS_OUTDATED._value.get()

    outcomes = logger.feed(ANN, older, without) if together else [*logger.feed(ANN), *logger.feed(older, without)]

    assert outcomes == [Ok(), Ok(), Ok()]
    assert stored(logger, "ann") == ANN
    with read_transaction(logger.engine) as connection:
        assert find_persons(connection, ["ann@example.test", "old@example.test"]) == {"ann@example.test": (ANN,)}
    assert PERSONS_OUTDATED._value.get() - counted == 2


def test_a_user_flag_set_by_mail_is_not_undone_by_the_record_it_was_made_from(logger: Logger) -> None:
    analyst = ANN.model_copy(update={"is_user": False})
    logger.feed(analyst, make_mail("one", "ann@example.test", analyst, sender={"kind": "analyst-only"}))
    logger.feed(analyst)
    assert (stored(logger, "ann") or ANN).version == 5
    assert (stored(logger, "ann") or analyst).is_user


def test_whoever_is_published_after_a_deletion_counts_whatever_the_version(logger: Logger) -> None:
    anew = ANN.model_copy(update={"last_name": "Anew", "version": 1})
    logger.feed(ANN)
    logger.feed(tombstone("ann"))
    logger.feed(anew)
    assert stored(logger, "ann") == anew
    logger.feed(ANN, tombstone("ann"), anew)
    assert stored(logger, "ann") == anew


def test_a_record_under_anothers_key_is_a_dead_letter(logger: Logger) -> None:
    message = encode(PERSONS, "bob", ANN, id="1", source="/cmdb", time=NOW)
    (dead,) = logger.feed(Record(PERSONS.name(PREFIX), 0, 0, b"bob", message.value, message.headers))
    assert isinstance(dead, Dead)
    assert (dead.reason, "key" in dead.text) == (Reason.WRONG_SCHEMA, True)
    assert stored(logger, "ann") is None
    assert stored(logger, "bob") is None


def test_a_deleted_person_is_disabled_since_calls_refer_to_them(logger: Logger) -> None:
    logger.feed(ANN, make_mail("one", person=ANN))
    assert logger.feed(tombstone("ann"), tombstone("nobody")) == [Ok(), Ok()]
    assert stored(logger, "ann") == ANN.model_copy(update={"disabled": True, "version": 0})
    logger.feed(ANN)
    assert stored(logger, "ann") == ANN


def test_our_own_records_coming_back_change_nothing_newer(logger: Logger) -> None:
    analyst = ANN.model_copy(update={"is_user": False})
    logger.feed(analyst, make_mail("one", "ann@example.test", analyst, sender={"kind": "analyst-only"}))
    (published,) = logger.of(PERSONS)
    assert (published.is_user, published.version) == (True, 5)
    logger.feed(as_record(published.model_copy(update={"last_name": "Old", "version": 5}), SOURCE))
    assert stored(logger, "ann") == published
    # The topic is read from its start once more: it ends as the topic says.
    logger.feed(analyst)
    logger.feed(as_record(published, SOURCE))
    assert stored(logger, "ann") == published


def test_persons_come_before_the_mails_of_their_batch(logger: Logger) -> None:
    mail = make_mail("one", person=ANN)
    logger.feed(mail, ANN)
    assert logger.item_of(mail).user_name == "Ann Lee"
    assert logger.of(PERSONS) == []


def test_mails_with_different_plus_tags_make_one_person_who_has_the_address_without(logger: Logger) -> None:
    new = {"person_address": "ann@example.test", "person_id": ids.person_id("ann@example.test")}
    mails = [make_mail(tag, f"ann+{tag}@example.test", sender=new) for tag in ("printer", "scanner")]
    logger.feed(*mails)
    (person,) = logger.of(PERSONS)
    assert person.addresses == ("ann@example.test",)
    assert {logger.item_of(mail).user for mail in mails} == {person.id}
    told = [one.recipient for one in logger.of(NOTIFICATION_REQUESTED)]
    assert told == ["ann+printer@example.test", "ann+scanner@example.test"]


def test_a_person_made_meanwhile_is_the_sender_with_and_without_the_tag(logger: Logger) -> None:
    new = {"person_address": "ann@example.test", "person_id": ids.person_id("ann@example.test")}
    mail = make_mail("one", "ann+printer@example.test", sender=new)
    logger.feed(ANN, mail)
    assert logger.item_of(mail).user == "ann"


def test_a_disabled_person_made_meanwhile_is_not_the_sender_where_another_is_not(logger: Logger) -> None:
    disabled = ANN.model_copy(update={"id": "a", "disabled": True})
    mail = make_mail("one", "ann@example.test")
    logger.feed(disabled, ANN, mail)
    assert logger.item_of(mail).user == "ann"


def test_a_disabled_analyst_who_logs_a_call_is_left_as_the_cmdb_has_it(logger: Logger) -> None:
    analyst = ANN.model_copy(update={"is_user": False, "disabled": True})
    mail = make_mail("one", "ann@example.test", analyst, sender={"kind": "analyst-only"})
    logger.feed(analyst, mail)
    assert logger.item_of(mail).user == "ann"
    assert stored(logger, "ann") == analyst
    assert logger.of(PERSONS) == []
