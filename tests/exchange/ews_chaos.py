"""Every fault of the fake of Exchange Web Services at once, drawn by a seed: the same each time."""

from collections.abc import Callable
from random import Random

from tests.exchange.ews_server import EwsServer, Fault

FAULTS: tuple[Callable[[], Fault], ...] = (
    lambda: Fault(busy=1),
    lambda: Fault(is_busy=True),
    lambda: Fault(status=503),
    lambda: Fault(status=429, headers={"Retry-After": "1"}),
    lambda: Fault(status=401),
    lambda: Fault(status=403),
    lambda: Fault(status=500),
    lambda: Fault(code="ErrorInternalServerError"),
    lambda: Fault(code="ErrorMailboxStoreUnavailable"),
    lambda: Fault(code="ErrorAccessDenied"),
    lambda: Fault(answer="lost"),
    lambda: Fault(answer="cut"),
    lambda: Fault(answer="damaged"),
    lambda: Fault(answer="doctype"),
    lambda: Fault(answer="no xml"),
    lambda: Fault(unheard=True),
)


def let_loose(ews: EwsServer, draw: Random, chance: float) -> None:
    """From now on a request meets a fault, whichever, with that chance; now and then all sync states are forgotten."""

    def chaos(_operation: str) -> Fault | None:
        if draw.random() < chance / 40:
            ews.forget_sync_states()
        return draw.choice(FAULTS)() if draw.random() < chance else None

    ews.chaos = chaos
