"""What the window of a pipeline on this machine is started with, and the first way into it."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from console.access.account_changes import add_administrator
from console.access.history import By
from console.access.sessions import link_path, make_link
from desk.engine import write_transaction
from runtime.config import ENV_PREFIX
from runtime.security.sealing import make_keys

ADMINISTRATOR = "admin"


def first_administrator(engine: Engine, window_url: str) -> str:
    """Makes the account `admin`; returns the address that signs it in once, within a day, and has it set a password."""
    by = By("deploy.local", datetime.now(UTC))
    with write_transaction(engine) as connection:
        account = add_administrator(connection, by, ADMINISTRATOR, "")
        return window_url + link_path(make_link(connection, by, account.id))


def sealing_keys(directory: Path) -> dict[str, str]:
    """For the environment of all processes: so a password can be typed in the window, and is sealed there."""
    path = directory / "sealing.key"
    make_keys(path)
    names = {"SECRET_KEY_FILE": path, "PUBLIC_KEY_FILE": path.with_name(f"{path.name}.pub")}
    return {f"{ENV_PREFIX}{name}": str(file) for name, file in names.items()}
