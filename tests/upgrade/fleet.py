"""A fleet of bridges of two versions on one Kafka and one hub, records that flow without end, and an audit of what the hub has."""

import collections
import json
import os
import signal
import threading
from pathlib import Path

from azure.eventhub import EventHubConsumerClient
from confluent_kafka import Consumer, TopicPartition

from ports import free_ports
from stage import BRIDGE, PATIENCE, Stage, get, wait_for

# The folder of the version before, and its program. Both versions are called by their place in time.
FOLDER = Path(os.environ["VERSION_BEFORE"])
BEFORE, NOW = FOLDER / "kafka-eventhubs-bridge", Path(BRIDGE)
TOPIC, PARTITIONS, HUB_PARTITIONS, KEYS = "orders", 8, 4, 97
GROUP = "orders-bridge"
# Shorter than Kafka's, so that nobody waits for a member that was killed.
SESSION = 6000


class Fleet(Stage):
    """Members by name; each has an address of its own, and says there how it stands."""

    def __init__(self, folder):
        super().__init__(folder)
        [self.amqp] = free_ports(1)
        self.addresses, self.configurations = {}, 0
        self.stopped, self.writer = threading.Event(), None
        # What Kafka has taken, by partition.
        self.written = collections.Counter()

    def begin(self):
        self.start_kafka(PARTITIONS, [TOPIC])
        # Something is always in flight.
        self.start_hub(f"127.0.0.1:{self.amqp}", HUB_PARTITIONS, [TOPIC], "--ack-delay", "20ms")
        self.writer = threading.Thread(target=self._write, daemon=True)
        self.writer.start()

    def __exit__(self, *_):
        self.stopped.set()
        super().__exit__()

    def _write(self):
        """A thousand records a second; those of a key are numbered."""
        number = 0

        def taken(error, message):
            assert error is None, error
            self.written[message.partition()] += 1

        while not self.stopped.wait(0.02):
            for _ in range(20):
                number += 1
                self.producer.produce(TOPIC, str(number).encode(), key=f"customer-{number % KEYS}".encode(), on_delivery=taken)
            self.producer.poll(0)
        assert self.producer.flush(PATIENCE) == 0

    def configuration(self, more=""):
        """A file that both versions take, and with `more` under the mapping perhaps only one."""
        self.configurations += 1
        file = self.folder / f"bridge-{self.configurations}.toml"
        file.write_text(f"""
            [kafka]
            brokers = "127.0.0.1:{self.kafka_port}"
            group_id = "{GROUP}"
            [kafka.client]
            "session.timeout.ms" = {SESSION}
            "heartbeat.interval.ms" = 1000
            [[mappings]]
            topic = "{TOPIC}"
            hub = "{TOPIC}"
            {more}""")
        return file

    def join(self, name, program, *arguments, **environment):
        """Starts a member, and returns when it is ready, as Kubernetes waits for a pod."""
        [port] = free_ports(1)
        self.addresses[name] = f"127.0.0.1:{port}"
        # As in a pod, a port of its own.
        environment["BRIDGE_ADMIN__LISTEN"] = self.addresses[name]
        self.start(name, program, *arguments, **environment)
        wait_for(name, lambda: self.ended(name) or get(f"http://{self.addresses[name]}/readyz"))
        self.alive(name)

    def run(self, name, program, configuration, instance=None):
        """The same, with a file."""
        environment = {"BRIDGE_EVENTHUBS__CONNECTION_STRING": self.connection()}
        if instance:
            environment["BRIDGE_KAFKA__INSTANCE_ID"] = instance
        self.join(name, program, "run", "--config", configuration, **environment)

    def ended(self, name):
        return self.running[name].poll() is not None

    def alive(self, name):
        """Raises where a member has ended by itself."""
        assert not self.ended(name), f"{name} ended with {self.running[name].returncode}: {(self.folder / f'{name}.log').read_text()[-2000:]}"

    def leave(self, name):
        """SIGTERM, as Kubernetes ends a pod; it drains, and ends with 0."""
        process = self.running.pop(name)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0, (self.folder / f"{name}.log").read_text()[-2000:]

    def connection(self):
        return f"Endpoint=sb://{self.listen};SharedAccessKeyName=k;SharedAccessKey=s;UseDevelopmentEmulator=true;"

    def grows(self):
        """Waits for a thousand events more."""
        before = self.stored(TOPIC)
        wait_for("events", lambda: self.stored(TOPIC) > before + 1000)

    def shares(self, *names):
        """The Kafka partitions that each has; nothing until each has some, and every partition somebody."""
        found = {}
        for name in names:
            self.alive(name)
            status = json.loads(get(f"http://{self.addresses[name]}/status") or '{"topics": []}')
            found[name] = {it["partition"] for topic in status["topics"] for it in topic["partitions"]}
        everybody = sorted(partition for each in found.values() for partition in each)
        return found if all(found.values()) and everybody == list(range(PARTITIONS)) else None

    def asked(self, question):
        """What Kafka says to a client that is as one of the group."""
        consumer = Consumer({"bootstrap.servers": f"127.0.0.1:{self.kafka_port}", "group.id": GROUP, "log_level": 0})
        try:
            return question(consumer, [TopicPartition(TOPIC, partition) for partition in range(PARTITIONS)])
        finally:
            consumer.close()

    def committed(self):
        """Where the group goes on, by partition."""
        found = self.asked(lambda consumer, partitions: consumer.committed(partitions, timeout=PATIENCE))
        return {it.partition: max(it.offset, 0) for it in found}

    def ends(self):
        """Where each partition ends."""
        return self.asked(lambda consumer, partitions: {it.partition: consumer.get_watermark_offsets(it, timeout=PATIENCE)[1] for it in partitions})

    def finish(self):
        """Ends what writes, and waits until the group has committed the end of every partition."""
        self.stopped.set()
        self.writer.join(PATIENCE)
        assert sum(self.written.values()) > 0
        wait_for("the end of every partition", lambda: all(offset >= self.written[partition] for partition, offset in self.committed().items()))

    def audit(self):
        """What the hub has of each Kafka partition, in the order of each hub partition: hub partition → [(partition, offset, key)]."""
        seen = {partition: [] for partition in range(HUB_PARTITIONS)}
        client = EventHubConsumerClient.from_connection_string(self.connection(), "$Default", eventhub_name=TOPIC)

        def take(context, events):
            for event in events:
                properties = {key.decode(): value for key, value in event.properties.items()}
                seen[int(context.partition_id)].append((properties["kafka_partition"], properties["kafka_offset"], event.partition_key))
            if all(len(seen[partition]) >= counts[partition] for partition in seen):
                over.set()

        counts = {partition: client.get_partition_properties(str(partition))["last_enqueued_sequence_number"] + 1 for partition in seen}
        over = threading.Event()
        reading = threading.Thread(target=client.receive_batch, args=(take,), kwargs={"starting_position": "-1", "max_batch_size": 3000, "max_wait_time": 1}, daemon=True)
        reading.start()
        assert over.wait(PATIENCE), f"{ {it: len(seen[it]) for it in seen} } of {counts}"
        client.close()
        reading.join(PATIENCE)
        return seen


def judged(fleet, may_repeat=None):
    """Raises where an event is missing, twice or out of order; only offsets of `may_repeat`, (partition, from, to), may be there more than once. How many are."""
    places, found = {}, collections.Counter()
    for hub_partition, events in fleet.audit().items():
        last = {}
        for partition, offset, key in events:
            found[partition, offset] += 1
            assert places.setdefault(key, hub_partition) == hub_partition, f"{key} is on two hub partitions"
            if found[partition, offset] == 1:
                assert offset > last.get((partition, key), -1), f"{partition}/{offset} of {key} is behind {last[partition, key]}"
                last[partition, key] = offset
    wanted = {(partition, offset) for partition, count in fleet.written.items() for offset in range(count)}
    missing = sorted(wanted - found.keys())
    assert not missing, f"{len(missing)} are missing: {missing[:10]}"
    assert not found.keys() - wanted
    twice = sorted(it for it, count in found.items() if count > 1)
    excused = [(partition, offset) for partition, offset in twice if any(it == partition and low <= offset < high for it, low, high in may_repeat or [])]
    assert twice == excused, f"{len(twice) - len(excused)} are twice: {sorted(set(twice) - set(excused))[:10]}"
    assert len(places) == KEYS
    return len(twice)
