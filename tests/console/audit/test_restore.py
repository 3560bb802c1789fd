"""Putting back what a change has replaced: as it was before, its passwords only where they still go where they went."""

from datetime import UTC, datetime
from typing import Any

import pytest

from console.audit.history import PastChange, past_change
from console.audit.restore import plan_restore
from console.errors import UserError
from console.settings.secrets import redacted_change
from console.settings.state import State
from schemas.base import Model
from schemas.persons import Person
from schemas.servers import SettingsChange
from schemas.settings import OutgoingServer, Partition, Secret
from schemas.snapshot import SettingsSnapshot

AT = datetime(2026, 11, 29, tzinfo=UTC)
BOX = "A" * 80
SERVER = OutgoingServer(
    id="smtp",
    from_address="it@desk.example",
    host="smtp.example",
    authentication="sasl-plain",
    username="desk",
    password=Secret(sealed=BOX),
)
PARTITION = Partition(id="it", impacts=("a",), urgencies=("b",), priorities=("P",), priority_matrix={"a": {"b": "P"}})


def past(before: Any, after: Any) -> PastChange:
    known = before or after
    key = f"person/{known.id}" if isinstance(known, Person) else f"{known.kind}/{known.id}"
    shown_before, shown_after = redacted_change(before, after)
    return past_change("x", SettingsChange(key=key, who="anna", at=AT, before=shown_before, after=shown_after))


def state(*values: Any) -> State:
    settings = [one for one in values if not isinstance(one, Person)]
    snapshot = SettingsSnapshot().with_changes((f"{one.kind}/{one.id}", one, 7) for one in settings)
    return State(snapshot, {one.id: one for one in values if isinstance(one, Person)})


def changed(value: Model, **fields: Any) -> Any:
    return value.model_copy(update=fields)


def test_a_setting_is_as_it_was_and_what_changed_since_elsewhere_stays() -> None:
    renamed = changed(PARTITION, name="IT")
    [change] = plan_restore(past(PARTITION, renamed), state(renamed)).changes
    assert (change.effect, change.before, change.after) == ("changed", renamed, PARTITION)


def test_the_password_that_is_set_now_stays_where_it_goes_where_it_went() -> None:
    now = changed(SERVER, name="IT", password=Secret(sealed="B" * 80))
    [change] = plan_restore(past(SERVER, now), state(now)).changes
    assert change.after == changed(SERVER, password=now.password)


@pytest.mark.parametrize(
    "now",
    [
        changed(SERVER, host="evil.example", password=Secret(sealed="B" * 80)),
        changed(SERVER, username="other", password=Secret(sealed="B" * 80)),
        changed(SERVER, password=Secret(env="PW")),
    ],
    ids=["host", "username", "no sealed one"],
)
def test_a_password_is_not_sent_elsewhere_by_restoring(now: OutgoingServer) -> None:
    with pytest.raises(UserError, match="password cannot be put back - the history keeps no passwords"):
        plan_restore(past(SERVER, now), state(now))


def test_the_password_that_was_set_then_goes_back_with_its_host() -> None:
    moved = changed(SERVER, host="new.example")
    renamed = changed(moved, name="IT")
    first, second = past(SERVER, moved), past(moved, renamed)

    [change] = plan_restore(first, state(renamed), [second]).changes

    assert change.after == SERVER
    replaced = changed(renamed, password=Secret(sealed="B" * 80))
    for later in ([second, past(renamed, replaced)], []):
        with pytest.raises(UserError, match="password cannot be put back"):
            plan_restore(first, state(replaced), later)


def test_what_was_deleted_comes_back_if_it_holds_no_password() -> None:
    [change] = plan_restore(past(PARTITION, None), state()).changes
    assert (change.effect, change.after) == ("new", PARTITION)
    with pytest.raises(UserError, match="password cannot be put back"):
        plan_restore(past(SERVER, None), state())


def test_what_was_added_is_deleted_unless_it_is_in_use() -> None:
    [change] = plan_restore(past(None, PARTITION), state(PARTITION)).changes
    assert (change.effect, change.after) == ("deleted", None)
    with pytest.raises(UserError, match="in use by\n  outgoing-server/other: fallback"):
        plan_restore(past(None, SERVER), state(SERVER, changed(SERVER, id="other", fallback="smtp")))


def test_a_person_gets_the_next_version() -> None:
    before, now = Person(id="ann", is_user=True, office="North", version=3), Person(id="ann", is_user=True, version=8)
    [change] = plan_restore(past(before, now), state(now)).changes
    assert change.after == changed(before, version=9)


def test_what_could_not_work_today_is_not_put_back() -> None:
    now = changed(PARTITION, outgoing_server=None)
    with pytest.raises(UserError, match="outgoing_server 'gone' does not exist"):
        plan_restore(past(changed(PARTITION, outgoing_server="gone"), now), state(now))


def test_a_record_of_another_release_is_told() -> None:
    old = PastChange("x", "partition/it", "changed", "anna", AT, "", (), {"id": "it", "colour": "red"}, {})
    with pytest.raises(UserError, match="there is no such field"):
        plan_restore(old, state(PARTITION))
    with pytest.raises(UserError, match="of a kind that this release does not know"):
        plan_restore(PastChange("x", "colour/red", "changed", "anna", AT, "", (), {"id": "red"}, {}), state())
