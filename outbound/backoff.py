"""When a deferred mail is tried again, and when it is given up. Pure: jitter is derived from the mail's id."""

import zlib

FIRST_SECONDS = 30.0
LONGEST_SECONDS = 3600.0
AWAY_SECONDS = 600.0
FEWEST_ATTEMPTS = 8  # a mail that waited for us, not for its server, is still tried for about an hour
JITTER = 0.2


def retry_after(notification_id: str, attempt: int, *, server_is_away: bool = False) -> float:
    """Seconds until the next try after attempt number `attempt` (from 1): 30 s, doubled each time, up to an hour.

    Up to ten minutes where it is the server that is away: once it is back, nobody waits longer.

    Up to a fifth is added, so that mails deferred together do not come back together.
    """
    seconds = min(FIRST_SECONDS * 2.0 ** min(attempt - 1, 16), AWAY_SECONDS if server_is_away else LONGEST_SECONDS)
    share = zlib.crc32(f"{notification_id}/{attempt}".encode()) / 0xFFFFFFFF
    return seconds * (1 + JITTER * share)


def exhausted(age_seconds: float, lifetime_seconds: float, attempt: int) -> bool:
    """Whether a mail of this age is given up after this attempt."""
    return age_seconds >= lifetime_seconds and attempt >= FEWEST_ATTEMPTS
