"""What a screening check returns."""

from dataclasses import dataclass

from schemas.mail import Bounce
from schemas.reasons import Reason


@dataclass(frozen=True, slots=True)
class Finding:
    """A machine wrote this mail. `about` is the id of the mail that it reports on, where it reports on one."""

    reason: Reason
    evidence: str
    bounce: Bounce | None = None
    about: tuple[str, ...] = ()


EVIDENCE = 200  # characters of a header shown


def header_evidence(name: str, value: str) -> str:
    """One line that names the header that decided."""
    return f"{name}: {value[:EVIDENCE]}"
