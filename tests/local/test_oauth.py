"""The OAuth2 provider answers as RFC 6749 and RFC 7662 say, and as strict providers do."""

from typing import Any

import pytest
import requests

from deploy.local.servers.oauth import OAuthServer
from deploy.local.servers.oauth_grants import Client

TIMEOUT = 20
USER = "hans@example.test"


def ask(oauth: OAuthServer, form: dict[str, Any], **more: Any) -> tuple[int, dict[str, Any]]:
    answer = requests.post(oauth.token_url, form, timeout=TIMEOUT, **more)
    return answer.status_code, answer.json()


def credentials(client: Client, **more: str) -> dict[str, Any]:
    return {
        "grant_type": "client_credentials",
        "client_id": client.client_id,
        "client_secret": client.client_secret,
    } | more


def refresh(client: Client, token: str) -> dict[str, Any]:
    return credentials(client, grant_type="refresh_token", refresh_token=token)


def introspect(oauth: OAuthServer, token: str) -> dict[str, Any]:
    told: dict[str, Any] = requests.post(oauth.introspection_url, {"token": token}, timeout=TIMEOUT).json()
    return told


def test_a_token_by_client_credentials(oauth: OAuthServer) -> None:
    client = oauth.register(USER, lifetime_seconds=600)
    status, body = ask(oauth, credentials(client, scope="mail"))
    assert (status, body["token_type"], body["expires_in"]) == (200, "Bearer", 600)
    assert "refresh_token" not in body
    told = introspect(oauth, body["access_token"])
    assert (told["active"], told["username"]) == (True, USER)
    assert [request["scope"] for request in client.requests] == ["mail"]


def test_the_secret_may_come_by_http_basic(oauth: OAuthServer) -> None:
    client = oauth.register(USER)
    assert client.client_secret
    basic = (client.client_id, client.client_secret)
    assert ask(oauth, {"grant_type": "client_credentials"}, auth=basic)[0] == 200
    wrong = requests.post(oauth.token_url, {}, auth=(client.client_id, "wrong"), timeout=TIMEOUT)
    assert (wrong.status_code, wrong.json()) == (401, {"error": "invalid_client"})
    assert wrong.headers["WWW-Authenticate"].startswith("Basic")


def test_a_token_over_tls(oauth: OAuthServer) -> None:
    form = credentials(oauth.register(USER))
    assert requests.post(oauth.tls_token_url, form, verify=str(oauth.authority), timeout=TIMEOUT).status_code == 200
    with pytest.raises(requests.exceptions.SSLError):
        requests.post(oauth.tls_token_url, form, timeout=TIMEOUT)


def test_a_refresh_token_is_good_again_and_again(oauth: OAuthServer) -> None:
    client = oauth.register(USER)
    answers = [ask(oauth, refresh(client, client.refresh_token)) for _ in range(2)]
    assert [status for status, _ in answers] == [200, 200]
    assert not any("refresh_token" in body for _, body in answers)
    assert all(introspect(oauth, body["access_token"])["active"] for _, body in answers)


def test_a_refresh_token_that_rotates_is_good_once(oauth: OAuthServer) -> None:
    client = oauth.register(USER, rotates=True)
    first = client.refresh_token
    second = ask(oauth, refresh(client, first))[1]["refresh_token"]
    assert ask(oauth, refresh(client, first)) == (400, {"error": "invalid_grant"})
    assert ask(oauth, refresh(client, second))[0] == 200


def test_a_public_client_has_no_secret_and_no_client_credentials(oauth: OAuthServer) -> None:
    client = oauth.register(USER, public=True)
    form = {"grant_type": "refresh_token", "client_id": client.client_id, "refresh_token": client.refresh_token}
    assert ask(oauth, form)[0] == 200
    assert ask(oauth, credentials(client)) == (400, {"error": "unauthorized_client"})


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_secret": ""}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"grant_type": "refresh_token"}, 400, "invalid_grant"),
        ({"grant_type": "refresh_token", "refresh_token": "wrong"}, 400, "invalid_grant"),
    ],
)
def test_what_is_refused(oauth: OAuthServer, change: dict[str, str], status: int, error: str) -> None:
    assert ask(oauth, credentials(oauth.register(USER), **change)) == (status, {"error": error})


def test_tokens_end(oauth: OAuthServer) -> None:
    short, long = oauth.register(USER, lifetime_seconds=0), oauth.register(USER)
    assert introspect(oauth, ask(oauth, credentials(short))[1]["access_token"]) == {"active": False}
    token = ask(oauth, credentials(long))[1]["access_token"]
    oauth.end_tokens(long)
    assert introspect(oauth, token) == {"active": False}
    assert introspect(oauth, "never issued") == {"active": False}


def test_a_consent_is_withdrawn(oauth: OAuthServer) -> None:
    client = oauth.register(USER)
    token = client.refresh_token
    oauth.withdraw_consent(client)
    assert ask(oauth, refresh(client, token)) == (400, {"error": "invalid_grant"})
