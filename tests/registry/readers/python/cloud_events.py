"""Reads so many CloudEvents of a hub with Microsoft's client, and prints of each what the SDK of CloudEvents says: its data in base64.

How an event is given to the SDK's binding of AMQP is the sample of `docs/downstream/decoded.md`.

The arguments are the connection string, that page, the hub, and how many there are.
"""

import base64
import datetime
import json
import sys

from azure.core.messaging import CloudEvent
from cloudevents.core.formats.json import JSONFormat
from read import end, received, sample


def main():
    connection, page, hub, count = sys.argv[1:]
    cloud_event = sample(page).cloud_event
    for event in received(connection, hub, int(count)):
        read = cloud_event(event)
        attributes = {
            name: it.isoformat().replace("+00:00", "Z") if isinstance(it, datetime.datetime) else it
            for name, it in read.get_attributes().items()
        }
        structured = (event.content_type or "").startswith("application/cloudevents")
        if structured:
            # As a function in Python reads it.
            azures = CloudEvent.from_json(b"".join(event.body))
            said = (azures.id, azures.source, azures.type, azures.subject, azures.time, azures.data)
            assert said == (read.get_id(), read.get_source(), read.get_type(), read.get_subject(), read.get_time(), read.get_data()), said
        data = JSONFormat().write_data(read.get_data(), attributes.get("datacontenttype"))
        print(json.dumps({
            "mode": "structured" if structured else "binary", "attributes": attributes,
            "data": base64.b64encode(data).decode() if data else None,
        }))


main()
end()
