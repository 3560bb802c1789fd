"""What a stranger wrote: as text on a page, as a page of its own for a frame, as a download."""

import base64
import hashlib
import re
from urllib.parse import quote

from markupsafe import Markup, escape
from starlette.responses import HTMLResponse, Response

# Not U+200C and U+200D, which have no width either: words need them (Persian, the scripts of India, families in emoji).
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
_SIGN = Markup('<span class="sign" title="a sign that cannot be seen">{}</span>')
_STYLE = (
    ":root{color-scheme:light dark;font:14px/1.5 system-ui,sans-serif}body{margin:.75rem;overflow-wrap:anywhere}"
    "pre{white-space:pre-wrap;font:inherit;margin:0}a{pointer-events:none}table{max-width:100%}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; sandbox; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
}
_PAGE = Markup(
    '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    "<style>{style}</style></head>\n<body>{content}</body></html>\n"
)
MAX_NAME = 120  # characters
_UNSAFE = re.compile(r'[/\\:*?"<>|\r\n\t]+')


def foreign(text: str) -> Markup:
    """The text for a line of a page. What turns the direction of words, or hides, is shown as its code."""
    plain = escape(" ".join(text.split("\n")))
    return Markup('<bdi class="hostile">{}</bdi>').format(Markup(_INVISIBLE.sub(_shown, str(plain))))


def visible(text: str) -> str:
    """The same as plain text, lines and tabs kept: `[U+202E]`."""
    return _INVISIBLE.sub(lambda sign: f"[{_code(sign)}]", text)


def short(text: str, most: int = 40) -> str:
    """The same on one line for a page's title, which is cut where tabs and histories cut it."""
    line = " ".join(visible(text).split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def _shown(sign: "re.Match[str]") -> str:
    return _SIGN.format(_code(sign))


def _code(sign: "re.Match[str]") -> str:
    return f"U+{ord(sign[0]):04X}"


def foreign_page(title: str, content: Markup) -> Response:
    """`content` is what a sanitiser made; whatever it let through is held by the headers."""
    return HTMLResponse(_PAGE.format(title=title, style=Markup(_STYLE), content=content), headers=_HEADERS)


def download(content: bytes, name: str) -> Response:
    """`name` as a stranger gave it: no path, nothing invisible, no file that hides."""
    return Response(
        content,
        media_type="application/octet-stream",
        headers={
            "Content-Disposition": disposition(name),
            "Content-Security-Policy": "default-src 'none'; sandbox; frame-ancestors 'none'",
            "X-Content-Type-Options": "nosniff",
        },
    )


def disposition(name: str) -> str:
    """RFC 6266: in ASCII for old browsers, and as it is."""
    safe = visible(_UNSAFE.sub("_", name)).strip(". ")[-MAX_NAME:].lstrip(". ") or "file"
    ascii_name = safe.encode("ascii", "replace").decode().replace("?", "_")
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(safe.encode('utf-8', 'replace'), safe='')}"
