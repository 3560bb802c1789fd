"""The desk's tables, by duty: import them from here, so that `metadata` has all of them.

service_desk.py  persons, items, journal, files, watchers
ledgers.py       what was done: mails, commands, deliveries, auto-replies, bounces; what is to be done: the outbox
console.py       the window's: the index of mails, dead letters, accounts, roles, sessions
columns.py       the types of their columns
"""

from desk.tables.columns import DOCUMENT, NUMBER, TIME, SqliteTime, metadata
from desk.tables.console import (
    access_changes,
    account_roles,
    accounts,
    dead_letters,
    index_positions,
    kept_input,
    mail_index,
    mail_steps,
    roles,
    sessions,
    sign_in_attempts,
    sign_in_links,
)
from desk.tables.ledgers import (
    answers,
    bounced_addresses,
    deferred_notifications,
    deliveries,
    former_versions,
    handled,
    mails,
    message_ids,
    outbox,
    rejected_mails,
)
from desk.tables.service_desk import ENTERED, files, items, journal, person_addresses, persons, watchers

__all__ = [
    "DOCUMENT",
    "ENTERED",
    "NUMBER",
    "TIME",
    "SqliteTime",
    "access_changes",
    "account_roles",
    "accounts",
    "answers",
    "bounced_addresses",
    "dead_letters",
    "deferred_notifications",
    "deliveries",
    "files",
    "former_versions",
    "handled",
    "index_positions",
    "items",
    "journal",
    "kept_input",
    "mail_index",
    "mail_steps",
    "mails",
    "message_ids",
    "metadata",
    "outbox",
    "person_addresses",
    "persons",
    "rejected_mails",
    "roles",
    "sessions",
    "sign_in_attempts",
    "sign_in_links",
    "watchers",
]
