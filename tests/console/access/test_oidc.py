"""Signing in at an OpenID provider: a certified one (npm's `oidc-provider`), and ones that lie."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey
from starlette.testclient import TestClient

from console.access.access import Access
from console.access.account_changes import set_disabled
from console.access.accounts import account_named, account_of_subject
from console.access.config import AccessConfig
from console.access.oidc import Attempt, OidcClient, Provider, attempt_of, begin_attempt
from console.access.oidc_http import OidcError, is_endpoint
from console.access.rights import Right
from console.access.roles import add_role
from console.access.sessions import make_link
from deploy.local.ports import HOST as MACHINE
from deploy.local.servers.oidc_provider import CLIENT_ID, CLIENT_SECRET, OidcProvider
from tests.console.access.conftest import House
from tests.console.access.window import HOST, browser, cookie_of, sign_in, window

BACK = f"https://{HOST}/sign-in/oidc/back"
SESSION, OIDC = "__Host-mailcall-session", "__Host-mailcall-oidc"


@pytest.fixture(scope="module")
def oidc_provider() -> Iterator[OidcProvider]:
    with OidcProvider(BACK) as provider:
        yield provider


def with_provider(house: House, provider: Provider, role: str | None = None) -> TestClient:
    return browser(window(Access(house.engine, oidc=OidcClient(provider), oidc_role=role, now=house.clock)))


@pytest.fixture
def provider(oidc_provider: OidcProvider) -> Provider:
    return Provider(oidc_provider.issuer, CLIENT_ID, CLIENT_SECRET, "Example ID")


def at_provider(url: str, login: str) -> str:
    """What a person does there, up to the address that the browser is sent back to."""
    with httpx.Client() as client:
        answer = client.get(url)
        while True:
            while answer.is_redirect:
                location = str(answer.url.join(answer.headers["location"]))
                if location.startswith(BACK):
                    return location.removeprefix(f"https://{HOST}")
                answer = client.get(location)
            assert answer.status_code == 200, answer.text
            action = re.search(r'action="([^"]+)"', answer.text)
            assert action
            form = {**dict(re.findall(r'name="(\w+)" value="(\w+)"', answer.text)), "login": login, "password": "any"}
            answer = client.post(str(answer.url.join(unescape(action[1]))), data=form)


def link_own_account(client: TestClient, login: str) -> Any:
    on = client.post("/own/oidc")
    assert on.status_code == 200
    url = on.headers["refresh"].partition("url=")[2]
    assert url in unescape(on.text)
    return client.get(at_provider(url, login))


def test_whoever_linked_their_login_signs_in_by_it(house: House, provider: Provider) -> None:
    house.account("ann")
    client = with_provider(house, provider)
    assert "Example ID" in client.get("/sign-in").text
    sign_in(client, "ann")
    linked = link_own_account(client, "s-1")
    assert (linked.status_code, linked.headers["location"]) == (303, "/own")
    assert "signs you in" in client.get("/own").text
    client.post("/sign-out")

    off = client.get("/sign-in/oidc?next=/own")
    assert cookie_of(off, OIDC) == ["httponly", "max-age=600", "path=/", "samesite=lax", "secure"]
    entered = client.get(at_provider(off.headers["location"], "s-1"))
    assert (entered.status_code, entered.headers["location"]) == (303, "/own")
    assert OIDC not in client.cookies and ">ann<" in client.get("/own").text.replace("</span>ann", ">ann")
    found = house.access.look_up(client.cookies[SESSION])
    assert found and found.identity and (found.identity.name, found.session.signed_in_by) == ("ann", "oidc")


def test_nobody_becomes_an_account_by_a_name_or_an_address(house: House, provider: Provider) -> None:
    """The provider calls s-2 `user s-2`, s-2@example.test: as it would whoever enters that there."""
    house.account("user s-2", Right.USERS_AND_ROLES)
    made = house.write(lambda c: add_role(c, house.by, "everybody", [Right.PERSONS], None))
    for role in (None, made.name):
        client = with_provider(house, provider, role)
        off = client.get("/sign-in/oidc")
        refused = client.get(at_provider(off.headers["location"], "s-2"))
        assert refused.status_code == 403 and "linked with" in refused.text and SESSION not in client.cookies
    assert house.read(lambda c: account_of_subject(c, provider.issuer, "s-2")) is None


def test_whoever_is_new_gets_the_role_that_is_configured_and_no_more(house: House, provider: Provider) -> None:
    house.administrator()
    house.write(lambda c: add_role(c, house.by, "Everybody", [Right.PERSONS], None))
    for _ in range(2):
        client = with_provider(house, provider, "everybody")
        entered = client.get(at_provider(client.get("/sign-in/oidc").headers["location"], "s-3"))
        assert entered.headers["location"] == "/"
        found = house.access.look_up(client.cookies[SESSION])
        assert found and found.identity and found.identity.rights == {Right.PERSONS} and not found.must_change
    account = house.read(lambda c: account_named(c, "user s-3"))
    assert account and account.address == "s-3@example.test"
    house.write(lambda c: set_disabled(c, house.by, account, True))
    refused = client.get(at_provider(client.get("/sign-in/oidc").headers["location"], "s-3"))
    assert refused.status_code == 403 and "disabled" in refused.text


def test_whoever_is_invited_may_link_a_login_instead_of_a_password(house: House, provider: Provider) -> None:
    ann = house.account("ann", password=None)
    token = house.write(lambda c: make_link(c, house.by, ann.id))
    client = with_provider(house, provider)
    assert "without a password" in client.get(f"/sign-in/link/{token}").text
    client.post(f"/sign-in/link/{token}", data={"without-password": "yes"})
    assert client.get("/").headers["location"] == "/own"
    assert link_own_account(client, "s-4").headers["location"] == "/own"
    assert client.get("/").status_code == 200
    stays = client.post("/own/oidc/unlink")
    assert stays.status_code == 422 and "Set a password first" in stays.text


def test_an_answer_counts_once_and_only_in_the_browser_that_began(house: House, provider: Provider) -> None:
    house.write(lambda c: add_role(c, house.by, "everybody", [], None))
    client, victim = (with_provider(house, provider, "everybody") for _ in range(2))
    back = at_provider(client.get("/sign-in/oidc").headers["location"], "s-5")
    assert victim.get(back).status_code == 403  # no attempt of its own
    victim.get("/sign-in/oidc")
    assert victim.get(back).status_code == 403 and SESSION not in victim.cookies  # another attempt
    kept = client.cookies[OIDC]
    assert client.get(back).status_code == 303
    client.post("/sign-out")
    assert client.get(back).status_code == 403  # the attempt is over
    client.cookies.set(OIDC, kept)
    assert client.get(back).status_code == 403 and SESSION not in client.cookies  # so is the code


def test_a_login_is_linked_only_with_the_account_that_began_it(house: House, provider: Provider) -> None:
    """Else somebody's own login could be put behind another person's account."""
    house.account("ann")
    house.account("ben")
    client = with_provider(house, provider)
    sign_in(client, "ann")
    assert client.get("/own/oidc").status_code == 405
    assert client.post("/own/oidc", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    url = client.post("/own/oidc").headers["refresh"].partition("url=")[2]
    back = at_provider(url, "s-6")
    sign_in(client, "ben")
    assert client.get(back).status_code == 403
    client.post("/sign-out")
    url = client.get("/sign-in/oidc").headers["location"]
    attempt = attempt_of(client.cookies[OIDC])
    assert attempt
    sign_in(client, "ben")  # whoever could set cookies knows no token of a session
    client.cookies.set(OIDC, replace(attempt, link_proof="x").cookie())
    assert client.get(at_provider(url, "s-6")).status_code == 403
    assert house.read(lambda c: account_of_subject(c, provider.issuer, "s-6")) is None


def test_without_the_verifier_the_code_is_worth_nothing(oidc_provider: OidcProvider, provider: Provider) -> None:
    client, attempt = OidcClient(provider), begin_attempt("/")
    url = client.authorization_url(attempt, BACK)
    assert "code_challenge_method=S256" in url and attempt.verifier not in url
    answer = {name: value[0] for name, value in parse_qs(urlsplit(at_provider(url, "s-7")).query).items()}

    class Without(Attempt):
        @property
        def verifier(self) -> str:
            return "v" * 43

    with pytest.raises(OidcError, match="invalid_grant"):
        client.finish(Without(attempt.key, "/"), answer, BACK)


def test_the_provider_being_away_is_said(house: House) -> None:
    client = with_provider(house, Provider("http://127.0.0.1:1", "id", None, "Example ID"))
    told = client.get("/sign-in/oidc")
    assert told.status_code == 403 and "127.0.0.1 cannot be asked" in told.text


# ---- providers that lie ----------------------------------------------------------------------------------------------


@dataclass
class Liar:
    """Answers as the test says; what a test leaves out is right."""

    port: int = 0
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "one", "use": "sig"}))
    metadata: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    sign: Callable[["Liar", dict[str, Any]], str] | None = None
    size: int = 0

    @property
    def issuer(self) -> str:
        return f"http://{MACHINE}:{self.port}"

    def answer(self, path: str, nonce: str) -> Mapping[str, Any]:
        if path.startswith("/.well-known/"):
            ends = {name: f"{self.issuer}/{name}" for name in ("authorization_endpoint", "token_endpoint", "jwks_uri")}
            return {"issuer": self.issuer, **ends, "filler": "x" * self.size, **self.metadata}
        if path == "/jwks_uri":
            return KeySet([self.key]).as_dict(private=False)
        now = int(time.time())
        right = {"iss": self.issuer, "aud": "id", "sub": "s", "iat": now, "exp": now + 60, "nonce": nonce}
        claims = {name: value for name, value in {**right, **self.claims}.items() if value is not None}
        return {"access_token": "a", "token_type": "Bearer", "id_token": (self.sign or _by_the_provider)(self, claims)}


def _by_the_provider(liar: Liar, claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims, liar.key)


def _by_nobody(_: Liar, claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "none"}, claims, OctKey.generate_key(256), algorithms=["none"])


def _by_our_secret(_: Liar, claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key("the client's secret, which is long"))


def _by_another_key(_: Liar, claims: dict[str, Any]) -> str:
    return jwt.encode({"alg": "RS256", "kid": "one"}, claims, RSAKey.generate_key(2048))


@contextmanager
def serving(liar: Liar, nonce: str) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(liar.answer(self.path, nonce)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((MACHINE, 0), Handler) as server:
        liar.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()


def login(liar: Liar, **answer: str) -> Any:
    attempt = begin_attempt("/")
    with serving(liar, attempt.nonce):
        client = OidcClient(Provider(liar.issuer, "id", "the client's secret, which is long", "Example ID"))
        given = {name: value.format(issuer=liar.issuer) for name, value in answer.items()}
        return client.finish(attempt, {"state": attempt.state, "code": "c", **given}, BACK)


def test_what_is_right_is_believed() -> None:
    assert login(Liar()).subject == "s"
    assert login(Liar(), iss="{issuer}").subject == "s"
    assert login(Liar(claims={"aud": ["id", "other"], "azp": "id"})).subject == "s"


@pytest.mark.parametrize(
    ("liar", "told"),
    [
        (Liar(sign=_by_nobody), "cannot be believed"),
        (Liar(sign=_by_our_secret), "cannot be believed"),
        (Liar(sign=_by_another_key), "cannot be believed"),
        (Liar(claims={"iss": "https://other.example"}), "cannot be believed"),
        (Liar(claims={"iss": None}), "cannot be believed"),
        (Liar(claims={"aud": "another client"}), "cannot be believed"),
        (Liar(claims={"aud": "another client", "azp": "id"}), "cannot be believed"),
        (Liar(claims={"aud": None}), "cannot be believed"),
        (Liar(claims={"azp": "another client"}), "cannot be believed"),
        (Liar(claims={"nonce": "of another sign-in"}), "cannot be believed"),
        (Liar(claims={"nonce": None}), "cannot be believed"),
        (Liar(claims={"exp": 1}), "cannot be believed"),
        (Liar(claims={"exp": None}), "cannot be believed"),
        (Liar(claims={"sub": None}), "cannot be believed"),
        (Liar(claims={"sub": ""}), "who you are"),
        (Liar(claims={"sub": 7}), "cannot be believed"),
        (Liar(claims={"sub": "s" * 256}), "who you are"),
        (Liar(sign=lambda *_: "no token"), "cannot be believed"),
        (Liar(metadata={"issuer": "https://other.example"}), "another issuer"),
        (Liar(metadata={"token_endpoint": "http://169.254.169.254/latest"}), "no token_endpoint"),
        (Liar(metadata={"jwks_uri": "file:///etc/passwd"}), "no jwks_uri"),
        (Liar(metadata={"authorization_endpoint": "javascript:alert(1)"}), "no authorization_endpoint"),
        (Liar(size=600_000), "no answer that can be read"),
    ],
    ids=lambda value: re.sub(r"\W+", "-", str(value))[:60] if isinstance(value, str) else "liar",
)
def test_what_is_wrong_is_not(liar: Liar, told: str) -> None:
    with pytest.raises(OidcError, match=told):
        login(liar)


@pytest.mark.parametrize(
    "answer",
    [
        {"state": "other"},
        {"state": ""},
        {"iss": "https://other.example"},
        {"error": "access_denied"},
        {"code": ""},
    ],
)
def test_answers_that_do_not_belong_here(answer: dict[str, str]) -> None:
    with pytest.raises(OidcError):
        login(Liar(), **answer)


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://id.example", True),
        ("http://localhost:8080/x", True),
        ("http://127.0.0.1", True),
        ("http://id.example", False),
        ("http://localhost.evil.example/", False),
        ("http://127.0.0.1@evil.example/", False),
        ("https://id.example/a b", False),
        ("file:///etc/passwd", False),
        (None, False),
    ],
)
def test_where_something_may_be_asked(url: str | None, good: bool) -> None:
    assert is_endpoint(url) == good


def test_an_issuer_needs_the_windows_id() -> None:
    with pytest.raises(ValueError, match="oidc_client_id"):
        AccessConfig(oidc_issuer="https://id.example")
    config = AccessConfig(oidc_issuer="https://id.example", oidc_client_id="id")
    assert config.provider() == Provider("https://id.example", "id", None, "your organisation")
    assert AccessConfig().provider() is None
