"""The pages of every kind of setting, by a browser's requests: list, Add, Open, Update, Delete, and what goes wrong."""

import re
from collections.abc import Callable
from html import escape, unescape
from html.parser import HTMLParser

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from console.settings.kinds import KINDS, Kind
from logger.db.persons import write_persons
from schemas.persons import Person
from schemas.settings import (
    CallTemplate,
    IncomingServer,
    MapiProfile,
    MessageTemplate,
    OutgoingServer,
    Partition,
    Secret,
    Setting,
)
from schemas.settings.notification_rules import Group, NotificationRule
from schemas.topics import SETTINGS as SETTINGS_TOPIC
from schemas.wire import encode
from tests.console.settings.desk_window import AT, MemoryServices
from tests.console.settings.window_of_settings import administrator

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> \u202egpj {{ 7*7 }}"
BOX = "c2VhbGVkLWJ5LXRoZS1jb25zb2xlLW9ubHktdGhlLXByb2Nlc3Nlcy1jYW4tb3Blbi1pdA=="
IT = Partition(
    id="it",
    name="Information Technology",
    outgoing_server="out",
    impacts=("High", "Low"),
    urgencies=("Now", "Later"),
    priorities=("P1", "P2"),
    priority_matrix={"High": {"Now": "P1", "Later": "P2"}, "Low": {"Now": "P2", "Later": "P2"}},
)
ANN = Person(id="ann", addresses=("ann@example.com",), is_analyst=True)
SETTINGS: tuple[Setting, ...] = (
    IT,
    CallTemplate(id="it-call", partition="it", impact="High", urgency="Later", screen_set="Standard"),
    MessageTemplate(id="logged", event="CallLogged", subject="{{ subject }}", text="Dear {{ recipient_name }}"),
    NotificationRule(id="closed", event="CallClosed", partition="it", tell=("user",)),
    Group(id="printers", name="Printers", members=("ann",)),
    MapiProfile(
        id="exchange", transport="graph", tenant="desk.example", client_id="app", client_secret=Secret(sealed=BOX)
    ),
    OutgoingServer(id="out", from_address="desk@example.com"),
    IncomingServer(id="in", protocol="imap", call_template="it-call", default_logging_analyst="ann"),
)
ONE_OF = {"partition": "it", "call-template": "it-call", "message-template": "logged", "notification-rule": "closed"}
ONE_OF |= {"group": "printers", "mapi-profile": "exchange"}


