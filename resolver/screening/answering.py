"""Whether a mail may be answered by a machine (RFC 3834, section 2)."""

import re

from resolver.parsing import Parsed

_BULK = re.compile(r"(?i)\s*(?:bulk|list|junk|auto)")
_NOBODY = re.compile(
    r"(?i)^(?:no-?reply|do-?not-?reply|mailer-daemon|postmaster|owner-.*|.*-(?:request|owner|bounces?|relay))$"
)


def answerable(parsed: Parsed, address: str | None = None) -> bool:
    """Only a person's mail, sent to us and not to a list, from an address that takes mail; in doubt: no.

    `address`: whom the answer would go to, where that is not who stands in From.
    """
    headers = parsed.headers
    if address is None:
        address = parsed.mail.from_.address if parsed.mail.from_ else ""
    if address.count("@") != 1 or _NOBODY.match(address.partition("@")[0]):
        return False
    if not re.match(r"(?i)\s*(?:no\b.*)?$", headers.get("auto-submitted") or ""):
        return False
    if any(name.startswith("list-") for name in headers) or _BULK.match(headers.get("precedence") or ""):
        return False
    if (headers.get("x-auto-response-suppress") or "none").strip().lower() != "none":
        return False
    path = headers.get("return-path")
    return path is None or path.replace(" ", "") not in ("<>", "")
