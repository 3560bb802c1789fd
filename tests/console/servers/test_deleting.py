"""Deleting an Email Server: confirmed, and refused while something refers to it."""

from starlette.testclient import TestClient

from schemas.topics import SETTINGS, SETTINGS_CHANGES
from tests.console.servers.administration import Administration, filled

DELETE = "/email-settings/servers/{}/delete"


def test_a_server_is_deleted_once_it_is_confirmed(client: TestClient, administration: Administration) -> None:
    path = DELETE.format("incoming/hr-mailbox")
    asked = client.get(path).text
    assert "HR desk" in asked and "What lies there stays there" in asked
    assert administration.messages == []
    answer = client.post(path, data=filled(asked, path, change_reason="closed"))
    assert answer.headers["location"] == "/email-settings"
    assert administration.setting("incoming-server/hr-mailbox") is None
    [change] = administration.published(SETTINGS_CHANGES)
    assert (change.key, change.after, change.change_reason) == ("incoming-server/hr-mailbox", None, "closed")
    text = client.get("/email-settings").text
    assert "HR desk is deleted." in text and "/email-settings/servers/incoming/hr-mailbox" not in text
    assert client.get(path).status_code == 404


def test_a_server_that_something_refers_to_stays(client: TestClient, administration: Administration) -> None:
    path = DELETE.format("outgoing/it-outgoing")
    asked = client.get(path).text
    assert '<a href="/settings/partitions/it">Partition IT</a> <span class="muted">(Outgoing server)</span>' in asked
    assert 'Email options <span class="muted">(Default outgoing server)</span>' in asked
    refused = client.post(path, data={})
    assert refused.status_code == 422
    assert "in use by" in refused.text
    assert administration.published(SETTINGS) == [] and administration.setting("outgoing-server/it-outgoing")


def test_the_fall_back_of_another_server_stays(client: TestClient, administration: Administration) -> None:
    other = administration.setting("outgoing-server/it-outgoing")
    administration.put("outgoing-server/spare", other.model_copy(update={"id": "spare"}))
    administration.put("outgoing-server/it-outgoing", other.model_copy(update={"fallback": "spare"}))
    place = '<a href="/email-settings/servers/outgoing/it-outgoing">Outgoing Email Server it-outgoing</a>'
    assert place in client.get(DELETE.format("outgoing/spare")).text
    assert client.post(DELETE.format("outgoing/spare"), data={}).status_code == 422


def test_while_the_broker_is_away_nothing_is_deleted(client: TestClient, administration: Administration) -> None:
    path = DELETE.format("incoming/hr-mailbox")
    administration.away = True
    answer = client.post(path, data={"change_reason": "typed once"})
    assert answer.status_code in (422, 503)
    assert "Nothing was deleted" in answer.text and "typed once" in answer.text


def test_a_server_that_somebody_has_changed_meanwhile_is_not_deleted_unseen(
    client: TestClient, administration: Administration
) -> None:
    path, key = DELETE.format("incoming/hr-mailbox"), "incoming-server/hr-mailbox"
    form = filled(client.get(path).text, path)
    administration.put(key, administration.setting(key).model_copy(update={"poll_seconds": 9}), who="Bob")
    refused = client.post(path, data=form)
    assert (refused.status_code, "Bob" in refused.text) == (422, True)
    assert administration.setting(key) is not None
    assert client.post(path, data=filled(refused.text, path)).status_code == 303
