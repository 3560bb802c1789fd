"""desk.requested -> items: what other systems ask for, by the rules and with the events of a mail.

store     one transaction: pass over what is known, load, decide, write, put into the outbox
load      what the desk holds of all that the requests name
users     who is meant by a person's id or an address                                             [pure]
decide    one request: make an item, change one, or refuse                                        [pure]
tell      its event, and the mail to the item's User                                              [pure]
rows      what is stored of it                                                                    [pure]
"""
