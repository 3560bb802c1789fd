"""A partition's pages: the matrix filled in a form, one begun with another's values, what belongs to it, gaps told."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from console.access.rights import Right
from console.servers import pages as servers
from console.settings import email_options_page, kind_pages
from console.web import home
from schemas.settings import AfterClosing, CallTemplate, EmailOptions, OutgoingServer, Partition
from tests.console.settings.desk_window import MemoryServices
from tests.console.settings.test_kind_pages import SETTINGS, form_of
from tests.console.settings.window_of_settings import administrator
from tests.console.web.signed_in import ADMINISTRATOR, browser, window

IT = "/settings/partitions/it"
ADD = "/settings/add-partition"


@pytest.fixture
def services(desk: Engine) -> MemoryServices:
    return MemoryServices(desk, SETTINGS)


@pytest.fixture
def client(services: MemoryServices) -> TestClient:
    return administrator(services)


def _stored(services: MemoryServices, id_: str) -> Partition:
    found = services.stored(f"partition/{id_}")
    assert isinstance(found, Partition)
    return found


def test_a_partition_begins_with_what_another_has(client: TestClient, services: MemoryServices) -> None:
    form = form_of(client.get(f"{ADD}?from=it").text) | {"id": ["hr"], "name": ["Human Resources"]}
    assert client.post(ADD, data=form).status_code == 303
    it, hr = _stored(services, "it"), _stored(services, "hr")
    assert (hr.id, hr.name) == ("hr", "Human Resources")
    same = ("impacts", "urgencies", "priorities", "priority_matrix", "after_closing", "outgoing_server")
    assert [getattr(hr, name) for name in same] == [getattr(it, name) for name in same]


def test_a_first_partition_is_made_without_a_script(desk: Engine) -> None:
    services = MemoryServices(desk, ())
    client = administrator(services)
    form = form_of(client.get(ADD).text)
    assert form["id"] == ["desk"]
    form |= {"impacts": ["All\r\nOne\r\n"], "urgencies": ["Now"], "priorities": ["P1\nP2"], "action": ["grid"]}
    shown = client.post(ADD, data=form)
    assert shown.status_code == 200
    assert "2 of 2 combinations have no Priority yet." in shown.text
    filled = client.post(ADD, data=form_of(shown.text) | {"matrix.fill": ["P2"], "action": ["fill"]})
    assert "All 2 combinations have a Priority." in filled.text
    form = form_of(filled.text)
    form["matrix.cell.0.0"] = ["P1"]
    assert client.post(ADD, data=form | {"action": ["save"]}).status_code == 303
    assert _stored(services, "desk").priority_matrix == {"All": {"Now": "P1"}, "One": {"Now": "P2"}}


def test_the_first_partition_can_be_saved_as_it_is_proposed_and_the_second_is_empty(desk: Engine) -> None:
    services = MemoryServices(desk, ())
    client = administrator(services)
    form = form_of(client.get(ADD).text)
    assert client.post(ADD, data=form | {"action": ["save"]}).status_code == 303
    stored = _stored(services, "desk")
    assert stored.priority("High", "High") == "P1" and stored.priority("Low", "Low") == "P5"
    assert form_of(client.get(ADD).text)["impacts"] == [""]


def test_a_gap_in_the_matrix_is_told_at_its_cell(client: TestClient, services: MemoryServices) -> None:
    form = form_of(client.get(f"{IT}/update").text)
    sent = client.post(f"{IT}/update", data=form | {"impacts": ["High\nMedium\nLow"], "action": ["save"]})
    assert sent.status_code == 422
    told = "There is none for Medium × Now, Medium × Later."
    assert sent.text.count(told) == 2  # in the summary, and beside the grid
    assert 'href="#f-matrix-cell-1-0"' in sent.text
    assert 'id="f-matrix-cell-1-0"' in sent.text
    assert services.published == []
    again = form_of(sent.text)
    assert again["matrix.cell.2.0"] == ["P2"]  # Low has moved, and kept its own


def test_a_value_that_stands_twice_is_told(client: TestClient) -> None:
    form = form_of(client.get(f"{IT}/update").text)
    sent = client.post(f"{IT}/update", data=form | {"urgencies": ["Now\nLater\nNow"]})
    assert sent.status_code == 422
    assert "&#39;Now&#39; stands there more than once. Leave one." in sent.text
    assert 'href="#f-urgencies"' in sent.text


def test_rules_for_closed_items_are_added_changed_and_taken_away(client: TestClient, services: MemoryServices) -> None:
    form = form_of(client.get(f"{IT}/update").text)
    form |= {"after_closing.0.action": [""], "after_closing.0.within_days": [""]}
    form |= {"after_closing.2.action": ["journal"], "after_closing.2.within_days": ["30"], "action": ["rule"]}
    shown = form_of(client.post(f"{IT}/update", data=form).text)
    assert shown["after_closing.1.action"] == ["journal"]
    assert shown["after_closing.2.action"] == [""]
    assert client.post(f"{IT}/update", data=shown | {"action": ["save"]}).status_code == 303
    assert _stored(services, "it").after_closing == (
        AfterClosing(action="new-call"),
        AfterClosing(action="journal", within_days=30),
    )


def test_days_that_are_no_number_are_told_beside_the_rules(client: TestClient) -> None:
    form = form_of(client.get(f"{IT}/update").text)
    sent = client.post(f"{IT}/update", data=form | {"after_closing.0.within_days": ["soon"]})
    assert sent.status_code == 422
    assert 'href="#f-after_closing"' in sent.text
    assert form_of(sent.text)["after_closing.0.within_days"] == ["soon"]


def test_the_page_says_whether_calls_get_their_priority(client: TestClient, services: MemoryServices) -> None:
    page = client.get(IT).text
    assert "Every Impact and Urgency has a Priority (4 of 4)" in page
    assert "automatically assigned the correct Call Priority" in page
    assert 'href="/settings/call-templates/it-call"' in page
    odd = CallTemplate(id="odd", partition="it", impact="Vast", urgency="Now")
    other = administrator(MemoryServices(services.engine, (*SETTINGS, odd)))
    page = other.get(IT).text
    assert "get no Priority" in page
    assert "correct Call Priority" not in page


def test_a_matrix_too_large_for_a_page_is_told_and_not_drawn(client: TestClient) -> None:
    many = ["\n".join(f"value {number}" for number in range(100))]
    form = form_of(client.get(f"{IT}/update").text)
    sent = client.post(f"{IT}/update", data=form | {"impacts": many, "urgencies": many})
    assert sent.status_code == 422
    assert "Priority Matrix: 10000 combinations, 2 priorities." in sent.text
    assert "matrix.cell.0.0" not in sent.text


def test_which_server_the_default_one_is_can_be_seen_where_it_is_chosen(desk: Engine) -> None:
    by_default = CallTemplate(id="t", partition="it", impact="High", urgency="Now")
    without = MemoryServices(desk, (*SETTINGS, by_default))
    assert "The default outgoing server (there is none: nobody is told)" in administrator(without).get(ADD).text
    main = OutgoingServer(id="main", name="Main relay", from_address="desk@example.com")
    options = EmailOptions(default_outgoing_server="main")
    there = MemoryServices(desk, (*SETTINGS, main, options))
    assert "The default outgoing server (Main relay)" in administrator(there).get(ADD).text


def test_without_any_outgoing_server_a_link_leads_to_choosing_one(desk: Engine) -> None:
    [it] = [one.model_copy(update={"outgoing_server": None}) for one in SETTINGS if isinstance(one, Partition)]
    services = MemoryServices(desk, (it,))
    client = browser(
        window(
            services, replace(ADMINISTRATOR, rights=frozenset(Right)), (home, kind_pages, email_options_page, servers)
        )
    )
    text = client.get(IT).text
    assert "None: nobody is told of its calls." in text
    assert 'href="/settings/email-options#f-default_outgoing_server"' in text
    assert 'id="f-default_outgoing_server"' in client.get("/settings/email-options").text
