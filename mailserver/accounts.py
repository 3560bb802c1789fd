"""What a mail server's account is logged in with, had at each connection: a changed password is taken up by itself."""

import hashlib
import os

from mailserver.authentication import METHODS, CredentialKind, unusable
from mailserver.oauth import Tokens
from mailserver.sasl import Credentials
from runtime.secrets import HasSecretKey, SecretError, reveal
from schemas.settings import MailServer, Secret


class CredentialProvider:
    """Passwords revealed and tokens got for the servers of one process. May be used by many threads."""

    def __init__(self, config: HasSecretKey, tokens: Tokens) -> None:
        self._config = config
        self._tokens = tokens
        self._salt = os.urandom(32)

    def credentials(self, server: MailServer) -> Credentials:
        """User name, and password or access token. Raises `MailServerError`."""
        need = METHODS[server.authentication].needs
        username = server.username or ""
        if need is CredentialKind.TOKEN and server.oauth is not None:
            return Credentials(username, self._tokens.access_token(server, server.oauth))
        if need is CredentialKind.NOTHING or server.password is None:
            return Credentials(username)
        return Credentials(username, self._password(server, server.password))

    def refused(self, server: MailServer) -> bool:
        """The server refused these credentials. Whether others may be had at once: a token was old and is dropped."""
        return server.oauth is not None and self._tokens.forget(server.oauth)

    def digest(self, server: MailServer) -> str:
        """Changes when another secret lies where the server's settings say; tells nothing of it."""
        oauth = server.oauth
        secrets = (server.password, oauth and oauth.client_secret, oauth and oauth.refresh_token)
        found = "\0".join(self._found(secret) for secret in secrets if secret)
        return hashlib.blake2b(found.encode(), key=self._salt).hexdigest()

    def _found(self, secret: Secret) -> str:
        try:
            return reveal(secret, self._config)
        except SecretError as error:
            return str(error)

    def _password(self, server: MailServer, secret: Secret) -> str:
        try:
            password = reveal(secret, self._config)
        except SecretError as error:
            raise unusable(server, str(error)) from error
        if any(character in password for character in "\r\n\0"):
            raise unusable(server, "the password holds a line end or a NUL, which no mail server can be told")
        return password
