"""The pages of Email Settings and its mail servers, all of them."""

from console.servers import delete_page, details_pages, email_settings_page, review_page, test_page
from console.web.page import Entry

PAGES = (
    *email_settings_page.PAGES,
    *details_pages.PAGES,
    *review_page.PAGES,
    *test_page.PAGES,
    *delete_page.PAGES,
)
ENTRIES = (Entry("System", email_settings_page.TITLE, "servers.list", "servers."),)
