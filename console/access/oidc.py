"""Signing in at an OpenID provider: the code flow with state, nonce and PKCE (OpenID Connect Core 1.0, RFC 9700).

Who somebody is there is issuer and subject, never an e-mail address: those change hands, and some providers let their
users enter any.
"""

import base64
import hmac
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from console.access.browser import local_path
from console.access.credentials import new_token
from console.access.oidc_http import OidcError, fetch_json, is_endpoint

SCOPE = "openid profile email"
_DISCOVERY = "/.well-known/openid-configuration"
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
# Signed with a key that only the provider has: never `none`, never with our secret.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
_LEEWAY_SECONDS = 60
_KEPT_SECONDS = 3600.0  # metadata and keys of a provider
_SOONEST_SECONDS = 60.0  # keys are fetched again for one that is not known, so often at most
_MAX_SUBJECT = 255  # OpenID Connect Core, section 2


@dataclass(frozen=True, slots=True)
class Provider:
    """What the configuration says of it. `label` is its name on the sign-in page."""

    issuer: str
    client_id: str
    client_secret: str | None = field(repr=False)
    label: str
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class Login:
    """Who was proved. `name` and `address` are what the provider calls them: to be shown, not to be believed."""

    issuer: str
    subject: str
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to the provider and back, known to the browser alone: all that has to match is derived from its key.

    `link_proof` is made with the token of a session that links its account; "" where somebody signs in.
    """

    key: str = field(repr=False)
    next: str
    link_proof: str = ""

    @property
    def state(self) -> str:
        return _derived(self.key, "state")

    @property
    def nonce(self) -> str:
        return _derived(self.key, "nonce")

    @property
    def verifier(self) -> str:
        return _derived(self.key, "verifier")

    def links(self, session_token: str) -> bool:
        """Whether it was begun to link the account of this very session."""
        return bool(session_token) and hmac.compare_digest(self.link_proof, _derived(session_token, self.key))

    def cookie(self) -> str:
        return ".".join((self.key, base64.urlsafe_b64encode(self.next.encode()).decode(), self.link_proof))


def begin_attempt(next_: str, session_token: str = "") -> Attempt:
    """With the session's token to link its account, without to sign in."""
    key = new_token()
    return Attempt(key, local_path(next_), _derived(session_token, key) if session_token else "")


def attempt_of(cookie: str) -> Attempt | None:
    """None where the browser has none: it took too long, or somebody else began it."""
    key, _, rest = cookie.partition(".")
    encoded, _, proof = rest.partition(".")
    try:
        next_ = base64.urlsafe_b64decode(encoded).decode()
    except ValueError:
        return None
    return Attempt(key, local_path(next_), proof) if key else None


