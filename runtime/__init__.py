"""What every process needs, below everything but `schemas`.

processing/   one stage: consume, run a handler, publish, commit
kafka/        brokers, our clients of them, topics
security/     secrets; net/: connections to others; child/: work within limits
telemetry/    logs, metrics, health, traces
config.py, lifecycle.py   a process from its configuration to its exit code
outages.py, backoff.py    retrying until broker, database or blob store are available
settings_view.py, blobs.py, server_tests.py, yaml_lines.py   settings, blob store, tests of servers, YAML
"""
