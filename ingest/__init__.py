"""Incoming servers -> mail.fetched: the first step, which only carries.

Reads `settings` (incoming servers) and `mailbox.cursors` (how far each mailbox has been read). Writes `mail.fetched`
(raw bytes; above 700 kB they go to the blob store), `mailbox.cursors` and `server.status`. It parses nothing, so no
message can harm it. Tests requested on `server.tests` it reports on `server.test-results`.

    replica.py           which servers this instance watches: a consumer group assigns the partitions of mailbox.cursors
    server_assignment.py the decision behind it
    watchers.py          the running watchers, kept as settings and assignment require
    watcher.py           one server: connect, fetch, wait, retry after failures (backoff.py)
    batches.py           one batch: publish it, apply after_fetch, publish the cursor
    connectors/          how each protocol does that
    context.py           what watchers need of their process, with a share of its memory
    records.py           messages, cursors and status as records
    status.py            the status of a server, on its topic and on /metrics
    server_test.py       a test of a server, step by step; mail_preview.py: the message it shows

It sends no record to dead letters: a mail server in trouble is retried with back-off and reported on `server.status`;
an unavailable broker or blob store is retried in place, with the messages in flight.
"""
