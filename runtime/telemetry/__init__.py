"""What a process reports of itself: logs, metrics, health, traces."""
