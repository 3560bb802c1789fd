"""The Message-ID that a mail of ours was written with, and the one that a server gave it instead. Pure."""

import re

_OWN = re.compile(rb"(?im)^Message-ID:\s*<([^<>\r\n]{1,900})>")
_FIT = re.compile(r"<[\x21-\x7e]{1,996}>")


def own_id(content: bytes) -> str:
    """What stands between the angle brackets of Message-ID."""
    found = _OWN.search(content.partition(b"\r\n\r\n")[0])
    if found is None:
        raise ValueError("a mail without Message-ID could not be known again")
    return found[1].decode("ascii", "replace")


def given_id(said: str, own: str) -> str:
    """What the server says that a mail's Message-ID is, if it is another one than ours; "" too for what can be none."""
    return said if said != f"<{own}>" and _FIT.fullmatch(said) else ""
