"""Mails examined in a child process with limits, so that no mail can hold up or bring down the resolver.

`child.py` is that process, `reader.py` starts it, watches it and says what becomes of a mail that ended it
(docs/adr/0006-reading-in-a-child.md).
"""
