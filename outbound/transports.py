"""Which transport an outgoing server's mail takes: SMTP, or with MAPI the one that its profile names."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, cast

from mailserver.exchange.account import ExchangeAccount
from mailserver.logins import Account
from mailserver.sasl import Credentials
from outbound.ews_transport import EwsTransport
from outbound.graph_transport import GraphTransport
from outbound.transport import OnStep, RecipientResult, SmtpTransport, tell_nobody
from schemas.settings import OutgoingServer

Login = Callable[[OutgoingServer], Account]


class Transport(Protocol):
    """One connection to one outgoing server, used by one thread; only `abort` may be called from another.

    `send`, `open` and whatever they need raise `MailServerError` where the server, not the mail, is in trouble.
    """

    @property
    def steps(self) -> tuple[str, ...]:
        """Those that `tell` hears of, in their order, and `send`."""

    @property
    def copy(self) -> str:
        """What becomes of the mailbox's own copy of a mail, in words; "" where there is no mailbox."""

    @property
    def server(self) -> OutgoingServer: ...

    def send(self, sender: str, recipients: Sequence[str], content: bytes) -> dict[str, RecipientResult]:
        """Hand over one mail; the verdict for each recipient."""

    def open(self) -> None:
        """Connect and log in, if that is not done."""

    def close(self) -> None:
        """Leave without a word."""

    def quit(self) -> None:
        """Leave politely."""

    def abort(self) -> None:
        """Break the connection from another thread: whatever waits on it ends at once."""


EXCHANGE: Mapping[str, Callable[[OutgoingServer, Callable[[OutgoingServer], ExchangeAccount], OnStep], Transport]] = {
    "graph": GraphTransport,
    "ews": EwsTransport,
}


def transport_for(server: OutgoingServer, login: Login, tell: OnStep = tell_nobody) -> Transport:
    """Not yet connected. `login` is asked at each opening, and here for the transport that a MAPI profile names.

    Raises `MailServerError`.
    """
    account = login(server) if server.protocol == "mapi" else None
    if isinstance(account, ExchangeAccount):
        return EXCHANGE[account.profile.transport](server, lambda one: cast(ExchangeAccount, login(one)), tell)
    return SmtpTransport(server, lambda one: cast(Credentials, login(one)), tell)
