"""docs/downstream: what is written there reads an event of the bridge, as each reader's own library hands it over.

Python and JavaScript are run. The queries are not: for them, every property they name is one the bridge writes.
"""

import datetime
import io
import json
import logging
import re
import shutil
import subprocess
import types

import azure.functions
import fastavro
import pytest
from azure.eventhub import EventData
from azure.eventhub._pyamqp._decode import decode_payload
from azure.eventhub._pyamqp._encode import encode_payload, encode_value
from azure.eventhub._pyamqp.message import Message, Properties
from azure.functions import meta

from chart import ROOT

PAGES = {page.stem: page.read_text() for page in (ROOT / "docs/downstream").glob("*.md")}
STEP = {"step": 0, "state": "placed", "order": {"order_id": "order-17", "customer": "c-4", "total_cents": 1999}}
BODY = json.dumps(STEP).encode()
TIME = datetime.datetime(2026, 11, 21, 10, 0, tzinfo=datetime.timezone.utc)
MILLISECONDS = int(TIME.timestamp() * 1000)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def code(page, language, number=0):
    """A block of `page`."""
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```", PAGES[page])[number]


def python(page):
    """The first block of Python, run; what it defines."""
    module = types.ModuleType(page)
    exec(compile(code(page, "python"), f"{page}.md", "exec"), module.__dict__)
    return module


def amqp(value):
    """A value as AMQP encodes it, with the types of docs/events.md."""
    written = bytearray()
    encode_value(written, value)
    return bytes(written)


# AMQP's own types, where Python's would become others.
PROPERTIES = {
    "kafka_topic": "orders",
    "kafka_partition": {"TYPE": "INT", "VALUE": 3},
    "kafka_offset": {"TYPE": "LONG", "VALUE": 5_000_000_000},
    "kafka_timestamp": {"TYPE": "TIMESTAMP", "VALUE": MILLISECONDS},
    "traceparent": TRACE,
    "trace.id": "a",
    "empty": None,
}


def received(body=BODY, key="order-17", **more):
    """An event as the Python client hands it over: encoded, and decoded as from the wire."""
    message = Message(
        data=[body],
        properties=Properties(message_id="orders/3/5000000000"),
        message_annotations={b"x-opt-partition-key": key.encode()} if key else {},
        application_properties={**PROPERTIES, **more},
    )
    wire = bytearray()
    encode_payload(wire, message)
    return EventData._from_message(decode_payload(memoryview(bytes(wire))))


def test_the_python_client_reads_it():
    read = python("README").read
    record = read(received())
    headers = record.pop("headers")
    assert record == {"topic": "orders", "partition": 3, "offset": 5_000_000_000, "timestamp": MILLISECONDS, "key": b"order-17", "value": BODY}
    assert headers["traceparent"] == TRACE.encode() and headers["trace.id"] == b"a" and headers["empty"] is None
    assert read(received(b"", kafka_tombstone=True))["value"] is None
    assert read(received(b""))["value"] == b""
    assert read(received(key="sha256:5feceb66", kafka_key=""))["key"] == b""
    assert read(received(kafka_key=b"\xff\x00"))["key"] == b"\xff\x00"
    assert read(received(key=None))["key"] is None


def node(program, given):
    """What a program prints that has `given` as its third argument, as JSON."""
    if not shutil.which("node"):
        pytest.skip("node is not installed: what is written for JavaScript was not run")
    done = subprocess.run(["node", "-e", program, json.dumps(given)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_javascript_client_reads_it():
    properties = {"kafka_topic": "orders", "kafka_partition": 3, "kafka_offset": 5_000_000_000, "kafka_timestamp": MILLISECONDS, "trace.id": "a"}
    whole = {**properties, "kafka_key": "", "bytes": {"0": 255, "1": 0}}
    events = [
        {"body": STEP, "partitionKey": "order-17", "properties": properties},
        {"body": "", "partitionKey": "order-17", "properties": {**properties, "kafka_tombstone": True}},
        {"body": "x", "partitionKey": "sha256:5feceb66", "properties": whole},
    ]
    program = code("README", "js") + "console.log(JSON.stringify(JSON.parse(process.argv[1]).map(read).map((it) => ({...it, bytes: bytes(it.headers.bytes ?? {})}))));"
    first, deleted, keyed = node(program, events)
    assert (first["topic"], first["partition"], first["offset"]) == ("orders", 3, 5_000_000_000)
    assert first["timestamp"] == "2026-11-21T10:00:00.000Z" and first["key"] == "order-17"
    assert first["value"] == STEP and first["headers"] == {"trace.id": "a"}
    assert deleted["value"] is None
    assert keyed["key"] == "" and keyed["bytes"]["data"] == [255, 0]


# As the Functions host writes properties, one JSON for a batch.
HOSTS = [
    {"kafka_topic": "orders", "kafka_partition": 3, "kafka_offset": 5, "kafka_timestamp": "2026-11-21T10:00:00Z", "traceparent": TRACE},
    {"kafka_topic": "orders", "kafka_partition": 3, "kafka_offset": 6, "kafka_tombstone": True},
    {"kafka_topic": "orders", "kafka_partition": 3, "kafka_offset": 7, "kafka_key": ""},
]


def triggered(offsets):
    """A batch as the Python worker hands it over."""
    system = [{"PartitionKey": key, "SequenceNumber": 1, "Offset": offset} for key, offset in zip(("order-17", "order-18", "sha256:5feceb66"), offsets)]
    metadata = {"SystemPropertiesArray": meta.Datum(json.dumps(system), "json"), "PropertiesArray": meta.Datum(json.dumps(HOSTS), "json")}
    bodies = meta.Datum(types.SimpleNamespace(bytes=[BODY, b"", BODY]), "collection_bytes")
    return azure.functions.eventhub.EventHubTriggerConverter.decode(bodies, trigger_metadata=metadata)


def test_a_python_function_reads_it(caplog):
    module = python("functions")
    (function,) = module.app.get_functions()
    binding = function.get_dict_repr()["bindings"][0]
    assert (str(binding["type"]), binding["eventHubName"]) == ("eventHubTrigger", "orders")
    caplog.clear()
    with caplog.at_level(logging.INFO):
        function.get_user_function()(triggered(["10", "20", "30"]))
    assert caplog.messages == [
        f"orders/3/5: order-17 is placed, {TRACE}",
        "orders/3/6: order-18 is deleted",
        "orders/3/7:  is placed, None",
    ]


def test_a_python_function_gets_no_batch_whose_offsets_are_no_numbers():
    """As the page warns."""
    with pytest.raises(ValueError, match="int"):
        triggered(["0:1:2", "0:1:3", "0:1:4"])


# What the worker does to the host's metadata, names of properties included; and a stand-in for the library that registers functions.
WORKER = """
const lowered = (value) =>
  value === null || typeof value !== "object" ? value
    : Array.isArray(value) ? value.map(lowered)
    : Object.fromEntries(Object.entries(value).map(([key, it]) => [key[0].toLowerCase() + key.slice(1), lowered(it)]));
const registered = {};
require = (name) => {
  if (name !== "@azure/functions") throw new Error(name);
  return { app: { eventHub: (name, options) => (registered[name] = options) } };
};
"""
CALL = """
const given = JSON.parse(process.argv[1]);
const said = [];
registered.orders.handler(given.bodies.map((it) => Buffer.from(it)), { triggerMetadata: lowered(given.metadata), log: (text) => said.push(text) });
console.log(JSON.stringify(said));
"""


def test_a_javascript_function_reads_it():
    metadata = {"PropertiesArray": [*HOSTS[:2], {**HOSTS[2], "Traceparent": "lowered"}], "PartitionKeyArray": ["order-17", "order-18", "sha256:5feceb66"]}
    given = {"bodies": [BODY.decode(), "", BODY.decode()], "metadata": metadata}
    assert node(WORKER + code("functions", "js") + CALL, given) == [
        f"orders/3/5: order-17 is placed, {TRACE}",
        "orders/3/6: order-18 is deleted",
        "orders/3/7:  is placed, lowered",
    ]


def test_spark_decodes_what_the_kafka_endpoint_shows():
    """The headers there are AMQP, as the official client encodes it."""
    source = code("spark", "python", 1)
    start = source.index("def decoded")
    scope = {}
    exec("import struct\n" + source[start : source.index("\n\n\n", start)], scope)
    decoded = scope["decoded"]
    long_text = "x" * 300
    values = {
        "orders": "orders",
        long_text: long_text,
        "naïve": "naïve",
        b"\xff\x00": "ff00",
        True: "true",
        False: "false",
        None: None,
    }
    for value, text in values.items():
        assert decoded(amqp(value)) == text, value
    for name in ("kafka_partition", "kafka_offset", "kafka_timestamp"):
        assert decoded(amqp(PROPERTIES[name])) == str(PROPERTIES[name]["VALUE"])
    assert decoded(bytes([0x56, 1])) == "true"
    assert decoded(b"") is None


@pytest.mark.parametrize("number", range(3))
def test_spark_is_python(number):
    compile(code("spark", "python", number), "spark.md", "exec")


# As Event Hubs documents its files.
UNION = {"type": "map", "values": ["long", "double", "string", "bytes"]}
CAPTURED = {
    "type": "record",
    "name": "EventData",
    "namespace": "Microsoft.ServiceBus.Messaging",
    "fields": [
        {"name": "SequenceNumber", "type": "long"},
        {"name": "Offset", "type": "string"},
        {"name": "EnqueuedTimeUtc", "type": "string"},
        {"name": "SystemProperties", "type": UNION},
        {"name": "Properties", "type": UNION},
        {"name": "Body", "type": ["null", "bytes"]},
    ],
}


def test_a_captured_file_is_read():
    properties = {"kafka_topic": "orders", "kafka_partition": 3, "kafka_offset": 5, "traceparent": TRACE}
    common = {"SequenceNumber": 1, "Offset": "10", "EnqueuedTimeUtc": "11/21/2026 10:00:00 AM"}
    events = [
        {**common, "SystemProperties": {"x-opt-partition-key": "order-17"}, "Properties": properties, "Body": BODY},
        {**common, "SystemProperties": {"x-opt-partition-key": "order-18"}, "Properties": {**properties, "kafka_tombstone": 1}, "Body": b""},
        {**common, "SystemProperties": {"x-opt-partition-key": "sha256:5feceb66"}, "Properties": {**properties, "kafka_key": ""}, "Body": BODY},
    ]
    file = io.BytesIO()
    fastavro.writer(file, CAPTURED, events)
    file.seek(0)
    first, deleted, keyed = python("capture").records(file)
    assert (first["topic"], first["partition"], first["offset"], first["key"]) == ("orders", 3, 5, "order-17")
    assert first["value"] == BODY and first["headers"] == {"traceparent": TRACE}
    assert deleted["value"] is None and keyed["key"] == ""


def test_members_of_avros_union_are_counted_right():
    """`member0` is a long and `member2` a text, in the order of the schema."""
    query = code("capture", "sql")
    assert UNION["values"].index("long") == 0 and UNION["values"].index("string") == 2
    assert re.findall(r"'kafka_(\w+)'\]\.member(\d)", query) == [("topic", "2"), ("partition", "0"), ("offset", "0")]


def test_pages_name_only_properties_that_there_are():
    written = set(re.findall(r"`(kafka_\w+)`", (ROOT / "docs/events.md").read_text())) - {"kafka_"}
    assert len(written) >= 6
    for name, text in PAGES.items():
        assert set(re.findall(r"\b(kafka_[a-z]+)\b", text)) <= written, name


def test_mappings_of_data_explorer_are_json():
    statement = code("data-explorer", "kusto")
    mapping = json.loads("".join(re.findall(r"(?m)^'(.*)'$", statement)))
    columns = re.findall(r"(\w+): \w+", statement.split("\n")[0])
    assert [it["column"] for it in mapping] == columns
    value = {**STEP, **STEP["order"]}
    for it in mapping:
        leaf = it["Properties"]["path"].removeprefix("$.").split(".")[-1]
        assert leaf.startswith("x-opt-") or leaf == "$" or leaf in value


def test_what_is_escaped_is_undone_as_events_md_says():
    text = (ROOT / "docs/events.md").read_text()
    scope = {}
    exec(re.findall(r"(?ms)^```python\n(.*?)^```", text)[0], scope)
    for shown, value in [(r"\xff\x00B@", b"\xff\x00B@"), (r"\x5cx41", rb"\x41"), (r"C:\xmas", rb"C:\xmas"), ("grün", "grün".encode())]:
        assert scope["undone"](shown) == value
