"""Two who change the same setting: the first one's change stays, the second one is told what it was."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.audit.history import read_history
from console.config import ConsoleConfig
from console.errors import UserError
from console.services import KeyLocks, Services
from console.settings import saving
from console.settings.apply import Plan, plan, publish
from console.settings.conflicts import ConflictError, read_records
from console.settings.references import plan_deletion
from console.settings.settings_file import SettingsFile
from console.settings.state import State, read_state
from runtime.kafka.producer import Publisher
from runtime.outages import OutageError
from schemas.reasons import Reason
from schemas.settings import CallTemplate, EmailOptions, OutgoingServer, Partition, Setting
from schemas.wire import OutputRecord

KEY = "outgoing-server/smtp"
SERVER = OutgoingServer(id="smtp", from_address="it@desk.example")
PARTITION = Partition(id="it", impacts=("a",), urgencies=("b",), priorities=("P",), priority_matrix={"a": {"b": "P"}})
TEMPLATE = CallTemplate(id="by-mail", partition="it", impact="a", urgency="b")
START = datetime(2026, 11, 29, 12, tzinfo=UTC)
ANNA, BERT = saving.Author("anna"), saving.Author("bert")


class Interrupted:
    """A publisher before whose first records somebody else's come."""

    def __init__(self, real: Publisher, between: Callable[[], None]) -> None:
        self._real = real
        self._between: Callable[[], None] | None = between

    def publish(self, messages: Sequence[OutputRecord]) -> None:
        between, self._between = self._between, None
        if between:
            between()
        self._real.publish(messages)

    def close(self) -> None:
        self._real.close()


class Cut:
    """A publisher whose broker goes away behind so many records."""

    def __init__(self, real: Publisher, records: int) -> None:
        self._real = real
        self._left = records

    def publish(self, messages: Sequence[OutputRecord]) -> None:
        some = messages[: self._left]
        self._left -= len(some)
        self._real.publish(some)
        if len(some) < len(messages):
            raise OutageError(Reason.BROKER_AWAY, "the Kafka broker cannot be reached")

    def close(self) -> None:
        self._real.close()


class Locks(KeyLocks):
    """Knows which keys are held."""

    held_now: frozenset[str] | set[str] = frozenset()

    @contextmanager
    def held(self, keys: Iterable[str]) -> Iterator[None]:
        self.held_now = set(keys)
        with super().held(self.held_now):
            yield
        self.held_now = set()


@pytest.fixture
def services(at_broker: Any, config: ConsoleConfig) -> Iterator[Services]:
    with closing(Services(config)) as made:
        yield made


def planned(state: State, *settings: Setting) -> Plan:
    return plan(SettingsFile("", {f"{one.kind}/{one.id}": one for one in settings}, {}), state)


def saved(services: Services, author: saving.Author, *settings: Setting, at: int = 0, **more: Any) -> None:
    state = read_state(services.config)
    saving.save(services, planned(state, *settings), author, START + timedelta(seconds=at), **more)


def interrupt(services: Services, between: Callable[[], None]) -> None:
    services.__dict__["publisher"] = Interrupted(services.publisher, between)


def taken_back(services: Services) -> bool:
    """Whether something was published and then taken back."""
    return any("taken back" in past.change_reason for past in read_history(services.config))


def changed(**fields: Any) -> OutgoingServer:
    return SERVER.model_copy(update=fields)


def test_what_was_looked_at_is_no_more_and_the_difference_is_told(services: Services) -> None:
    saved(services, ANNA, SERVER)
    seen = {KEY: read_state(services.config).version(KEY)}
    saved(services, ANNA, changed(port=587), at=1)

    with pytest.raises(ConflictError) as refused:
        saved(services, BERT, changed(name="IT"), at=2, looked_at=seen)
    assert not taken_back(services)

    assert read_state(services.config).value(KEY) == changed(port=587)
    other = refused.value.changes[KEY]
    assert (other.who, other.at, other.deleted) == ("anna", START + timedelta(seconds=1), False)
    assert [(one.field, one.old, one.new) for one in other.fields] == [("port", None, 587)]
    assert "by anna" in str(refused.value)
    assert "port from nothing to 587" in str(refused.value)


def test_a_plan_that_was_made_before_somebody_elses_change_is_refused(services: Services) -> None:
    saved(services, ANNA, SERVER)
    old = planned(read_state(services.config), changed(name="IT"))
    saved(services, ANNA, changed(port=587), at=1)

    with pytest.raises(ConflictError, match="by anna"):
        saving.save(services, old, BERT, START + timedelta(seconds=2))

    assert read_state(services.config).value(KEY) == changed(port=587)


def test_a_change_that_comes_between_look_and_publishing_is_put_back(services: Services) -> None:
    saved(services, ANNA, SERVER, PARTITION)
    theirs = planned(read_state(services.config), changed(port=587))
    at = START + timedelta(seconds=1)
    with closing(Publisher(services.config)) as other:
        interrupt(services, lambda: publish(theirs, other, "anna", "", at))

        with pytest.raises(ConflictError) as refused:
            new = PARTITION.model_copy(update={"name": "Information"})
            saved(services, BERT, changed(name="IT"), new, at=2)

    state = read_state(services.config)
    assert state.value(KEY) == changed(port=587)
    assert state.value("partition/it") == PARTITION
    assert [(one.who, one.fields[0].new) for one in refused.value.changes.values()] == [("anna", 587)]
    assert taken_back(services)


