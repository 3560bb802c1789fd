"""What IMAP and POP3 share: a connection with STARTTLS and login, and its errors as readable messages."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from socket import socket
from typing import ClassVar, Generic, Protocol, TypeVar

from ingest.connectors.base import Mode
from ingest.connectors.mailbox_connector import MailboxConnector
from ingest.connectors.refusals import is_temporary, temporary_refusal
from mailserver import connection
from mailserver.authentication import logged_in, method_for, refused
from mailserver.connection import connected, starttls_missing, tls_context
from mailserver.errors import MailServerError, connection_error, words_of
from mailserver.sasl import Credentials
from schemas.reasons import Reason
from schemas.settings import IncomingServer, Security


class Session(Protocol):
    """One connection. Raises `OSError` and what its library calls an error."""

    def socket(self) -> socket: ...

    def starttls(self, context: ssl.SSLContext) -> object: ...

    def log_in(self, account: Credentials) -> None: ...

    def leave(self) -> None: ...

    def interrupt(self) -> None: ...


S = TypeVar("S", bound=Session)


class SessionConnector(MailboxConnector, Generic[S]):
    """A mailbox read over one session, which `_new_session` makes."""

    protocol: ClassVar[connection.Protocol]
    library_error: ClassVar[type[Exception]]  # of the library: refusals of the server, and broken connections

    def __init__(self, server: IncomingServer, account: Credentials, mode: Mode) -> None:
        super().__init__(server, mode)
        self._account = account
        self._session: S | None = None

    def _new_session(self) -> S:
        raise NotImplementedError

    def _is_break(self, error: Exception) -> bool:
        """Whether the connection is of no more use; otherwise the server refused one command."""
        raise NotImplementedError

    def _connect(self) -> str:
        method_for(self._server, self.protocol)
        with self._translated():
            session = self._session = self._new_session()
        if self._server.security is Security.STARTTLS:
            self._start_tls(session)
        return connected(self._server, self.protocol, session.socket())

    def _start_tls(self, session: S) -> None:
        context = tls_context(self._server)
        try:
            session.starttls(context)
        except self.library_error as error:
            raise starttls_missing(self._server) from error
        except OSError as error:
            raise connection_error(self._server, error) from error

    def _log_in(self) -> str:
        try:
            self._require().log_in(self._account)
        except self.library_error as error:
            said = words_of(error)
            if self._is_break(error) or is_temporary(said):
                raise self._broken(error) from error
            raise refused(self._server, said) from error
        except OSError as error:
            raise connection_error(self._server, error) from error
        return logged_in(self._server)

    def interrupt(self) -> None:
        session = self._session
        if session is not None:
            session.interrupt()

    def _require(self) -> S:
        assert self._session is not None, "the mailbox is opened first"
        return self._session

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """The library's errors, and what the server refused, as readable messages."""
        try:
            yield
        except self.library_error as error:
            raise self._broken(error) from error
        except OSError as error:
            raise connection_error(self._server, error) from error

    def _broken(self, error: Exception) -> MailServerError:
        said = words_of(error)
        if self._is_said(error) and is_temporary(said):
            return temporary_refusal(self._server, said)
        text = f"{self._label} closed the connection or refused: {said}"
        return MailServerError(Reason.SERVER_UNREACHABLE, text, temporary=True)

    def _is_said(self, error: Exception) -> bool:  # noqa: ARG002
        """Whether the error's text is the server's."""
        return True
