"""Why something happened, once and for all: the same word in log, metric label, topic, CLI and documents."""

from enum import StrEnum


class Reason(StrEnum):
    """Every reason a record or a mail can be treated other than by the plain way. `docs/reasons.md` explains each."""

    # A mail that becomes no call (screening, `mail.rejected`, `notification.results`).
    AUTO_REPLY = "auto-reply"
    BOUNCE = "bounce"
    RECEIPT = "receipt"
    COMPLAINT = "complaint"
    LOOP = "loop"
    BLOCKED = "blocked"
    OVERSIZE = "oversize"
    FLOOD = "flood"

    # A record that can never be handled (`.dlq`).
    NULL_VALUE = "null-value"
    WRONG_SCHEMA = "wrong-schema"
    WRONG_TYPE = "wrong-type"
    UNKNOWN_VERSION = "unknown-version"
    UNKNOWN_SERVER = "unknown-server"
    UNKNOWN_TEMPLATE = "unknown-template"
    UNKNOWN_PARTITION = "unknown-partition"
    BLOB_MISSING = "blob-missing"
    HANDLER_FAILED = "handler-failed"
    RETRIES_EXHAUSTED = "retries-exhausted"

    # Trouble that passes: waited out in place.
    BROKER_AWAY = "broker-away"
    DATABASE_AWAY = "database-away"
    BLOB_STORE_AWAY = "blob-store-away"

    # Mail servers (`server.status`, `notification.results`).
    SERVER_UNREACHABLE = "server-unreachable"
    AUTHENTICATION_REFUSED = "authentication-refused"
    SECURITY_REFUSED = "security-refused"
    SERVER_DISABLED = "server-disabled"
    NO_OUTGOING_SERVER = "no-outgoing-server"
    RECIPIENT_REFUSED = "recipient-refused"
    MESSAGE_REFUSED = "message-refused"
    SERVER_DEFERRED = "server-deferred"

    # An answer that is not sent, an action that is not done.
    TOO_OLD_TO_ANSWER = "too-old-to-answer"
    NOT_A_PARTY = "not-a-party"
    ITEM_CLOSED = "item-closed"
    REQUEST_NOT_CLOSED_BY_MAIL = "request-not-closed-by-mail"
