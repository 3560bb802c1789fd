"""Saving and deleting from the pages of settings: who, why, what differs, two administrators at once, broker away."""

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from console.access.rights import Identity
from schemas.settings import CallTemplate, EmailOptions, Partition
from tests.console.settings.desk_window import MemoryServices
from tests.console.settings.test_kind_pages import IT, SETTINGS, form_of
from tests.console.settings.window_of_settings import administrator
from tests.desk.rows import add_person

RULE = "/settings/notification-rules/closed"
TEMPLATE = "/settings/call-templates/it-call"


@pytest.fixture
def services(desk: Engine) -> MemoryServices:
    return MemoryServices(desk, SETTINGS)


@pytest.fixture
def client(services: MemoryServices) -> TestClient:
    return administrator(services)


def test_what_is_saved_is_recorded_with_who_and_why(client: TestClient, services: MemoryServices) -> None:
    form = form_of(client.get(f"{TEMPLATE}/update").text)
    form |= {"screen_set": ["Wide"], "change_reason": [" wider screens "]}
    sent = client.post(f"{TEMPLATE}/update", data=form)
    assert (sent.status_code, sent.headers["location"]) == (303, TEMPLATE)
    [change] = services.published
    assert (change.key, change.who, change.change_reason) == ("call-template/it-call", "Ada", "wider screens")
    stored = services.stored("call-template/it-call")
    assert isinstance(stored, CallTemplate)
    assert stored.screen_set == "Wide"
    assert "Call Template it-call is saved." in client.get(TEMPLATE).text


def test_review_shows_the_difference_and_saves_nothing(client: TestClient, services: MemoryServices) -> None:
    form = form_of(client.get(f"{TEMPLATE}/update").text) | {"screen_set": ["Wide"], "action": ["review"]}
    sent = client.post(f"{TEMPLATE}/update", data=form)
    assert sent.status_code == 200
    assert "<del>Standard</del><ins>Wide</ins>" in sent.text
    assert services.published == []
    assert form_of(sent.text)["screen_set"] == ["Wide"]


def test_what_saving_changes_calls_people_and_settings_by_their_names(desk: Engine) -> None:
    add_person(desk, "ann", "Ann", "Archer")
    add_person(desk, "ben", "Ben", "Baker")
    client = administrator(MemoryServices(desk, SETTINGS))
    group = "/settings/groups/printers/update"
    form = form_of(client.get(group).text) | {"partition": ["it"], "members": ["ben"], "action": ["review"]}
    sent = client.post(group, data=form)
    assert "<del>Ann Archer (ann)</del><ins>Ben Baker (ben)</ins>" in sent.text
    assert f"<ins>{IT.name} (it)</ins>" in sent.text


def test_two_administrators_at_once_lose_nothing_unseen(client: TestClient, services: MemoryServices) -> None:
    bob = administrator(services, Identity("2", "Bob", frozenset(), None))
    mine = form_of(client.get(f"{TEMPLATE}/update").text) | {"screen_set": ["Wide"]}
    theirs = form_of(bob.get(f"{TEMPLATE}/update").text) | {"ipk_status": ["Open"]}
    assert bob.post(f"{TEMPLATE}/update", data=theirs).status_code == 303
    sent = client.post(f"{TEMPLATE}/update", data=mine)
    assert sent.status_code == 422
    assert "Bob has changed it since you opened this page (IPK Status)" in sent.text
    assert "<del>Open</del>" in sent.text  # what saving would undo
    stored = services.stored("call-template/it-call")
    assert isinstance(stored, CallTemplate)
    assert (stored.screen_set, stored.ipk_status) == ("Standard", "Open")
    again = form_of(sent.text)
    assert again["screen_set"] == ["Wide"]
    assert client.post(f"{TEMPLATE}/update", data=again).status_code == 303
    stored = services.stored("call-template/it-call")
    assert isinstance(stored, CallTemplate)
    assert stored.screen_set == "Wide"


def test_what_was_deleted_meanwhile_keeps_what_was_typed(client: TestClient, services: MemoryServices) -> None:
    form = form_of(client.get(f"{RULE}/update").text)
    assert client.post(f"{RULE}/delete", data=form_of(client.get(f"{RULE}/delete").text)).status_code == 303
    sent = client.post(f"{RULE}/update", data=form | {"event": ["CallReopened"]})
    assert sent.status_code == 422
    assert "It has been deleted since you opened this page." in sent.text
    again = form_of(sent.text)
    assert (again["id"], again["event"]) == (["closed"], ["CallReopened"])
    assert client.post("/settings/add-notification-rule", data=again).status_code == 303
    assert services.stored("notification-rule/closed")


def test_a_new_setting_never_takes_the_place_of_another(client: TestClient, services: MemoryServices) -> None:
    form = form_of(client.get("/settings/add-call-template").text)
    form |= {"id": ["it-call"], "partition": ["it"], "impact": ["Low"], "urgency": ["Now"]}
    sent = client.post("/settings/add-call-template", data=form)
    assert sent.status_code == 422
    assert "There is a Call Template it-call already." in sent.text
    assert services.published == []


