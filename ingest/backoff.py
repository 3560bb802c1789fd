"""How long a watcher waits after a failure. Pure: the draw is an argument."""

FIRST_SECONDS = 1.0
MOST_SECONDS = 300.0
MOST_ASKED_SECONDS = 3600.0
# What needs a person, by how often it failed: no hammering, or the server locks the account. Twice it is tried soon:
# a mail server that is just starting may refuse everybody, because it listens before it knows its accounts.
HOPELESS_SECONDS = (20.0, 60.0, 900.0)


def delay(failures: int, *, temporary: bool, draw: float, asked: float = 0.0) -> float:
    """Seconds before the next try after `failures` of this kind in a row (1 or more).

    `draw` in 0..1 spreads many watchers out. `asked`: what the server wants to be left alone for; more than an hour is
    not believed.
    """
    if not temporary:
        return HOPELESS_SECONDS[min(failures, len(HOPELESS_SECONDS)) - 1] * (1 + draw / 4)
    step: float = min(FIRST_SECONDS * 2.0 ** min(failures - 1, 20), MOST_SECONDS)
    return max(step * (0.5 + draw / 2), min(asked, MOST_ASKED_SECONDS) * (1 + draw / 10))
