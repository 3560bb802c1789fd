"""notification.requested -> mail sent: who is told, through which server, in which format, and what became of it.

Reads `notification.requested`, its `.retry` and `settings`; looks up in the desk's delivery ledger what was sent
before. Writes `notification.results` and `server.status`. Defers mail that its server does not take now; fails to
`notification.requested`'s dead letters: a record that is no notification, and one that no template can be filled for.
"""
