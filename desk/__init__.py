"""The service desk's database: calls, tasks, requests, persons, journal, ledgers and outbox.

SQLAlchemy Core, the same on PostgreSQL and on SQLite. Each table has one writer; all others only read:

    items, journal, files, watchers        logger
    persons, person_addresses              logger (from mail, and from the `persons` topic)
    mails, rejected_mails, handled         logger
    message_ids, answers, outbox           logger
    former_versions                        a migration, at the logger's start
    bounced_addresses                      logger
    deliveries, deferred_notifications     outbound
    mail_index ... access_changes          console (the window)
    alembic_version                        logger, at start (`desk.migrate.upgrade`)

Read `tables/__init__.py` first. Errors of the database leave this package as those of `errors.py`, without any content
of mail.
"""
