"""The administrator's window on Mailcall: what can be done, subject by subject, and the command line `mailcall`.

A subject's folder holds its operations, without a word of how they are asked for or shown, and its commands, which read
arguments, call an operation and show its answer. What a command needs is imported when it runs: `mailcall explain`
starts in a fraction of a second, and `mailcall --help` needs no broker's client.

Reads and writes `settings`, `settings.changes` and `persons`; reads every other topic and the desk. Sends dead letters
back to the topic they came from. Fails to nothing: what cannot be done is told to the person who asked.
"""
