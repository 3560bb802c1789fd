"""Persons in the window: found, shown, added, changed, deleted and imported; nothing is lost and nothing of it runs."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from console.access.rights import Identity, Right
from console.desk import item_pages
from console.persons import current, import_pages, pages, update_pages
from console.persons.import_pages import Uploads
from console.persons.person_changes import planned
from console.settings.apply import Plan, publish
from console.views.views import Freshness
from console.web import home
from desk.bounced_addresses import add_bounce
from desk.engine import open_desk, read_transaction, write_transaction
from desk.persons import load_persons
from schemas.persons import Person
from schemas.settings import CallTemplate, EmailOptions, Format, IncomingServer, Partition, Setting
from schemas.settings.notification_rules import Group
from schemas.snapshot import SettingsSnapshot
from tests.console.web.people import HOSTILE, TURN, services
from tests.console.web.signed_in import ADMINISTRATOR, browser, window
from tests.desk.rows import NOW, add_person

IT = Partition(id="it", impacts=("I",), urgencies=("U",), priorities=("P",), priority_matrix={"I": {"U": "P"}})
SETTINGS: tuple[Setting, ...] = (
    IT,
    CallTemplate(id="t", partition="it", impact="I", urgency="U"),
    IncomingServer(
        id="it", name="IT mailbox", protocol="imap", host="mail.test", call_template="t", default_logging_analyst="ida"
    ),
    Group(id="first-line", name="First line", members=("ida",), partition="it"),
)
CSV = "id,first_name,office,is_user\nann,Ann,South,yes\nnew,Nia,East,yes\n"


@pytest.fixture
def engine(desk_url: str) -> Iterator[Engine]:
    engine = open_desk(desk_url)
    add_person(engine, "ann", "Ann", "Lee", "ann@example.test", "shared@example.test", office="North", version=3)
    add_person(engine, "ida", "Ida", "Ingram", "ida@desk.test", is_user=False, is_analyst=True)
    add_person(engine, "aaa", "First", "Found", "SHARED@example.test")
    add_person(engine, "m-1", HOSTILE[:90], f"x{TURN}y", "bad'`@example.test")
    yield engine
    engine.dispose()


class Settings:
    """In the place of the kept view: what the settings are now."""

    def __init__(self) -> None:
        self.settings = SettingsSnapshot()
        self.freshness = Freshness(ready=True, stale_since=None)
        self.set(per_person=True)

    @property
    def current(self) -> "Settings":
        return self

    def set(self, *, per_person: bool, reason: bool = False) -> None:
        every = (*SETTINGS, EmailOptions(message_format_per_person=per_person, change_reason_required=reason))
        self.settings = self.settings.with_changes((f"{one.kind}/{one.id}", one, 1) for one in every)


@pytest.fixture
def made(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Services without a broker: nothing is on its way to the desk, and nobody else publishes persons."""
    made = services(engine)
    made.views = Settings()

    def change(
        _config: Any,
        publisher: Any,
        look: Callable[[], Any],
        person_id: str,
        fields: Mapping[str, Any],
        who: str,
        change_reason: str,
        version: int | None = None,
    ) -> Plan:
        plan = planned(look(), person_id, fields, version)
        publish(plan, publisher, who, change_reason, NOW)
        return plan

    monkeypatch.setattr(current, "_read_recent", lambda _: {})
    monkeypatch.setattr(update_pages, "change", change)
    monkeypatch.setattr(import_pages, "uploads", Uploads())
    return made


@pytest.fixture
def client(made: Any) -> TestClient:
    return browser(window(made, subjects=(home, pages)))


def stored(engine: Engine, id_: str) -> Person | None:
    with read_transaction(engine) as connection:
        return load_persons(connection, [id_]).get(id_)


