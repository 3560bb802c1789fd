"""What a mail says as a page of its own, for a frame: in no origin, it runs nothing, loads nothing, leads nowhere."""

import base64
import hashlib

from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

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


def foreign_page(title: str, content: Markup) -> Response:
    """`content` is what a sanitiser made; whatever it let through is held by the headers."""
    return HTMLResponse(_PAGE.format(title=title, style=Markup(_STYLE), content=content), headers=_HEADERS)
