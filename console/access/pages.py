"""The pages about access: signing in, one's own account, users, roles, and who changed what of them."""

from console.access import history_page, oidc_pages, own_pages, role_pages, sign_in_pages, user_pages
from console.web.page import Entry, Page

PAGES: tuple[Page, ...] = (
    *sign_in_pages.PAGES,
    *oidc_pages.PAGES,
    *own_pages.PAGES,
    *user_pages.PAGES,
    *role_pages.PAGES,
    *history_page.PAGES,
)
ENTRIES = (
    Entry("Access", "Accounts", "access.users", "access.user"),
    Entry("Access", "Roles", "access.roles", "access.role"),
    Entry("Access", "History of access", "access.history", "access.history"),
)
