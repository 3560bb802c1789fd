"""Notifications: who was to be told what by mail, what happened to it, and sending it again."""
