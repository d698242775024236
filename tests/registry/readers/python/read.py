"""Reads so many events of each hub with Microsoft's client, and prints what `read` of `docs/downstream/README.md` makes of each.

The arguments are the connection string, that page, and `hub=count` for each hub.
"""

import json
import os
import pathlib
import re
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor

from azure.eventhub import EventHubConsumerClient

LIMIT = 60


def sample(page):
    """The page's first program in Python, as it stands there."""
    module = types.ModuleType("sample")
    exec(re.findall(r"(?ms)^```python\n(.*?)^```", pathlib.Path(page).read_text())[0], module.__dict__)
    return module


def received(connection, hub, count):
    """That many events of a hub, of all its partitions."""
    events, enough = [], threading.Event()

    def add(_, event):
        if event is not None:
            events.append(event)
        if len(events) >= count:
            enough.set()

    client = EventHubConsumerClient.from_connection_string(connection, consumer_group="$Default", eventhub_name=hub)
    reading = threading.Thread(target=client.receive, args=(add,), kwargs={"starting_position": "-1"}, daemon=True)
    reading.start()
    enough.wait(LIMIT)
    return events


def end():
    """At once: to close a client takes seconds, and nobody needs it any more."""
    sys.stdout.flush()
    os._exit(0)


def main():
    connection, page, *hubs = sys.argv[1:]
    read = sample(page).read
    hubs = dict(it.split("=") for it in hubs)
    # Together: the client sleeps most of the time.
    with ThreadPoolExecutor(len(hubs)) as pool:
        all_events = pool.map(lambda it: received(connection, it[0], int(it[1])), hubs.items())
    for hub, events in zip(hubs, all_events):
        for event in events:
            record = read(event)
            headers = {name: it.decode() if isinstance(it, bytes) else it for name, it in record["headers"].items()}
            print(json.dumps({
                "hub": hub, "id": event.message_id, "key": record["key"].decode(), "content_type": event.content_type,
                "headers": headers, "value": record["value"].decode(),
            }))


if __name__ == "__main__":
    main()
    end()