def test_the_settings_are_locked_from_the_look_before_to_the_look_after(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved(services, ANNA, SERVER)
    locks, seen = Locks(), []
    services.locks = locks
    look = read_records

    def looked(config: ConsoleConfig) -> Any:
        seen.append(locks.held_now)
        return look(config)

    monkeypatch.setattr(saving, "read_records", looked)
    interrupt(services, lambda: seen.append(locks.held_now))

    saved(services, ANNA, changed(port=1), PARTITION, at=1)

    assert seen == [{KEY, "partition/it"}] * 3
    assert locks.held_now == set()


def test_nobody_else_gets_a_lock_that_is_held() -> None:
    locks = KeyLocks()
    got = threading.Event()

    def other() -> None:
        with locks.held(["b", "a"]):
            got.set()

    thread = threading.Thread(target=other)
    with locks.held(["a", "c"]):
        thread.start()
        assert locks._locks["a"].locked()
        assert not locks._locks["a"].acquire(blocking=False)
        assert not got.is_set()
    thread.join()
    assert got.is_set()


def test_what_is_deleted_and_what_is_added_meanwhile_are_told(services: Services) -> None:
    saved(services, ANNA, SERVER)
    state = read_state(services.config)
    saving.save(services, plan_deletion(state, KEY), ANNA, START)

    with pytest.raises(ConflictError, match="was deleted meanwhile by anna"):
        saving.save(services, planned(state, changed(port=1)), BERT, START, {KEY: state.version(KEY)})
    saved(services, ANNA, changed(port=2), at=1)
    with pytest.raises(ConflictError, match="changed meanwhile by anna"):
        saving.save(services, planned(State(), changed(port=3)), BERT, START, {KEY: None})
    assert read_state(services.config).value(KEY) == changed(port=2)


def test_a_setting_that_was_deleted_is_added_again(services: Services) -> None:
    saved(services, ANNA, SERVER)
    saving.save(services, plan_deletion(read_state(services.config), KEY), ANNA, START)

    saved(services, BERT, changed(port=9), at=1)

    assert read_state(services.config).value(KEY) == changed(port=9)


@pytest.mark.parametrize("when", ["before", "between"])
def test_what_somebody_else_begins_to_name_is_not_deleted(services: Services, when: str) -> None:
    saved(services, ANNA, PARTITION)
    state = read_state(services.config)
    deletion, naming = plan_deletion(state, "partition/it"), planned(state, TEMPLATE)
    with closing(Publisher(services.config)) as other:

        def name() -> None:
            publish(naming, other, "anna", "", START)

        if when == "before":
            name()
        else:
            interrupt(services, name)
        with pytest.raises(UserError, match="is in use by\n  call-template/by-mail: partition"):
            saving.save(services, deletion, BERT, START + timedelta(seconds=1))

    assert read_state(services.config).value("partition/it") == PARTITION
    assert taken_back(services) == (when == "between")


def test_what_names_something_that_is_deleted_meanwhile_is_not_saved(services: Services) -> None:
    saved(services, ANNA, PARTITION)
    state = read_state(services.config)
    deletion, naming = plan_deletion(state, "partition/it"), planned(state, TEMPLATE)
    with closing(Publisher(services.config)) as other:
        interrupt(services, lambda: publish(deletion, other, "anna", "", START))

        with pytest.raises(UserError, match="partition 'it' does not exist"):
            saving.save(services, naming, BERT, START)

    assert read_state(services.config).value("call-template/by-mail") is None


def test_a_change_reason_is_required_where_the_options_say_so(services: Services) -> None:
    saved(services, ANNA, EmailOptions(change_reason_required=True))

    with pytest.raises(UserError, match="a Change Reason is required") as refused:
        saved(services, saving.Author("bert", "  "), SERVER)

    assert refused.value.problems[0].place == "change_reason"
    assert read_state(services.config).value(KEY) is None
    saved(services, saving.Author("bert", "moved"), SERVER)
    assert read_history(services.config)[-1].change_reason == "moved"


def test_what_was_published_before_an_outage_is_no_conflict(services: Services) -> None:
    its = planned(read_state(services.config), SERVER)
    publish(its, services.publisher, "bert", "", START)

    saving.save(services, its, BERT, START)

    assert read_state(services.config).value(KEY) == SERVER


@pytest.mark.parametrize("records", range(6))
def test_what_an_outage_has_cut_off_is_completed_by_applying_again_and_all_of_it_recorded(
    services: Services, records: int
) -> None:
    file = (PARTITION, TEMPLATE, SERVER)
    keys = {f"{one.kind}/{one.id}": one for one in file}
    real = services.publisher
    services.__dict__["publisher"] = Cut(real, records)
    with pytest.raises(OutageError):
        saved(services, ANNA, *file)
    in_force = read_state(services.config).settings.settings
    recorded = {past.key for past in read_history(services.config)}
    assert in_force.keys() <= recorded and len(in_force) + len(recorded) == records

    services.__dict__["publisher"] = real
    saved(services, BERT, *file, at=60)

    assert read_state(services.config).settings.settings == keys
    assert {past.key for past in read_history(services.config)} == keys.keys()
    assert planned(read_state(services.config), *file).effective == ()


def test_overwriting_is_told_to_whoever_asks_for_it_and_done(services: Services) -> None:
    saved(services, ANNA, SERVER)
    old = planned(read_state(services.config), changed(name="IT"))
    saved(services, ANNA, changed(port=587), at=1)

    saving.save(services, old, BERT, START, overwrite=True)

    assert read_state(services.config).value(KEY) == changed(name="IT")
