"""What a mail server's account is logged in with, read at each connection: a changed password is used at once."""

import hashlib
import os
from collections.abc import Iterable

from mailserver.authentication import METHODS, CredentialKind, unusable
from mailserver.oauth import Tokens
from mailserver.sasl import Credentials
from runtime.security.sealing import HasSecretKey, SecretError, reveal
from schemas.settings import MailServer, Secret


class CredentialProvider:
    """Passwords revealed and tokens requested for the servers of one process. May be used by many threads."""

    def __init__(self, config: HasSecretKey, tokens: Tokens) -> None:
        self._config = config
        self._tokens = tokens
        self._digest = SecretDigest(config)

    def credentials(self, server: MailServer) -> Credentials:
        """User name, and password or access token. Raises `MailServerError`."""
        need = METHODS[server.authentication].needs
        username = server.username or ""
        if need is CredentialKind.TOKEN and server.oauth is not None:
            return Credentials(username, self._tokens.access_token(server, server.oauth))
        if need is CredentialKind.NOTHING or server.password is None:
            return Credentials(username)
        try:
            return Credentials(username, reveal_password(server.password, self._config))
        except SecretError as error:
            raise unusable(server, str(error)) from error

    def refused(self, server: MailServer) -> bool:
        """The server refused these credentials. Whether others may be had at once: a token was old and is dropped."""
        return server.oauth is not None and self._tokens.forget(server.oauth)

    def digest(self, server: MailServer) -> str:
        """Changes when another secret is where the server's settings say; reveals nothing of it."""
        oauth = server.oauth
        of_oauth = (oauth.client_secret, oauth.refresh_token) if oauth else ()
        return self._digest.of((server.password, *of_oauth))


class SecretDigest:
    """Digests of secrets as they are now, under a key that this process alone has."""

    def __init__(self, config: HasSecretKey) -> None:
        self._config = config
        self._salt = os.urandom(32)

    def of(self, secrets: Iterable[Secret | None], *more: str) -> str:
        found = "\0".join([*more, *(self._found(secret) for secret in secrets if secret)])
        return hashlib.blake2b(found.encode(), key=self._salt).hexdigest()

    def _found(self, secret: Secret) -> str:
        try:
            return reveal(secret, self._config)
        except SecretError as error:
            return str(error)


def reveal_password(secret: Secret, config: HasSecretKey) -> str:
    """Raises `SecretError`, also for a password that no mail server can be sent."""
    password = reveal(secret, config)
    if any(character in password for character in "\r\n\0"):
        raise SecretError("the password holds a line end or a NUL, which no mail server accepts")
    return password
