"""Accounting: that no message is missing (reconcile), what was stopped (dead letters, quarantine), stored messages
under today's rules (replay), and who changed what (history)."""
