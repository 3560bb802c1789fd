"""Addresses that are not in RFC 5322's plain form: obsolete, from Notes, with blanks, brackets or source routes."""

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


BLANK = ("blank", " ")


def join_spaced(words: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """`john . doe @ example.org` and `"john doe"@example.org` are one address each (RFC 5322, section 4.4)."""
    groups: list[list[tuple[str, str]]] = []
    solid = False  # the last group may go on
    for kind, text in words:
        if kind == "blank" or not groups or not solid or not _joins(groups[-1], text):
            groups.append([(kind, text)])
        else:
            groups[-1].append((kind, text))
        solid = solid if kind == "blank" else kind in ("atom", "quoted")
        if kind == "blank" and len(groups) > 1:  # a blank goes with what stands before it until that is known to end
            groups[-2].append(groups.pop()[0])
    return [word for group in groups for word in _merged(group)]


def _joins(group: list[tuple[str, str]], text: str) -> bool:
    before = next((t for kind, t in reversed(group) if kind != "blank"), "")
    return (
        text in (".", "@") or before in (".", "@") or text.startswith("@") or (before.endswith("@") and len(before) > 1)
    )


def _merged(group: list[tuple[str, str]]) -> list[tuple[str, str]]:
    solid = [(kind, text) for kind, text in group if kind != "blank"]
    if len(solid) < 2 or not any("@" in text for kind, text in solid if kind == "atom"):
        return group
    return [("address", "".join(f'"{text}"' if kind == "quoted" else text for kind, text in solid)), BLANK]


_COMMENT = re.compile(r"\([^()]*\)")
_ROUTE = re.compile(r"^@[^:]*:")
_AROUND_SIGNS = re.compile(r"(?<!\s)\s*+([@.])\s*+")


def clean_address(address: str) -> str:
    """What stands between angle brackets, less comments, source routes, `mailto:` and blanks around the signs."""
    if "(" in address and '"' not in address:
        address = _COMMENT.sub("", address)
    address = _ROUTE.sub("", address.strip())
    if address[:7].lower() == "mailto:":
        address = address[7:]
    if " " in address and not address.startswith('"'):
        address = _AROUND_SIGNS.sub(r"\1", address)
        address = next((piece for piece in address.split() if "@" in piece), address)
    if address.startswith('"') and address.endswith('"') and "@" in address:
        address = address.strip('"')
    if address.startswith("[") and address.endswith("]"):  # brackets of the wrong kind
        address = address.strip("[]")
    return address.strip("'") if address.startswith("'") else address