def typed(client: TestClient, path: str) -> dict[str, Any]:
    """What a browser would send of the form as it is shown."""
    text = client.get(path).text
    form = text[text.index('<form class="form"') :]
    fields: dict[str, Any] = {}
    for tag in re.findall(r"<input [^>]*>", form):
        name, value = re.search(r'name="([^"]*)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and ('type="checkbox"' not in tag or " checked" in tag) and " disabled" not in tag:
            fields[name[1]] = value[1] if value else ""
    for name, text_ in re.findall(r'<textarea id="[^"]*" name="([^"]*)"[^>]*>\n([^<]*)</textarea>', form):
        fields[name] = text_
    for name, rest, options in re.findall(r'<select id="[^"]*" name="([^"]*)"([^>]*)>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options)
        if " disabled" not in rest:
            fields[name] = chosen[1] if chosen else ""
    return fields


# ---- the list and one person -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["ida", "aaa", "ann", "m-1"]),
        ("?q=LEE", ["ann"]),
        ("?q=shared", ["aaa", "ann"]),
        ("?flag=analyst-only", ["ida"]),
        ("?state=disabled", []),
        ("?flag=nonsense&state=x&after=WzFd", ["ida", "aaa", "ann", "m-1"]),
        ("?q=%00", []),
    ],
)
def test_persons_are_found(client: TestClient, query: str, found: list[str]) -> None:
    text = client.get(f"/persons{query}").text
    listed = re.findall(r'<a class="hostile" href="/persons/person/([^"]+)"', text)
    assert sorted(listed) == sorted(found)
    assert ("Nobody is found" in text) is not bool(found)


@pytest.mark.parametrize("path", ["/persons", "/persons/person/m-1", "/persons/person/m-1/delete"])
def test_no_name_is_markup_or_turns_the_text(client: TestClient, path: str) -> None:
    text = client.get(path).text
    assert "&lt;script&gt;alert(1)" in text
    assert not re.search(r"<script>alert|<img src=x|\u202e", text)


def test_details_tell_whose_mail_it_is_and_what_names_the_person(client: TestClient, engine: Engine) -> None:
    with write_transaction(engine) as connection:
        add_bounce(connection, "ann@example.test", "5.1.1", NOW, 1)
    ann, ida = client.get("/persons/person/ann").text, client.get("/persons/person/ida").text
    owners = ann[ann.index('<ol class="owners">') : ann.index("</ol>")]
    assert owners.index("First Found") < owners.index("the first found: used") < owners.index("Ann Lee")
    assert owners.count("the first found: used") == 1
    assert "nothing is sent there" in ann and "Send there again" in ann and "5.1.1" in ann
    assert 'Incoming Email Server IT mailbox <span class="muted">(Default Logging Analyst)</span>' in ida
    assert "First line" in ida
    assert "not used: Message Format" not in ann
    assert client.get("/persons/person/nobody").status_code == 404


def test_every_page_needs_the_right(made: Any) -> None:
    identity = replace(ADMINISTRATOR, rights=frozenset(Right) - {Right.PERSONS})
    client = browser(window(made, identity, subjects=(home, pages)))
    for page in pages.PAGES:
        path = page.path.replace("{person_id}", "ann")
        answer = client.request(page.methods[0], path)
        assert answer.status_code == 403 and "Persons" in answer.text and "ann@example.test" not in answer.text
    assert made.publisher.messages == []


def test_export_is_read_again_as_no_change(client: TestClient) -> None:
    answer = client.get("/persons/export.csv?q=lee")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="persons.csv"'
    assert "Ann,Lee" in answer.text and "Ingram" not in answer.text
    shown = upload(client, answer.content)
    assert shown.status_code == 200 and "The file changes nothing" in shown.text


# ---- adding, changing, deleting --------------------------------------------------------------------------------------


def test_whoever_looks_for_an_analyst_is_given_a_form_for_one(client: TestClient) -> None:
    form = typed(client, "/persons/add?flag=analyst")
    assert form.get("is_analyst") == "yes" and "is_user" not in form


def test_a_field_that_is_empty_is_told_in_words_for_a_form(client: TestClient) -> None:
    refused = client.post("/persons/add", data={"id": "", "is_user": "yes"})
    assert refused.status_code == 422 and ">Id: It is missing. Enter or choose it.<" in refused.text


