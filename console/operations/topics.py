"""The topics of the catalogue at the broker."""

from dataclasses import dataclass

from runtime.config import ProcessConfig
from runtime.topic_setup import create_topics, missing_topics
from schemas.topics import TOPICS
