"""Every metric of every process. The text of each says what it means and what to do.

Labels hold values of fixed lists only: never an address, a subject or a reference. The exceptions are `server` and
`partition`: ids that an administrator gave, as many as there are in the settings.
"""

from runtime.left_out import left_out

with left_out({"snappy": ()}):  # for pushing to another Prometheus, which nobody does here
    from prometheus_client import Counter, Gauge, Histogram

# A user feels seconds; a message that waited for an unavailable server took hours, at most give_up_after_hours.
END_TO_END_BUCKETS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600, 14400, 86400)

BUILD_INFO = Gauge(
    "mailcall_build_info",
    "Always 1; the labels say which process this is, and of which release. "
    "A process without any is down; more than one release for long: a roll-out is stuck.",
    ["process", "version"],
)
RECORDS = Counter(
    "mailcall_records",
    "Records processed, by stage, outcome (ok, reject, retry, dead) and reason. "
    "If the rate is 0 while mailcall_lag_records grows, look at /readyz and the log.",
    ["stage", "outcome", "reason"],
)
BATCH_SECONDS = Histogram(
    "mailcall_batch_seconds",
    "Seconds from a batch being fetched until its outputs are acknowledged. "
    "If it grows, the database, blob store or mail server behind the stage is slow.",
    ["stage"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
BATCH_RECORDS = Histogram(
    "mailcall_batch_records",
    "Records processed as one batch. Always at the upper end: the stage is the bottleneck, start more instances of it.",
    ["stage"],
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
)
LAG = Gauge(
    "mailcall_lag_records",
    "Records of the assigned partitions that are not yet processed. "
    "If it grows for minutes, start more instances of the stage, or end the outage that /readyz names.",
    ["stage", "topic"],
)
OLDEST_AGE = Gauge(
    "mailcall_oldest_record_age_seconds",
    "Age of the oldest record of the assigned partitions that is not yet processed, 0 where there is none. "
    "One that has never been read is as old as the first measurement that found it. "
    "If it grows, the stage is stuck: look at /readyz and the log.",
    ["stage", "topic"],
)
HANDOVER_SECONDS = Histogram(
    "mailcall_handover_seconds",
    "Seconds from a record being published until its processing is complete, retries included. "
    "If it grows and mailcall_batch_seconds does not, the stage has too few instances.",
    ["stage", "topic"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14400),
)
FETCHED_TO_LOGGED_SECONDS = Histogram(
    "mailcall_fetched_to_logged_seconds",
    "Seconds from a message being safe on mail.fetched until its call, or what it changed, is stored; by the desk's "
    "partition. If it grows, resolver or logger is slow: compare their mailcall_handover_seconds.",
    ["partition"],
    buckets=END_TO_END_BUCKETS,
)
REQUESTED_TO_SENT_SECONDS = Histogram(
    "mailcall_requested_to_sent_seconds",
    "Seconds from a notification being requested until a server accepted it, by the desk's partition (empty where "
    "none is known), once for each recipient. If it grows, outbound or the partition's mail server is slow.",
    ["partition"],
    buckets=END_TO_END_BUCKETS,
)
DEAD_LETTERS = Counter(
    "mailcall_dead_letters",
    "Records sent to a .dlq topic, by stage and reason. Any increase deserves a look: `mailcall dead-letters list`.",
    ["stage", "reason"],
)
OUTAGE_SECONDS = Counter(
    "mailcall_outage_seconds",
    "Seconds spent waiting for the broker, the database or the blob store. "
    "If it grows now, fix what the reason names; the process resumes on its own.",
    ["stage", "reason"],
)
PUBLISHED = Counter(
    "mailcall_published_records",
    "Records that the broker acknowledged, by topic (without prefix).",
    ["topic"],
)
PUBLISH_FAILURES = Counter(
    "mailcall_publish_failures",
    "Times that publishing failed, by reason; the batch is published again. If it grows, look at the broker.",
    ["reason"],
)
PENDING = Gauge(
    "mailcall_pending_records",
    "Records in flight, by stage: their work goes on while others are processed. "
    "If it stays high, a mail server is slow: see server.status and notification.results.",
    ["stage"],
)
COMMIT_FAILURES = Counter(
    "mailcall_commit_failures",
    "Commits of offsets that the broker refused; the records are redelivered and recognised. "
    "Now and then this is normal at a rebalance; if it grows, batches take longer than the broker allows.",
    ["stage"],
)
MAILS_FETCHED = Counter(
    "mailcall_mails_fetched",
    "Messages fetched from incoming servers and acknowledged by the broker, by protocol. "
    "If it stands still while people write, see server.status for the state of each mailbox.",
    ["protocol"],
)
INGEST_CPU_SECONDS = Counter(
    "mailcall_ingest_cpu_seconds",
    "CPU seconds of watching mailboxes, by step: fetch (asking and reading), publish (ids, records, handing them to "
    "the Kafka client), settle (marking, moving, deleting). What that client does in its own thread is not in it. "
    "If fetch grows while no mail comes, poll_seconds is too short for so many mailboxes.",
    ["step"],
)
NOTIFICATIONS_WITHHELD = Counter(
    "mailcall_notifications_withheld",
    "Notifications that were not asked for, by reason. answered-already is the rule that a sender is answered once for "
    "each item; if too-many-answers or answers-stopped grows, look for a flood or a loop; address-marked: correct the "
    "person's address.",
    ["reason"],
)
THREAD_CPU_SECONDS = Counter(
    "mailcall_thread_cpu_seconds",
    "CPU seconds of this process's threads, by what they do (main, worker, watch, connection, producer, kafka, "
    "settings, health, other); a child process's are not in it. One of them near a second a second is the bottleneck: "
    "more instances of the process help.",
    ["thread"],
)
OUTBOUND_CPU_SECONDS = Counter(
    "mailcall_outbound_cpu_seconds",
    "CPU seconds of notifying people, by step: render (choosing the server, filling the template, composing the "
    "mail), send (SMTP, with logging in), record (the delivery ledger). If send grows faster than mails, a server is "
    "logged in to again and again: see server.status.",
    ["step"],
)
BROKEN_TEMPLATES = Counter(
    "mailcall_mails_without_their_template",
    "Mails told by the built-in text since the message template that is set could not be filled, by event. "
    "Any increase: outbound's log names template, line and error; fix it, then `mailcall apply`.",
    ["event"],
)
MAIL_SERVER_ERRORS = Counter(
    "mailcall_mail_server_errors",
    "Failures of incoming servers, by protocol and reason; each is retried automatically. "
    "If it grows, server.status says which server and what to do.",
    ["protocol", "reason"],
)
INCOMING_SERVER_UP = Gauge(
    "mailcall_incoming_server_up",
    "1 while this process can read the incoming server's mailbox (connected or idle), else 0. "
    "If it is 0 for minutes, server.status says what to do.",
    ["server"],
)
INCOMING_SERVER_LAST_SUCCESS = Gauge(
    "mailcall_incoming_server_last_success_timestamp_seconds",
    "When this process last looked into the incoming server's mailbox. "
    "If it falls behind by much more than the server's poll_seconds, the server is in trouble.",
    ["server"],
)
INCOMING_SERVER_BACKLOG = Gauge(
    "mailcall_incoming_server_backlog_mails",
    "Messages seen on the incoming server and not yet fetched. If it grows, the broker or the mail server is slow.",
    ["server"],
)
INCOMING_SERVER_NOT_GIVEN = Gauge(
    "mailcall_incoming_server_not_given_mails",
    "Messages that the incoming server lists and does not give; each is requested again automatically. "
    "If it stays above 0, server.status names them: move them out of the mailbox, or have the mail server repaired.",
    ["server"],
)
OUTGOING_SERVER_UP = Gauge(
    "mailcall_outgoing_server_up",
    "1 while the outgoing server accepted this process's last message (or refused that message only), else 0; "
    "absent before the first message. If it is 0 for minutes, server.status says what to do.",
    ["server"],
)
MAPI_SECRET_ENDS = Gauge(
    "mailcall_mapi_secret_ends_timestamp_seconds",
    "When the secret or certificate of a MAPI profile ends; NaN where that is not known, or no more. "
    "If it is near, create a new one in the directory and enter it in the profile.",
    ["profile"],
)
MAILS_OVER_LIMITS = Counter(
    "mailcall_mails_over_limits",
    "Messages past the limits of parsing, by limit (cpu, memory, time, crash); each goes on, its raw form attached. "
    "If crash grows, something ends the resolver's child from outside: give it more memory.",
    ["limit"],
)
SETTINGS_RECORDS = Counter(
    "mailcall_settings_records",
    "Records of the settings topic, by result (applied, deleted, undecodable). An undecodable one leaves the earlier "
    "value in force: apply a file that names the setting; it is then published again.",
    ["result"],
)
PERSONS_OUTDATED = Counter(
    "mailcall_persons_outdated",
    "Records of the persons topic with a lower version than the desk has: skipped, the person stays as is. Any "
    "increase that no restart explains: the publisher of persons does not raise version.",
)
SETTINGS_VERSION = Gauge(
    "mailcall_settings_version",
    "Offset of the newest settings record in force. Instances that stay behind the others have lost the broker.",
)
WINDOW_SECONDS = Histogram(
    "mailcall_window_page_seconds",
    "Seconds until the window had rendered a page, by the page's name and the class of its status (2xx to 5xx). "
    "If they grow, the desk's database is slow; if 5xx grow, the window's log says why.",
    ["page", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
