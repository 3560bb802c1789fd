"""From a template and its values to a response: pages within the shell, fragments for live parts, redirects."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FunctionLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from console.access.rights import Identity
from console.web import flash
from console.web.foreign import visible
from console.web.form_errors import PageError
from console.web.labels import name_of
from console.web.page import explorer, may_open
from console.web.static_files import static_files
from console.web.wording import in_labels

_CONSOLE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class NextStep:
    """What comes next when a new installation is set up; `href` empty: it is done on this very page."""

    title: str
    text: str
    href: str


def page(
    request: Request,
    template: str,
    *,
    title: str,
    status: int = 200,
    errors: Sequence[PageError] = (),
    headers: Mapping[str, str] | None = None,
    **context: Any,
) -> Response:
    """`template` is `SUBJECT/NAME.html`, which lies in `console/SUBJECT/templates/`, and extends `web/layout.html`.

    With `errors` the layout says "Error:" before the title and lists them first; `status` is 422 then.
    """
    message = flash.look(request)
    following = request.app.state.next_step(request) if message and message.kind == "success" else None
    shell = {"title": title, "errors": errors, "flash": message, "next": following, **_shell(request)}
    response = HTMLResponse(_text(request, template, {**shell, **context}), status, headers)
    if message:
        flash.forget(request, response)
    return response


def fragment(request: Request, template: str, **context: Any) -> Response:
    """A part of a page on its own, for a live part."""
    return HTMLResponse(_text(request, template, context))


def redirect(
    request: Request, name: str, message: str = "", kind: flash.Kind = "success", **parameters: Any
) -> Response:
    """To another page, after something was done; `message` is said there."""
    response = RedirectResponse(url(request, name, **parameters), 303)
    if message:
        flash.put(request, response, flash.Flash(message, kind))
    return response


def url(request: Request, name: str, query: Mapping[str, str | int | None] | None = None, **parameters: Any) -> str:
    """The path of a page, behind the base path. Of `query`, what is None is left out."""
    path = request.scope.get("root_path", "") + request.app.url_path_for(name, **parameters)
    wanted = {key: value for key, value in (query or {}).items() if value is not None}
    return f"{path}?{urlencode(wanted)}" if wanted else path


def _text(request: Request, template: str, context: Mapping[str, Any]) -> str:
    root_path = request.scope.get("root_path", "")
    return (
        environment()
        .get_template(template)
        .render(
            request=request,
            identity=_identity(request),
            nonce=request.state.nonce,
            url=lambda name, query=None, **parameters: url(request, name, query, **parameters),
            may=lambda name: _may(request, name),
            static=lambda name: root_path + static_files()[name].path,
            name_of=lambda kind, id_: name_of(request.app.state.services.views.current.settings, kind, id_),
            **context,
        )
    )


def _shell(request: Request) -> dict[str, Any]:
    """What the shell around a page shows."""
    identity, routes = _identity(request), request.app.state.routes
    current = getattr(request.state, "page_name", "")
    return {
        "groups": explorer(routes.entries, routes.by_name, identity, current) if identity else (),
        "page_name": current,
    }


def _may(request: Request, name: str) -> bool:
    """Whether a link to this page would lead anywhere for the user who is signed in."""
    identity = _identity(request)
    wanted = request.app.state.routes.by_name.get(name)
    return identity is not None and wanted is not None and may_open(wanted, identity)


def _identity(request: Request) -> Identity | None:
    return getattr(request.state, "identity", None)


def _source(template: str) -> str | None:
    """Templates lie beside the pages of their subject."""
    subject, _, name = template.partition("/")
    path = _CONSOLE / subject / "templates" / name
    return path.read_text(encoding="utf-8") if path.is_file() else None


@cache
def environment() -> Environment:
    """The one environment of all templates: they escape by themselves, and a value that is missing is an error."""
    made = Environment(
        loader=FunctionLoader(_source),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "told_once": _told_once,
        "in_order_of": _in_order_of,
        "utc": _utc,
        "machine_time": _machine_time,
        "visible": visible,
        "in_labels": in_labels,
    }
    made.globals["ui"] = made.get_template("web/macros.html").module  # what pages are made of
    return made


def _told_once(errors: Sequence[PageError]) -> list[PageError]:
    """What is about two fields leads to the last of them: the one that the first one asks for."""
    last = {error.text: error for error in errors if error.field}
    return [error for error in errors if not error.field or last[error.text] is error]


def _in_order_of(errors: Sequence[PageError], content: str) -> list[PageError]:
    """As their fields stand on the page; what is about no field, or about none of these, comes first."""
    macros: Any = environment().globals["ui"]
    field_id = macros.field_id
    return sorted(errors, key=lambda error: content.find(f'id="{field_id(error.field)}"') if error.field else -1)


def _utc(moment: datetime) -> str:
    """As people read it: 29 Nov 2026, 13:05:09 UTC."""
    at = moment.astimezone(UTC)
    return f"{at.day} {at:%b %Y, %H:%M:%S} UTC"


def _machine_time(moment: datetime) -> str:
    """As `<time>` wants it."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
