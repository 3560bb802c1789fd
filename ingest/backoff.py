"""How long a mailbox watcher waits after a failure. Pure: the draw is an argument."""

from runtime.backoff import doubled, with_jitter

FIRST_SECONDS = 1.0
MOST_SECONDS = 300.0
MOST_ASKED_SECONDS = 3600.0
# What a person has to correct, by how often it failed: retried more often, the server might lock the account. Twice it
# is retried soon: a mail server that is just starting may refuse everybody, because it listens before it knows its
# accounts.
PERMANENT_SECONDS = (20.0, 60.0, 900.0)


def delay(failures: int, *, temporary: bool, draw: float, asked: float = 0.0) -> float:
    """Seconds before the next attempt after `failures` of this kind in a row (1 or more).

    `draw` in 0..1 spreads many watchers out. `asked`: how long the server wants to be left alone; at most an hour of it
    is granted.
    """
    if not temporary:
        return PERMANENT_SECONDS[min(failures, len(PERMANENT_SECONDS)) - 1] * (1 + draw / 4)
    own = with_jitter(doubled(failures, FIRST_SECONDS, MOST_SECONDS), draw)
    return max(own, min(asked, MOST_ASKED_SECONDS) * (1 + draw / 10))
