"""Mails and notifications: what becomes of them, what became of them, and that none is missing."""
