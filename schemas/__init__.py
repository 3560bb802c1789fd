"""What travels between the processes: models, topic catalogue, wire format, settings snapshot. Pure: no I/O, no clock.

Read `topics.py` first: every topic, who writes it, who reads it and what it holds.
"""
