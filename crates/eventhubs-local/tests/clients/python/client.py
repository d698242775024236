"""Does what every client here does, and prints what it saw: one JSON object a line. `expected.rs` judges."""

import datetime
import json
import logging
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

from azure.eventhub import EventData, EventHubConsumerClient, EventHubProducerClient, TransportType
from checkpoints import MemoryCheckpointStore

CONNECTION = os.environ["CLIENT_CONNECTION"]
TRANSPORT = os.environ["CLIENT_TRANSPORT"]
HUB = os.environ["CLIENT_HUB"]
OFFSET = os.environ["CLIENT_OFFSET"]
TIME_MS = int(os.environ["CLIENT_TIME_MS"])
SEEDED = 20
PARTITION = "2"
LIMIT = 60
OPTIONS = {"retry_total": 1, "retry_backoff_factor": 0.1}
if TRANSPORT != "plain":
    OPTIONS["custom_endpoint_address"] = "https://" + os.environ["CLIENT_ENDPOINT"]
    OPTIONS["connection_verify"] = os.environ["CLIENT_CA"]
if TRANSPORT == "websocket":
    OPTIONS["transport_type"] = TransportType.AmqpOverWebsocket


def say(check, saw):
    # In one piece: others may be saying something too.
    sys.stdout.write(json.dumps({"check": check, "saw": saw}) + "\n")
    sys.stdout.flush()


def together(*actions):
    """The client sleeps most of the time."""
    with ThreadPoolExecutor(len(actions)) as pool:
        for done in [pool.submit(action) for action in actions]:
            done.result()


def producer(connection=CONNECTION, hub=HUB, **options):
    return EventHubProducerClient.from_connection_string(connection, eventhub_name=hub, **{**OPTIONS, **options})


def consumer(connection=CONNECTION, **options):
    return EventHubConsumerClient.from_connection_string(
        connection, consumer_group="$Default", eventhub_name=HUB, **{**OPTIONS, **options}
    )


class Reader:
    """A receiver on one partition, on a thread of its own."""

    def __init__(self, partition, position, inclusive=False, owner_level=None, **options):
        self.events, self.error, self.changed = [], None, threading.Condition()
        self.client = consumer(**options)
        self.thread = threading.Thread(
            target=self.client.receive,
            kwargs={
                "on_event": lambda _, event: self.add(event),
                "on_error": lambda _, error: self.fail(error),
                "partition_id": partition,
                "starting_position": position,
                "starting_position_inclusive": inclusive,
                "owner_level": owner_level,
            },
            daemon=True,
        )
        self.thread.start()

    def add(self, event):
        with self.changed:
            self.events.append(event)
            self.changed.notify_all()

    def fail(self, error):
        with self.changed:
            self.error = error
            self.changed.notify_all()

    def wait(self, condition, limit=LIMIT):
        with self.changed:
            return self.changed.wait_for(lambda: condition(self), limit)

    def close(self):
        self.client.close()
        self.thread.join(LIMIT)

    def read(self, count):
        self.wait(lambda it: len(it.events) >= count)
        self.close()
        return self.events


def bodies(position, count, inclusive=False):
    return [event.body_as_str() for event in Reader(PARTITION, position, inclusive).read(count)]


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def look():
    with producer() as client:
        hub = client.get_eventhub_properties()
        say("hub_properties", {"name": hub["eventhub_name"], "partitions": hub["partition_ids"]})
        found = client.get_partition_properties(PARTITION)
        say("partition_properties", {
            "id": found["id"], "empty": found["is_empty"], "first": found["beginning_sequence_number"],
            "last": found["last_enqueued_sequence_number"], "last_offset": found["last_enqueued_offset"],
        })
        found = client.get_partition_properties("1")
        last = found["last_enqueued_sequence_number"]
        say("empty_partition", {"id": found["id"], "empty": found["is_empty"], "last": last})


def send():
    with producer() as client:
        client.send_event(EventData("single"))
        say("send_single", 1)
        batch = client.create_batch(partition_key="customer-17")
        for n in range(3):
            event = EventData(f"keyed {n}")
            event.message_id = f"keyed-{n}"
            event.content_type = "text/plain"
            event.properties = {"client": "python", "n": n, "flag": True}
            batch.add(event)
        client.send_batch(batch)
        say("send_batch_with_key", len(batch))
        batch = client.create_batch(partition_id="1")
        for n in range(3):
            batch.add(EventData(f"targeted {n}"))
        client.send_batch(batch)
        say("send_batch_to_partition", len(batch))


