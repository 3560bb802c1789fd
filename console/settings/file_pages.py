"""Settings as the file that is kept in a repository: all of them to download, and one as the YAML to copy."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import yaml
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from console.access.rights import Right
from console.settings.export import export
from console.settings.file_reading import EXPORTED
from console.settings.state import State
from console.views.snapshot import ViewSnapshot
from console.web import keyset
from console.web.current import view_of
from console.web.page import Entry, Page
from console.web.render import page, url
from schemas.snapshot import SettingsSnapshot

HEADERS = {"Content-Disposition": 'attachment; filename="mailcall-settings.yaml"', "X-Content-Type-Options": "nosniff"}
_NOTE = "# What this file was exported from: applying it is refused where something has been changed since.\n"


def show_all(request: Request) -> Response:
    """Every setting with where it is managed, each as YAML; and the file of all of them to download."""
    view = _view(request)
    part = keyset.cut_list(list(view.settings.settings), keyset.asked(request, str), lambda key: (key,))
    here = partial(url, request, "settings.file")
    return page(
        request,
        "settings/file.html",
        title="Settings as a file",
        number=len(view.settings.settings),
        rows=[(key, *key.split("/", 1), view.managed.get(key, "")) for key in part.rows],
        before=part.before and here({"before": part.before}),
        after=part.after and here({"after": part.after}),
    )


def download(request: Request) -> Response:
    """All settings; passwords as they are kept: sealed, or where to find them. Persons have a file of their own."""
    sections = export(State(_view(request).settings))
    versions = {EXPORTED: sections.pop(EXPORTED)} if EXPORTED in sections else {}
    text = as_yaml(sections) + (_NOTE + as_yaml(versions) if versions else "")
    return Response(text, media_type="application/yaml; charset=utf-8", headers=HEADERS)


def show_one(request: Request) -> Response:
    """One setting as its entry in such a file."""
    view = _view(request)
    key = f"{request.path_params['kind']}/{request.path_params['id']}"
    setting = view.settings.settings.get(key)
    if setting is None:
        raise HTTPException(404)
    sections = export(State(SettingsSnapshot({key: setting})))
    sections.pop(EXPORTED, None)
    return page(
        request,
        "settings/yaml.html",
        title=f"{key} as YAML",
        key=key,
        text=as_yaml(sections),
        managed_by=view.managed.get(key, ""),
    )


def as_yaml(sections: Mapping[str, Any]) -> str:
    text: str = yaml.safe_dump(dict(sections), allow_unicode=True, sort_keys=False, width=120)
    return text


def _view(request: Request) -> ViewSnapshot:
    view = view_of(request)
    return view


PAGES = (
    Page("settings.file", "/settings/file", show_all, Right.SYSTEM_SET_UP),
    Page("settings.download", "/settings/file/mailcall-settings.yaml", download, Right.SYSTEM_SET_UP),
    Page("settings.yaml", "/settings/yaml/{kind}/{id}", show_one, Right.SYSTEM_SET_UP),
)
ENTRIES = (Entry("System", "Settings as a file", "settings.file", "settings.file"),)