def test_a_person_is_added(client: TestClient, engine: Engine, made: Any) -> None:
    form = typed(client, "/persons/add") | {
        "id": "nia",
        "first_name": "Nia",
        "addresses": "nia@example.test\r\n n2@example.test ",
        "is_analyst": "yes",
        "email_format": "text",
        "change_reason": "joined",
    }
    assert form["is_user"] == "yes"
    answer = client.post("/persons/add", data=form)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/persons/person/nia")
    assert stored(engine, "nia") == Person(
        id="nia",
        first_name="Nia",
        addresses=("nia@example.test", "n2@example.test"),
        is_user=True,
        is_analyst=True,
        email_format=Format.TEXT,
        version=1,
    )
    [change] = made.publisher.changes
    assert (change.key, change.who, change.change_reason) == ("person/nia", "Ada", "joined")
    assert "Nia is added." in client.get("/persons/person/nia").text


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"id": ""}, "f-id"),
        ({"id": "a b"}, "f-id"),
        ({"id": "ann"}, "f-id"),
        ({"addresses": "no address"}, "f-addresses"),
        ({"first_name": "a" * 10_000}, "f-first_name"),
        ({"is_user": None}, "f-is_user"),
        ({"email_format": "pdf"}, "f-email_format"),
    ],
)
def test_what_is_wrong_is_told_at_its_field_and_kept(
    client: TestClient, made: Any, wrong: dict[str, str | None], field: str
) -> None:
    form = {"id": "nia", "last_name": "<Kept>", "addresses": "", "is_user": "yes", "change_reason": "why", **wrong}
    answer = client.post("/persons/add", data={name: value for name, value in form.items() if value is not None})
    assert answer.status_code == 422 and "<title>Error: Add a person" in answer.text
    assert f'href="#{field}"' in answer.text
    assert "&lt;Kept&gt;" in answer.text and 'value="why"' in answer.text
    assert made.publisher.messages == []


def test_an_update_changes_what_was_changed(client: TestClient, engine: Engine, made: Any) -> None:
    before = stored(engine, "ann")
    assert before is not None
    form = typed(client, "/persons/person/ann/update") | {"office": "South", "change_reason": "moved"}
    assert client.post("/persons/person/ann/update", data=form).status_code == 303
    assert stored(engine, "ann") == before.model_copy(update={"office": "South", "version": 4})
    assert made.publisher.changes[0].change_reason == "moved"


def test_nothing_is_published_where_nothing_was_changed(client: TestClient, made: Any) -> None:
    form = typed(client, "/persons/person/ann/update")
    assert client.post("/persons/person/ann/update", data=form).status_code == 303
    assert made.publisher.messages == []
    assert "Nothing was changed." in client.get("/persons/person/ann").text


def test_two_who_change_one_person_lose_nothing(client: TestClient, engine: Engine) -> None:
    first = typed(client, "/persons/person/ann/update")
    second = dict(first)
    client.post("/persons/person/ann/update", data=first | {"office": "South"})

    refused = client.post("/persons/person/ann/update", data=second | {"last_name": "Law"})

    now = stored(engine, "ann")
    assert now is not None and (now.office, now.last_name) == ("South", "Lee")
    assert refused.status_code == 422 and "Somebody has changed this person meanwhile" in refused.text
    assert "Office is now &#39;South&#39;" in refused.text and 'value="Law"' in refused.text
    version = re.search(r'name="version" value="(\d+)"', refused.text)
    assert version and version[1] == str(now.version)
    client.post("/persons/person/ann/update", data=second | {"last_name": "Law", "version": version[1]})
    after = stored(engine, "ann")
    assert after is not None and (after.office, after.last_name) == ("North", "Law")


