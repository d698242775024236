"""Reads so many CloudEvents of a hub with Microsoft's client, and prints of each what the SDK of CloudEvents says: its data in base64.

The SDK's binding of AMQP takes the sections of a message, of any library. The client gives texts of properties as bytes.

The arguments are the connection string, the hub, and how many there are.
"""

import base64
import datetime
import json
import sys

from cloudevents.core.bindings.amqp import AMQPMessage, from_amqp_event
from cloudevents.core.formats.json import JSONFormat
from read import received


def text(value):
    return value.decode() if isinstance(value, bytes) else value


def main():
    connection, hub, count = sys.argv[1:]
    for event in received(connection, hub, int(count)):
        message = AMQPMessage(
            properties={"content-type": event.content_type} if event.content_type else {},
            application_properties={text(name): text(value) for name, value in event.properties.items()},
            application_data=b"".join(event.body),
        )
        read = from_amqp_event(message)
        attributes = {
            name: it.isoformat().replace("+00:00", "Z") if isinstance(it, datetime.datetime) else it
            for name, it in read.get_attributes().items()
        }
        structured = (event.content_type or "").startswith("application/cloudevents")
        data = JSONFormat().write_data(read.get_data(), attributes.get("datacontenttype"))
        print(json.dumps({
            "mode": "structured" if structured else "binary", "attributes": attributes,
            "data": base64.b64encode(data).decode() if data else None,
        }))


main()
