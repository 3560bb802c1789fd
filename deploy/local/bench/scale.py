"""How large the installation is that the benchmark measures, and a desk that has been used for years already."""

from dataclasses import dataclass

import psycopg

MADE = "scale-"  # what the ids begin with of persons and mails that are made here


@dataclass(frozen=True, slots=True)
class Scale:
    """`instances` of resolver, logger and outbound each; mailboxes that the messages are spread over; what the desk
    holds before the first one comes: persons beside those who write, and items with the message that logged each."""

    instances: int = 1
    mailboxes: int = 1
    persons: int = 0
    items: int = 0


_PERSONS = """
INSERT INTO persons (id, first_name, last_name, is_user, is_analyst, office, disabled, version)
SELECT 'scale-' || n, 'First' || n %% 1000, 'Last' || n, true, n %% 500 = 0, '', false, 1
FROM generate_series(1, %(count)s) AS n
"""
_ADDRESSES = """
INSERT INTO person_addresses (person_id, position, address, normalised)
SELECT 'scale-' || n, 0, 'scale' || n || '@customer.example', 'scale' || n || '@customer.example'
FROM generate_series(1, %(count)s) AS n
"""
_ITEMS = """
INSERT INTO items (kind, partition, status, subject, description, user_id, logging_analyst, call_template, screen_set,
    ipk_status, ipk_stream, assigned_office, assigned_group, call_type, impact, urgency, priority, fields,
    settings_versions, opened_at, closed_at, version)
SELECT 'call', 'desk', CASE WHEN n %% 10 = 0 THEN 'open' ELSE 'closed' END, 'Printer ' || n,
    repeat('It does not work any more. ', 20), 'scale-1', 'analyst', 'mail', '', '', '', '', '', '', 'one', 'usual',
    'P3', '{}', '{}', at, CASE WHEN n %% 10 = 0 THEN NULL ELSE at END, 1
FROM generate_series(1, %(count)s) AS n, LATERAL (SELECT now() - interval '1 hour' - n * interval '10 seconds') AS t(at)
"""
_LEDGER = """
INSERT INTO mails (mail_id, server_id, outcome, item_id, message_id, received, logged_at, size, sha256, person_id,
    content_id)
SELECT 'scale-' || id, 'measured-0', 'call-logged', id, '<scale.' || id || '@customer.example>', opened_at, opened_at,
    2000, md5(id::text), user_id, md5('c' || id)
FROM items
"""
_THREADS = """
INSERT INTO message_ids (message_id, item_id) SELECT '<scale.' || id || '@customer.example> desk', id FROM items
"""
_JOURNAL = """
INSERT INTO journal (item_id, at, kind, person_id, mail_id)
SELECT id, opened_at, 'logged', user_id, 'scale-' || id FROM items
"""


def fill(dsn: str, scale: Scale) -> None:
    """The desk is empty, its tables are there. Items belong to a person of those made here, so there must be one."""
    persons = max(scale.persons, 1) if scale.items else scale.persons
    with psycopg.connect(dsn) as connection:
        if persons:
            for statement in (_PERSONS, _ADDRESSES):
                connection.execute(statement.encode(), {"count": persons})
        if scale.items:
            for statement in (_ITEMS, _LEDGER, _THREADS, _JOURNAL):
                connection.execute(statement.encode(), {"count": scale.items} if "%(count)s" in statement else None)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
