"""How long a watcher waits after a failure. Pure: the draw is an argument."""

FIRST_SECONDS = 1.0
MOST_SECONDS = 300.0
MOST_ASKED_SECONDS = 3600.0
HOPELESS_SECONDS = 900.0  # what needs a person: no hammering, or the server locks the account


def delay(failures: int, *, temporary: bool, draw: float, asked: float = 0.0) -> float:
    """Seconds before the next try after `failures` in a row (1 or more). `draw` in 0..1 spreads many watchers out.

    `asked`: what the server wants to be left alone for; more than an hour is not believed.
    """
    if not temporary:
        return HOPELESS_SECONDS * (1 + draw / 4)
    step: float = min(FIRST_SECONDS * 2.0 ** min(failures - 1, 20), MOST_SECONDS)
    return max(step * (0.5 + draw / 2), min(asked, MOST_ASKED_SECONDS) * (1 + draw / 10))
