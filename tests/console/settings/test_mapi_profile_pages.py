"""The pages of MAPI profiles: secrets are sealed and never shown, what goes with the other transport is not kept."""

import re
from html import unescape
from pathlib import Path

import pytest
from sqlalchemy import Engine
from starlette.testclient import TestClient

from runtime.security.sealing import make_keys, reveal
from schemas.settings import IncomingServer, MapiProfile
from tests.console.servers.test_details import errors
from tests.console.settings.desk_window import MemoryServices
from tests.console.settings.test_kind_pages import SETTINGS
from tests.console.settings.window_of_settings import administrator

PEM = "-----BEGIN CERTIFICATE-----\r\nMIIB\r\n-----END CERTIFICATE-----\r\n"
ADD = "/settings/add-mapi-profile"
PROFILE = "/settings/mapi-profiles/exchange"
GRAPH = {
    "id": "online", "name": "Exchange Online", "transport": "graph", "cloud": "global", "tenant": "desk.example",
    "client_id": "app", "timeout_seconds": "60", "authentication": "ntlm",
}  # fmt: skip


class Key:
    def __init__(self, secret_key_file: Path) -> None:
        self.secret_key_file = secret_key_file


@pytest.fixture
def services(desk: Engine, tmp_path: Path) -> MemoryServices:
    made = MemoryServices(desk, SETTINGS)
    make_keys(tmp_path / "key")
    made.public_key_file = tmp_path / "key.pub"
    return made


@pytest.fixture
def client(services: MemoryServices) -> TestClient:
    return administrator(services)


def profile(services: MemoryServices, id_: str) -> MapiProfile:
    found = services.stored(f"mapi-profile/{id_}")
    assert isinstance(found, MapiProfile)
    return found


def version_of(services: MemoryServices) -> str:
    return str(services.current.settings.versions["mapi-profile/exchange"])


def test_a_secret_is_sealed_and_shown_to_nobody(client: TestClient, services: MemoryServices, tmp_path: Path) -> None:
    sent = client.post(ADD, data={**GRAPH, "client_secret.secret": "hush-hush-hush", "secret_ends": "2027-11-30"})
    assert sent.status_code == 303, sent.text[:3000]
    saved = profile(services, "online")
    assert saved.client_secret is not None and str(saved.secret_ends) == "2027-11-30"
    assert reveal(saved.client_secret, Key(tmp_path / "key")) == "hush-hush-hush"
    for path in ("/settings/mapi-profiles", "/settings/mapi-profiles/online", "/settings/mapi-profiles/online/update"):
        shown = client.get(path).text
        assert "Exchange Online" in shown
        assert "hush" not in shown and (saved.client_secret.sealed or "-") not in shown
    assert "<time>2027-11-30</time>" in client.get("/settings/mapi-profiles").text  # not broken at its hyphens
    assert "hush" not in str(services.published)
    assert (saved.client_secret.sealed or "-") not in str(services.published)


def test_a_certificate_is_taken_with_its_lines(client: TestClient, services: MemoryServices, tmp_path: Path) -> None:
    assert client.post(ADD, data={**GRAPH, "certificate.secret": PEM}).status_code == 303
    saved = profile(services, "online").certificate
    assert saved is not None and reveal(saved, Key(tmp_path / "key")) == PEM


def test_what_goes_with_the_other_transport_is_not_kept(client: TestClient, services: MemoryServices) -> None:
    both = {**GRAPH, "username": "DESK\\it", "password.secret": "hush-hush", "url": "https://mail.desk.example/EWS"}
    assert client.post(ADD, data={**both, "transport": "ews"}).status_code == 303
    saved = profile(services, "online")
    assert (saved.transport, saved.url, saved.username) == ("ews", "https://mail.desk.example/EWS", "DESK\\it")
    assert (saved.tenant, saved.client_id, saved.client_secret) == (None, None, None)


def test_nothing_is_lacking_unsaid(client: TestClient, services: MemoryServices) -> None:
    sent = client.post(ADD, data={**GRAPH, "tenant": "", "login_url": "ftp://x", "secret_ends": "tomorrow"})
    assert sent.status_code == 422
    assert {"f-tenant", "f-client_secret", "f-login_url", "f-secret_ends"} == errors(sent.text).keys()
    assert services.published == []


NTLM = {
    "id": "own", "transport": "ews", "authentication": "ntlm", "username": "DESK\\it", "password.secret": "hush-hush",
    "url": "https://mail.desk.example/EWS/Exchange.asmx", "timeout_seconds": "60", "cloud": "global",
}  # fmt: skip
PROVED = {**GRAPH, "token_file": "/var/run/token"}


