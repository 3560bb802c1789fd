"""Which parts may be an opaque S/MIME message, and which content of one is a mail."""

import re

from resolver.parsing.base64_text import is_readable
from resolver.parsing.headers import Headers, split_part_headers
from resolver.parsing.part import Part, make_part
from schemas.mail import Defect

_TYPES = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_EXTENSIONS = (".p7m", ".p7z")
_OWN_NAMES = frozenset({"", "smime.p7m", "smime.p7z"})
_MAILS = frozenset({"message/rfc822", "message/global"})
_FIRST_FIELD = re.compile(rb"[A-Za-z0-9-]+:")
_MIME_FIELDS = frozenset({"content-type", "content-transfer-encoding", "content-disposition", "mime-version"})


def may_hide_mail(part: Part) -> bool:
    """By type, or by name where the type says nothing (RFC 8551, section 3.9). Only the content itself is a proof."""
    if part.content_type in _TYPES:
        return True
    if not part.content_type.startswith("application/"):
        return False
    name = _name(part)
    return name.endswith(_EXTENSIONS) or (not name and part.content_type == "application/octet-stream")


def signed_mail(content: bytes, holder: Part, found: set[Defect]) -> Part | None:
    """The mail that was signed; None for a signed document, as `order.pdf.p7m` is.

    It is a MIME entity (RFC 8551, section 3.1), or a text that somebody signed without making one of it.
    """
    headers, start = split_part_headers(content, 0, set())
    if _FIRST_FIELD.match(content) and not _MIME_FIELDS.isdisjoint(headers):
        entity = make_part(content, headers, start, "text/plain", found)
    elif _name(holder) in _OWN_NAMES and is_readable(content):
        entity = make_part(content, Headers({}), 0, "text/plain", found)
    else:
        return None
    if entity.content_type in _MAILS and entity.params.get("forwarded", "").lower() != "yes":
        # The whole mail was signed, with its headers (RFC 8551, section 3.1): it is this mail, and no forwarded one.
        mail = entity.content(found)
        headers, start = split_part_headers(mail, 0, found)
        return make_part(mail, headers, start, "text/plain", found)
    return entity


def _name(part: Part) -> str:
    return (part.disposition_params.get("filename") or part.params.get("name") or "").strip().lower()
