"""`python -m console`: the process that serves the window. The command line is `mailcall` (`cli.py`)."""

from runtime.garbage import collect_nothing

if __name__ == "__main__":
    collect_nothing()  # while everything else is imported

import sys
import threading

from starlette.middleware import Middleware

from console.access.access import Access
from console.access.middleware import Sessions
from console.access.oidc import OidcClient
from console.services import Services
from console.web.app import build_app
from console.web.config import WindowConfig
from console.web.guard import Placed
from console.web.home import next_step
from console.web.serving import PROGRAM, listen, serve
from desk.migrate import wait_until_current
from runtime.lifecycle import run
from runtime.outages import Outage, Stopped, retry_until_available
from runtime.telemetry.health import Health

DESK_SECONDS = 15.0  # for a statement: its pages take milliseconds, and somebody waits for them


def main(config: WindowConfig, stop: threading.Event, health: Health) -> None:
    """Wires the process and runs it until `stop`."""
    listening = listen(config)
    health.ready("assignment", True)  # it reads topics whole, and shares them with nobody
    services = Services(config, health, DESK_SECONDS)
    try:
        services.follow(stop)
        threading.Thread(target=_look_at_desk, args=(services, stop, health), name="desk", daemon=True).start()
        sessions = Middleware(Sessions, access=_access(config, services))
        app = build_app(services, config.hosts, middleware=[sessions], next_step=next_step)
        serve(Placed(app, config.base_path, config.scheme), listening, config, stop, health)
    finally:
        stop.set()
        services.close()
        listening.close()


def _access(config: WindowConfig, services: Services) -> Access:
    provider = config.provider()
    return Access(
        services.engine, config.session_times(), OidcClient(provider) if provider else None, config.oidc_default_role
    )


def _look_at_desk(services: Services, stop: threading.Event, health: Health) -> None:
    """Says when the desk's tables are there. Pages are served before, and say what is missing."""
    health.ready("desk", False, "the desk's tables are not there yet: the logger creates them")
    try:
        retry_until_available(lambda: wait_until_current(services.engine, 1), Outage(PROGRAM, health), stop.wait)
    except Stopped:
        return
    health.ready("desk", True)


if __name__ == "__main__":
    sys.exit(run(PROGRAM, WindowConfig, main))
