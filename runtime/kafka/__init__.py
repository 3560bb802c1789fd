"""The brokers: how they are reached and logged in to, our clients of them, and the topics they should have.

settings.py, setting_rules.py     the settings, and which of them go together
security.py, credentials.py       TLS and login, for both client libraries
aiokafka_security.py              login in Faust's
clients.py, selector.py   how every client is created, and waits; which errors are an outage
producer.py, partitioner.py       records acknowledged by all replicas; appending.py, record_batches.py: for less CPU
topic_reader.py    reading topics outside any consumer group
topic_plans.py, topic_setup.py    topics as they should be; creating them
rights.py          what the brokers let us do
connection_check.py, connection_failures.py   one connection, step by step: where it fails, and what to do
poll_limits.py, decompression.py, unreadable_records.py   limits and fixes of the client libraries
response_bytes.py, record_reader.py   responses collected, and their records read, for less CPU
"""
