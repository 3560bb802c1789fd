"""mail.fetched -> mail.resolved: what a message says, who sent it, what it asks for. A Faust app around pure steps.

    parse > screen > trust > converse > sender > route        (`resolve.py`, `admission.py`, pure)

Reads `mail.fetched` and `settings`; looks senders up in the desk (read-only). Writes `mail.resolved` for what a person
wrote, `mail.rejected` for any other machine's mail and for what the settings refuse, `notification.results` for reports
about our own notifications, and files to the blob store. Fails to `mail.fetched`'s dead letters: a record that is no
envelope, an incoming server or call template that is not in the settings, a blob that is gone. A mail never fails
because of what it holds: one that cannot be parsed is handed on with the raw mail attached.
"""
