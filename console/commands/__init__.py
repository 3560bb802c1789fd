"""The commands of `mailcall`, one module a subject: they read arguments, call an operation and show its answer.

What a command needs is imported when it runs: `mailcall explain` starts in a fraction of a second, and
`mailcall --help` needs no broker's client.
"""
