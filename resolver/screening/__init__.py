"""Who wrote this mail: a person, or which machine, and why."""

from resolver.parsing import Parsed
from schemas.mail import Screening

__all__ = ["answerable", "screen"]


def screen(parsed: Parsed, own_addresses: frozenset[str]) -> Screening:
    """The verdict on one mail. `own_addresses`: the desk's own, normalised."""
    return Screening(verdict="person")


def answerable(parsed: Parsed) -> bool:
    """Whether an automatic answer may be sent to this mail (RFC 3834, section 2)."""
    return False
