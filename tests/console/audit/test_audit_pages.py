"""Change history as pages: listed in parts, one change with its difference, put back; settings as YAML."""

import html
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from console.access.rights import Right
from console.audit import history_pages as audit
from console.settings import file_pages
from console.settings.apply import Plan, plan
from console.settings.file_reading import open_settings_file
from console.settings.saving import Author, save
from console.settings.settings_file import SettingsFile
from console.settings.state import State
from console.web import home
from console.web.keyset import ROWS
from desk.engine import write_transaction
from logger.db.persons import write_persons
from schemas.persons import Person
from schemas.settings import EmailOptions, OutgoingServer, Partition, Secret
from schemas.settings.notification_rules import Group
from schemas.topics import SETTINGS
from schemas.wire import tombstone
from tests.console.settings.desk_window import MemoryServices
from tests.console.web.signed_in import ADMINISTRATOR, browser, window

AT = datetime(2026, 11, 29, 12, tzinfo=UTC)
CANARY = "Q2FuYXJ5" * 10
SERVER = OutgoingServer(
    id="smtp",
    from_address="it@desk.example",
    authentication="sasl-plain",
    username="desk",
    password=Secret(sealed=CANARY),
)
PARTITION = Partition(id="it", impacts=("a",), urgencies=("b",), priorities=("P",), priority_matrix={"a": {"b": "P"}})


@pytest.fixture
def services(desk: Engine) -> MemoryServices:
    return MemoryServices(desk, (SERVER, PARTITION), managed_by="git: desk.yaml")


@pytest.fixture
def client(services: MemoryServices) -> TestClient:
    return client_of(services, Right.SYSTEM_SET_UP, Right.PERSONS)


def client_of(services: MemoryServices, *rights: Right) -> TestClient:
    return browser(window(services, replace(ADMINISTRATOR, rights=frozenset(rights)), (home, audit, file_pages)))


def put(services: MemoryServices, *values: Any, who: str = "anna", why: str = "moved", seconds: int = 0) -> None:
    persons = {one.id: one for one in values if isinstance(one, Person)}
    settings = {f"{one.kind}/{one.id}": one for one in values if not isinstance(one, Person)}
    planned: Plan = plan(SettingsFile("", settings, persons), State(services.current.settings))
    save(services, planned, Author(who, why), AT + timedelta(seconds=seconds))  # type: ignore[arg-type]


def changed(value: Any, **fields: Any) -> Any:
    return value.model_copy(update=fields)


def ids(services: MemoryServices) -> list[str]:
    return list(services.current.changes)


def test_the_newest_change_stands_first_with_who_what_and_why(client: TestClient, services: MemoryServices) -> None:
    put(services, changed(SERVER, port=587))
    put(services, changed(PARTITION, name="<b>IT</b>"), who="bert", why="renamed", seconds=1)

    text = client.get("/history").text

    assert text.index("partition/it") < text.index("outgoing-server/smtp")
    assert "Partition &lt;b&gt;IT&lt;/b&gt;</span> changed" in text and "Outgoing Email Server smtp</span>" in text
    assert "bert" in text and "renamed" in text and "Port" in text
    assert CANARY not in text
    only = client.get("/history", params={"of": "partition", "by": "bert"}).text
    assert "</span> changed" in only and "outgoing-server/smtp" not in only


def test_a_long_history_comes_in_parts(client: TestClient, services: MemoryServices) -> None:
    for number in range(ROWS + 5):
        put(services, changed(SERVER, port=1000 + number), why=f"reason-{number}-", seconds=number)

    first = client.get("/history").text
    after = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = client.get(after).text

    assert first.count("reason-") == ROWS and f"reason-{ROWS + 4}-" in first
    assert second.count("reason-") == 5 and "reason-0-" in second


def test_one_change_is_told_field_by_field_and_put_back(client: TestClient, services: MemoryServices) -> None:
    put(services, changed(SERVER, name="Main relay", password=Secret(sealed="B" * 80)))
    [id_] = ids(services)

    shown = client.get(f"/history/{id_}").text
    version = services.current.settings.versions["outgoing-server/smtp"]
    assert "Main relay" in shown and "(sealed again)" in shown and CANARY not in shown and "B" * 80 not in shown
    answer = client.post(f"/history/{id_}", data={"version": str(version), "change_reason": "a mistake"})

    assert answer.status_code == 303
    assert services.stored("outgoing-server/smtp") == changed(SERVER, password=Secret(sealed="B" * 80))
    last = services.published[-1]
    assert (last.who, last.change_reason, last.managed_by) == (ADMINISTRATOR.name, "a mistake", "git: desk.yaml")
    assert "It is as it was before this change already." in client.get(f"/history/{id_}").text