class _Fields(HTMLParser):
    """What a browser would send of the page's form that saves, as it stands."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.sent: dict[str, list[str]] = {}
        self._in_form = False
        self._select = self._text = ""
        self._chosen: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "form":
            self._in_form = given.get("method") == "post" and "sign-out" not in given.get("action", "")
        if not self._in_form:
            return
        name, kind = given.get("name", ""), given.get("type", "text")
        if (
            tag == "input"
            and name
            and "disabled" not in given
            and (kind not in ("checkbox", "radio") or "checked" in given)
        ):
            self._add(name, given.get("value", ""))
        elif tag == "select" and name:
            self._select, self._chosen = name, []
        elif tag == "option" and self._select:
            self._option = given.get("value"), "selected" in given
            self._text = ""
        elif tag == "textarea":
            self._area, self._text = name, ""

    _area = ""
    _option: tuple[str | None, bool] = (None, False)

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "option" and self._select:
            value = self._text.strip() if self._option[0] is None else self._option[0]
            self._chosen.insert(0, value) if self._option[1] else self._chosen.append(value)
        elif tag == "select" and self._select:
            if self._chosen:
                self._add(self._select, self._chosen[0])
            self._select = ""
        elif tag == "textarea" and self._area:
            self._add(self._area, self._text.removeprefix("\n"))
            self._area = ""
        elif tag == "form":
            self._in_form = False

    def _add(self, name: str, value: str) -> None:
        self.sent.setdefault(name, []).append(value)


def form_of(html: str) -> dict[str, list[str]]:
    fields = _Fields()
    fields.feed(html)
    return fields.sent


@pytest.fixture
def services(desk: Engine) -> MemoryServices:
    return MemoryServices(desk, SETTINGS)


@pytest.fixture
def client(services: MemoryServices) -> TestClient:
    return administrator(services)


Save = Callable[..., str]


def _form(client: TestClient, path: str, **changed: str | list[str]) -> dict[str, list[str]]:
    form = form_of(client.get(path).text)
    return form | {name: value if isinstance(value, list) else [value] for name, value in changed.items()}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_kind_is_listed_opened_and_saved_as_it_is_without_a_change(
    kind: Kind, client: TestClient, services: MemoryServices
) -> None:
    name = kind.name
    path, id_ = f"/settings/{kind.path}", ONE_OF[name]
    listed = client.get(path)
    assert listed.status_code == 200
    assert f'href="{path}/{id_}"' in listed.text
    opened = client.get(f"{path}/{id_}")
    assert opened.status_code == 200
    before = services.stored(f"{name}/{id_}")
    sent = client.post(f"{path}/{id_}/update", data=_form(client, f"{path}/{id_}/update"))
    assert (sent.status_code, sent.headers.get("location")) == (303, f"{path}/{id_}"), sent.text[:3000]
    assert services.stored(f"{name}/{id_}") == before
    assert services.published == []


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_an_empty_form_is_refused_with_each_fault_at_its_field(kind: Kind, client: TestClient) -> None:
    path = f"/settings/add-{kind.name}"
    assert client.get(path).status_code == 200
    sent = client.post(path, data=_form(client, path))
    assert sent.status_code == 422
    assert "<title>Error: " in sent.text
    assert 'href="#f-id"' in sent.text


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_hostile_text_stays_text_in_every_field(kind: Kind, client: TestClient) -> None:
    name = kind.name
    for path in (f"/settings/add-{name}", f"/settings/{kind.path}/{ONE_OF[name]}/update"):
        form = {field: [HOSTILE] for field in _form(client, path) if field != "version"}
        for action in ("save", "review", "grid", "check", "fill"):
            sent = client.post(
                path, data=form | {"action": [action], "matrix.row[]": [HOSTILE], "matrix.cell.0.0": [HOSTILE]}
            )
            assert sent.status_code in (200, 422)
            assert "<script>alert" not in sent.text
            assert "<img src=x" not in sent.text
            assert escape(HOSTILE).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in sent.text


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_name_of_ten_thousand_letters_is_refused_and_kept(kind: Kind, client: TestClient) -> None:
    path = f"/settings/add-{kind.name}"
    sent = client.post(path, data={field: ["A" * 10_000] for field in _form(client, path)})
    assert sent.status_code == 422
    assert form_of(sent.text)["id"] == ["A" * 10_000]


def test_what_is_not_there_is_not_found(client: TestClient) -> None:
    for kind in KINDS:
        for rest in ("", "/update", "/delete"):
            assert client.get(f"/settings/{kind.path}/nobody{rest}").status_code == 404


def test_a_list_is_cut_and_its_parts_lead_to_one_another(desk: Engine) -> None:
    many = [Group(id=f"g{number:03}", address="g@example.com") for number in range(120)]
    client = administrator(MemoryServices(desk, many))
    shown: list[str] = []
    path: str | None = "/settings/groups"
    while path:
        page = client.get(path).text
        shown += re.findall(r'href="/settings/groups/(g\d+)"', page)
        found = re.search(r'rel="next" href="([^"]+)"', page)
        path = unescape(found[1]) if found else None
    assert shown == [group.id for group in many]


def test_a_groups_members_are_named_and_an_unknown_one_is_told(client: TestClient, services: MemoryServices) -> None:
    assert "the desk does not know this person yet" in client.get("/settings/groups/printers").text
    form = _form(client, "/settings/groups/printers/update", members="ann\nnobody")
    sent = client.post("/settings/groups/printers/update", data=form)
    assert sent.status_code == 422
    assert 'href="#f-members"' in sent.text
    assert "nobody" in sent.text
    assert services.published == []


def test_what_has_a_name_is_called_by_it(client: TestClient) -> None:
    template = client.get("/settings/call-templates/it-call").text
    assert 'by the Priority Matrix of <a href="/settings/partitions/it">Information Technology</a>' in template
    assert '<dd><a href="/settings/partitions/it">Information Technology</a></dd>' in template
    for path in ("/settings/call-templates", "/settings/notification-rules"):
        assert '<a href="/settings/partitions/it">Information Technology</a>' in client.get(path).text, path
    heading = re.compile(r"<h1[^>]*>\s*Partition Information Technology")
    assert heading.search(client.get("/settings/partitions/it").text)
    assert "Partition Information Technology</a>" in client.get("/settings/partitions/it/update").text


def test_persons_are_called_by_their_names_where_a_group_is_shown(
    client: TestClient, services: MemoryServices, desk: Engine
) -> None:
    with desk.begin() as connection:
        write_persons(connection, [Person(id="bea", first_name="Bea", last_name="Byrne", is_analyst=True)])
    group = Group(id="phones", name="Phones", members=("bea", "nobody-knows"))
    services.publish([encode(SETTINGS_TOPIC, "group/phones", group, id="g", source="/t", time=AT)])
    assert "Bea Byrne, nobody-knows" in client.get("/settings/groups").text
    assert "Bea Byrne, nobody-knows" in client.get("/settings/groups/phones").text
