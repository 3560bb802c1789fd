"""Every macro on one page, with hostile text in each place: a subject of tests."""

from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from console.web.form_errors import PageError
from console.web.forms import Field
from console.web.model_fields import Choice
from console.web.page import Entry, Page
from console.web.render import page, redirect

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> \u202egpj.exe {{ 7*7 }} javascript:alert(1)"
LONG = "A" * 2_000  # wider than any screen; a browser lays out ten thousand in twenty times the time
AT = datetime(2026, 11, 29, 13, 5, 9, tzinfo=UTC)
CHOICES = (Choice("a", "One"), Choice("b", HOSTILE), Choice("c", "MAPI", "not on this machine"))


def fields(value: str, errors: tuple[str, ...]) -> list[Field]:
    common = {"help": value, "errors": errors}
    return [
        Field("text", value, "text", value=value, optional=True, **common),  # type: ignore[arg-type]
        Field("oauth.number", "Port", "number", value=value, **common),  # type: ignore[arg-type]
        Field("area", "Text", "text-area", value="\n" + value, **common),  # type: ignore[arg-type]
        Field("code", "Template", "code", value=value, **common),  # type: ignore[arg-type]
        Field("lines", "Close words", "lines", value=value, **common),  # type: ignore[arg-type]
        Field("check", "Use Linked Analyst", "checkbox", value=True, **common),  # type: ignore[arg-type]
        Field("checks", "Tell", "checks", value="a\nb", choices=CHOICES, **common),  # type: ignore[arg-type]
        Field("select", "Server type", "select", value="b", choices=CHOICES, **common),  # type: ignore[arg-type]
        Field("radios", "Security", "radios", value="a", choices=CHOICES, **common),  # type: ignore[arg-type]
        Field("password", "Password", "secret", value="set", is_set=True, **common),  # type: ignore[arg-type]
        Field("off", "Email Format", "text", value=value, why_not=value, **common),  # type: ignore[arg-type]
    ]


def show(request: Request) -> Response:
    text = LONG if "long" in request.query_params else HOSTILE
    wrong = "errors" in request.query_params
    errors = [PageError("text", text), PageError("", text)] if wrong else []
    found = fields(text, (text,) if wrong else ())
    return page(request, "web/gallery.html", title=text, errors=errors, text=text, fields=found, at=AT)


def say(request: Request) -> Response:
    return redirect(request, "gallery.show", HOSTILE)


def file(request: Request) -> Response:
    return FileResponse(__file__)  # the framework's own, which knows ranges


def fail(request: Request) -> Response:
    raise RuntimeError("a secret of the program: canary")


PAGES = (
    Page("gallery.show", "/gallery", show, None),
    Page("gallery.say", "/gallery/say", say, None, ("POST",)),
    Page("gallery.file", "/gallery/file", file, None),
    Page("gallery.fail", "/gallery/fail", fail, None, ("GET", "POST")),
)
ENTRIES = (Entry("System", "Gallery", "gallery.show"),)
