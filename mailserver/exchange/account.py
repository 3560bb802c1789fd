"""What a mailbox in Exchange is reached with, by either transport."""

from collections.abc import Callable
from dataclasses import dataclass, field

from schemas.settings import MapiProfile


@dataclass(frozen=True, slots=True)
class ExchangeAccount:
    """A mailbox (an address) and the profile that leads to it.

    `access_token` gives a token that is good for a while and raises `MailServerError`; `token_refused` says that the
    server refused the newest one and returns whether another may be had at once. `password`: with ews, where the
    account is logged in to with one; "" elsewhere.
    """

    profile: MapiProfile
    mailbox: str
    access_token: Callable[[], str] = field(repr=False)
    token_refused: Callable[[], bool] = field(repr=False)
    password: str = field(default="", repr=False)
