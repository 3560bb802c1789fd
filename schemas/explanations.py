"""What each reason means, and what to do about it: for logs, pages, `mailcall` and docs/reference/reasons.md."""

from collections.abc import Mapping
from typing import NamedTuple

from schemas.reasons import Reason


class Explanation(NamedTuple):
    """A reason in a sentence for people: what happened, and what to do about it ("" where nothing is to be done)."""

    meaning: str
    remedy: str = ""


EXPLANATIONS: Mapping[Reason, Explanation] = {
    Reason.AUTO_REPLY: Explanation(
        "A program answered: an out-of-office note, a list manager's reply or an automatic confirmation.",
    ),
    Reason.BOUNCE: Explanation(
        "A mail server reports that a message could not be delivered, or is late.",
        "Correct the recipient's address in the person's details.",
    ),
    Reason.RECEIPT: Explanation("A mail server or mail program reports that a message was delivered or read."),
    Reason.COMPLAINT: Explanation(
        "A recipient marked one of our messages as spam, and the provider reports it (RFC 5965).",
        "Ask the person whether they want to be notified by mail.",
    ),
    Reason.LOOP: Explanation(
        "The message comes from ourselves, or has been through us before.",
        "Look for a forwarding rule that leads one of our addresses back to us.",
    ),
    Reason.BLOCKED: Explanation(
        "The sender's address or domain is blocked.", "Take it off the list if the sender is wanted."
    ),
    Reason.OVERSIZE: Explanation(
        "The message is larger than the server's limit.", "Ask the sender to share large files in another way."
    ),
    Reason.FLOOD: Explanation(
        "One sender sent more mail in a short time than is accepted.", "Find out what is going wrong at the sender."
    ),
    Reason.QUARANTINE: Explanation(
        "The message failed its mail system's check of the sender, and the incoming server holds such messages.",
        "If it is wanted, release it: in the window under Quarantine, or with `mailcall mail release`.",
    ),
    Reason.NULL_VALUE: Explanation(
        "A record without a value is on a topic that is not compacted.", "Correct the program that published it."
    ),
    Reason.NOT_UNPACKED: Explanation(
        "A compressed batch exceeds the limit when unpacked, or is damaged; one dead letter stands for its records.",
        "Have the program that published it send smaller batches; the error message names the offsets.",
    ),
    Reason.WRONG_SCHEMA: Explanation(
        "The record's value does not match the topic's JSON Schema.",
        "Correct the program that published it; the dead letter's error message names the field.",
    ),
    Reason.WRONG_TYPE: Explanation(
        "The record's ce_type belongs to another topic.", "Correct the program that published it."
    ),
    Reason.UNKNOWN_VERSION: Explanation(
        "This release cannot read the record's version.", "Upgrade this process, then replay the dead letter."
    ),
    Reason.UNKNOWN_SERVER: Explanation(
        "The record names a mail server that is no longer in the settings.",
        "Add the server again, then replay the dead letter.",
    ),
    Reason.UNKNOWN_TEMPLATE: Explanation(
        "The call template or message template does not exist, or cannot be filled.",
        "Add or correct the template, then replay the dead letter.",
    ),
    Reason.UNKNOWN_PARTITION: Explanation(
        "The partition does not exist in the settings.", "Add the partition, then replay the dead letter."
    ),
    Reason.UNKNOWN_ITEM: Explanation(
        "A command of another system names a call, task or request that the desk does not have.",
        "Correct the reference, then send the command again with a new request_id.",
    ),
    Reason.UNKNOWN_PERSON: Explanation(
        "A command of another system names a person who is not in the desk, or is not an Analyst where one is needed.",
        "Publish the person on `persons`, then replay the dead letter, or send it again with a new request_id.",
    ),
    Reason.UNKNOWN_VALUE: Explanation(
        "A command of another system gives an impact or urgency that the partition does not have.",
        "Use one of the values that the dead letter's message lists, and send the command again with a new request_id.",
    ),
    Reason.BLOB_MISSING: Explanation(
        "The blob store does not hold what the record refers to.",
        "Check the blob store's own retention; restore the blob from a backup, then replay the dead letter.",
    ),
    Reason.HANDLER_FAILED: Explanation(
        "Processing the record failed because of a bug in Mailcall.",
        "Report it with the dead letter's error class; replay after the upgrade that fixes it.",
    ),
    Reason.RETRIES_EXHAUSTED: Explanation(
        "A notification was retried for two days (give_up_after_hours) and could not be sent.",
        "See notification.results for the server's last reply; fix the server, then send it again.",
    ),
    Reason.BROKER_AWAY: Explanation(
        "The Kafka broker is unavailable; the process retries until it is back.",
        "Check MAILCALL_KAFKA_BOOTSTRAP_SERVERS and the broker.",
    ),
    Reason.BROKER_NOT_SECURE: Explanation(
        "TLS to the Kafka broker fails: a certificate is not trusted, or one side uses no TLS; the process retries.",
        "Correct MAILCALL_KAFKA_CA_FILE, MAILCALL_KAFKA_CERTIFICATE_FILE or MAILCALL_KAFKA_SECURITY_PROTOCOL, or the "
        "broker's certificate; `mailcall kafka check` says which.",
    ),
    Reason.BROKER_LOGIN_MISSING: Explanation(
        "The login to the Kafka broker is incomplete: a file is missing, or there is no token; the process retries.",
        "Correct the file or the token endpoint that the text names.",
    ),
    Reason.BROKER_LOGIN_REFUSED: Explanation(
        "The Kafka broker refuses our login, or requires one; the process retries until it is accepted.",
        "Correct MAILCALL_KAFKA_USERNAME, the password or token, or MAILCALL_KAFKA_SASL_MECHANISM.",
    ),
    Reason.BROKER_RIGHT_MISSING: Explanation(
        "The Kafka broker denies us a topic or consumer group; the process retries until it is granted.",
        "Give this user the right (ACL); `mailcall kafka check --role PROCESS` lists those that are missing.",
    ),
    Reason.BROKER_REFUSES: Explanation(
        "The Kafka broker responds with a refusal; the process retries until it is accepted.",
        "Do as the text says: this machine's clock, the broker's version, its policies.",
    ),
    Reason.DATABASE_AWAY: Explanation(
        "The desk's database is unavailable; the process retries until it is back.",
        "Check MAILCALL_DESK_URL and the database.",
    ),
    Reason.BLOB_STORE_AWAY: Explanation(
        "The blob store is unavailable; the process retries until it is back.",
        "Check MAILCALL_BLOB_URL and the store.",
    ),
    Reason.READER_AWAY: Explanation(
        "The child process that reads messages, or tests message templates, does not start; the process retries.",
        "Give the process more memory and processes; what the child said is in the log just before this.",
    ),
    Reason.SERVER_UNREACHABLE: Explanation(
        "The mail server does not respond, or the connection broke.",
        "Check host, port and security of the server, its state and the network between.",
    ),
    Reason.AUTHENTICATION_REFUSED: Explanation(
        "The mail server refused the user name or password, or has no such authentication method.",
        "Correct username, password or authentication method of the server.",
    ),
    Reason.ACCOUNT_LIMITED: Explanation(
        "The outgoing server accepts no mail from this account now: quota, rate or right to send. The messages wait.",
        "Read the server's reply. A quota recovers on its own: set mails_per_minute, or name a fallback. For a right, "
        "let the account send as from_address; for a block, ask the server's owner.",
    ),
    Reason.SECURITY_REFUSED: Explanation(
        "The connection could not be protected as configured: no STARTTLS offered, or a certificate not trusted.",
        "Correct security or ca_file of the server, or its certificate.",
    ),
    Reason.FOLDER_REFUSED: Explanation(
        "The incoming server denies the folder, a message in it, or the right to change it.",
        "Correct folder, move_to or after_fetch of the server, or the account's rights.",
    ),
    Reason.NO_ROOM: Explanation(
        "ingest has no room on its disk for a message that is too large for memory; it is fetched again later.",
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
        "The outgoing server refused the recipient permanently.", "Correct the address in the person's details."
    ),
    Reason.MESSAGE_REFUSED: Explanation(
        "The outgoing server refused the message itself, or its sender, permanently.",
        "Read the server's reply: its size, its content, or that the server may not send for from_address.",
    ),
    Reason.SERVER_DEFERRED: Explanation(
        "The outgoing server asked for a retry later (a 4xx reply); the message is retried automatically.",
    ),
    Reason.SERVER_SLOW: Explanation(
        "The outgoing server takes long per message; the message is sent later, so that others need not wait.",
        "If it lasts, ask the server's administrator, or allow more connections to it.",
    ),
    Reason.RATE_LIMITED: Explanation(
        "The outgoing server's limit of messages per minute is reached; the rest is sent later automatically.",
        "If it lasts, raise mails_per_minute as far as the server's owner allows, or add a server.",
    ),
    Reason.EARLIER_DEFERRED: Explanation(
        "An earlier message to the same recipient is deferred: this one waits behind it, to keep their order.",
        "See why the earlier one is deferred.",
    ),
    Reason.ADDRESS_MARKED: Explanation(
        "Messages to this address bounced too often: it is on the suppression list, and nothing more is sent to it.",
        "Correct the address in the person's details, or take it off the list with `mailcall persons unmark`.",
    ),
    Reason.TOO_OLD_TO_ANSWER: Explanation(
        "The message was more than an hour old when it was processed: its call is logged without an auto-reply.",
    ),
    Reason.ANSWERED_ALREADY: Explanation(
        "The sender has had an auto-reply about this item: no second one is sent (RFC 3834).",
        "answers.per_sender_and_item in email_options sets how many there may be.",
    ),
    Reason.TOO_MANY_ANSWERS: Explanation(
        "The sender has had as many auto-replies within an hour as are allowed.",
        "answers.per_sender_and_hour in email_options sets how many there may be.",
    ),
    Reason.ANSWERS_STOPPED: Explanation(
        "Too many auto-replies were sent: unauthenticated senders, or all, get none for a while.",
        "Look for a flood, a mail loop or forged senders; answers.all_in_ten_minutes and answers.unproved_in_hour in "
        "email_options set the limits.",
    ),
    Reason.NOT_A_PARTY: Explanation(
        "The sender is not a party to the item that the message refers to.",
        "An Analyst can do it in the desk, or the item's User can send the message.",
    ),
    Reason.ITEM_CLOSED: Explanation("The item that is referred to is closed already.", "Log a new call."),
    Reason.ITEM_OPEN: Explanation("The item that is to be reopened is open."),
    Reason.REQUEST_NOT_CLOSED_BY_MAIL: Explanation(
        "The message asks to close a request, and requests are not closed by mail.", "Close it in the desk."
    ),
    Reason.MAY_NOT_CLOSE: Explanation(
        "The incoming server does not let the sender close this item by mail.",
        "Ask an Analyst to close it in the desk; may_close of the incoming server says who may do it by mail.",
    ),
    Reason.NOT_TRUSTED: Explanation(
        "The sender is not authenticated, so the message does not change the state of an item.",
        "Reply to a message that the desk sent to this address, do it in the desk, or set trust of the server to mark.",
    ),
    Reason.NO_PART_PROVED: Explanation(
        "Nothing proves that the sender is a party to the item: only Analysts are notified of the message.",
        "If it belongs there, notify the item's User yourself.",
    ),
}