def receive():
    events = Reader(PARTITION, "-1").read(SEEDED)
    say("receive_from_start", [event.body_as_str() for event in events])
    event = events[3]
    say("read_event", {
        "body": event.body_as_str(), "partition_key": text(event.partition_key),
        "sequence_number": event.sequence_number, "message_id": event.message_id,
        "correlation_id": event.correlation_id, "content_type": event.content_type,
        "properties": {text(key): text(value) for key, value in event.properties.items()},
    })
    time = datetime.datetime.fromtimestamp(TIME_MS / 1000, datetime.timezone.utc)
    together(
        lambda: say("receive_after_offset", bodies(OFFSET, SEEDED - 5)),
        lambda: say("receive_from_sequence_number", bodies(7, SEEDED - 7, inclusive=True)),
        lambda: say("receive_after_sequence_number", bodies(7, SEEDED - 8)),
        lambda: say("receive_from_time", bodies(time, SEEDED // 2)),
    )


def receive_from_end():
    with producer() as client:
        client.send_event(EventData("early"), partition_id="0")
        reader = Reader("0", "@latest")
        # Nobody tells when the receiver is attached: what is sent before that is not for it.
        for _ in range(LIMIT * 5):
            client.send_event(EventData("late"), partition_id="0")
            if reader.wait(lambda it: it.events, 0.2):
                break
        reader.close()
        say("receive_from_end", reader.events[0].body_as_str() if reader.events else None)


def stolen():
    # On a partition with events: the first has its link when it gets one.
    first = Reader(PARTITION, "-1", owner_level=1)
    first.wait(lambda it: it.events)
    second = Reader(PARTITION, "-1", owner_level=2)
    first.wait(lambda it: it.error)
    say("stolen_by_a_higher_epoch", f"{type(first.error).__name__}: {first.error}")
    first.close()
    second.wait(lambda it: it.events)
    third = Reader(PARTITION, "-1", owner_level=1)
    third.wait(lambda it: it.error or it.events)
    say("refused_by_a_higher_epoch", f"{type(third.error).__name__}: {third.error}")
    third.close()
    second.close()


def fill_batch():
    with producer() as client:
        batch = client.create_batch(partition_id="0")
        try:
            while len(batch) < 100:
                batch.add(EventData("bulk" * 25_000))
        except ValueError:
            pass
        client.send_batch(batch)
        say("full_batch", len(batch))


def send_buffered():
    sent, failed = [], []
    client = producer(
        buffered_mode=True,
        on_success=lambda events, partition: sent.extend(events),
        on_error=lambda events, partition, error: failed.append(error),
    )
    with client:
        for n in range(10):
            client.send_event(EventData(f"buffered {n}"), partition_key="7149583486996073602")
        client.flush(timeout=LIMIT)
    say("send_buffered", failed or len(sent))


class Processing:
    """A processor of all partitions, on a thread of its own; it sets a checkpoint at one event."""

    def __init__(self, store, checkpoint_at):
        self.checkpoint_at, self.partitions, self.events = checkpoint_at, set(), []
        self.changed = threading.Condition()
        self.client = consumer(checkpoint_store=store, load_balancing_interval=1)
        self.thread = threading.Thread(
            target=self.client.receive,
            kwargs={"on_event": self.add, "on_partition_initialize": self.initialize, "starting_position": "-1"},
            daemon=True,
        )
        self.thread.start()

    def initialize(self, context):
        with self.changed:
            self.partitions.add(context.partition_id)
            self.changed.notify_all()

    def add(self, context, event):
        body = event.body_as_str()
        if body == self.checkpoint_at:
            context.update_checkpoint(event)
        if context.partition_id == PARTITION:
            with self.changed:
                self.events.append(body)
                self.changed.notify_all()

    def finish(self, count):
        """The first events of the partition, after all partitions are owned."""
        with self.changed:
            self.changed.wait_for(lambda: len(self.partitions) == 4 and len(self.events) >= count, LIMIT)
        self.client.close()
        self.thread.join(LIMIT)
        return self.events[:count]


def process():
    store = MemoryCheckpointStore()
    first = Processing(store, f"seed {SEEDED // 2 - 1}")
    say("processor_first", first.finish(SEEDED))
    say("processor_partitions", sorted(first.partitions))
    say("processor_resumed", Processing(store, None).finish(SEEDED // 2))


class TokenErrors(logging.Handler):
    """Why a token was refused, which the client's own error does not say; by thread."""

    def __init__(self):
        super().__init__()
        self.lines = {}
        logger = logging.getLogger("azure.eventhub._pyamqp.cbs")
        logger.setLevel(logging.INFO)
        logger.addHandler(self)

    def emit(self, record):
        if "error" in record.msg:
            self.lines.setdefault(record.thread, []).append(record.getMessage())


TOKEN_ERRORS = TokenErrors()


def fails(check, action):
    TOKEN_ERRORS.lines.pop(threading.get_ident(), None)
    try:
        action()
        say(check, "no error")
    except Exception as error:  # which one it is, is the point
        reasons = TOKEN_ERRORS.lines.get(threading.get_ident(), [])
        say(check, "\n".join([f"{type(error).__name__}: {error}", *reasons]))


def send_to(partition=None, body="refused", **target):
    with producer(**target) as client:
        client.send_event(EventData(body), partition_id=partition, timeout=10)


def receive_as(connection):
    # With retries a receiver tries for ever, and never says what is wrong.
    reader = Reader(PARTITION, "-1", connection=connection, retry_total=0)
    reader.wait(lambda it: it.error or it.events)
    reader.close()
    if reader.error:
        raise reader.error


def main():
    look()
    send()
    receive()
    if TRANSPORT != "plain":
        return
    receive_from_end()
    stolen()
    fill_batch()
    send_buffered()
    process()
    send_to(connection=os.environ["CLIENT_TOKEN"], body="signed")
    say("send_with_token", 1)
    together(
        lambda: fails("wrong_key", lambda: send_to(connection=os.environ["CLIENT_WRONG_KEY"])),
        lambda: fails("expired_token", lambda: send_to(connection=os.environ["CLIENT_EXPIRED_TOKEN"])),
        lambda: fails("missing_right_to_send", lambda: send_to(connection=os.environ["CLIENT_LISTENER"])),
        lambda: fails("missing_right_to_receive", lambda: receive_as(os.environ["CLIENT_SENDER"])),
        lambda: fails("unknown_hub", lambda: send_to(hub="nowhere")),
        lambda: fails("unknown_partition", lambda: send_to(partition="9")),
        lambda: fails("oversize_event", lambda: send_to(body="refused" * 100_000)),
    )


main()
