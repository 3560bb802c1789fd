"""Stages that are scaled as on Kubernetes, and two releases side by side, on this machine (docs/scaling.md)."""
