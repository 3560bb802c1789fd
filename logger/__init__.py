"""mail.resolved, desk.requested -> calls, tasks, requests: the only writer of the desk's items, persons and journal.

Reads `mail.resolved`, `desk.requested`, `persons`, `notification.results` and `settings`; writes the desk's database
and, by its outbox, `call.events`, `notification.requested`, `mail.rejected` and `persons`. A record that it can never
process goes to the `.dlq` of the topic it came from.

    handler      a batch of records in, one outcome per record out; publishes what the transaction put in the outbox
    records      records decoded: a message and a command of another system both become a command       [pure]
    transaction  one transaction per batch: load, decide, notify, filter, persist
    core         what is decided                                                                        [pure]
    db           what is read and written
    publish      publishing what the outbox holds, also what another logger left behind
"""
