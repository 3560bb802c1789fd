"""What was done already, so that no effect happens twice, and what is still to be done. Each table has one writer."""

from sqlalchemy import BigInteger, Column, Index, Integer, Table, Text

from desk.tables.columns import NUMBER, TIME, metadata, text_column

# The ledger: every message that reached the logger, once. By it a redelivered message is recognised as a duplicate.
mails = Table(
    "mails",
    metadata,
    Column("mail_id", Text, primary_key=True),
    text_column("server_id"),
    text_column("outcome"),
    Column("item_id", NUMBER, nullable=False),
    Column("message_id", Text),
    Column("received", TIME, nullable=False),
    Column("logged_at", TIME, nullable=False),
    Column("size", BigInteger, nullable=False),
    text_column("sha256"),
    Column("person_id", Text),
    Column("content_id", Text),  # null in a message that only came by a second route
    Index(None, "content_id", unique=True),
    Index("mails_of_person_idx", "person_id", "received"),
    Index("mails_of_server_idx", "server_id", "received"),
)

# Former versions that may have written into this desk, where their rows differ from today's: messages that 0.1 logged
# have other content ids.
former_versions = Table("former_versions", metadata, Column("version", Text, primary_key=True))

# Messages that the logger rejected: they have no item. One that is released is in `mails`, too.
rejected_mails = Table(
    "rejected_mails",
    metadata,
    Column("mail_id", Text, primary_key=True),
    text_column("server_id"),
    text_column("reason"),
    Column("rejected_at", TIME, nullable=False),
)

# What else had its effect on the desk: `request/<id>` of `desk.requested`, `report/...` of a delivery report.
handled = Table(
    "handled",
    metadata,
    Column("key", Text, primary_key=True),
    text_column("outcome"),
    Column("item_id", NUMBER),
    Column("handled_at", TIME, nullable=False),
)

# Conversation hints: `<Message-ID> partition` of an incoming mail, or a notification id of ours -> the item. Whoever
# came first at a partition keeps an id: people and machines reuse them. Up to 0.1 a Message-ID had no partition.
message_ids = Table(
    "message_ids",
    metadata,
    Column("message_id", Text, primary_key=True),
    Column("item_id", NUMBER, nullable=False),
)

# Automatic answers that were asked for; `address` is normalised. What limits the next ones.
answers = Table(
    "answers",
    metadata,
    Column("address", Text, primary_key=True),
    Column("item_id", NUMBER, primary_key=True, autoincrement=False),
    Column("notification_id", Text, primary_key=True),
    text_column("event"),
    Column("at", TIME, nullable=False),
    Index("answers_address_at_idx", "address", "at"),
    Index(None, "at"),
)

# Addresses that bounced, normalised. Once `marked_at` is set nothing is sent there any more.
bounced_addresses = Table(
    "bounced_addresses",
    metadata,
    Column("address", Text, primary_key=True),
    Column("bounces", Integer, nullable=False),
    text_column("status"),
    Column("last_at", TIME, nullable=False),
    Column("marked_at", TIME),
)

# One row a transaction: the records that tell of it, until the broker has them. No id is ever used again: several
# processes may delete a row that they know by it.
outbox = Table(
    "outbox",
    metadata,
    Column("id", NUMBER, primary_key=True, autoincrement=True),
    Column("created_at", TIME, nullable=False),
    text_column("messages"),
    sqlite_autoincrement=True,
)

# Every attempt to send a notification. `reference` is the item's, so that its journal shows them.
deliveries = Table(
    "deliveries",
    metadata,
    Column("notification_id", Text, primary_key=True),
    Column("recipient", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    text_column("outcome"),
    Column("server_id", Text),
    Column("reason", Text),
    text_column("smtp_reply"),
    Column("message_id", Text),
    Column("sent_message_id", Text),  # where the server replaced `message_id`
    Column("mail_id", Text),
    Column("reference", Text),
    Column("at", TIME, nullable=False),
    Index(None, "reference"),
    Index("deliveries_recipient_at_idx", "recipient", "at"),
    Index("deliveries_outcome_at_idx", "outcome", "at", "notification_id", "recipient"),
)

# Notifications that are deferred, and where each stands in its line: what stands behind one waits for it, until
# `yields_at` where there is one. `line` is what they have in common: partition and recipient.
deferred_notifications = Table(
    "deferred_notifications",
    metadata,
    Column("notification_id", Text, primary_key=True),
    text_column("line"),
    Column("topic_partition", Integer, nullable=False),
    Column("topic_offset", BigInteger, nullable=False),
    Column("due_at", TIME, nullable=False),
    Column("yields_at", TIME),
    Index(None, "line"),
    Index("deferred_notifications_due_idx", "due_at", "notification_id"),
)
