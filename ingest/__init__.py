"""Incoming servers -> mail.fetched: the first step, which only carries.

Reads `settings` (incoming servers) and `mailbox.cursors` (how far each mailbox has been read). Writes `mail.fetched`
(raw bytes; above 700 kB they go to the blob store), `mailbox.cursors` and `server.status`. It parses nothing, so no
mail can harm it. Tests that are asked for on `server.tests` it answers on `server.test-results`.

    replica.py     which servers are ours: a Kafka consumer group shares out the partitions of mailbox.cursors
    ownership.py   the decision behind it
    watchers.py    the running watchers, kept as settings and ownership want them
    watcher.py     one server: fetch, publish, settle, note how far, wait
    connectors/    how each protocol does that
    memory.py      how much mail all watchers may have in hand together
    records.py     mails, cursors and status as records; sender_key.py: the key of a mail
    status.py, gauges.py   what is told of a server, on its topic and on /metrics
    backoff.py     how long to wait after a failure
    trial.py       a test of a server, step by step; shown.py: the mail it shows

It fails to nothing: a mail server in trouble is tried again, with back-off, and told of in `server.status`; a broker or
blob store away is waited out with the mails in hand.
"""
