"""An attached file of a message, as parsing gives it and the blob store gets it."""

from dataclasses import dataclass

from schemas.mail import Attachment


@dataclass(frozen=True, slots=True)
class File:
    """One attached file with its decoded content."""

    attachment: Attachment
    content: bytes
