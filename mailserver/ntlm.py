"""NTLM ([MS-NLMP]: NTLMv2), by pyspnego in pure Python."""

import spnego

from mailserver.sasl_error import SaslError


class Ntlm:
    """One exchange. `username`: `DOMAIN\\user` or `user@domain`."""

    def __init__(self, username: str, password: str, host: str, service: str) -> None:
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
