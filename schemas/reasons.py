"""Why something happened: one fixed list, the same in logs, metric labels, topics, the command line and documents."""

from enum import StrEnum


class Reason(StrEnum):
    """Every reason a record or a mail can be treated other than by the plain way. `EXPLANATIONS` says what to do."""

    # A mail that becomes no call (screening, `mail.rejected`, `notification.results`).
    AUTO_REPLY = "auto-reply"
    BOUNCE = "bounce"
    RECEIPT = "receipt"
    COMPLAINT = "complaint"
    LOOP = "loop"
    BLOCKED = "blocked"
    OVERSIZE = "oversize"
    FLOOD = "flood"
    QUARANTINE = "quarantine"

    # A record that can never be handled (`.dlq`).
    NULL_VALUE = "null-value"
    NOT_UNPACKED = "not-unpacked"
    WRONG_SCHEMA = "wrong-schema"
    WRONG_TYPE = "wrong-type"
    UNKNOWN_VERSION = "unknown-version"
    UNKNOWN_SERVER = "unknown-server"
    UNKNOWN_TEMPLATE = "unknown-template"
    UNKNOWN_PARTITION = "unknown-partition"
    UNKNOWN_ITEM = "unknown-item"
    UNKNOWN_PERSON = "unknown-person"
    UNKNOWN_VALUE = "unknown-value"
    BLOB_MISSING = "blob-missing"
    HANDLER_FAILED = "handler-failed"
    RETRIES_EXHAUSTED = "retries-exhausted"

    # Trouble that passes: waited out in place.
    BROKER_AWAY = "broker-away"
    BROKER_NOT_SECURE = "broker-not-secure"
    BROKER_LOGIN_MISSING = "broker-login-missing"
    BROKER_LOGIN_REFUSED = "broker-login-refused"
    BROKER_RIGHT_MISSING = "broker-right-missing"
    BROKER_REFUSES = "broker-refuses"
    DATABASE_AWAY = "database-away"
    BLOB_STORE_AWAY = "blob-store-away"
    READER_AWAY = "reader-away"

    # Mail servers (`server.status`, `notification.results`).
    SERVER_UNREACHABLE = "server-unreachable"
    AUTHENTICATION_REFUSED = "authentication-refused"
    ACCOUNT_LIMITED = "account-limited"
    SECURITY_REFUSED = "security-refused"
    FOLDER_REFUSED = "folder-refused"
    NO_ROOM = "no-room"
    SERVER_DISABLED = "server-disabled"
    NO_OUTGOING_SERVER = "no-outgoing-server"
    RECIPIENT_REFUSED = "recipient-refused"
    MESSAGE_REFUSED = "message-refused"
    SERVER_DEFERRED = "server-deferred"
    SERVER_SLOW = "server-slow"
    RATE_LIMITED = "rate-limited"
    EARLIER_DEFERRED = "earlier-deferred"
    ADDRESS_MARKED = "address-marked"

    # An answer that is not sent, an action that is not done.
    TOO_OLD_TO_ANSWER = "too-old-to-answer"
    ANSWERED_ALREADY = "answered-already"
    TOO_MANY_ANSWERS = "too-many-answers"
    ANSWERS_STOPPED = "answers-stopped"
    NOT_A_PARTY = "not-a-party"
    ITEM_CLOSED = "item-closed"
    ITEM_OPEN = "item-open"
    REQUEST_NOT_CLOSED_BY_MAIL = "request-not-closed-by-mail"
    MAY_NOT_CLOSE = "may-not-close"
    NOT_TRUSTED = "not-trusted"
    NO_PART_PROVED = "no-part-proved"
