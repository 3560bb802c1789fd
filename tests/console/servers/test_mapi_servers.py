"""MAPI servers in the window: added once there is a profile, and told when its secret ends."""

import re
from typing import Any

from starlette.testclient import TestClient

from schemas.settings import IncomingServer, MapiProfile, OutgoingServer, Secret
from tests.console.servers.administration import Administration, filled
from tests.console.servers.test_details import REVIEW, errors

INCOMING, OUTGOING = "/email-settings/new/mapi-incoming", "/email-settings/new/mapi-outgoing"
PROFILE = MapiProfile(
    id="online", name="Exchange Online", transport="graph", tenant="t", client_id="c", client_secret=Secret(env="S")
)
SERVER = {
    "id": "support", "profile": "online", "mailbox": "support@desk.example", "call_template": "it-by-mail",
    "default_logging_analyst": "ida",
}  # fmt: skip


def post(client: TestClient, path: str, **typed: str) -> Any:
    return client.post(path, data={**filled(client.get(path).text, path), **typed, "do": "save"})


def test_a_server_is_added_to_a_profile_that_is_there(client: TestClient, administration: Administration) -> None:
    administration.put("mapi-profile/online", PROFILE)
    form = client.get(INCOMING).text
    assert '<option value="online">Exchange Online (online)</option>' in form
    assert re.search(r'<label for="f-mailbox">Mailbox</label>', form), "it has to be entered"
    assert 'name="host"' not in form and 'name="password.secret"' not in form
    assert post(client, INCOMING, **SERVER).headers["location"] == REVIEW
    client.post(REVIEW, data={})
    server = administration.setting("incoming-server/support")
    assert isinstance(server, IncomingServer)
    assert (server.protocol, server.profile, server.mailbox) == ("mapi", "online", "support@desk.example")
    assert post(
        client, OUTGOING, id="relay", profile="online", mailbox="it@desk.example", from_address="it@desk.example"
    )
    client.post(REVIEW, data={})
    relay = administration.setting("outgoing-server/relay")
    assert isinstance(relay, OutgoingServer) and (relay.protocol, relay.save_sent) == ("mapi", True)
    listed = client.get("/email-settings").text
    assert "support@desk.example (Exchange Online)" in listed and "MAPI" in listed
    for direction, id_ in (("incoming", "support"), ("outgoing", "relay")):
        assert client.get(f"/email-settings/servers/{direction}/{id_}").status_code == 200


def test_without_a_profile_it_is_said_that_one_has_to_be_there_first(
    client: TestClient, administration: Administration
) -> None:
    assert 'href="/settings/mapi-profiles"' in client.get(INCOMING).text
    lacking = errors(post(client, INCOMING, **{**SERVER, "profile": "", "mailbox": ""}).text)
    assert {"f-profile", "f-mailbox"} <= lacking.keys()
    gone = errors(post(client, INCOMING, **SERVER).text)
    assert (
        "the MAPI Mail Server must be configured before you can configure incoming email for MAPI" in gone["f-profile"]
    )
    assert administration.messages == []


def test_that_its_secret_ends_stands_beside_the_server(client: TestClient, administration: Administration) -> None:
    administration.put("mapi-profile/online", PROFILE)
    values = {**SERVER, "protocol": "mapi"}
    administration.put("incoming-server/support", IncomingServer.model_validate(values))
    administration.tell("support", "connected", secret_ends="2026-12-24")
    for path in ("/email-settings", "/email-settings/rows"):
        text = client.get(path).text
        assert "2026-12-24" in text and "/settings/mapi-profiles/online/update" in text
    administration.tell("support", "authentication-refused", last_error="no")
    assert "Update its MAPI Profile" in client.get("/email-settings").text
