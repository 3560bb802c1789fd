"""Decoding as every handler does it: what cannot be decoded becomes a dead letter, the rest goes on."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from runtime.outcomes import Dead, FinalOutcome
from schemas.wire import Record, UndecodableError

T = TypeVar("T")


def decode_batch(
    records: Sequence[Record], decode: Callable[[Record], T]
) -> tuple[list[tuple[int, T]], list[FinalOutcome | None]]:
    """(index, decoded) of every record that can be decoded, and a list of outcomes as long as `records`.

    The list holds `Dead` where `decode` raised `UndecodableError` and None where the caller has to put its outcome.
    """
    decoded: list[tuple[int, T]] = []
    outcomes: list[FinalOutcome | None] = [None] * len(records)
    for index, record in enumerate(records):
        try:
            decoded.append((index, decode(record)))
        except UndecodableError as error:
            outcomes[index] = Dead(error.reason, str(error))
    return decoded, outcomes
