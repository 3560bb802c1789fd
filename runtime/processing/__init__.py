"""One stage: records are polled, a handler says an outcome for each, outputs are published, offsets committed.

consumer.py        poll and commit, on kafka-python; faust_adapter.py, faust_app.py, faust_consumer.py: on Faust
group.py           membership of the consumer group: join, rebalances, leave; ingest's mailboxes use it, too
offsets.py         which offsets can be committed; in_flight.py: records whose outcome is not there yet
batch_runner.py    one batch: run the handler, publish, count; handler_runner.py: what is around the handler
outcomes.py        Ok, Reject, Retry, Dead, InFlight; and what a handler is
retry_topics.py, dead_letters.py   records that go to `.retry` and `.dlq`
unhurried.py       topics whose records may be read later, many at once
lag.py             how far the stage is behind
"""