def test_what_a_change_is_of_and_what_it_names_is_called_by_name(client: TestClient, services: MemoryServices) -> None:
    with write_transaction(services.engine) as connection:
        write_persons(connection, [Person(id="ann", first_name="Ann", last_name="Lee", is_analyst=True)])
    put(services, changed(SERVER, name="Main relay"), changed(PARTITION, outgoing_server="smtp"))
    ann, gone = Person(id="ann", first_name="Ann", is_analyst=True), Person(id="gone", last_name="Gone", is_user=True)
    group = Group(id="first", name="First line", partition="it", members=("ann", "nobody"))
    put(services, ann, gone, Person(id="nobody", is_user=True), group, seconds=1)
    services.publish([tombstone(SETTINGS, "group/first")])

    listed = client.get("/history").text
    for called in ("Outgoing Email Server Main relay", "Person Ann Lee", "Person Gone", "Group First line"):
        assert f'<span class="hostile">{called}</span>' in listed
    shown = {one: client.get(f"/history/{one}").text for one in ids(services)}
    of_group, of_partition = (
        next(text for text in shown.values() if f"Change of {called}" in text)
        for called in ("Group First line", "Partition it")
    )
    assert "<ins>Ann Lee (ann)</ins><ins>nobody</ins>" in of_group and "<ins>it</ins>" in of_group
    assert "<ins>Main relay (smtp)</ins>" in of_partition
    assert "<del>Main relay (smtp)</del>" in of_partition  # what restoring would change


def test_what_somebody_else_changes_meanwhile_is_not_undone(client: TestClient, services: MemoryServices) -> None:
    put(services, changed(PARTITION, name="IT"))
    [id_] = ids(services)
    version = services.current.settings.versions["partition/it"]
    put(services, changed(PARTITION, name="Information"), who="bert", seconds=1)

    answer = client.post(f"/history/{id_}", data={"version": str(version)})

    assert answer.status_code == 422
    assert "It was changed meanwhile by bert" in answer.text
    assert services.stored("partition/it") == changed(PARTITION, name="Information")


def test_a_change_reason_is_asked_for_where_it_is_required(client: TestClient, services: MemoryServices) -> None:
    put(services, changed(PARTITION, name="IT"))
    [id_] = ids(services)
    put(services, EmailOptions(change_reason_required=True), seconds=1)
    version = services.current.settings.versions["partition/it"]

    answer = client.post(f"/history/{id_}", data={"version": str(version), "change_reason": " "})

    assert answer.status_code == 422
    assert "A Change Reason is required." in answer.text
    assert services.stored("partition/it") == changed(PARTITION, name="IT")


def test_changes_of_persons_need_the_right_to_persons(client: TestClient, services: MemoryServices) -> None:
    put(services, Person(id="ann", is_user=True, addresses=("ann@private.example",)))
    [id_] = ids(services)
    other = client_of(services, Right.SYSTEM_SET_UP)

    assert "person/ann" in client.get("/history").text
    assert "ann@private.example" in client.get(f"/history/{id_}").text
    assert "person/ann" not in other.get("/history").text
    assert other.get(f"/history/{id_}").status_code == 404
    assert other.post(f"/history/{id_}", data={}).status_code == 404
    assert client_of(services, Right.PERSONS).get("/history").status_code == 403
    assert client.get("/history/nothing").status_code == 404


def test_a_setting_is_shown_as_the_yaml_to_copy_with_where_it_is_managed(client: TestClient) -> None:
    text = client.get("/settings/yaml/partition/it").text

    assert "Managed in git: desk.yaml" in text
    assert "partitions:\n- id: it\n" in text
    assert client.get("/settings/yaml/partition/gone").status_code == 404
    assert "git: desk.yaml" in client.get("/settings/file").text


@pytest.mark.parametrize("path", ["/settings/file/mailcall-settings.yaml", "/settings/yaml/outgoing-server/smtp"])
def test_a_password_stands_in_a_file_only_as_it_is_kept(
    client: TestClient, services: MemoryServices, path: str
) -> None:
    for kept in ({"sealed": CANARY}, {"env": "SMTP_PASSWORD"}, {"file": "/run/secrets/smtp"}):
        put(services, changed(SERVER, password=Secret(**kept)))
        text = html.unescape(client.get(path).text)
        [shown] = re.findall(r"password:\n +(\w+): (\S+)", text)
        assert dict([shown]) == kept


def test_settings_as_a_file_need_system_set_up_and_hold_no_persons(
    client: TestClient, services: MemoryServices
) -> None:
    put(services, Person(id="ann", is_user=True, addresses=("ann@example.org",)))
    others = client_of(services, *(set(Right) - {Right.SYSTEM_SET_UP}))
    for path in ("/settings/file", "/settings/file/mailcall-settings.yaml", "/settings/yaml/outgoing-server/smtp"):
        refused, shown = others.get(path), client.get(path)
        assert refused.status_code == 403 and CANARY not in refused.text and "smtp" not in refused.text
        assert shown.status_code == 200 and "ann@example.org" not in shown.text
    assert client.get("/settings/yaml/person/ann").status_code == 404


def test_the_file_of_all_settings_can_be_applied_again_and_knows_its_versions(
    client: TestClient, services: MemoryServices, tmp_path: Any
) -> None:
    answer = client.get("/settings/file/mailcall-settings.yaml")
    file = tmp_path / "settings.yaml"
    file.write_bytes(answer.content)

    state = State(services.current.settings)
    read = open_settings_file(file).checked(None, state)

    assert "attachment" in answer.headers["Content-Disposition"]
    assert read.exported == services.current.settings.versions
    assert plan(read, state).effective == ()
