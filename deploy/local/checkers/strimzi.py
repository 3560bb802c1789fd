"""What Kubernetes takes of Strimzi's resources: the schemas that Strimzi's own generator makes, fetched once."""

import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deploy.local.checkers.crd import strict_schema
from deploy.local.packages.jars import java_command

_CLASSES = {
    "KafkaTopic": "io.strimzi.api.kafka.model.topic.KafkaTopic",
    "KafkaUser": "io.strimzi.api.kafka.model.user.KafkaUser",
}


def strict_schemas() -> Mapping[str, dict[str, Any]]:
    """JSON Schema of each kind, in its newest version (v1). A field that Kubernetes would drop is an error.

    Raises `NotAvailableError`.
    """
    with tempfile.TemporaryDirectory() as directory:
        files = {kind: Path(directory, kind) for kind in _CLASSES}
        asked = [f"{_CLASSES[kind]}={file}" for kind, file in files.items()]
        command = java_command("strimzi", "io.strimzi.crdgenerator.CrdGenerator")
        subprocess.run([*command, "--target-kube", "1.30+", *asked], check=True, capture_output=True)
        return {kind: strict_schema(json.loads(file.read_text())) for kind, file in files.items()}
