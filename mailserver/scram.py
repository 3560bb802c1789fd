"""SCRAM-SHA-256 (RFC 5802, RFC 7677), by scramp, with a bound on the work that a server may ask for."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from scramp import ScramClient, ScramException

from mailserver.sasl_error import SaslError

MAX_ITERATIONS = 1_000_000  # about half a second; OWASP advises servers to take 600,000
_ITERATIONS = re.compile(r"(?:^|,)i=([0-9]{1,20})(?:,|$)")


class ScramSha256:
    """One exchange: `first`, `answer` to the server-first-message, `verify` of the server-final-message."""

    def __init__(self, username: str, password: str) -> None:
        with _in_words():
            self._client = ScramClient(["SCRAM-SHA-256"], username, password)

    def first(self) -> bytes:
        return str(self._client.get_client_first()).encode()

    def answer(self, server_first: bytes) -> bytes:
        text = server_first.decode("utf-8", "replace")
        iterations = _ITERATIONS.search(text)
        if not iterations or int(iterations.group(1)) > MAX_ITERATIONS:
            raise SaslError(f"the server asks for more than {MAX_ITERATIONS} rounds of SCRAM, or its message is none")
        with _in_words():
            self._client.set_server_first(text)
            return str(self._client.get_client_final()).encode()

    def verify(self, server_final: bytes) -> None:
        with _in_words():
            self._client.set_server_final(server_final.decode("utf-8", "replace"))


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except (ScramException, ValueError, KeyError, IndexError) as error:
        # Not the exception's own text: it may hold what the server sent.
        raise SaslError(
            f"SCRAM failed ({type(error).__name__}): user name or password cannot be used with it, or the server's "
            "message is none, or it did not prove that it knows the password"
        ) from None
