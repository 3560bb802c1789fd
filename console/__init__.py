"""The administrator's window on Mailcall: what can be done (`operations/`), and the command line `mailcall` over it.

Reads and writes `settings`, `settings.changes` and `persons`; reads every other topic and the desk. Sends dead letters
back to the topic they came from. Fails to nothing: what cannot be done is told to the person who asked.
"""