def test_while_the_broker_is_away_nothing_is_saved_and_the_input_is_kept(
    client: TestClient, services: MemoryServices
) -> None:
    form = form_of(client.get(f"{TEMPLATE}/update").text) | {"screen_set": ["Wide"]}
    services.away = True
    sent = client.post(f"{TEMPLATE}/update", data=form)
    assert sent.status_code == 503
    assert "Wide" in sent.text
    services.away = False
    assert client.post(f"{TEMPLATE}/update", data=form_of(sent.text)).status_code == 303
    stored = services.stored("call-template/it-call")
    assert isinstance(stored, CallTemplate)
    assert stored.screen_set == "Wide"


def test_what_is_referred_to_is_not_deleted_and_says_by_what(client: TestClient, services: MemoryServices) -> None:
    page = client.get("/settings/partitions/it/delete").text
    assert "cannot be deleted while these name it" in page
    assert 'href="/settings/call-templates/it-call"' in page
    assert 'href="/settings/notification-rules/closed"' in page
    sent = client.post("/settings/partitions/it/delete", data={"version": "1"})
    assert sent.status_code == 422
    assert isinstance(services.stored("partition/it"), Partition)


def test_what_nothing_refers_to_is_deleted_with_a_reason(client: TestClient, services: MemoryServices) -> None:
    form = form_of(client.get(f"{RULE}/delete").text) | {"change_reason": ["no longer"]}
    sent = client.post(f"{RULE}/delete", data=form)
    assert (sent.status_code, sent.headers["location"]) == (303, "/settings/notification-rules")
    assert services.stored("notification-rule/closed") is None
    assert (services.published[0].after, services.published[0].change_reason) == (None, "no longer")


def test_what_was_changed_meanwhile_is_not_deleted_unseen(client: TestClient, services: MemoryServices) -> None:
    form = form_of(client.get(f"{RULE}/delete").text)
    changed = form_of(client.get(f"{RULE}/update").text) | {"tell": ["watchers"]}
    assert client.post(f"{RULE}/update", data=changed).status_code == 303
    sent = client.post(f"{RULE}/delete", data=form)
    assert sent.status_code == 422
    assert "has changed it since you opened this page (Tell)" in sent.text
    assert services.stored("notification-rule/closed")


def test_a_required_change_reason_is_asked_for_at_its_field(desk: Engine) -> None:
    services = MemoryServices(desk, (*SETTINGS, EmailOptions(change_reason_required=True)))
    client = administrator(services)
    form = form_of(client.get(f"{TEMPLATE}/update").text) | {"screen_set": ["Wide"], "change_reason": [" "]}
    sent = client.post(f"{TEMPLATE}/update", data=form)
    assert sent.status_code == 422
    assert 'href="#f-change_reason"' in sent.text
    assert form_of(sent.text)["screen_set"] == ["Wide"]
    deletion = client.post(f"{RULE}/delete", data=form_of(client.get(f"{RULE}/delete").text))
    assert deletion.status_code == 422
    assert 'href="#f-change_reason"' in deletion.text
    assert services.published == []
    assert client.post(f"{TEMPLATE}/update", data=form | {"change_reason": ["wider"]}).status_code == 303


def test_what_a_file_manages_is_labelled(desk: Engine) -> None:
    services = MemoryServices(desk, SETTINGS, "git@example.com:desk.git")
    client = administrator(services)
    for path in (RULE, f"{RULE}/update", f"{RULE}/delete"):
        assert "This setting is managed in git@example.com:desk.git." in client.get(path).text
    assert "is managed in" not in client.get("/settings/add-notification-rule").text
    client.post(f"{RULE}/update", data=form_of(client.get(f"{RULE}/update").text) | {"tell": ["watchers"]})
    assert services.published[0].managed_by == "git@example.com:desk.git"


@pytest.mark.parametrize("version", ["", "x", "-1", "9" * 500, "1.0"])
def test_a_version_that_is_none_saves_nothing(version: str, client: TestClient, services: MemoryServices) -> None:
    form = form_of(client.get(f"{TEMPLATE}/update").text) | {"screen_set": ["Wide"], "version": [version]}
    assert client.post(f"{TEMPLATE}/update", data=form).status_code == 422
    assert services.published == []


def test_who_has_not_system_set_up_opens_none_of_it(services: MemoryServices) -> None:
    nobody = administrator(services, Identity("3", "Eve", frozenset(), None), rights=False)
    for path in ("/settings/partitions", TEMPLATE, f"{RULE}/update", "/settings/add-group"):
        assert nobody.get(path).status_code == 403
    assert nobody.post(f"{RULE}/delete", data={"version": "4"}).status_code == 403
    assert services.published == []


def test_what_the_broker_takes_in_no_record_is_not_saved_by_half(client: TestClient, services: MemoryServices) -> None:
    """The setting alone would fit; what is recorded of the change holds the old one besides."""
    path, key = "/settings/message-templates/logged", "message-template/logged"
    form = form_of(client.get(f"{path}/update").text) | {"text": ["long " * 600]}
    assert client.post(f"{path}/update", data=form).status_code == 303
    before, recorded = services.stored(key), len(services.published)
    services.max_record_bytes = 6_000
    longer = form_of(client.get(f"{path}/update").text) | {"text": ["more " * 600]}
    sent = client.post(f"{path}/update", data=longer)
    assert sent.status_code == 422
    assert "larger than the broker takes" in sent.text and "Shorten the longest text" in sent.text
    assert "more more" in sent.text
    assert (services.stored(key), len(services.published)) == (before, recorded)
