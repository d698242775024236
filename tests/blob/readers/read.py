"""Reads so many events of a hub's only partition with Microsoft's client, and prints what `Parts` of `docs/downstream/too-large.md` makes of
them: once as they come, and once with each of them given twice.

The arguments are the connection string, that page, the hub, and how many there are.
"""

import hashlib
import json
import os
import pathlib
import re
import sys
import threading
import types

from azure.eventhub import EventHubConsumerClient

LIMIT = 60


def sample(page):
    """The page's program in Python with `Parts`, as it stands there."""
    programs = re.findall(r"(?ms)^```python\n(.*?)^```", pathlib.Path(page).read_text())
    module = types.ModuleType("sample")
    exec(next(it for it in programs if "class Parts" in it), module.__dict__)
    return module


def received(connection, hub, count):
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


def main():
    connection, page, hub, count = sys.argv[1:]
    events = received(connection, hub, int(count))
    for times in (1, 2):
        parts = sample(page).Parts()
        for event in [it for it in events for _ in range(times)]:
            value = parts.value(event)
            if value is not None:
                said = {"id": event.message_id, "size": len(value), "sha256": hashlib.sha256(value).hexdigest()}
                print(json.dumps({"times": times, **said}))
        print(json.dumps({"times": times, "open": len(parts.open)}))


main()
# At once: to close a client takes seconds, and nobody needs it any more.
sys.stdout.flush()
os._exit(0)
