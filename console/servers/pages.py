"""The pages of Email Settings and its mail servers, all of them."""

from console.servers import (
    details_pages,
    email_settings_pages,
    probe_page,
    profile_test_page,
    review_page,
    test_page,
    test_runs,
)
from console.web.page import Entry

PAGES = (
    *email_settings_pages.PAGES,
    *details_pages.PAGES,
    *review_page.PAGES,
    *test_page.PAGES,
    *test_runs.PAGES,
    *profile_test_page.PAGES,
    *probe_page.PAGES,
    *email_settings_pages.DELETE_PAGES,
)
ENTRIES = (Entry("System", email_settings_pages.TITLE, "servers.list", "servers."),)
