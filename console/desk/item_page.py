"""An item with its journal as one HTML page. What mails brought is sanitised; the page loads and runs nothing."""

from collections.abc import Mapping

from markupsafe import Markup

from console.mails.safe_html import safe_html
from desk.items import Item, JournalEntry

_PAGE = Markup(
    """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; \
base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<title>{reference}</title>
<style>body {{ font: 1rem/1.4 sans-serif; margin: 2rem; }} article {{ border-top: 1px solid; }} \
pre {{ white-space: pre-wrap; }}</style></head>
<body><h1>{reference} {subject}</h1>
<p>{status}, priority {priority}, User {user}, Logging Analyst {logging_analyst}</p>
{entries}
</body></html>"""
)
_ENTRY = Markup("<article><h2>{at} {kind} {person}</h2>\n{content}\n</article>")


def item_page(item: Item, names: Mapping[str, str]) -> Markup:
    """The page, ready to be written into a file. An entry without HTML shows its text. `names` of persons, by id."""
    made_safe = iter(safe_html([entry.html for entry in item.journal if entry.html is not None]))
    contents = (
        Markup("<pre>{}</pre>").format(entry.text) if entry.html is None else Markup(next(made_safe))
        for entry in item.journal
    )
    return _PAGE.format(
        reference=item.reference,
        subject=item.subject,
        status=item.status,
        priority=item.priority,
        user=item.user_name or item.user,
        logging_analyst=names.get(item.logging_analyst, item.logging_analyst),
        entries=Markup("\n").join(_entry(*one, names) for one in zip(item.journal, contents, strict=True)),
    )


def _entry(entry: JournalEntry, content: Markup, names: Mapping[str, str]) -> Markup:
    person = names.get(entry.person_id, entry.person_id)
    return _ENTRY.format(at=entry.at.isoformat(timespec="seconds"), kind=entry.kind, person=person, content=content)
