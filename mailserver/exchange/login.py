"""The log-ins of a process at Exchange: an `ExchangeAccount` for each MAPI server, the tokens behind them kept.

A profile's token serves all of its mailboxes. It is renewed early, by one thread at a time; one that a server refused
is not given again.
"""

import hashlib
import math
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial

from mailserver.authentication import unusable
from mailserver.exchange.account import ExchangeAccount
from mailserver.exchange.entra import refused, request_token
from mailserver.exchange.proof import ends
from mailserver.oauth import FRESH_SECONDS, StoredTokens
from runtime.metrics import MAPI_SECRET_ENDS
from runtime.secrets import HasSecretKey, SecretError, reveal
from schemas.settings import IncomingServer, MapiProfile, OutgoingServer, Secret

WARNED = timedelta(days=30)  # so long before its end a secret is told of

MapiServer = IncomingServer | OutgoingServer


class ExchangeLogins:
    """Those of all MAPI profiles. May be used by many threads.

    `profile_of`: a profile by its id, as the settings have it now. `now`: seconds since 1970.
    """

    def __init__(
        self,
        config: HasSecretKey,
        profile_of: Callable[[str], MapiProfile | None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._profile_of = profile_of
        self._now = now
        self._salt = os.urandom(32)
        self._kept: dict[str, StoredTokens] = {}
        self._refused: dict[str, str] = {}  # access token that Exchange refused, by account
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._ends: dict[str, date | None] = {}  # by account

    def account(self, server: MapiServer) -> ExchangeAccount:
        """What the server's mailbox is reached with. Raises `MailServerError`."""
        profile = self._profile(server)
        key = _account(profile)
        self._note_end(key, profile)
        return ExchangeAccount(
            profile,
            server.mailbox or "",
            partial(self._access_token, key, profile),
            partial(self._forget, key),
            self._password(profile),
        )

    def tried(self, profile: MapiProfile, mailbox: str) -> ExchangeAccount:
        """For a profile that is tried out, saved or not: its token is a new one, and nothing of it is kept."""
        token = cache(lambda: request_token(profile, self._config).access_token)
        return ExchangeAccount(profile, mailbox, token, lambda: False, self._password(profile))

    def refused(self, server: MapiServer) -> bool:
        """The log-in was refused. Whether another may go better at once: a token was old and is dropped."""
        profile = self._profile_of(server.profile or "")
        return profile is not None and profile.logs_in_at_directory and self._forget(_account(profile))

    def digest(self, server: MapiServer) -> str:
        """Changes with the profile, and when another secret lies where it says; tells nothing of it."""
        profile = self._profile_of(server.profile or "")
        if profile is None:
            return ""
        secrets = (profile.client_secret, profile.certificate, profile.password)
        found = "\0".join([profile.model_dump_json(), *(self._found(secret) for secret in secrets if secret)])
        return hashlib.blake2b(found.encode(), key=self._salt).hexdigest()

    def secret_ends(self, server: MapiServer) -> date | None:
        """The day that the profile's secret or certificate ends, where that is so near that it has to be told."""
        profile = self._profile_of(server.profile or "")
        end = self._ends.get(_account(profile)) if profile is not None else None
        near = end is not None and end <= (datetime.fromtimestamp(self._now(), UTC) + WARNED).date()
        return end if near else None

    def _profile(self, server: MapiServer) -> MapiProfile:
        profile = self._profile_of(server.profile or "")
        if profile is None:
            text = f"there is no MAPI profile {server.profile!r}: configure it first, or name another"
            raise unusable(server, text)
        return profile

    def _access_token(self, key: str, profile: MapiProfile) -> str:
        with self._locks[key]:
            kept = self._kept.get(key)
            if kept is None or not kept.good_at(self._now()) or kept.access_token == self._refused.get(key):
                token = request_token(profile, self._config)
                now = self._now()
                kept = self._kept[key] = StoredTokens(token.access_token, now, now + token.lifetime)
            return kept.access_token

    def _forget(self, key: str) -> bool:
        """Exchange refused the token. Whether it was an old one: then a new one is worth a try at once."""
        with self._locks[key]:
            kept = self._kept.get(key)
            if kept is None or self._now() - kept.got_at < FRESH_SECONDS:
                return False
            self._refused[key] = kept.access_token
            return True

    def _note_end(self, key: str, profile: MapiProfile) -> None:
        try:
            end = ends(profile, self._config)
        except SecretError:
            return  # the log-in says so
        self._ends[key] = end
        MAPI_SECRET_ENDS.labels(profile.id).set_function(partial(self._end_now, profile.id))

    def _end_now(self, profile_id: str) -> float:
        """Midnight before the last day, in seconds since 1970. No number where no end is known, so that nobody is told
        of a secret that was replaced, or whose profile is gone."""
        profile = self._profile_of(profile_id)
        end = self._ends.get(_account(profile)) if profile is not None else None
        return math.nan if end is None else datetime(end.year, end.month, end.day, tzinfo=UTC).timestamp()

    def _password(self, profile: MapiProfile) -> str:
        try:
            password = "" if profile.password is None else reveal(profile.password, self._config)
        except SecretError as error:
            raise refused(profile, str(error)) from error
        if any(character in password for character in "\r\n\0"):
            raise refused(profile, "the password holds a line end or a NUL, which no mail server can be told")
        return password

    def _found(self, secret: Secret) -> str:
        try:
            return reveal(secret, self._config)
        except SecretError as error:
            return str(error)


def _account(profile: MapiProfile) -> str:
    """Digest of where the tokens come from: whoever enters another secret gets no token that others got."""
    return hashlib.sha256(profile.model_dump_json().encode()).hexdigest()[:32]
