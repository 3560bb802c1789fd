"""The pages about access, put together; and the history of access: who changed what of accounts, roles, sessions."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response

from console.access import oidc_pages, own_pages, role_pages, sign_in_pages, user_pages
from console.access.history import AccessChange, Document, list_changes
from console.access.rights import LABELS, Right
from console.access.visitor import access_of
from console.web.page import Entry, Page
from console.web.render import page, url
from desk.engine import read_transaction

_PAGE_SIZE = 50
_ACTIONS = {
    "account-added": "added the user",
    "account-changed": "changed the user",
    "link-made": "made a sign-in link for",
    "oidc-linked": "linked a login of the provider with",
    "oidc-unlinked": "unlinked the provider's login from",
    "password-set": "set the password of",
    "role-added": "added the role",
    "role-changed": "changed the role",
    "role-deleted": "deleted the role",
    "sessions-ended": "ended sessions of",
}
_LABELS: Mapping[str, str] = {right.value: label for right, label in LABELS.items()}


def history(request: Request) -> Response:
    before = request.query_params.get("before", "")
    before_id = int(before) if before.isascii() and before.isdigit() and len(before) < 18 else None
    with read_transaction(access_of(request).engine) as connection:
        found = list_changes(connection, before_id=before_id, limit=_PAGE_SIZE + 1)
    shown = found[:_PAGE_SIZE]
    after = url(request, "access.history", {"before": shown[-1].id}) if len(found) > len(shown) else None
    rows = [(one, _ACTIONS.get(one.action, one.action), _differences(one)) for one in shown]
    return page(request, "access/history.html", title="History of access", rows=rows, after=after)


def _differences(change: AccessChange) -> list[tuple[str, str, str]]:
    """(field, before, after) of what is not the same."""
    before: Document = change.before or {}
    after: Document = change.after or {}
    names = list(dict.fromkeys((*before, *after)))
    pairs = ((name, _shown(name, before), _shown(name, after)) for name in names)
    return [(name, old, new) for name, old, new in pairs if old != new]


def _shown(name: str, document: Document) -> str:
    match document.get(name):
        case None:
            return "all" if name == "partitions" and name in document else ""
        case bool() as value:
            return "yes" if value else "no"
        case list() as values:
            return ", ".join(_LABELS.get(str(value), str(value)) for value in values)
        case value:
            return str(value)


_HISTORY = Page("access.history", "/access/history", history, Right.USERS_AND_ROLES)

PAGES: tuple[Page, ...] = (
    *sign_in_pages.PAGES,
    *oidc_pages.PAGES,
    *own_pages.PAGES,
    *user_pages.PAGES,
    *role_pages.PAGES,
    _HISTORY,
)
ENTRIES = (
    Entry("Access", "Accounts", "access.users", "access.user"),
    Entry("Access", "Roles", "access.roles", "access.role"),
    Entry("Access", "History of access", "access.history", "access.history"),
)
