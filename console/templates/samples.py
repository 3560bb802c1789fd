"""What message templates make of an example: filled in a limited child, each version once."""

import hashlib
import sys
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from console.templates import sample_child
from console.templates.sample import sample_notification
from outbound.render import Rendered
from runtime.template_trials import TemplateChild, TemplateLimitError
from schemas.settings import MessageTemplate
from schemas.template_language import TemplateFault

_COMMAND = (sys.executable, "-m", sample_child.__name__)
_KEPT = 30  # samples; each is at most the bounds of a template's output


@dataclass(frozen=True, slots=True)
class Sample:
    """A template's faults, or the mail that it makes. `name`: what the sample can be asked for by."""

    name: str
    faults: tuple[TemplateFault, ...]
    mail: Rendered | None


class Samples:
    """Of the templates that were looked at last. For any number of threads; one template is filled at a time."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[str, Sample] = OrderedDict()

    def of(self, template: MessageTemplate, partition_name: str = "") -> Sample:
        """Raises `OutageError` where no child can be started."""
        name = hashlib.sha256(f"{template.model_dump_json()}\0{partition_name}".encode()).hexdigest()
        with self._lock:
            sample = self._kept.pop(name, None) or _fill(name, template, partition_name)
            self._kept[name] = sample
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
            return sample

    def named(self, name: str) -> Sample | None:
        """One that was made lately."""
        with self._lock:
            return self._kept.get(name)


def _fill(name: str, template: MessageTemplate, partition_name: str) -> Sample:
    child = TemplateChild(_COMMAND)
    try:
        [(faults, mail)] = child.ask((template, sample_notification(template, partition_name)))
        return Sample(name, faults, mail)
    except TemplateLimitError as error:
        return Sample(name, (TemplateFault("text", None, str(error)),), None)
    finally:
        child.end()
