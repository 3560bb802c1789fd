"""Kerberos (RFC 4121) by the system's GSS-API, for the SASL mechanism GSSAPI (RFC 4752)."""

from types import ModuleType
from typing import Any

from mailserver.sasl_error import SaslError
from runtime.foreign_words import words

_NO_LAYER = b"\x01\x00\x00\x00"  # TLS protects the connection, not GSS-API (RFC 4752, 3.3)


class KerberosContext:
    """One log-in to `service` at `host`.

    With a password a ticket is got for `username`. Requirement R10.24: without one the process's own credentials are
    used.
    """

    def __init__(self, username: str, password: str, service: str, host: str) -> None:
        self._username = username
        self._gssapi = gssapi = _load()
        try:
            self._context: Any = gssapi.SecurityContext(
                name=gssapi.Name(f"{service}@{host}", gssapi.NameType.hostbased_service),
                creds=self._credentials(gssapi, username, password),
                usage="initiate",
            )
        except gssapi.exceptions.GSSError as error:
            raise _in_words(error) from None

    @property
    def complete(self) -> bool:
        return bool(self._context.complete)

    def step(self, token: bytes | None) -> bytes | None:
        """The next token for the server, or None where it is the server's turn to speak."""
        try:
            answer: bytes | None = self._context.step(token)
        except self._gssapi.exceptions.GSSError as error:
            raise _in_words(error) from None
        return answer

    def choose_no_layer(self, offer: bytes) -> bytes:
        """The answer to the server's offer of security layers: none, and on whose behalf (RFC 4752, 3.1)."""
        try:
            offered = self._context.unwrap(offer).message
            if len(offered) != 4 or not offered[0] & 1:
                raise SaslError("the server insists on a security layer of GSS-API, which TLS is taken for")
            wrapped: bytes = self._context.wrap(_NO_LAYER + self._username.encode(), False).message
        except self._gssapi.exceptions.GSSError as error:
            raise _in_words(error) from None
        return wrapped

    @staticmethod
    def _credentials(gssapi: ModuleType, username: str, password: str) -> Any:
        if not password:
            return None  # whatever the process has: KRB5CCNAME, KRB5_CLIENT_KTNAME
        name = gssapi.Name(username, gssapi.NameType.user)
        return gssapi.Credentials(
            gssapi.raw.acquire_cred_with_password(name, password.encode(), usage="initiate").creds
        )


def _load() -> ModuleType:
    try:
        import gssapi
    except ImportError:
        raise SaslError(
            "Kerberos is not installed here: install the extra `kerberos` (pip install mailcall[kerberos])"
        ) from None
    module: ModuleType = gssapi
    return module


def _in_words(error: Exception) -> SaslError:
    """GSS-API's own words: which ticket or server is not known, clocks that differ and the like."""
    return SaslError(f"Kerberos: {words(error)}")
