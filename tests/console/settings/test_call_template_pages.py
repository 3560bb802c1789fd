"""A call template's pages: what is offered while somebody types, and which Priority its calls get."""

import re
from html.parser import HTMLParser

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from schemas.persons import Person
from schemas.settings import Partition
from tests.console.settings.desk_window import MemoryServices
from tests.console.settings.test_kind_pages import SETTINGS, form_of
from tests.console.settings.window_of_settings import administrator
from tests.logger.harness import Logger, demo_settings, make_mail

URSULA = Person(id="ursula", addresses=("ursula@example.com",), is_user=True, office="Basel")
HR = Partition(
    id="hr", impacts=("All",), urgencies=("Soon",), priorities=("P9",), priority_matrix={"All": {"Soon": "P9"}}
)
PATH, ADD = "/settings/call-templates/it-call", "/settings/add-call-template"


class _Offers(HTMLParser):
    """By id what each datalist and select offers."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, list[str]] = {}
        self._open = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("datalist", "select"):
            self._open = given.get("id") or ""
            self.found[self._open] = []
        elif tag == "option" and self._open:
            self.found[self._open].append(given.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("datalist", "select"):
            self._open = ""


def offers(html: str) -> dict[str, list[str]]:
    parser = _Offers()
    parser.feed(html)
    return parser.found


@pytest.fixture
def services(desk: Engine) -> MemoryServices:
    Logger(desk, demo_settings()).feed(URSULA, make_mail("one", person=URSULA))
    return MemoryServices(desk, (*SETTINGS, HR))


@pytest.fixture
def client(services: MemoryServices) -> TestClient:
    return administrator(services)


def test_what_is_in_use_is_offered(client: TestClient) -> None:
    found = offers(client.get(ADD).text)
    assert found["f-screen_set-offers"] == ["Standard"]  # of a template and of an item
    assert found["f-ipk_status-offers"] == ["New"]  # of an item
    assert found["f-assigned_office-offers"] == ["Basel"]  # of a person
    assert found["f-assigned_group-offers"] == ["Printers"]  # of a group


def test_impacts_and_urgencies_are_those_of_the_partition(client: TestClient) -> None:
    assert offers(client.get(f"{ADD}?partition=it").text)["f-impact"] == ["", "High", "Low"]
    form = form_of(client.get(f"{ADD}?partition=it").text) | {"partition": ["hr"], "action": ["partition"]}
    shown = client.post(ADD, data=form)
    assert (shown.status_code, offers(shown.text)["f-urgency"]) == (200, ["", "Soon"])


def test_where_there_are_several_partitions_one_has_to_be_chosen(client: TestClient, services: MemoryServices) -> None:
    shown = client.get(ADD).text
    assert offers(shown)["f-partition"] == ["", "hr", "it"]
    assert "does not exist" not in shown
    sent = client.post(ADD, data=form_of(shown) | {"id": ["new"], "action": ["save"]})
    assert sent.status_code == 422
    assert '<a href="#f-partition">Partition: It is missing.' in sent.text
    assert services.published == []


def test_the_priority_that_follows_is_shown(client: TestClient) -> None:
    assert "Priority <strong>P2</strong>" in client.get(PATH).text
    assert "Priority <strong>P2</strong>" in client.get(f"{PATH}/update").text


def test_an_impact_of_another_partition_is_refused_at_its_field(client: TestClient, services: MemoryServices) -> None:
    form = form_of(client.get(f"{PATH}/update").text) | {"partition": ["hr"]}
    sent = client.post(f"{PATH}/update", data=form)
    assert sent.status_code == 422
    assert 'href="#f-impact"' in sent.text
    assert services.published == []


def test_pages_open_while_the_desk_is_away(client: TestClient, services: MemoryServices) -> None:
    from sqlalchemy import create_engine

    services.engine = create_engine("sqlite:////nowhere/desk.db")
    found = offers(client.get(ADD).text)
    assert found["f-screen_set-offers"] == ["Standard"]


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("floor = 3\r\nprinter", "Further fields: line 2 (“printer”) has no “=”. Write name = value."),
        (" = 3", "Further fields: line 1 (“= 3”) has no name before its “=”. Write name = value."),
        ("floor=3\r\n\r\nfloor=4", "line 3 (“floor=4”) names the same field as line 1. Leave one of them out."),
    ],
)
def test_a_line_that_is_no_pair_is_told_with_its_number(
    client: TestClient, services: MemoryServices, typed: str, told: str
) -> None:
    sent = client.post(f"{PATH}/update", data=form_of(client.get(f"{PATH}/update").text) | {"fields": [typed]})
    assert (sent.status_code, sent.text.count(told)) == (422, 2)
    assert 'href="#f-fields"' in sent.text
    assert typed.replace("\r\n", "\n").strip() in sent.text
    assert services.published == []


def test_problems_are_told_in_the_order_of_the_fields(client: TestClient) -> None:
    form = form_of(client.get(ADD).text) | {"id": ["a b"], "partition": ["hr"], "impact": ["x"], "fields": ["y"]}
    sent = client.post(ADD, data=form).text
    told = re.findall(r'<li><a href="#(f-[\w-]+)">', sent)
    assert {"f-id", "f-urgency", "f-fields"} <= set(told)
    assert told == sorted(told, key=lambda id_: sent.index(f'id="{id_}"'))
