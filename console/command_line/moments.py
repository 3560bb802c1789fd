"""Moments on the command line."""

from datetime import datetime

from console.errors import UserError


def parse_moment(option: str, text: str) -> datetime:
    """The moment that is written behind an option; without an offset this machine's time. Raises `UserError`."""
    try:
        found = datetime.fromisoformat(text)
        return found if found.tzinfo else found.astimezone()
    except (ValueError, OverflowError):
        raise UserError(
            f"{option}: {text[:80]!r} is no moment", "write it as ISO 8601: 2026-11-20T08:00+01:00, or 2026-11-20"
        ) from None
