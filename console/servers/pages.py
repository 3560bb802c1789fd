"""The pages of Email Settings and its mail servers, all of them."""

from console.servers import details_pages, probe_page, profile_test_page, review_page, test_page
from console.servers import email_settings_pages as delete_page
from console.servers import email_settings_pages as email_settings_page
from console.servers import test_runs as test_status
from console.web.page import Entry

PAGES = (
    *email_settings_page.PAGES,
    *details_pages.PAGES,
    *review_page.PAGES,
    *test_page.PAGES,
    *test_status.PAGES,
    *profile_test_page.PAGES,
    *probe_page.PAGES,
    *delete_page.DELETE_PAGES,
)
ENTRIES = (Entry("System", email_settings_page.TITLE, "servers.list", "servers."),)
