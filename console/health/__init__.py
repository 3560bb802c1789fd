"""How everything is: what the broker, the topics and the desk tell of the processes, sampled and judged."""
