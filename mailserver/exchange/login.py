"""The logins of a process at Exchange: an `ExchangeAccount` for each MAPI server, and the tokens behind them.

A profile's token serves all of its mailboxes.
"""

import hashlib
import math
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial

from mailserver.authentication import unusable
from mailserver.credentials import SecretDigest, reveal_password
from mailserver.exchange.account import ExchangeAccount
from mailserver.exchange.entra import refused, request_token
from mailserver.exchange.proof import ends
from mailserver.oauth import StoredTokens, TokenCache
from runtime.security.sealing import HasSecretKey, SecretError
from runtime.telemetry.metrics import MAPI_SECRET_ENDS
from schemas.settings import IncomingServer, MapiProfile, OutgoingServer

WARNED = timedelta(days=30)  # this long before its end a secret is reported

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
        self._digest = SecretDigest(config)
        self._tokens = TokenCache(now)
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
            partial(self._tokens.forget, key),
            self._password(profile),
        )

    def account_for_test(self, profile: MapiProfile, mailbox: str) -> ExchangeAccount:
        """Of a profile that is tested, saved or not: its token is a new one, and nothing of it is kept."""
        token = cache(lambda: request_token(profile, self._config).access_token)
        return ExchangeAccount(profile, mailbox, token, lambda: False, self._password(profile))

    def refused(self, server: MapiServer) -> bool:
        """The login was refused. Whether another may succeed at once: a token was old and is dropped."""
        profile = self._profile_of(server.profile or "")
        return profile is not None and profile.logs_in_at_directory and self._tokens.forget(_account(profile))

    def digest(self, server: MapiServer) -> str:
        """Changes with the profile, and when another secret is where it says; reveals nothing of it."""
        profile = self._profile_of(server.profile or "")
        if profile is None:
            return ""
        secrets = (profile.client_secret, profile.certificate, profile.password)
        return self._digest.of(secrets, profile.model_dump_json())

    def secret_ends(self, server: MapiServer) -> date | None:
        """The day that the profile's secret or certificate ends, if that is so near that it has to be reported."""
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
        def renew(_stored: StoredTokens | None) -> StoredTokens:
            token = request_token(profile, self._config)
            now = self._tokens.now()
            return StoredTokens(token.access_token, now, now + token.lifetime)

        return self._tokens.access_token(key, renew)

    def _note_end(self, key: str, profile: MapiProfile) -> None:
        try:
            end = ends(profile, self._config)
        except SecretError:
            return  # the login says so
        self._ends[key] = end
        MAPI_SECRET_ENDS.labels(profile.id).set_function(partial(self._end_now, profile.id))

    def _end_now(self, profile_id: str) -> float:
        """Midnight before the last day, in seconds since 1970. No number if no end is known, so that nobody is notified
        of a secret that was replaced, or whose profile is gone."""
        profile = self._profile_of(profile_id)
        end = self._ends.get(_account(profile)) if profile is not None else None
        return math.nan if end is None else datetime(end.year, end.month, end.day, tzinfo=UTC).timestamp()

    def _password(self, profile: MapiProfile) -> str:
        try:
            return "" if profile.password is None else reveal_password(profile.password, self._config)
        except SecretError as error:
            raise refused(profile, str(error)) from error


def _account(profile: MapiProfile) -> str:
    """Digest of where the tokens come from: another secret gets no token that this one got."""
    return hashlib.sha256(profile.model_dump_json().encode()).hexdigest()[:32]
