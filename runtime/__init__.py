"""What every process needs: configuration, the Kafka loops, the settings view, blobs, secrets, metrics, health, logs, life cycle."""
