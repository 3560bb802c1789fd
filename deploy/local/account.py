"""Under which system user a server runs: never root."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from deploy.local import NotAvailableError


@dataclass(frozen=True)
class Account:
    """A system user that is not the one this program runs as."""

    name: str
    uid: int
    gid: int


def unprivileged(*preferred: str) -> Account | None:
    """For root: the first of these users that exists, else `nobody`. None for anybody else, who stays who he is."""
    if os.geteuid() != 0:
        return None
    for name in (*preferred, "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise NotAvailableError("the tests' servers do not run as root, and there is no user `nobody`: use another user")


def hand_over(path: Path, account: Account | None) -> None:
    """Give a file, or a directory and all in it, to that account; nothing to do where there is none."""
    if account:
        for each in (path, *path.rglob("*")):
            os.chown(each, account.uid, account.gid)
