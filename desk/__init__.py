"""The service desk's database: calls, tasks, requests, persons, journal, ledgers and outbox.

SQLAlchemy Core, the same on PostgreSQL and on SQLite. Each table has one writer; everybody else only reads:

    items, journal, files                  logger
    persons, person_addresses              logger (from mail, and from the `persons` topic)
    mails, rejected_mails, handled         logger
    message_ids, outbox                    logger
    deliveries                             outbound
    alembic_version                        logger, at start (`desk.migrate.upgrade`)

Read `tables.py` first. Errors of the database leave this package as those of `errors.py`, without any content of mail.
"""