def test_without_the_option_an_email_format_cannot_be_chosen_and_says_why(
    client: TestClient, engine: Engine, made: Any
) -> None:
    add_person(engine, "fay", email_format="html")
    made.views.set(per_person=False)
    text = client.get("/persons/person/fay/update").text
    select = re.search(r'<select id="f-email_format"[^>]*>', text)
    assert select and "disabled" in select[0]
    assert "Select Message Format per Analyst/User in Email Settings first" in text
    form = typed(client, "/persons/person/fay/update") | {"office": "South"}
    client.post("/persons/person/fay/update", data=form)
    client.post(
        "/persons/person/ann/update", data=typed(client, "/persons/person/ann/update") | {"email_format": "html"}
    )
    fay, ann = stored(engine, "fay"), stored(engine, "ann")
    assert fay is not None and (fay.office, fay.email_format) == ("South", Format.HTML)
    assert ann is not None and ann.email_format is None
    assert "not used: Message Format per Analyst/User is not selected" in client.get("/persons/person/fay").text


def test_an_analyst_whom_a_server_names_stays_one_and_stays(client: TestClient, engine: Engine, made: Any) -> None:
    form = typed(client, "/persons/person/ida/update") | {"is_user": "yes"}
    del form["is_analyst"]
    refused = client.post("/persons/person/ida/update", data=form)
    assert refused.status_code == 422 and "is the Default Logging Analyst of incoming server IT mailbox" in refused.text
    assert 'href="#f-is_analyst"' in refused.text
    for refused in (client.get("/persons/person/ida/delete"), client.post("/persons/person/ida/delete", data={})):
        assert refused.status_code == 409 and '<button type="submit"' not in refused.text[refused.text.index("<h1") :]
        assert 'Incoming Email Server IT mailbox <span class="muted">(Default Logging Analyst)</span>' in refused.text
        assert "Group First line" in refused.text and "incoming-server/it" not in refused.text
    assert made.publisher.messages == []


def test_a_deleted_person_is_kept_disabled(client: TestClient, engine: Engine, made: Any) -> None:
    assert "the desk keeps this one, disabled" in client.get("/persons/person/ann/delete").text
    assert client.post("/persons/person/ann/delete", data={"change_reason": "left"}).status_code == 303
    ann = stored(engine, "ann")
    assert ann is not None and ann.disabled
    [change] = made.publisher.changes
    assert (change.key, change.after, change.change_reason) == ("person/ann", None, "left")


def test_where_a_change_reason_is_required_nothing_is_changed_without_one(client: TestClient, made: Any) -> None:
    made.views.set(per_person=True, reason=True)
    posts = {
        "/persons/add": typed(client, "/persons/add") | {"id": "nia"},
        "/persons/person/ann/update": typed(client, "/persons/person/ann/update") | {"office": "South"},
        "/persons/person/ann/delete": {},
        "/persons/import/confirm": {"upload": token(upload(client, CSV).text)},
    }
    for path, form in posts.items():
        refused = client.post(path, data=form)
        assert refused.status_code in (409, 422)
        assert 'href="#f-change_reason"' in refused.text
    assert made.publisher.messages == []
    for path, form in posts.items():
        if path.endswith("confirm"):
            form = {"upload": token(upload(client, CSV).text)}
        assert client.post(path, data=form | {"change_reason": "because"}).status_code == 303, path
    assert {change.change_reason for change in made.publisher.changes} == {"because"}


def test_a_broker_that_is_away_loses_nothing_that_was_typed(client: TestClient, made: Any) -> None:
    made.publisher.away = True
    form = typed(client, "/persons/person/ann/update") | {"office": "Typed office"}
    answer = client.post("/persons/person/ann/update", data=form)
    assert answer.status_code == 503 and "Typed office" in answer.text and "Send it again" in answer.text


# ---- importing -------------------------------------------------------------------------------------------------------


def upload(client: TestClient, data: bytes | str, name: str = "people.csv", **chosen: str) -> Any:
    content = data.encode() if isinstance(data, str) else data
    return client.post("/persons/import", files={"file": (name, content, "text/csv")}, data=chosen)


def token(text: str) -> str:
    found = re.search(r'name="upload" value="([^"]+)"', text)
    assert found
    return found[1]


