"""What the transports into Exchange share: one session at one mailbox, opened when first needed. Not thread-safe."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from mailserver.errors import MailServerError
from mailserver.exchange.account import ExchangeAccount
from outbound.transports.base import OnStep, ignore_step
from schemas.settings import OutgoingServer


class Session(Protocol):
    """A connection to one mailbox, by Graph or EWS."""

    def connect(self) -> str: ...

    def log_in(self) -> str: ...

    def close(self) -> None: ...

    def interrupt(self) -> None: ...


AnySession = TypeVar("AnySession", bound=Session)


class ExchangeTransport(ABC, Generic[AnySession]):
    """One session for one outgoing server. `account` is called at each opening.

    `on_step` is called with the steps before `send`. The same methods as `outbound.transports.base.Transport`.
    """

    steps = ("connect", "log in", "mailbox", "send")

    def __init__(
        self,
        server: OutgoingServer,
        account: Callable[[OutgoingServer], ExchangeAccount],
        on_step: OnStep = ignore_step,
    ) -> None:
        self.server = server
        self._account = account
        self._on_step = on_step
        self._session: AnySession | None = None

    def open(self) -> None:
        """Connect, log in and find the mailbox, if that is not done. Raises `MailServerError`."""
        self._opened()

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def quit(self) -> None:
        self.close()

    def abort(self) -> None:
        """Break the session off from another thread: whatever waits on it ends at once."""
        session = self._session
        if session is not None:
            session.interrupt()

    def _opened(self) -> AnySession:
        if self._session is None:
            account = self._account(self.server)
            session = self._session = self._new_session(account)
            try:
                self._on_step("connect", session.connect())
                self._on_step("log in", session.log_in())
                self._find_mailbox(session)
                self._on_step("mailbox", f"the mailbox {account.mailbox} can be opened")
            except MailServerError as error:
                self.close()
                translated = self._service_error(error)
                if translated is error:
                    raise
                raise translated from error
        return self._session

    @abstractmethod
    def _new_session(self, account: ExchangeAccount) -> AnySession:
        """Not yet connected."""

    @abstractmethod
    def _find_mailbox(self, session: AnySession) -> None:
        """One harmless request. Raises `MailServerError`."""

    @abstractmethod
    def _service_error(self, error: MailServerError) -> MailServerError:
        """Throttled where the service limits the account; the same error where it says nothing of that."""
