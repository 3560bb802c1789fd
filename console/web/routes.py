"""Every page of the window, and every entry of its Explorer pane: the one table that routes, guards and is tested."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType

from console.access import pages as access
from console.audit import dead_letter_pages, quarantine_pages
from console.audit import history_pages as audit
from console.desk import item_pages
from console.health import pages as health
from console.jobs import pages as jobs
from console.live import pages as live
from console.mails import explain_pages
from console.mails import pages as mails
from console.notifications import pages as delivery_pages
from console.persons import pages as persons
from console.servers import pages as servers
from console.settings import email_options_page, file_pages, kind_pages
from console.templates import checking
from console.topics import pages as topics
from console.web import home
from console.web.page import Entry, Page

# Each holds PAGES, and ENTRIES where it has any. The order is that of the entries within their group.
SUBJECTS: tuple[ModuleType, ...] = (
    home,
    live,
    servers,
    email_options_page,
    kind_pages,
    checking,
    persons,
    mails,
    quarantine_pages,
    dead_letter_pages,
    explain_pages,
    item_pages,
    delivery_pages,
    health,
    topics,
    jobs,
    file_pages,
    audit,
    access,
)


@dataclass(frozen=True, slots=True)
class Routes:
    """Pages and entries of all subjects."""

    pages: tuple[Page, ...]
    entries: tuple[Entry, ...]
    by_name: Mapping[str, Page]


def routes_of(subjects: Iterable[ModuleType] = SUBJECTS) -> Routes:
    """Raises `ValueError` where two pages have one name, or an entry leads nowhere: a mistake of ours."""
    subjects = tuple(subjects)
    pages = tuple(page for subject in subjects for page in subject.PAGES)
    entries = tuple(entry for subject in subjects for entry in getattr(subject, "ENTRIES", ()))
    by_name = {page.name: page for page in pages}
    if len(by_name) != len(pages):
        raise ValueError("two pages have the same name")
    lost = [entry.page for entry in entries if entry.page not in by_name]
    if lost:
        raise ValueError(f"an entry leads to {lost[0]!r}, and there is no such page")
    return Routes(pages, entries, by_name)
