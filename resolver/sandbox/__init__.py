"""Mails examined in a child process with limits, so that no mail can hold up or bring down the resolver.

`child.py` is that process, within the limits of `runtime/bounded_child.py`; `reader.py` starts it by
`runtime/child_process.py`, watches it and says what becomes of a mail that ended it; of one whose headers end it as
well, `only_sender.py` knows the sender (docs/adr/0006-reading-in-a-child.md).
"""
