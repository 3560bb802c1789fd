"""What the logger reads and writes: within the batch's one transaction, a statement per table.

load          all that a batch refers to, the items locked
recent_mail   accepted messages, as far as rate limits count them
items         items, their watchers and their history
persons       new persons, User flags, and the `persons` topic
thread_index  Message-IDs, and which item each belongs to; the locks on them
ledger        what has been processed
withheld      suppressed addresses, and auto-replies so far
reports       delivery reports, failed attempts and renamed messages
"""
