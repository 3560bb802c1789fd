"""What others say (servers, brokers, providers), made fit for a log and a status."""

from runtime.known_secrets import conceal_said

MAX_WORDS = 300


def words(said: object) -> str:
    """One line of bounded length, without control characters and without any secret of ours that it repeats."""
    text = conceal_said(said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said), 4 * MAX_WORDS)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(text.split())[:MAX_WORDS]
