"""Why something happened, once and for all: the same word in log, metric label, topic, CLI and documents."""

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


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


class Explanation(NamedTuple):
    """A reason in a sentence for people: what happened, and what to do about it ("" where nothing is to be done)."""

    meaning: str
    remedy: str = ""


EXPLANATIONS: Mapping[Reason, Explanation] = {
    Reason.AUTO_REPLY: Explanation(
        "A machine answered: an out-of-office note, a list manager's answer or an automatic confirmation.",
    ),
    Reason.BOUNCE: Explanation(
        "A mail server reports that a mail could not be delivered, or is late.",
        "Correct the recipient's address in the person's details.",
    ),
    Reason.RECEIPT: Explanation("A mail server or mail program reports that a mail was delivered or read."),
    Reason.COMPLAINT: Explanation(
        "A recipient marked one of our mails as unwanted, and the provider reports it (RFC 5965).",
        "Ask the person whether they want to be told by mail.",
    ),
    Reason.LOOP: Explanation(
        "The mail comes from ourselves, or has gone round through us already.",
        "Look for a forwarding rule that leads one of our addresses back to us.",
    ),
    Reason.BLOCKED: Explanation(
        "The sender's address or domain is blocked.", "Take it off the list if the sender is wanted."
    ),
    Reason.OVERSIZE: Explanation(
        "The mail is larger than is accepted.", "Ask the sender to share large files in another way."
    ),
    Reason.FLOOD: Explanation(
        "One sender sent more mail in a short time than is accepted.", "Find out what goes wrong at the sender."
    ),
    Reason.QUARANTINE: Explanation(
        "The mail does not come from whom it says, by its mail system's own check; the server holds such mail.",
        "If it is wanted, release it: in the window under Quarantine, or with `mailcall mail release`.",
    ),
    Reason.NULL_VALUE: Explanation(
        "A record without a value stands on a topic that is not compacted.", "Correct the program that published it."
    ),
    Reason.NOT_UNPACKED: Explanation(
        "A compressed batch of records would become larger than is taken, or cannot be unpacked; "
        "one dead letter stands for all its records.",
        "Have the program that published it send smaller batches; the error message names the offsets.",
    ),
    Reason.WRONG_SCHEMA: Explanation(
        "The record's value does not fit the topic's JSON Schema.",
        "Correct the program that published it; the dead letter's error message names the field.",
    ),
    Reason.WRONG_TYPE: Explanation(
        "The record's ce_type belongs to another topic.", "Correct the program that published it."
    ),
    Reason.UNKNOWN_VERSION: Explanation(
        "The record has a version that this release cannot read.",
        "Upgrade this process, then replay the dead letter.",
    ),
    Reason.UNKNOWN_SERVER: Explanation(
        "The record names a mail server that no longer exists in the settings.",
        "Add the server again, then replay the dead letter.",
    ),
    Reason.UNKNOWN_TEMPLATE: Explanation(
        "A call template or message template is named that does not exist, or that cannot be filled.",
        "Add or correct the template, then replay the dead letter.",
    ),
    Reason.UNKNOWN_PARTITION: Explanation(
        "A partition is named that does not exist in the settings.", "Add the partition, then replay the dead letter."
    ),
    Reason.UNKNOWN_ITEM: Explanation(
        "A request of another system names a call, task or request that the desk does not have.",
        "Correct the reference, then ask again with a new request_id.",
    ),
    Reason.UNKNOWN_PERSON: Explanation(
        "A request of another system names a person whom the desk does not know, or who is no Analyst where one is "
        "needed.",
        "Publish the person on `persons`, then replay the dead letter, or ask again with a new request_id.",
    ),
    Reason.UNKNOWN_VALUE: Explanation(
        "A request of another system gives an impact or urgency that the partition does not have.",
        "Write one of the values that the dead letter's message names, then ask again with a new request_id.",
    ),
    Reason.BLOB_MISSING: Explanation(
        "The blob store does not hold what the record refers to.",
        "Check the blob store's own retention; restore the blob from a backup, then replay the dead letter.",
    ),
    Reason.HANDLER_FAILED: Explanation(
        "The program has a fault that this record brought to light.",
        "Report it with the dead letter's error class; replay after the upgrade that mends it.",
    ),
    Reason.RETRIES_EXHAUSTED: Explanation(
        "A notification was tried for two days (give_up_after_hours) and could not be sent.",
        "See notification.results for the server's last answer; mend the server, then send it again.",
    ),
    Reason.BROKER_AWAY: Explanation(
        "The Kafka broker does not answer; the process waits and goes on by itself.",
        "Check MAILCALL_KAFKA_BOOTSTRAP_SERVERS and the broker.",
    ),
    Reason.BROKER_NOT_SECURE: Explanation(
        "No TLS connection to the Kafka broker: its certificate is not trusted, it does not trust ours, or one side "
        "speaks no TLS; the process waits and goes on by itself once it can.",
        "Correct MAILCALL_KAFKA_CA_FILE, MAILCALL_KAFKA_CERTIFICATE_FILE or MAILCALL_KAFKA_SECURITY_PROTOCOL, or the "
        "broker's certificate; `mailcall kafka check` tells which.",
    ),
    Reason.BROKER_LOGIN_MISSING: Explanation(
        "There is nothing to log in to the Kafka broker with: a file is not there, or no token is given; the process "
        "waits and goes on by itself once there is.",
        "Correct the file or the token endpoint that the text names.",
    ),
    Reason.BROKER_LOGIN_REFUSED: Explanation(
        "The Kafka broker refuses our log-in, or wants one; the process waits and goes on by itself once it is let.",
        "Correct MAILCALL_KAFKA_USERNAME, the password or token, or MAILCALL_KAFKA_SASL_MECHANISM.",
    ),
    Reason.BROKER_RIGHT_MISSING: Explanation(
        "The Kafka broker does not let us use a topic or consumer group; the process waits and goes on by itself once "
        "it does.",
        "Give this user the right (ACL); `mailcall kafka check --role PROCESS` lists those that are missing.",
    ),
    Reason.BROKER_REFUSES: Explanation(
        "The Kafka broker answers and refuses; the process waits and goes on by itself once it is let.",
        "Do as the text says: this machine's clock, the broker's version, its policies.",
    ),
    Reason.DATABASE_AWAY: Explanation(
        "The desk's database does not answer; the process waits and goes on by itself.",
        "Check MAILCALL_DESK_URL and the database.",
    ),
    Reason.BLOB_STORE_AWAY: Explanation(
        "The blob store does not answer; the process waits and goes on by itself.",
        "Check MAILCALL_BLOB_URL and the store.",
    ),
    Reason.READER_AWAY: Explanation(
        "The child process that reads mails, or tries out message templates, does not start; whoever needs it waits "
        "and tries again by itself.",
        "Give the process more memory and processes; what the child said stands before this in the log.",
    ),
    Reason.SERVER_UNREACHABLE: Explanation(
        "The mail server does not answer, or the connection broke.",
        "Check host, port and security of the server, its state and the network between.",
    ),
    Reason.AUTHENTICATION_REFUSED: Explanation(
        "The mail server refused the user name or password, or has no such authentication method.",
        "Correct username, password or authentication method of the server.",
    ),
    Reason.ACCOUNT_LIMITED: Explanation(
        "The outgoing server takes nothing from this account now: its quota or rate is used up, or it may not send as "
        "from_address. The mails wait; they are not failed.",
        "Read the server's reply. A quota comes back by itself: set mails_per_minute, or name a fallback. For a right, "
        "let the account send as from_address; for a block, ask the server's owner.",
    ),
    Reason.SECURITY_REFUSED: Explanation(
        "The connection could not be protected as is set: no STARTTLS offered, or a certificate that is not trusted.",
        "Correct security or ca_file of the server, or its certificate.",
    ),
    Reason.FOLDER_REFUSED: Explanation(
        "The incoming server does not give the folder, a mail in it, or the right to change it.",
        "Correct folder, move_to or after_fetch of the server, or the account's rights.",
    ),
    Reason.NO_ROOM: Explanation(
        "ingest has no room on its disk for a mail that is too large to be held in memory; it is fetched again later.",
        "Give the temporary directory of ingest (TMPDIR) more room.",
    ),
    Reason.SERVER_DISABLED: Explanation(
        "The mail server is disabled in the settings; its mail waits.", "Enable it, or name another server."
    ),
    Reason.NO_OUTGOING_SERVER: Explanation(
        "Neither the partition nor the e-mail options name an outgoing server that exists.",
        "Choose an Outgoing server for the partition, or a Default outgoing server in the e-mail options.",
    ),
    Reason.RECIPIENT_REFUSED: Explanation(
        "The outgoing server refused the recipient for good.", "Correct the address in the person's details."
    ),
    Reason.MESSAGE_REFUSED: Explanation(
        "The outgoing server refused the mail itself, or its sender, for good.",
        "Read the server's reply: its size, its content, or that the server may not send for from_address.",
    ),
    Reason.SERVER_DEFERRED: Explanation(
        "The outgoing server asked to be tried again later (a 4xx reply); the mail is sent later by itself.",
    ),
    Reason.SERVER_SLOW: Explanation(
        "The outgoing server takes long for each mail; the mail is sent later by itself, so that others need not wait.",
        "If it lasts, ask the server's administrator, or allow more connections to it.",
    ),
    Reason.RATE_LIMITED: Explanation(
        "The outgoing server has been given as many mails this minute as its settings allow; the rest is sent later by "
        "itself.",
        "If it lasts, raise mails_per_minute as far as the server's owner allows, or add a server.",
    ),
    Reason.EARLIER_DEFERRED: Explanation(
        "An earlier mail to the same recipient is deferred: this one waits behind it, so that they arrive in their "
        "order.",
        "See why the earlier one is deferred.",
    ),
    Reason.ADDRESS_MARKED: Explanation(
        "Mails to this address came back too often: nothing more is sent there.",
        "Correct the address in the person's details, or take the mark off with `mailcall persons unmark`.",
    ),
    Reason.TOO_OLD_TO_ANSWER: Explanation(
        "The mail was more than an hour old when it was handled: the call is logged, no automatic answer is sent.",
    ),
    Reason.ANSWERED_ALREADY: Explanation(
        "The sender has had an automatic answer about this item: no second one is sent (RFC 3834).",
        "answers.per_sender_and_item in email_options sets how many there may be.",
    ),
    Reason.TOO_MANY_ANSWERS: Explanation(
        "The sender has had as many automatic answers within an hour as are allowed.",
        "answers.per_sender_and_hour in email_options sets how many there may be.",
    ),
    Reason.ANSWERS_STOPPED: Explanation(
        "So many automatic answers were sent that senders who are not proved, or all, get none for a while: calls are "
        "logged as ever.",
        "Look for a flood, a mail loop or forged senders; answers.all_in_ten_minutes and answers.unproved_in_hour in "
        "email_options set the limits.",
    ),
    Reason.NOT_A_PARTY: Explanation(
        "The sender has no part in the item that the mail refers to.",
        "An Analyst can do it in the desk, or the item's User can send the mail.",
    ),
    Reason.ITEM_CLOSED: Explanation("The item that is referred to is closed already.", "Log a new call."),
    Reason.ITEM_OPEN: Explanation("The item that is to be reopened is open."),
    Reason.REQUEST_NOT_CLOSED_BY_MAIL: Explanation(
        "The mail asks to close a request, and requests are not closed by mail.", "Close it in the desk."
    ),
    Reason.MAY_NOT_CLOSE: Explanation(
        "The incoming server does not let the sender close this item by mail.",
        "Ask an Analyst to close it in the desk; may_close of the incoming server says who may do it by mail.",
    ),
    Reason.NOT_TRUSTED: Explanation(
        "The sender is not proved to be who the mail says, so the mail changes no state of an item.",
        "Answer a mail that the desk sent to this address, or do it in the desk. An incoming server whose trust is "
        "mark also believes mail that its mail system has proved (SPF, DKIM).",
    ),
    Reason.NO_PART_PROVED: Explanation(
        "Nothing proves that the sender has a part in the item: Analysts alone are told of what the mail says.",
        "If it belongs there, tell the item's User of it yourself.",
    ),
}
