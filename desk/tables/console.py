"""The window's own tables: the index of mails, and who may do what. Nothing of the latter is ever on a topic."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text

from desk.tables.columns import DOCUMENT, NUMBER, TIME, metadata, text_column

# The index of mails: where everything about a message is on the topics, and its end. Made by the window
# alone, from the topics and the ledger (`console/mails/index`). `words`: sender and subject, a line each, folded.
mail_index = Table(
    "mail_index",
    metadata,
    Column("mail_id", Text, primary_key=True),
    text_column("server_id"),
    Column("received", TIME, nullable=False),
    text_column("sender"),
    text_column("subject"),
    text_column("words"),
    Column("message_id", Text),
    Column("size", BigInteger),
    text_column("outcome"),
    Column("reason", Text),
    text_column("detail"),
    Column("reference", Text),
    Column("partition", Text),
    Index("mail_index_received_idx", "received", "mail_id"),
    Index("mail_index_server_idx", "server_id", "received", "mail_id"),
    Index("mail_index_outcome_idx", "outcome", "received", "mail_id"),
    Index("mail_index_message_id_idx", "message_id", "received"),
    Index("mail_index_reference_idx", "reference", "received"),
)

# Each record about a message, by its place. `topic` is the short name, `.dlq` behind it where it is that topic.
mail_steps = Table(
    "mail_steps",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("topic_partition", Integer, primary_key=True, autoincrement=False),
    Column("topic_offset", BigInteger, primary_key=True, autoincrement=False),
    text_column("mail_id"),
    Column("at", TIME, nullable=False),
    text_column("outcome"),
    Column("reason", Text),
    text_column("detail"),
    Column("reference", Text),
    Column("partition", Text),
    Index(None, "mail_id"),
)

# What lies on the dead letter topics. `id` is topic/partition/offset; `state` open, replayed or discarded.
dead_letters = Table(
    "dead_letters",
    metadata,
    Column("id", Text, primary_key=True),
    text_column("topic"),
    Column("at", TIME, nullable=False),
    text_column("reason"),
    text_column("state"),
    Column("settled_at", TIME),
    text_column("settled_by"),
    text_column("settled_why"),
    text_column("mail_id"),
    Column("size", BigInteger, nullable=False),
    Column("headers", DOCUMENT, nullable=False),
    Index("dead_letters_state_idx", "state", "at", "id"),
    Index("dead_letters_reason_idx", "state", "reason", "at", "id"),
    Index(None, "mail_id"),
)

# The offset that comes next of each partition (`topic` in full), written with what was made of the records before it.
index_positions = Table(
    "index_positions",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("topic_partition", Integer, primary_key=True, autoincrement=False),
    Column("next_offset", BigInteger, nullable=False),
)

# ---- who may do what in the window ----------------------------------------------------------------------------------

# `key` is the name as it is compared. `password` is argon2id in PHC form, with its parameters; null: there is none.
accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    text_column("name"),
    text_column("key"),
    text_column("address"),
    Column("password", Text),
    Column("must_change", Boolean, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("oidc_issuer", Text),
    Column("oidc_subject", Text),
    Column("created_at", TIME, nullable=False),
    Column("signed_in_at", TIME),
    Column("version", Integer, nullable=False),
    Index(None, "key", unique=True),
    Index("accounts_oidc_idx", "oidc_issuer", "oidc_subject", unique=True),
)

# `rights` are those of `console.access.rights`; `partitions` those whose items and mails may be seen, null: all.
roles = Table(
    "roles",
    metadata,
    Column("id", Text, primary_key=True),
    text_column("name"),
    text_column("key"),
    Column("rights", DOCUMENT, nullable=False),
    Column("partitions", DOCUMENT),
    Column("version", Integer, nullable=False),
    Index(None, "key", unique=True),
)

account_roles = Table(
    "account_roles",
    metadata,
    Column("account_id", Text, ForeignKey(accounts.c.id), primary_key=True),
    Column("role_id", Text, ForeignKey(roles.c.id), primary_key=True),
    Index(None, "role_id"),
)

# Only the SHA-256 digest of each token is kept: a person who reads this table cannot sign in with it.
sessions = Table(
    "sessions",
    metadata,
    Column("id", Text, primary_key=True),
    text_column("token_digest"),
    text_column("account_id", ForeignKey(accounts.c.id)),
    text_column("signed_in_by"),
    text_column("client_address"),
    text_column("client_program"),
    Column("begun_at", TIME, nullable=False),
    Column("seen_at", TIME, nullable=False),
    Column("expires_at", TIME, nullable=False),
    Column("ended_at", TIME),
    Index(None, "token_digest", unique=True),
    Index(None, "account_id"),
)

sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("token_digest", Text, primary_key=True),
    text_column("account_id", ForeignKey(accounts.c.id)),
    Column("expires_at", TIME, nullable=False),
    Column("used_at", TIME),
    Index(None, "account_id"),
)

# Attempts to sign in, by account and by address of the client. `key` is a digest: people type passwords as names.
sign_in_attempts = Table(
    "sign_in_attempts",
    metadata,
    Column("key", Text, primary_key=True),
    Column("attempts", Integer, nullable=False),
    Column("expires_at", TIME, nullable=False),
)

# What was posted after a session's end, sealed with a key that only the browser has.
kept_input = Table(
    "kept_input",
    metadata,
    Column("key_digest", Text, primary_key=True),
    text_column("account_id", ForeignKey(accounts.c.id)),
    Column("sealed", LargeBinary, nullable=False),
    Column("expires_at", TIME, nullable=False),
    Index(None, "account_id"),
)

# Every change of accounts, roles and sessions: no password, token or digest is in it.
access_changes = Table(
    "access_changes",
    metadata,
    Column("id", NUMBER, primary_key=True, autoincrement=True),
    Column("at", TIME, nullable=False),
    text_column("who"),
    text_column("reason"),
    text_column("action"),
    text_column("subject"),
    Column("before", DOCUMENT),
    Column("after", DOCUMENT),
)
