"""Order events, written by Confluent's serializers for Python through the registry whose address is the argument.

One JSON object a line: which schema wrote it, its bytes, and the JSON that its reader has to see. That JSON is made of the values here,
as `docs/schemas.md` says; of Protobuf it is Google's own `json_format`.
"""

import base64
import datetime
import decimal
import importlib
import json
import pathlib
import sys
import tempfile
import uuid

from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import json_format
from grpc_tools import protoc

# Each version is a schema of its own.
VERSIONS = 5
STEPS = 40
STATES = ["placed", "paid", "packed", "shipped", "delivered"]
CITIES = ["London", None, "Malmö", "北京"]
# On both sides of what a double holds exactly, and of what 64 bits hold.
LARGE = [0, -1, 2**53 - 1, 2**53, -(2**53), 2**63 - 1, -(2**63)]
TOTALS = ["0.00", "-0.05", "12.30", "99999999999999999999999999999999.99"]
TIMES = [
    datetime.datetime(2026, 11, 30, 4, 52, 55, 123456, datetime.timezone.utc),
    datetime.datetime(1969, 12, 31, 23, 59, 59, 999999, datetime.timezone.utc),
    datetime.datetime(9999, 12, 31, tzinfo=datetime.timezone.utc),
]
RATIOS = [0.1 + 0.2, -0.0, 1e-300, 1.5]
NOTES = [None, "", 'say "hi"\n\u0000\\', "🎁"]


def turn(values, number):
    return values[number % len(values)]


def steps(version):
    """Plain values: the shape of the demo's orders, and what is hard about each."""
    for number in range(STEPS):
        lines = [{"sku": f"sku-{at}", "quantity": at + 1, "unit_cents": 2_450 * at} for at in range(number % 4)]
        order = {
            "order_id": f"ORD-{version}{number // len(STATES):05}", "customer": "Zoë Ünïcode", "city": turn(CITIES, number),
            "lines": lines, "total_cents": turn(LARGE, number),
        }
        yield {"step": number % len(STATES), "state": turn(STATES, number), "order": order}, number


# Avro


def avro_schema(version):
    line = {"type": "record", "name": "Line", "fields": [
        {"name": "sku", "type": "string"}, {"name": "quantity", "type": "int"}, {"name": "unit_cents", "type": "long"}]}
    order = {"type": "record", "name": "Order", "fields": [
        {"name": "order_id", "type": "string"}, {"name": "customer", "type": "string"}, {"name": "city", "type": ["null", "string"]},
        {"name": "lines", "type": {"type": "array", "items": line}}, {"name": "total_cents", "type": "long"}]}
    card = {"type": "record", "name": "Card", "fields": [{"name": "last_four", "type": "string"}]}
    fields = {
        "step": "int", "state": {"type": "enum", "name": "State", "symbols": STATES}, "order": order,
        "total": {"type": "bytes", "logicalType": "decimal", "precision": 36, "scale": 2},
        "at": {"type": "long", "logicalType": "timestamp-micros"}, "day": {"type": "int", "logicalType": "date"},
        "id": {"type": "string", "logicalType": "uuid"}, "paid_with": ["null", "string", card, "long"], "ratio": "double",
        "tags": {"type": "map", "values": ["null", "long"]}, "seal": "bytes", f"version_{version}": "boolean",
    }
    fields = [{"name": name, "type": kind} for name, kind in fields.items()]
    return {"type": "record", "name": "Step", "namespace": "shop", "fields": fields}


def whole(number):
    return number if abs(number) < 2**53 else str(number)


