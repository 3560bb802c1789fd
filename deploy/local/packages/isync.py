"""mbsync of isync, which people move mailboxes with: Debian's package."""

from pathlib import Path

from deploy.local.packages.debian import need


def find_mbsync() -> Path:
    """The program; installed where this is root on Debian. Raises `NotAvailableError`."""
    return need("mbsync", (), ("isync",))
