"""kcat, the command line's Kafka client that docs/integrate.md shows: Debian's package."""

from pathlib import Path

from deploy.local.packages.debian import need


def find_kcat() -> Path:
    """The program; installed where this is root on Debian. Raises `NotAvailableError`."""
    return need("kcat", (), ("kcat",))
