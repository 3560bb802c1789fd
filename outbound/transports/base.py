"""What outbound asks of a transport, whatever the protocol, and what a transport says of each recipient."""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, Protocol, runtime_checkable

from mailserver.logins import Account
from schemas.reasons import Reason
from schemas.settings import OutgoingServer

Login = Callable[[OutgoingServer], Account]
OnStep = Callable[[str, str], None]  # called with each step of opening a connection, and its status as a readable text


def ignore_step(_step: str, _status: str) -> None: ...


class RecipientResult(NamedTuple):
    """What a server said about one recipient of one message. `reply`: its last reply, one line.

    `message_id`: the one that the server gave the message, where it is not ours.
    """

    outcome: Literal["sent", "deferred", "failed"]
    reason: Reason | None
    reply: str
    message_id: str = ""


class Transport(Protocol):
    """One connection to one outgoing server, used by one thread; only `abort` may be called from another.

    `send`, `open` and whatever they need raise `MailServerError` where the server, not the message, is in trouble.
    """

    @property
    def steps(self) -> tuple[str, ...]:
        """Those that `on_step` is called with, in their order, and `send`."""

    @property
    def copy(self) -> str:
        """What happens to the mailbox's own copy of a message, as a readable text; "" where there is no mailbox."""

    @property
    def server(self) -> OutgoingServer: ...

    def send(self, sender: str, recipients: Sequence[str], content: bytes) -> dict[str, RecipientResult]:
        """Send one message; the result for each recipient."""

    def open(self) -> None:
        """Connect and log in, if that is not done."""

    def close(self) -> None:
        """Close the connection at once."""

    def quit(self) -> None:
        """Close the connection as the protocol asks for."""

    def abort(self) -> None:
        """Break the connection from another thread: whatever waits on it ends at once."""


@runtime_checkable
class TwoStepTransport(Transport, Protocol):
    """One whose `send` can be taken in two steps, so that one thread waits for several connections at once."""

    def can_begin(self) -> bool:
        """Whether the server has to say nothing before all of the next message is written."""

    def begin(self, sender: str, recipients: Sequence[str], content: bytes) -> bool:
        """Write a message, where `can_begin` is true; `finish` raises what breaks.

        False: nothing was written, for its addresses; it takes `send`.
        """

    def is_ready(self, seconds: float) -> bool:
        """Wait that long at most until `finish` has nothing more to wait for. False: it may have to."""

    def finish(self) -> dict[str, RecipientResult]:
        """Wait for the replies to what was begun: the result for each recipient."""
