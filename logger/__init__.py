"""mail.resolved -> calls: the only writer of the desk's items, persons and journal.

Reads `mail.resolved`, `desk.requested`, `persons`, `notification.results` and `settings`; writes the desk's database
and, by its outbox, `call.events`, `notification.requested`, `mail.rejected` and `persons`. What it can never handle
goes to the `.dlq` of the topic it came from.

    handler    a batch of records in, one outcome a record out; publishes what the store put in the outbox
    store      one transaction a batch: load what the mails refer to, plan, write
    plan       the whole batch, in order, so that a reply finds an original that came with it        [pure]
    accepted   how many mails came before, as far as that can make a flood
    senders    who performs the action: a known person, or a new one                                  [pure]
    find_item  which item a mail belongs to                                                           [pure]
    in_hand    a mail that answers one which another logger has in hand waits until that is stored
    decide     one mail: log a call, update, close or reopen an item, or refuse                       [pure]
    floods     more mails than an incoming server accepts                                             [pure]
    state      what a decision needs to know: items, and who stands how to them                       [pure]
    requests   the same for what other systems ask for by `desk.requested`
    properties what a new item gets of its call template                                              [pure]
    call_fields  where subject and text go                                                            [pure]
    priority   the partition's Priority Matrix                                                        [pure]
    notify     who is told                                                                            [pure]
    events     what is published about it                                                             [pure]
    rows       what is stored of it                                                                   [pure]
    reports    a delivery report about a notification, into the journal of its item
    people     persons as the `persons` topic has them
"""
