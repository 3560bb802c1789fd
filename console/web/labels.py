"""What the fields of settings, their values, settings and events are called on a page: the requirement's words where it
has one.
"""

from collections.abc import Mapping

from schemas.snapshot import SettingsSnapshot

# Name of a field -> label. A field that is not here is called by its name.
LABELS: Mapping[str, str] = {
    "id": "Id",
    "enabled": "Switched on",
    "host": "Server",
    "security": "Security",
    "path": "Folder of the files",
    "trust": "Proof of sender",
    "oversize": "Larger mails",
    "ca_file": "CA file",
    "minimum_tls": "Oldest TLS version",
    "authentication": "Authentication Method",
    "oauth": "OAuth",
    "oauth.token_url": "Token endpoint",
    "oauth.client_id": "Client id",
    "oauth.client_secret": "Client secret",
    "oauth.ca_file": "CA file of the token endpoint",
    "protocol": "Email server type",
    "username": "User name",
    "allow_password_in_clear": "Allow the password in clear",
    "timeout_seconds": "Time-out in seconds",
    "max_mail_bytes": "Largest mail in bytes",
    "poll_seconds": "Look every so many seconds",
    "after_fetch": "After fetching",
    "profile": "MAPI Profile",
    "save_sent": "Keep sent mails",
    "tenant": "Directory (tenant)",
    "client_id": "Application (client) id",
    "certificate": "Certificate with its key",
    "url": "Address of Exchange Web Services",
    "impersonation": "Act as each mailbox (impersonation)",
    "login_url": "Address of the directory",
    "graph_url": "Address of Microsoft Graph",
    "call_template": "Call Template",
    "default_logging_analyst": "Default Logging Analyst",
    "use_linked_analyst": "Use Linked Analyst",
    "authserv_id": "Name in Authentication-Results",
    "reply_to_is_sender": "Senders that write for others",
    "floods.minutes": "Minutes looked back upon",
    "floods.per_sender": "Mails per sender",
    "floods.per_sender_and_item": "Mails per sender and item",
    "floods.per_server": "Mails per server",
    "from_address": "From address",
    "from_name": "From name",
    "reply_to": "Reply-To address",
    "fallback": "Fall-back server",
    "screen_set": "Screen Set",
    "ipk_status": "IPK Status",
    "ipk_stream": "IPK Stream",
    "assigned_office": "Assigned Office",
    "assigned_group": "Assigned Group",
    "fields": "Further fields",
    "subject_to": "Subject goes to",
    "body_to": "Text goes to",
    "impacts": "Call Impact values",
    "urgencies": "Call Urgency values",
    "priorities": "Call Priority values",
    "priority_matrix": "Priority Matrix",
    "html": "HTML",
    "default_format": "Default Format",
    "message_format_per_person": "Message Format per Analyst/User",
    "default_outgoing_server": "Default outgoing server",
    "plus_tags": "Plus tags stand for the address without them",
    "give_up_after_hours": "Give up after hours",
    "bounces_until_marked": "Bounces until an address is marked",
    "change_reason": "Change Reason",
    "change_reason_required": "A Change Reason is required",
    "token_days": "Days that a reply proves its item",
    "answers.per_sender_and_item": "Answers per sender and item",
    "answers.per_sender_and_hour": "Answers per sender and hour",
    "answers.all_in_ten_minutes": "Answers to all in ten minutes",
    "answers.unproved_in_hour": "Answers to unproved senders in an hour",
}
# Word of a setting -> how it is written for people. A word that is not here stands as it is.
WORDS: Mapping[str, str] = {
    "html": "HTML",
    "text": "Plain Text",
    "imap": "IMAP",
    "pop3": "POP3",
    "smtp": "SMTP",
    "mapi": "MAPI",
    "graph": "Microsoft Graph, for Exchange Online",
    "ews": "Exchange Web Services, for Exchange Server",
    "global": "Worldwide",
    "us-government": "US government",
    "us-defense": "US Department of Defense",
    "china": "China (21Vianet)",
    "basic": "Basic",
    "ntlm": "NTLM",
    "kerberos": "Kerberos",
    "oauth2": "OAuth2, by the directory",
    "folder": "Folder of this machine",
    "none": "None",
    "tls": "TLS",
    "starttls": "STARTTLS",
    "user": "User",
    "author": "Author",
    "logging-analyst": "Logging Analyst",
    "any-analyst": "Any Analyst",
    "assigned-group": "Assigned Group",
    "watchers": "Watchers",
    "off": "Off",
    "mark": "Mark",
    "quarantine": "Quarantine",
    "leave": "Leave it",
    "seen": "Mark it as seen",
    "move": "Move it",
    "delete": "Delete it",
    "now": "What comes from now on",
    "beginning": "All that is there",
    "log": "Log it",
    "reject": "Reject it",
    "standard": "Standard Authentication",
    "apop": "APOP Authentication",
    "sasl-login": "SASL Login Authentication",
    "sasl-plain": "SASL Plain Authentication",
    "sasl-cram-md5": "SASL Cram-MD5 Authentication",
    "sasl-digest-md5": "SASL Digest-MD5 Authentication",
    "sasl-ntlm": "SASL NTLM Authentication",
    "sasl-msn": "SASL MSN Authentication",
    "sasl-gss": "SASL GSS Authentication",
    "sasl-scram-sha-256": "SASL SCRAM-SHA-256 Authentication",
    "sasl-xoauth2": "SASL XOAUTH2 Authentication",
    "sasl-oauthbearer": "SASL OAUTHBEARER Authentication",
}
# Name of an event -> how it is written for people. An integrator's own event stands as it is.
EVENTS: Mapping[str, str] = {
    "CallLogged": "Call logged",
    "CallUpdated": "Call updated",
    "CallClosed": "Call closed",
    "CallReopened": "Call reopened",
    "TaskLogged": "Task created",
    "TaskUpdated": "Task updated",
    "TaskClosed": "Task closed",
    "TaskReopened": "Task reopened",
    "RequestLogged": "Request created",
    "RequestUpdated": "Request updated",
    "RequestClosed": "Request closed",
    "RequestReopened": "Request reopened",
    "ActionRefused": "Action refused",
    "PersonCreated": "Person created",
    "WatchersChanged": "Watchers changed",
}
_NAMES: Mapping[str, str] = {words.casefold(): name for name, words in EVENTS.items()}


def label(name: str) -> str:
    """The label of a field, `name` as in `oauth.token_url`."""
    last = name.rpartition(".")[2]
    return LABELS.get(name) or LABELS.get(last) or last.replace("_", " ").capitalize()


def word(value: str) -> str:
    return WORDS.get(value, value)


def event_words(name: str) -> str:
    return EVENTS.get(name, name)


def event_name(typed: str) -> str:
    """Of words as they stand on a page, whatever their case; anything else is a name already."""
    return _NAMES.get(" ".join(typed.split()).casefold(), typed)


def name_of(settings: SettingsSnapshot, kind: str, id_: str) -> str:
    """`kind` as in the key of a setting: `incoming-server`. What is set up no more is called by its id."""
    return getattr(settings.settings.get(f"{kind}/{id_}"), "name", "") or id_
