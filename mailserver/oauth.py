"""OAuth2 access tokens for mail accounts: got, kept, renewed before they expire (RFC 6749, sections 4.4 and 6)."""

import hashlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from mailserver.authentication import unusable
from mailserver.errors import MailServerError, server_label
from runtime.known_secrets import remember
from runtime.logs import get_logger
from runtime.secrets import HasSecretKey, SecretError, reveal
from runtime.token_request import TokenRefused, TokenResponse, request_token
from schemas.reasons import Reason
from schemas.settings import MailServer, OAuth, Secret

log = get_logger(__name__)

EARLY_SECONDS = 300.0  # renewed so long before the end, or at three quarters of a short life
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
        """The newest tokens that any process kept for the account."""

    def save(self, account: str, server_id: str, tokens: StoredTokens) -> None:
        """Keep them; where that cannot be done now, the log says so."""


class Tokens:
    """The tokens of all accounts of a process. May be used by many threads: one account is renewed by one at a time.

    Accounts with the same provider, application, scope and consent share their tokens.
    """

    def __init__(self, config: HasSecretKey, store: TokenStore, now: Callable[[], float] = time.time) -> None:
        self._config = config
        self._store = store
        self._now = now
        self._kept: dict[str, StoredTokens] = {}
        self._refused: dict[str, str] = {}  # access token that a server refused, by account
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def access_token(self, server: MailServer, oauth: OAuth) -> str:
        """A token that is good for a while. Raises `MailServerError`."""
        account = _account(oauth)
        with self._locks[account]:
            kept = self._kept.get(account)
            if not self._good(account, kept):
                kept = self._store.load(account) or kept
            _remember(kept)
            if kept is None or not self._good(account, kept):
                kept = self._renew(server, oauth, kept)
                _remember(kept)
                self._store.save(account, server.id, kept)
            self._kept[account] = kept
            return kept.access_token

    def forget(self, oauth: OAuth) -> bool:
        """A server refused the access token. Whether it was an old one: then a new one is worth a try at once."""
        account = _account(oauth)
        with self._locks[account]:
            kept = self._kept.get(account)
            if kept is None or self._now() - kept.got_at < FRESH_SECONDS:
                return False
            self._refused[account] = kept.access_token
            return True

    def _good(self, account: str, kept: StoredTokens | None) -> bool:
        return kept is not None and kept.good_at(self._now()) and kept.access_token != self._refused.get(account)

    def _renew(self, server: MailServer, oauth: OAuth, kept: StoredTokens | None) -> StoredTokens:
        configured = self._secret(server, oauth.refresh_token)
        refresh = (kept and kept.refresh_token) or configured
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
        now = self._now()
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

    Without a consent the application's secret stands for it: whoever does not know it gets no token that others got.
    """
    secret = oauth.refresh_token or oauth.client_secret
    consent = secret.model_dump_json() if secret else ""
    parts = (oauth.token_url, oauth.client_id, oauth.scope, consent)
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _remember(tokens: StoredTokens | None) -> None:
    """No text of this process shows them from now on."""
    if tokens is not None:
        remember(tokens.access_token)
        remember(tokens.refresh_token)


def _failed(server: MailServer, error: TokenRefused) -> MailServerError:
    if error.temporary:
        return MailServerError(Reason.SERVER_UNREACHABLE, f"{server_label(server)}: {error.text}", temporary=True)
    return unusable(server, f"{error.text}. Check oauth: client_id, client_secret, refresh_token, scope and token_url")
