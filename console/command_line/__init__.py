"""What the commands share: options, asking, and how things are shown."""
