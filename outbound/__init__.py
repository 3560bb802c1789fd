"""notification.requested -> message sent: through which server, in which format, and with what result.

Reads `notification.requested`, its `.retry` and `settings`; looks up in the desk's delivery ledger what was sent
before. Writes `notification.results` and `server.status`. Defers a message that its server does not take now. Sends
to the dead letter topic: a record that is no notification, and one that no template can be filled for.
"""