class OidcClient:
    """Asks one provider. May be used by many threads. Its methods raise `OidcError`."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._lock = threading.Lock()
        self._metadata: tuple[float, Mapping[str, Any]] | None = None
        self._keys: tuple[float, KeySet] | None = None

    def authorization_url(self, attempt: Attempt, redirect_uri: str) -> str:
        """Where the browser goes."""
        url: str = prepare_grant_uri(
            self._endpoints()["authorization_endpoint"],
            self.provider.client_id,
            "code",
            redirect_uri=redirect_uri,
            scope=SCOPE,
            state=attempt.state,
            nonce=attempt.nonce,
            code_challenge=create_s256_code_challenge(attempt.verifier),
            code_challenge_method="S256",
        )
        return url

    def finish(self, attempt: Attempt, answer: Mapping[str, str], redirect_uri: str) -> Login:
        """Who came back. `answer` is the query that the provider sent the browser back with."""
        if not hmac.compare_digest(answer.get("state", "").encode(), attempt.state.encode()):
            raise OidcError("this answer does not belong to the sign-in that was begun here")
        if answer.get("iss", self.provider.issuer) != self.provider.issuer:  # RFC 9207
            raise OidcError("the answer comes from another provider")
        if "error" in answer or not answer.get("code"):
            raise OidcError(f"{self.provider.label} did not sign you in")
        tokens = self._redeem(attempt, answer["code"], redirect_uri)
        return self._login(str(tokens.get("id_token") or ""), attempt.nonce, tokens)

    def _redeem(self, attempt: Attempt, code: str, redirect_uri: str) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": attempt.verifier,
        }
        metadata = self._endpoints()
        secret, id_ = self.provider.client_secret, self.provider.client_id
        authorization = ""
        if secret is None:
            form["client_id"] = id_
        elif "client_secret_basic" in metadata.get("token_endpoint_auth_methods_supported", ("client_secret_basic",)):
            authorization = _basic(id_, secret)
        else:
            form |= {"client_id": id_, "client_secret": secret}
        return fetch_json(metadata["token_endpoint"], self.provider.ca_file, form, authorization)

    def _login(self, id_token: str, nonce: str, tokens: Mapping[str, Any]) -> Login:
        try:
            claims = self._checked(id_token, nonce, tokens)
        except (JoseError, ValueError, TypeError) as error:
            name = getattr(error, "error", type(error).__name__)
            raise OidcError(f"what {self.provider.label} says of you cannot be believed ({name})") from None
        subject = claims["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= _MAX_SUBJECT or not subject.isprintable():
            raise OidcError(f"{self.provider.label} does not say who you are")
        name = claims.get("preferred_username") or claims.get("name") or claims.get("email") or ""
        return Login(self.provider.issuer, subject, str(name), str(claims.get("email") or ""))

    def _checked(self, id_token: str, nonce: str, tokens: Mapping[str, Any]) -> Mapping[str, Any]:
        """Section 3.1.3.7."""
        try:
            token = jwt.decode(id_token, self._key_set(), algorithms=_ALGORITHMS)
        except (JoseError, ValueError):  # signed with a key that is newer than ours, perhaps
            token = jwt.decode(id_token, self._key_set(again=True), algorithms=_ALGORITHMS)
        claims = CodeIDToken(
            token.claims,
            token.header,
            {
                "iss": {"essential": True, "value": self.provider.issuer},
                "aud": {"essential": True, "value": self.provider.client_id},
                "nonce": {"essential": True, "value": nonce},
            },
            {"nonce": nonce, "client_id": self.provider.client_id, "access_token": tokens.get("access_token")},
        )
        claims.validate(leeway=_LEEWAY_SECONDS)
        return dict(claims)

    def _endpoints(self) -> Mapping[str, Any]:
        """The provider's metadata (OpenID Connect Discovery 1.0, section 4)."""
        with self._lock:
            if self._metadata is None or time.monotonic() >= self._metadata[0]:
                self._metadata = (time.monotonic() + _KEPT_SECONDS, self._discover())
            return self._metadata[1]

    def _discover(self) -> Mapping[str, Any]:
        found = fetch_json(self.provider.issuer.rstrip("/") + _DISCOVERY, self.provider.ca_file)
        if found.get("issuer") != self.provider.issuer:
            raise OidcError("the provider's metadata is another issuer's; check MAILCALL_OIDC_ISSUER")
        for name in _ENDPOINTS:
            if not is_endpoint(found.get(name)):
                raise OidcError(f"the provider's metadata has no {name} that can be used")
        return found

    def _key_set(self, again: bool = False) -> KeySet:
        url = self._endpoints()["jwks_uri"]
        with self._lock:
            now = time.monotonic()
            age = _KEPT_SECONDS if self._keys is None else now - self._keys[0]
            if self._keys is None or age >= (_SOONEST_SECONDS if again else _KEPT_SECONDS):
                self._keys = (now, KeySet.import_key_set(dict(fetch_json(url, self.provider.ca_file))))  # type: ignore[arg-type]
            return self._keys[1]


def _derived(key: str, purpose: str) -> str:
    """43 letters, as PKCE wants them at least (RFC 7636, section 4.1)."""
    value = hmac.digest(key.encode(), purpose.encode(), "sha256")
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _basic(client_id: str, secret: str) -> str:
    """RFC 6749, section 2.3.1: both are encoded as in a form before they are joined."""
    pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()
