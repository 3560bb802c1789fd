"""Which values are offered: those of templates, persons, groups and the newest items, each once."""

from sqlalchemy import Engine

from console.settings.page_context import FIELDS, MAX_OFFERED, values_in_use
from desk.engine import read_transaction
from desk.items import item_values_in_use
from desk.persons import offices_in_use
from schemas.persons import Person
from schemas.settings import CallTemplate
from schemas.settings.notification_rules import Group
from schemas.snapshot import SettingsSnapshot
from tests.logger.harness import Logger, demo_settings, make_mail

ANN = Person(id="ann", addresses=("ann@example.com",), is_user=True, office="Basel")
BOB = Person(id="bob", addresses=("bob@example.com",), is_user=True)


def test_each_value_is_offered_once_and_empty_ones_never() -> None:
    values = (
        CallTemplate(id="a", impact="I", urgency="U", screen_set="Standard", assigned_office="Bern"),
        CallTemplate(id="b", impact="I", urgency="U", screen_set="short", ipk_status="New"),
        Group(id="printers", address="p@example.com"),
        Group(id="n", name="Network", address="n@example.com"),
    )
    settings = SettingsSnapshot().with_changes((f"{one.kind}/{one.id}", one, 0) for one in values)
    found = values_in_use(settings, ["Basel", "Bern", ""], {"screen_set": ["Standard", ""], "ipk_stream": ["Incident"]})
    assert found == {
        "screen_set": ("short", "Standard"),
        "ipk_status": ("New",),
        "ipk_stream": ("Incident",),
        "assigned_office": ("Basel", "Bern"),
        "assigned_group": ("Network", "printers"),
        "call_type": (),
    }


def test_no_more_is_offered_than_somebody_can_look_through() -> None:
    found = values_in_use(SettingsSnapshot(), map(str, range(1_000)), {})
    assert len(found["assigned_office"]) == MAX_OFFERED


def test_the_desk_tells_what_its_items_and_persons_hold(desk: Engine) -> None:
    Logger(desk, demo_settings()).feed(ANN, BOB, make_mail("one", person=ANN), make_mail("two", person=ANN))
    with read_transaction(desk) as connection:
        held = item_values_in_use(connection, FIELDS)
        assert [held[name] for name in ("screen_set", "ipk_status", "call_type")] == [{"Standard"}, {"New"}, {""}]
        assert offices_in_use(connection, 10) == ("Basel",)
