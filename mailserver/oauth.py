"""OAuth2 access tokens for mail accounts: requested, stored, renewed before they expire (RFC 6749, 4.4 and 6)."""

import hashlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from mailserver.authentication import unusable
from mailserver.errors import MailServerError, server_label
from runtime.net.token_request import TokenRefused, TokenResponse, request_token
from runtime.security.redaction import remember
from runtime.security.sealing import HasSecretKey, SecretError, reveal
from runtime.telemetry.logs import get_logger
from schemas.reasons import Reason
from schemas.settings import MailServer, OAuth, Secret

log = get_logger(__name__)

EARLY_SECONDS = 300.0  # renewed this long before it expires, or at three quarters of a short life
FRESH_SECONDS = 60.0  # a token younger than this is not refused for its age


@dataclass(frozen=True, slots=True)
class StoredTokens:
    """The tokens of one account. Times in seconds since 1970. `refresh_token`: the newest, "" in the other flow."""

    access_token: str = field(repr=False)
    got_at: float
    expires_at: float
    refresh_token: str = field(default="", repr=False)

    def good_at(self, now: float) -> bool:
        early = min(EARLY_SECONDS, (self.expires_at - self.got_at) / 4)
        return now < self.expires_at - early


class TokenStore(Protocol):
    """Where tokens outlive a process: `mailserver.token_store.TopicTokenStore`."""

    def load(self, account: str) -> StoredTokens | None:
        """The newest tokens that any process stored for the account."""

    def save(self, account: str, server_id: str, tokens: StoredTokens) -> None:
        """Store them; if that cannot be done now, the log says so."""


class TokenCache:
    """Access tokens of one process by account. May be used by many threads: one account is renewed by one at a time.

    A token is renewed early, and one that a server refused is not given again. `now`: seconds since 1970.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.now = now
        self._stored: dict[str, StoredTokens] = {}
        self._refused: dict[str, str] = {}  # access token that a server refused, by account
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def access_token(
        self,
        account: str,
        renew: Callable[[StoredTokens | None], StoredTokens],
        load: Callable[[], StoredTokens | None] = lambda: None,
    ) -> str:
        """A token that is good for a while. `load`: what another process may have renewed meanwhile. `renew` is given
        the newest tokens that there are. Raises what these raise."""
        with self._locks[account]:
            stored = self._stored.get(account)
            if not self._is_good(account, stored):
                stored = load() or stored
            if stored is None or not self._is_good(account, stored):
                stored = renew(stored)
            self._stored[account] = stored
            return stored.access_token

    def forget(self, account: str) -> bool:
        """A server refused the access token. Whether it was an old one: then a new one is worth a try at once."""
        with self._locks[account]:
            stored = self._stored.get(account)
            if stored is None or self.now() - stored.got_at < FRESH_SECONDS:
                return False
            self._refused[account] = stored.access_token
            return True

    def _is_good(self, account: str, stored: StoredTokens | None) -> bool:
        is_fresh = stored is not None and stored.good_at(self.now())
        return is_fresh and stored is not None and stored.access_token != self._refused.get(account)


class Tokens:
    """The tokens of all mail accounts of a process. May be used by many threads.

    Accounts with the same provider, application, scope and consent share their tokens.
    """

    def __init__(self, config: HasSecretKey, store: TokenStore, now: Callable[[], float] = time.time) -> None:
        self._config = config
        self._store = store
        self._cache = TokenCache(now)

    def access_token(self, server: MailServer, oauth: OAuth) -> str:
        """A token that is good for a while. Raises `MailServerError`."""
        account = _account(oauth)

        def renew(stored: StoredTokens | None) -> StoredTokens:
            renewed = _remember(self._renew(server, oauth, stored))
            self._store.save(account, server.id, renewed)
            return renewed

        def load() -> StoredTokens | None:
            loaded = self._store.load(account)
            return loaded and _remember(loaded)

        return self._cache.access_token(account, renew, load)

    def forget(self, oauth: OAuth) -> bool:
        """A server refused the access token. Whether it was an old one: then a new one is worth a try at once."""
        return self._cache.forget(_account(oauth))

    def _renew(self, server: MailServer, oauth: OAuth, stored: StoredTokens | None) -> StoredTokens:
        configured = self._secret(server, oauth.refresh_token)
        refresh = (stored and stored.refresh_token) or configured
        try:
            granted = self._request(server, oauth, refresh)
        except TokenRefused as error:
            if error.error != "invalid_grant" or refresh == configured:
                raise _failed(server, error) from error
            log.warning("a renewed refresh token is no longer good; the configured one is tried", server=server.id)
            try:
                granted = self._request(server, oauth, configured)
            except TokenRefused as again:
                raise _failed(server, again) from again
        now = self._cache.now()
        newest = granted.refresh_token or refresh if refresh else ""
        return StoredTokens(granted.access_token, now, now + granted.lifetime, newest)

    def _request(self, server: MailServer, oauth: OAuth, refresh_token: str) -> TokenResponse:
        secret = self._secret(server, oauth.client_secret)
        form = {
            "grant_type": "refresh_token" if refresh_token else "client_credentials",
            "client_id": oauth.client_id,
            "client_secret": secret,
            "refresh_token": refresh_token,
            "scope": oauth.scope,
        }
        return request_token(oauth.token_url, oauth.ca_file, {name: value for name, value in form.items() if value})

    def _secret(self, server: MailServer, secret: Secret | None) -> str:
        try:
            return "" if secret is None else reveal(secret, self._config)
        except SecretError as error:
            raise unusable(server, str(error)) from error


def _account(oauth: OAuth) -> str:
    """Digest of where tokens come from: another consent, application or provider means other tokens.

    Without a consent the application's secret is used instead: nobody who does not know it gets a token of others.
    """
    secret = oauth.refresh_token or oauth.client_secret
    consent = secret.model_dump_json() if secret else ""
    parts = (oauth.token_url, oauth.client_id, oauth.scope, consent)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _remember(tokens: StoredTokens) -> StoredTokens:
    """No text of this process shows them from now on."""
    remember(tokens.access_token)
    remember(tokens.refresh_token)
    return tokens


def _failed(server: MailServer, error: TokenRefused) -> MailServerError:
    if error.temporary:
        return MailServerError(Reason.SERVER_UNREACHABLE, f"{server_label(server)}: {error.text}", temporary=True)
    return unusable(server, f"{error.text}. Check oauth: client_id, client_secret, refresh_token, scope and token_url")
