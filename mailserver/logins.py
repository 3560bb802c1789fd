"""What each mail server of a process is logged in with: its own account, or with MAPI its profile's."""

from collections.abc import Callable
from datetime import date

from mailserver.credentials import CredentialProvider
from mailserver.exchange.account import ExchangeAccount
from mailserver.exchange.login import ExchangeLogins
from mailserver.oauth import Tokens, TokenStore
from mailserver.sasl import Credentials
from runtime.security.sealing import HasSecretKey
from schemas.settings import IncomingServer, MapiProfile, OutgoingServer
from schemas.snapshot import SettingsSnapshot

Account = Credentials | ExchangeAccount
Server = IncomingServer | OutgoingServer


class Logins:
    """Those of one process, read at each connection: a changed secret is used at once. May be used by many threads."""

    def __init__(self, config: HasSecretKey, store: TokenStore, settings: Callable[[], SettingsSnapshot]) -> None:
        self._accounts = CredentialProvider(config, Tokens(config, store))
        self._exchange = ExchangeLogins(config, lambda id_: settings().mapi_profile(id_))

    def account(self, server: Server) -> Account:
        """Raises `MailServerError`."""
        return self._exchange.account(server) if server.protocol == "mapi" else self._accounts.credentials(server)

    def account_for_test(self, profile: MapiProfile, mailbox: str) -> ExchangeAccount:
        """Of a profile that is tested, saved or not; the mailbox may be "". Raises `MailServerError`."""
        return self._exchange.account_for_test(profile, mailbox)

    def refused(self, server: Server) -> bool:
        """The server refused this login. Whether another may succeed at once: a token was old and is dropped."""
        return self._exchange.refused(server) if server.protocol == "mapi" else self._accounts.refused(server)

    def digest(self, server: Server) -> str:
        """Changes when the login has to be made with something else; reveals nothing of it."""
        return self._exchange.digest(server) if server.protocol == "mapi" else self._accounts.digest(server)

    def secret_ends(self, server: Server) -> date | None:
        """The day that its secret ends, if that is known and near."""
        return self._exchange.secret_ends(server) if server.protocol == "mapi" else None