def avro(version, client):
    serializer = AvroSerializer(client, json.dumps(avro_schema(version)))
    for step, number in steps(version):
        at, seal = turn(TIMES, number), bytes([number, 0, 255])
        paid_with = turn([None, "voucher", {"last_four": "0042"}, 2**60], number)
        value = {
            **step, "total": decimal.Decimal(turn(TOTALS, number)), "at": at, "day": at.date(), "id": uuid.UUID(int=number),
            "paid_with": paid_with, "ratio": turn(RATIOS, number), "tags": {"none": None, "n": number}, "seal": seal,
            f"version_{version}": True,
        }
        order = {**step["order"], "total_cents": whole(step["order"]["total_cents"])}
        shown = {
            **value, "order": order, "total": turn(TOTALS, number), "at": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "day": str(at.date()),
            "id": str(uuid.UUID(int=number)), "paid_with": whole(paid_with) if isinstance(paid_with, int) else paid_with,
            "seal": base64.b64encode(seal).decode(),
        }
        yield step, serializer, value, shown


# Protobuf

PROTO = """syntax = "proto3";
package shop.v{version};
import "google/protobuf/timestamp.proto";
import "google/protobuf/wrappers.proto";
enum State {{ placed = 0; paid = 1; packed = 2; shipped = 3; delivered = 4; }}
message Step {{
  message Card {{ string last_four = 1; }}
  int32 step = 1;
  State state = 2;
  Order order = 3;
  google.protobuf.Timestamp at = 4;
  oneof paid_with {{ string voucher = 5; Card card = 6; int64 account = 7; }}
  double ratio = 8;
  map<string, sint64> tags = 9;
  bytes seal = 10;
  google.protobuf.StringValue note = 11;
  uint64 weight = 12;
}}
message Order {{
  message Line {{ string sku = 1; int32 quantity = 2; int64 unit_cents = 3; }}
  string order_id = 1;
  string customer = 2;
  optional string city = 3;
  repeated Line lines = 4;
  int64 total_cents = 5;
}}
"""


def compiled():
    """The modules of all versions, made by Google's compiler."""
    with tempfile.TemporaryDirectory() as out:
        names = [f"step_v{version}" for version in range(VERSIONS)]
        for version, name in enumerate(names):
            pathlib.Path(out, f"{name}.proto").write_text(PROTO.format(version=version))
        known = pathlib.Path(protoc.__file__).parent / "_proto"
        if protoc.main(["protoc", f"-I{out}", f"-I{known}", f"--python_out={out}", *(f"{name}.proto" for name in names)]):
            sys.exit("protoc failed")
        sys.path.insert(0, out)
        return [importlib.import_module(f"{name}_pb2") for name in names]


def protobuf(version, client, module):
    serializer = ProtobufSerializer(module.Step, client)
    for step, number in steps(version):
        value = module.Step(
            **{**step, "order": {name: it for name, it in step["order"].items() if it is not None}}, ratio=turn(RATIOS, number),
            tags={"n": number, "large": -(2**62)}, seal=bytes([number, 0, 255]), weight=2**64 - 1,
            **turn([{}, {"voucher": ""}, {"card": {"last_four": "0042"}}, {"account": 2**60}], number),
        )
        value.at.FromDatetime(turn(TIMES, number))
        if (note := turn(NOTES, number)) is not None:
            value.note.value = note
        yield step, serializer, value, json_format.MessageToDict(value)


# JSON Schema


def json_schema(version, client):
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "title": f"Step{version}", "type": "object", "required": ["order"]}
    serializer = JSONSerializer(json.dumps(schema), client)
    for step, number in steps(version):
        value = {**step, "ratio": turn(RATIOS, number), "note": turn(NOTES, number), "paid_with": turn([None, "voucher", 2**60], number)}
        yield step, serializer, value, value


def main():
    client = SchemaRegistryClient({"url": sys.argv[1]})
    modules = compiled()
    for version, module in enumerate(modules):
        for kind, written in (
            ("avro", avro(version, client)), ("protobuf", protobuf(version, client, module)), ("json", json_schema(version, client)),
        ):
            context = SerializationContext(f"{kind}-{version}", MessageField.VALUE, [])
            for step, serializer, value, shown in written:
                data = serializer(value, context)
                line = {"kind": kind, "version": version, "key": step["order"]["order_id"], "bytes": data.hex(), "json": shown}
                print(json.dumps(line))


main()
