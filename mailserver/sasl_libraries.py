"""SASL mechanisms that libraries speak: SCRAM-SHA-256, NTLM and Kerberos, each loaded when it is first used."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from mailserver.errors import SaslError
from runtime.security.redaction import printable

MAX_ITERATIONS = 1_000_000  # of SCRAM: about half a second; OWASP advises servers to take 600,000
_ITERATIONS = re.compile(r"(?:^|,)i=([0-9]{1,20})(?:,|$)")
_NO_LAYER = b"\x01\x00\x00\x00"  # TLS protects the connection, not GSS-API (RFC 4752, 3.3)


class ScramSha256:
    """SCRAM-SHA-256 (RFC 5802, RFC 7677), by scramp, with a bound on the work that a server may ask for.

    `first` and `final`: our messages; `verify`: of the server-final-message.
    """

    def __init__(self, username: str, password: str) -> None:
        from scramp import ScramClient

        with _scram_errors():
            self._client = ScramClient(["SCRAM-SHA-256"], username, password)

    def first(self) -> bytes:
        return str(self._client.get_client_first()).encode()

    def final(self, server_first: bytes) -> bytes:
        text = server_first.decode("utf-8", "replace")
        iterations = _ITERATIONS.search(text)
        if not iterations or int(iterations.group(1)) > MAX_ITERATIONS:
            raise SaslError(
                f"the server asks for more than {MAX_ITERATIONS} rounds of SCRAM, or its message is invalid"
            )
        with _scram_errors():
            self._client.set_server_first(text)
            return str(self._client.get_client_final()).encode()

    def verify(self, server_final: bytes) -> None:
        with _scram_errors():
            self._client.set_server_final(server_final.decode("utf-8", "replace"))


class Ntlm:
    """NTLM ([MS-NLMP]: NTLMv2), by pyspnego in pure Python. `username`: `DOMAIN\\user` or `user@domain`."""

    def __init__(self, username: str, password: str, host: str, service: str) -> None:
        import spnego

        self._context = spnego.client(username, password, hostname=host, service=service, protocol="ntlm")

    def negotiate(self) -> bytes:
        """The NEGOTIATE message."""
        return self._context.step() or b""

    def authenticate(self, challenge: bytes) -> bytes:
        """The AUTHENTICATE message for the server's CHALLENGE message."""
        try:
            return self._context.step(challenge) or b""
        except Exception as error:  # its parser raises whatever foreign bytes lead it to: struct.error, IndexError ...
            raise SaslError(f"the server's NTLM challenge cannot be used ({type(error).__name__})") from None


class KerberosContext:
    """Kerberos (RFC 4121) by the system's GSS-API: one login to `service` at `host`.

    With a password a ticket is requested for `username`. Requirement R10.24: without one the process's own credentials
    are used.
    """

    def __init__(self, username: str, password: str, service: str, host: str) -> None:
        self._username = username
        self._gssapi = gssapi = _load_gssapi()
        try:
            self._context: Any = gssapi.SecurityContext(
                name=gssapi.Name(f"{service}@{host}", gssapi.NameType.hostbased_service),
                creds=self._credentials(gssapi, username, password),
                usage="initiate",
            )
        except gssapi.exceptions.GSSError as error:
            raise _kerberos_error(error) from None

    @property
    def complete(self) -> bool:
        return bool(self._context.complete)

    def step(self, token: bytes | None) -> bytes | None:
        """The next token for the server, or None if it is the server's turn to speak."""
        try:
            response: bytes | None = self._context.step(token)
        except self._gssapi.exceptions.GSSError as error:
            raise _kerberos_error(error) from None
        return response

    def choose_no_layer(self, offer: bytes) -> bytes:
        """The response to the server's offer of security layers: none, and on whose behalf (RFC 4752, 3.1)."""
        try:
            offered = self._context.unwrap(offer).message
            if len(offered) != 4 or not offered[0] & 1:
                raise SaslError("the server insists on a security layer of GSS-API; we use TLS for that")
            wrapped: bytes = self._context.wrap(_NO_LAYER + self._username.encode(), False).message
        except self._gssapi.exceptions.GSSError as error:
            raise _kerberos_error(error) from None
        return wrapped

    @staticmethod
    def _credentials(gssapi: ModuleType, username: str, password: str) -> Any:
        if not password:
            return None  # whatever the process has: KRB5CCNAME, KRB5_CLIENT_KTNAME
        name = gssapi.Name(username, gssapi.NameType.user)
        return gssapi.Credentials(
            gssapi.raw.acquire_cred_with_password(name, password.encode(), usage="initiate").creds
        )


def _load_gssapi() -> ModuleType:
    try:
        import gssapi
    except ImportError:
        raise SaslError(
            "Kerberos is not installed here: install the extra `kerberos` (pip install mailcall[kerberos])"
        ) from None
    module: ModuleType = gssapi
    return module


def _kerberos_error(error: Exception) -> SaslError:
    """GSS-API's own words: which ticket or server is unknown, clocks that differ and the like."""
    return SaslError(f"Kerberos: {printable(error)}")


@contextmanager
def _scram_errors() -> Iterator[None]:
    from scramp import ScramException

    try:
        yield
    except (ScramException, ValueError, KeyError, IndexError) as error:
        # Not the exception's own text: it may hold what the server sent.
        raise SaslError(
            f"SCRAM failed ({type(error).__name__}): user name or password cannot be used with it, or the server's "
            "message is invalid, or it did not prove that it knows the password"
        ) from None
