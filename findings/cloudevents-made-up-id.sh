#!/usr/bin/env bash
# A Kafka record in CloudEvents' binary mode lacks a required attribute (id, specversion, source or type): what does the
# official SDK make of it?
#
# Guess: it is refused, whichever is missing, since CloudEvents 1.0 requires all four.
# Seen: only source and type are missed. For id the SDK makes up a random one, another one at each reading, and for the
#   (optional) time that of the reading. A consumer that knows records again by their id takes each one for a new one.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

install cloudevents==2.2.0

"$PYTHON" - <<'PYTHON'
import sys

from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka_event

COMPLETE = {
    "ce_specversion": b"1.0",
    "ce_id": b"41",
    "ce_source": b"/shop",
    "ce_type": b"order.placed",
    "content-type": b"application/json",
}


def read(missing):
    headers = {name: value for name, value in COMPLETE.items() if name != missing}
    event = from_kafka_event(KafkaMessage(headers, b"key", b'{"order": 7}'))
    return event.get_id(), event.get_time()


seen = {}
for missing in ("", *list(COMPLETE)[:4]):
    try:
        (first, began), (second, ended) = read(missing), read(missing)
        seen[missing] = "the same id twice" if first == second else "two different ids"
        seen[missing] += ", no time" if began is None else ", a time" if began == ended else ", two different times"
    except Exception as error:
        seen[missing] = type(error).__name__
    print(f"without {missing or 'nothing':15} {seen[missing]}")
expected = {
    "": "the same id twice, two different times",
    "ce_specversion": "the same id twice, two different times",
    "ce_id": "two different ids, two different times",
    "ce_source": "CloudEventValidationError",
    "ce_type": "CloudEventValidationError",
}
if seen != expected:
    sys.exit("\nNot as before.")
PYTHON