@pytest.mark.parametrize(
    ("form", "field", "text"),
    [
        (PROVED | {"id": ""}, "id", "It is missing"),
        (PROVED | {"id": "a b"}, "id", "characters that are not allowed"),
        (PROVED | {"transport": ""}, "transport", "It is missing"),
        (PROVED | {"tenant": ""}, "tenant", "needs the Directory (tenant)"),
        (PROVED | {"client_id": ""}, "client_id", "needs “Application (client) id”"),
        (GRAPH, "client_secret", "exactly one of “Client secret”, certificate, “Token file” and “Managed identity”"),
        (PROVED | {"managed_identity": "yes"}, "client_secret", "exactly one of"),
        (PROVED | {"secret_ends": "2027-01-01"}, "secret_ends", "“Secret ends” is the end of a “Client secret”"),
        (PROVED | {"secret_ends": "soon"}, "secret_ends", "It is no date"),
        (PROVED | {"login_url": "ftp://x"}, "login_url", "It is not an https address"),
        (PROVED | {"graph_url": "x"}, "graph_url", "It is not an https address"),
        (PROVED | {"timeout_seconds": "0"}, "timeout_seconds", "Raise it"),
        (PROVED | {"timeout_seconds": "a while"}, "timeout_seconds", "It is no number"),
        (NTLM | {"url": ""}, "url", "Basic, NTLM and OAuth2 need the address: whoever answers for the mailbox"),
        (NTLM | {"url": "mail.desk.example"}, "url", "It is not an https address"),
        (
            NTLM | {"username": ""},
            "username",
            "Basic and NTLM need a User name. Enter it, or choose Kerberos or OAuth2",
        ),
        (NTLM | {"password.secret": ""}, "password", "Basic and NTLM need a Password"),
        (NTLM | {"authentication": "kerberos", "username": ""}, "username", "goes with a User name"),
        (PROVED | {"transport": "ews", "authentication": "oauth2"}, "url", "need the address"),
    ],
)
def test_a_mistake_is_told_beside_its_field(
    client: TestClient, services: MemoryServices, form: dict[str, str], field: str, text: str
) -> None:
    sent = client.post(ADD, data=form)
    assert sent.status_code == 422
    found = errors(sent.text)
    assert found.keys() == {f"f-{field}"} and text in unescape(found[f"f-{field}"])
    assert re.search(rf'id="f-{field}-error" class="error"', sent.text)
    assert services.published == []


def test_a_saved_secret_goes_nowhere_else(client: TestClient, services: MemoryServices) -> None:
    stored = profile(services, "exchange")
    change = {
        **GRAPH,
        "tenant": "elsewhere.example",
        "version": version_of(services),
    }
    refused = client.post(f"{PROFILE}/update", data=change)
    assert refused.status_code == 422
    assert "Client secret: Enter it again, since this has changed: Directory (tenant)." in refused.text
    assert profile(services, "exchange") == stored
    assert client.post(f"{PROFILE}/update", data={**change, "client_secret.secret": "another-one"}).status_code == 303
    assert profile(services, "exchange").tenant == "elsewhere.example"


def test_one_proof_takes_the_place_of_another(client: TestClient, services: MemoryServices) -> None:
    change = {**GRAPH, "token_file": "/var/run/token", "version": version_of(services)}
    assert client.post(f"{PROFILE}/update", data=change).status_code == 422
    sent = client.post(f"{PROFILE}/update", data={**change, "client_secret.remove": "on"})
    assert sent.status_code == 303, re.findall(r"class=\"error.*", sent.text)
    saved = profile(services, "exchange")
    assert (saved.client_secret, saved.token_file) == (None, "/var/run/token")


def test_a_profile_that_servers_name_is_not_deleted(desk: Engine) -> None:
    server = IncomingServer.model_validate({
        "id": "by-mapi", "protocol": "mapi", "profile": "exchange", "mailbox": "it@desk.example",
        "call_template": "it-call", "default_logging_analyst": "ann",
    })  # fmt: skip
    services = MemoryServices(desk, (*SETTINGS, server))
    client = administrator(services)
    page = client.get(f"{PROFILE}/delete").text
    assert "by-mapi" in page
    assert client.post(f"{PROFILE}/delete", data={"version": "1"}).status_code == 422
    assert services.stored("mapi-profile/exchange") is not None


def test_only_what_means_something_for_a_profile_is_read(client: TestClient) -> None:
    assert client.post(ADD, data=NTLM).status_code == 303
    own, online = (client.get(f"/settings/mapi-profiles/{id_}").text for id_ in ("own", "exchange"))
    of_directory = ("<h2>Directory</h2>", "<h2>Proof of the application</h2>", "<dt>Secret ends</dt>")
    of_account = ("<h2>Exchange Server</h2>", "<dt>Password</dt>")
    for has, has_not, text in ((of_account, of_directory, own), (of_directory, of_account, online)):
        assert all(one in text for one in has) and not any(one in text for one in has_not)
        assert '<dt>Time-out in seconds</dt><dd><span class="hostile">60</span></dd>' in text