def test_a_dry_run_shows_every_change_and_publishes_nothing(client: TestClient, made: Any) -> None:
    answer = upload(client, CSV.replace("Ann", "<b>Ann</b>"))
    assert answer.status_code == 200
    assert re.findall(r'<data class="number" value="(\d)">', answer.text)[:3] == ["1", "1", "0"]
    assert '<del class="hostile">North</del><ins class="hostile">South</ins>' in answer.text
    assert "&lt;b&gt;Ann" in answer.text and "<b>Ann" not in answer.text
    assert made.publisher.messages == []


def test_what_was_shown_is_imported_once_confirmed(client: TestClient, engine: Engine, made: Any) -> None:
    shown = upload(client, CSV)
    answer = client.post("/persons/import/confirm", data={"upload": token(shown.text), "change_reason": "HR's list"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/persons")
    assert "1 new, 1 changed" in client.get("/persons").text
    ann, new = stored(engine, "ann"), stored(engine, "new")
    assert ann is not None and (ann.office, ann.addresses) == ("South", ("ann@example.test", "shared@example.test"))
    assert new is not None and new.first_name == "Nia"
    assert {change.change_reason for change in made.publisher.changes} == {"HR's list"}
    again = client.post("/persons/import/confirm", data={"upload": token(shown.text)})
    assert again.status_code == 422 and "not kept any more" in again.text


def test_one_fault_and_nothing_is_imported(client: TestClient, made: Any) -> None:
    answer = upload(client, CSV + "x y,<b>Bad,,yes\nz,Z,,\n", name="<i>p.csv")
    assert answer.status_code == 422 and "<title>Error: Import persons" in answer.text
    lines = re.findall(r'<td class="number" data-label="Line">(\d+)</td>', answer.text)
    assert lines == ["4", "5"]
    assert "<i>p" not in answer.text and "<b>Bad" not in answer.text
    assert 'name="upload"' not in answer.text
    assert made.publisher.messages == []


def test_what_has_changed_since_is_shown_anew_before_it_is_imported(
    client: TestClient, engine: Engine, made: Any
) -> None:
    shown = upload(client, CSV)
    form = typed(client, "/persons/person/ann/update") | {"office": "West"}
    client.post("/persons/person/ann/update", data=form)
    published = len(made.publisher.messages)

    answer = client.post("/persons/import/confirm", data={"upload": token(shown.text)})

    assert answer.status_code == 409 and "Persons have been changed since this was shown" in answer.text
    assert '<del class="hostile">West</del><ins class="hostile">South</ins>' in answer.text
    assert len(made.publisher.messages) == published
    assert client.post("/persons/import/confirm", data={"upload": token(answer.text)}).status_code == 303
    ann = stored(engine, "ann")
    assert ann is not None and ann.office == "South"


def test_an_upload_is_its_accounts_alone(client: TestClient, made: Any) -> None:
    shown = upload(client, CSV)
    other = browser(window(made, Identity("2", "Eve", frozenset(Right)), subjects=(home, pages)))
    answer = other.post("/persons/import/confirm", data={"upload": token(shown.text)})
    assert answer.status_code == 422 and "not kept any more" in answer.text
    assert made.publisher.messages == []


def test_without_a_file_it_is_said(client: TestClient) -> None:
    assert "No file was chosen" in client.post("/persons/import", data={"file": ""}).text
    assert upload(client, b"").status_code == 422
    assert upload(client, b"x" * 10_200_000).status_code == 413


def test_encoding_and_separator_can_be_chosen(client: TestClient) -> None:
    data = "id;office\nann;Москва\n".encode("windows-1251")
    assert "Москва" in upload(client, data, encoding="windows-1251", separator="semicolon").text
    assert "Choose" not in upload(client, data, encoding="nonsense").text
    assert upload(client, data, encoding="utf-8").status_code == 422


def test_links_to_calls_are_shown_to_those_who_may_read_them(made: Any) -> None:
    both = browser(window(made, subjects=(home, pages, item_pages)))
    assert "/items?user=ann" in both.get("/persons/person/ann").text
    persons_only = Identity("3", "Per", frozenset({Right.PERSONS}))
    text = browser(window(made, persons_only, subjects=(home, pages, item_pages))).get("/persons/person/ann").text
    assert "/items" not in text
