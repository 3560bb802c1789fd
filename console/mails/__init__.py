"""Mails: finding one, its way through the pipeline, what it says, and what would happen to it (explain)."""
