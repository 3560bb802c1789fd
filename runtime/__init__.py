"""What every process needs: configuration, Kafka loops, settings, blobs, secrets, metrics, health, logs, life cycle."""
