"""Messages are parsed in a child process with limits, so that none can block or crash the resolver.

`child.py` is that process, within the limits of `runtime/child/limits.py`; `sandboxed_parser.py` starts it by
`runtime/child/process.py`, watches it, and says what is known of a mail that ended it
(docs/adr/0006-reading-in-a-child.md).
"""
