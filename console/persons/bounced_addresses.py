"""Taking the mark off an address that mails came back from."""

import time
from datetime import datetime

from console.desk import desk_commands as desk_requests
from console.desk.desk import desk
from console.errors import UserError
from console.settings.state import State
from desk.bounced_addresses import bounced
from runtime.config import ProcessConfig
from runtime.publisher import Publisher
from schemas.addresses import normalise
from schemas.desk_commands import AddressToUnmark

_LOOK_SECONDS = 0.2


def unmark(
    config: ProcessConfig,
    publisher: Publisher,
    state: State,
    address: str,
    by: str,
    now: datetime,
    seconds: float,
) -> bool:
    """Asks the logger for it; whether it was done within so many seconds: no event answers it, the desk is looked at.

    Raises `UserError` where nothing came back from the address, `OutageError`, `TopicMissingError`.
    """
    request = desk_requests.build(AddressToUnmark, {"address": address, "by": by}, now)
    desk_requests.check(request, state)
    if not _is_known(config, address):
        raise UserError(f"no mail came back from {address!r}", "mails are sent there; there is nothing to take off")
    desk_requests.ask(config, publisher, request, now, 0)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not _is_known(config, address):
            return True
        time.sleep(_LOOK_SECONDS)
    return False


def _is_known(config: ProcessConfig, address: str) -> bool:
    with desk(config) as connection:
        return bool(bounced(connection, [normalise(address)]))
