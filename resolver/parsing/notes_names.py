"""Names of Notes that stand as addresses, without the quotes that they need (RFC 5322, section 3.4.1)."""

import re

from resolver.parsing.encoded_words import clean_line
from schemas.mail import Mailbox

# As Domino's gateways put a person before the @: `CN=Ann Ek/OU=Sales/O=Firm@firm.example`, or shortened,
# `Ann Ek/Sales/Firm@firm.example`; a Notes domain may follow (`@Firm`). The first piece is the person.
_NOTES = re.compile(
    r"(?P<cn>CN=)?(?P<person>[^/=@<>\"(),;:\s][^/=@<>\"(),;:]{0,200})(?:/[^/@<>\"(),;:]{1,200}){0,20}"
    r"/(?P<last>[^/@<>\"(),;:]{1,200}?)(?:@[\w.-]{1,100})?\s*@\s*(?P<domain>[\w.-]{1,255})",
    re.IGNORECASE,
)
_NEEDS_NO_QUOTES = re.compile(r"[\w/=.+&'%-]+")


def notes_mailbox(text: str) -> Mailbox | None:
    """The mailbox, where `text` as a whole is such a name; it has `CN=`, or a blank in its first piece.

    A blank in the last piece would part a display name from an address: `Ann Ek/Sales ann@firm.example`.
    """
    found = _NOTES.fullmatch(text.strip())
    if found is None or not (found["cn"] or (" " in found["person"] and " " not in found["last"])):
        return None
    local = " ".join(found[0].rpartition("@")[0].split())
    local = local if _NEEDS_NO_QUOTES.fullmatch(local) else f'"{local}"'
    return Mailbox(address=f"{local}@{found['domain']}", name=clean_line(found["person"]))
