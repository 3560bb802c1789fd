"""The path of a new installation: what is done, what comes next, what does not work."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType

from console.servers import rows
from console.views.snapshot import ViewSnapshot
from console.web.first_run import SetUp, is_finished, steps
from schemas.servers import ServerState, ServerStatus, ServerTestResult
from schemas.settings import CallTemplate, EmailOptions, IncomingServer, OutgoingServer, Partition, Setting
from schemas.snapshot import SettingsSnapshot

AT = datetime(2026, 11, 29, tzinfo=UTC)
PARTITION = Partition(
    id="it",
    name="IT",
    impacts=("High",),
    urgencies=("Low",),
    priorities=("P1",),
    priority_matrix={"High": {"Low": "P1"}},
)
TEMPLATE = CallTemplate(id="it", partition="it", impact="High", urgency="Low")
OUTGOING = OutgoingServer(id="out", from_address="it@desk.example")
INCOMING = IncomingServer(id="in", protocol="imap", call_template="it", default_logging_analyst="ida")
OPTIONS = EmailOptions(default_outgoing_server="out")
ALL = (PARTITION, TEMPLATE, OUTGOING, INCOMING, OPTIONS)


def view(*settings: Setting, states: Mapping[str, ServerState] = MappingProxyType({})) -> ViewSnapshot:
    snapshot = SettingsSnapshot().with_changes([(f"{one.kind}/{one.id}", one, 1) for one in settings])
    statuses = {
        (direction, id_): ServerStatus(
            server_id=id_,
            direction=direction,
            state=states[id_],
            since=AT,
            last_success=AT if states[id_] in ("connected", "idle") else None,
            last_error="login refused" if states[id_] == "authentication-refused" else None,
        )
        for direction, id_ in (("incoming", "in"), ("outgoing", "out"))
        if id_ in states
    }
    return ViewSnapshot(settings=snapshot, statuses=statuses)


def states(known: SetUp) -> list[str]:
    return [step.state for step in steps(known)]


def test_an_empty_installation_begins_with_a_partition() -> None:
    assert states(SetUp(view(), False, None)) == ["next", *["later"] * 6]


def test_each_step_is_done_by_itself_and_the_first_that_is_not_is_next() -> None:
    assert states(SetUp(view(PARTITION, OUTGOING, OPTIONS), False, None)) == [
        "done",
        "next",
        "later",
        "done",
        *["later"] * 3,
    ]
    assert states(SetUp(view(*ALL), True, None)) == [*["done"] * 5, "next", "later"]


def test_both_directions_have_to_work() -> None:
    assert states(SetUp(view(*ALL, states={"in": "idle"}), True, None))[5] == "next"
    assert states(SetUp(view(*ALL, states={"in": "idle", "out": "connected"}), True, None))[5:] == ["done", "next"]


def test_what_does_not_work_says_why() -> None:
    known = SetUp(view(*ALL, states={"in": "authentication-refused", "out": "connected"}), True, None)
    assert (steps(known)[5].state, steps(known)[5].text) == ("failed", "in: login refused")


def test_it_is_over_with_the_first_call() -> None:
    assert is_finished(SetUp(view(*ALL), True, "C-000001"))
    assert not is_finished(SetUp(view(), True, "C-000001")) and not is_finished(SetUp(view(*ALL), True, None))


def test_a_server_that_nothing_is_sent_through_is_half_a_step() -> None:
    step = steps(SetUp(view(PARTITION, TEMPLATE, OUTGOING, INCOMING), True, None))[3]
    assert step.state == "next" and step.place.page == "email-options.show"
    assert "calls of IT" in step.text and step.text.startswith("out ")


def test_a_partition_with_a_server_of_its_own_needs_no_default() -> None:
    own = PARTITION.model_copy(update={"outgoing_server": "out"})
    assert states(SetUp(view(own, TEMPLATE, OUTGOING, INCOMING), True, None))[3] == "done"


def test_a_test_that_passed_counts_as_working_and_the_step_names_the_others() -> None:
    key = "incoming-server/in"
    passed = ServerTestResult(test_id="t", ok=True, steps=(), server=key, tested=rows.tested_id(key, INCOMING))
    step = steps(SetUp(replace(view(*ALL), tests={key: passed}), True, None))[5]
    assert step.state == "next" and step.text.endswith("Still to be tested: out.")
    assert step.place.page == "servers.open" and step.place.parameters["server_id"] == "out"


def test_who_looks_for_an_analyst_is_led_to_a_form_for_one() -> None:
    assert steps(SetUp(view(PARTITION), False, None))[1].place.query == {"flag": "analyst"}
