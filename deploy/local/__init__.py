"""Everything on one machine, without root and with nothing but Python and make: the demo, and the tests' servers.

`jars.py` and the wheels bring the programs, `child.py` starts them so that none outlives its parent, and one module for
each server (`broker.py`, `mail_host.py`, `database.py`, `dovecot.py`, `smtp_sink.py`, `oauth.py`, `kerberos.py`) knows
how to start that one.
`supervisor.py` keeps the processes of the pipeline running.
"""


class NotAvailableError(RuntimeError):
    """A server cannot be had on this machine. The text says why, and what to do about it."""


class StartError(RuntimeError):
    """A process is there, but ended or did not become ready. The text says which, and how its log ends."""
