"""The charset that an HTML part names itself, where its header leaves that to it."""

import re


def codec_missing(label: str | None) -> bool:
    """Whether an HTML part leaves its charset to its own `<meta>`."""
    return not label or label.strip("\"' ").lower() in ("us-ascii", "unknown-8bit", "x-unknown")


def meta_charset(content: bytes) -> str | None:
    """The label in the first `<meta>` that has one."""
    match = re.search(rb"<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?([\w-]{2,40})", content[:4096], re.IGNORECASE)
    return match[1].decode("ascii", "replace") if match else None
