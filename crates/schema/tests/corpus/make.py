#!/usr/bin/env python3
"""Makes `confluent.json`: values that Confluent's serializers for Python wrote, each with what its own deserializers read.

    pip install 'confluent-kafka[avro,protobuf,json]' grpcio-tools
    python make.py

What the deserializers read is Python's values, and becomes JSON by the rules of `src/form.rs`, which `plain` writes down once more,
from Python's values alone. Protobuf becomes JSON by Google's own `json_format`. The registry is the client's own, in memory.
"""

import base64
import datetime
import decimal
import importlib
import itertools
import json
import math
import pathlib
import struct
import sys
import tempfile
import uuid
from unittest import mock

from confluent_kafka.schema_registry import (
    Schema,
    SchemaReference,
    SchemaRegistryClient,
    header_schema_id_serializer,
    prefix_schema_id_serializer,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import json_format
from grpc_tools import protoc

HERE = pathlib.Path(__file__).parent
COUNTER = itertools.count(1)
CLIENT = SchemaRegistryClient.new_client({"url": "mock://corpus"})
CASES = []


# Which JSON a value of Avro is.


def defined(schema, names):
    """Adds all types with names that `schema` defines."""
    if isinstance(schema, list):
        for branch in schema:
            defined(branch, names)
    elif isinstance(schema, dict):
        if "name" in schema:
            names[schema["name"]] = names[schema.get("namespace", "shop") + "." + schema["name"]] = schema
        for part in [schema["type"], schema.get("items"), schema.get("values")] + [it["type"] for it in schema.get("fields", [])]:
            defined(part, names)
    return names


def short(number):
    """The shortest text that is read as the same `float` of four bytes."""
    for digits in range(1, 10):
        text = f"{number:.{digits}g}"
        if struct.pack("<f", float(text)) == struct.pack("<f", number):
            return float(text)
    raise ValueError(number)


def instant(value, unit, zone):
    if isinstance(value, int):  # Nanoseconds, which Python has no type for.
        seconds, rest = divmod(value, 10**9)
        whole = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
        return whole.strftime("%Y-%m-%dT%H:%M:%S") + f".{rest:09}" + zone
    digits = f"{value.microsecond:06}"[: {"millis": 3, "micros": 6}[unit]]
    return f"{value.year:04}" + value.strftime("-%m-%dT%H:%M:%S") + "." + digits + zone


def duration(value):
    months, days, millis = struct.unpack("<III", value)
    text = "P" + (f"{months}M" if months else "") + (f"{days}D" if days else "")
    if millis or not (months or days):
        text += f"T{millis // 1000}" + (f".{millis % 1000:03}" if millis % 1000 else "") + "S"
    return text


def logical(schema, value):
    """A value with a logical type, or `None` when it has none."""
    kind = schema.get("logicalType", "")
    if kind == "decimal":
        return format(value, "f")
    if kind == "date":
        return value.isoformat()
    if kind.startswith("time-"):
        return value.strftime("%H:%M:%S.") + f"{value.microsecond:06}"[: {"millis": 3, "micros": 6}[kind[5:]]]
    if kind.startswith("timestamp-"):
        return instant(value, kind[10:], "Z")
    if kind.startswith("local-timestamp-"):
        return instant(value, kind[16:], "")
    if kind == "uuid":
        return str(value if isinstance(value, uuid.UUID) else uuid.UUID(bytes=value))
    if kind == "duration":
        return duration(value)
    return None


def fits(schema, value, names):
    """Whether a value is of this branch of a union. Enough for the unions here."""
    kind = schema if isinstance(schema, str) else schema.get("logicalType", schema["type"])
    if kind in names:
        return fits(names[kind], value, names)
    types = {
        "null": type(None), "boolean": bool, "int": int, "long": int, "float": float, "double": float, "string": str,
        "bytes": bytes, "fixed": bytes, "enum": str, "array": list, "map": dict, "record": dict, "date": datetime.date,
        "decimal": decimal.Decimal, "timestamp-millis": datetime.datetime, "uuid": uuid.UUID,
    }
    if type(value) is not types[kind]:
        return False
    if kind == "record":
        return {field["name"] for field in schema["fields"]} == set(value)
    return kind != "enum" or value in schema["symbols"]


def plain(schema, value, names):
    """The JSON of a value of Avro, as `src/form.rs` states it."""
    if isinstance(schema, list):
        return plain(next(branch for branch in schema if fits(branch, value, names)), value, names)
    if isinstance(schema, str):
        schema = names[schema] if schema in names else {"type": schema}
    kind = schema["type"]
    if (text := logical(schema, value)) is not None:
        return text
    if kind in ("bytes", "fixed"):
        return base64.b64encode(value).decode()
    if kind == "long" and abs(value) >= 2**53:
        return str(value)
    if kind in ("float", "double") and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if kind == "float":
        return short(value)
    if kind == "array":
        return [plain(schema["items"], item, names) for item in value]
    if kind == "map":
        return {key: plain(schema["values"], item, names) for key, item in value.items()}
    if kind == "record":
        return {field["name"]: plain(field["type"], value[field["name"]], names) for field in schema["fields"]}
    if isinstance(kind, (dict, list)):
        return plain(kind, value, names)
    return value


# How a case is made.


def references(schema):
    """All that a schema refers to, near and far: what is referred to comes first."""
    found = {}
    for reference in schema.references or []:
        version = CLIENT.get_version(reference.subject, reference.version)
        found.update(references(version.schema))
        found[reference.name] = version.schema.schema_str
    return found


def add(name, kind, serializer, deserializer, value, read, key=False):
    """One value, written with the id before it and then with the GUID in a header."""
    topic = name.replace(" ", "-")
    part = MessageField.KEY if key else MessageField.VALUE
    for where, write in (("bytes", prefix_schema_id_serializer), ("header", header_schema_id_serializer)):
        context = SerializationContext(topic, part, [])
        written = serializer({"schema.id.serializer": write})(value, context)
        if len(written) < 6:  # Their deserializers ask for that much even when the id is in a header.
            continue
        got = deserializer()(written, context)
        registered = CLIENT.get_latest_version(f"{topic}-{part}")
        CASES.append({
            "name": f"{name}, id in {where}",
            "kind": kind,
            "part": part,
            "schema": registered.schema.schema_str,
            "references": [{"name": at, "text": text} for at, text in references(registered.schema).items()],
            "headers": {at: header.hex() for at, header in context.headers},
            "bytes": written.hex(),
            "id": f"id {registered.schema_id}" if where == "bytes" else f"guid {registered.guid}",
            "json": read(got),
        })


def avro(name, schema, values, refers=(), key=False):
    text = json.dumps(schema)
    names = defined(schema, {})
    for subject, other in refers:
        defined(other, names)
        CLIENT.register_schema(subject, Schema(json.dumps(other), "AVRO"))
    whole = Schema(text, "AVRO", [SchemaReference(f"{o['namespace']}.{o['name']}", s, 1) for s, o in refers])
    for at, value in enumerate(values):
        add(
            f"avro {name} {at}", "AVRO",
            lambda conf: AvroSerializer(CLIENT, whole, conf=conf),
            lambda: AvroDeserializer(CLIENT),
            value, lambda got: plain(schema, got, names), key,
        )


def protobuf(name, message, key=False):
    before = len(CASES)
    add(
        f"protobuf {name}", "PROTOBUF",
        lambda conf: ProtobufSerializer(type(message), CLIENT, conf=conf),
        lambda: ProtobufDeserializer(type(message), {}, CLIENT),
        message, lambda got: json.loads(json_format.MessageToJson(got)), key,
    )
    # The client registers descriptors in base64. A registry gives text, unless it is asked for descriptors.
    file = type(message).DESCRIPTOR.file.name
    for case in CASES[before:]:
        text = dict(case, name=case["name"] + ", schema as text", schema=(HERE / "proto" / file).read_text())
        text["references"] = [
            {"name": it["name"], "text": (HERE / "proto" / it["name"]).read_text()}
            for it in case["references"] if (HERE / "proto" / it["name"]).exists()
        ]
        CASES.append(text)


def json_schema(name, schema, values):
    for at, value in enumerate(values):
        add(
            f"json {name} {at}", "JSON",
            lambda conf: JSONSerializer(json.dumps(schema), CLIENT, conf=conf),
            lambda: JSONDeserializer(json.dumps(schema)),
            value, lambda got: got,
        )


# The cases.


def record(name, **fields):
    return {"type": "record", "name": name, "namespace": "shop", "fields": [
        {"name": at, "type": kind} for at, kind in fields.items()
    ]}


def of(kind, logical_type, **more):
    return {"type": kind, "logicalType": logical_type, **more}


def all_avro():
    utc = datetime.timezone.utc
    avro("primitives", record(
        "Primitives", none="null", yes="boolean", number="int", large="long", single="float", double="double",
        raw="bytes", text="string",
    ), [
        dict(none=None, yes=True, number=-(2**31), large=2**53 - 1, single=3.4, double=1e-300, raw=b"\0\xff", text='ü"\n\0€'),
        dict(none=None, yes=False, number=2**31 - 1, large=-(2**63), single=math.inf, double=math.nan, raw=b"", text=""),
        dict(none=None, yes=False, number=0, large=2**53, single=1.0, double=-0.5, raw=b"abc", text="𝄞"),
    ])
    avro("logical types", record(
        "Logical", price=of("bytes", "decimal", precision=20, scale=4), day=of("int", "date"),
        milli=of("int", "time-millis"), micro=of("long", "time-micros"), at=of("long", "timestamp-millis"),
        exact=of("long", "timestamp-micros"), here=of("long", "local-timestamp-millis"),
        here_exact=of("long", "local-timestamp-micros"), nano=of("long", "timestamp-nanos"), id=of("string", "uuid"),
        fixed=of("fixed", "decimal", name="Fixed", size=9, precision=20, scale=2),
        span=of("fixed", "duration", name="Span", size=12), other=of("string", "of-nobody"),
    ), [
        dict(
            price=decimal.Decimal("-1234567890.1234"), day=datetime.date(1969, 12, 31), milli=datetime.time(23, 59, 59, 999000),
            micro=datetime.time(0, 0, 0, 1), at=datetime.datetime(2026, 11, 30, 4, 52, 55, 123000, utc),
            exact=datetime.datetime(1, 1, 1, 0, 0, 0, 1, utc), here=datetime.datetime(2000, 2, 29, 12, 0),
            here_exact=datetime.datetime(9999, 12, 31, 23, 59, 59, 999999), nano=1_700_000_000_123_456_789,
            id=uuid.UUID("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"), fixed=decimal.Decimal("0.05"),
            span=struct.pack("<III", 1, 2, 3004), other="as it is",
        ),
    ])
    address = record("Address", street="string", number=["null", "int", "string"])
    suit = {"type": "enum", "name": "Suit", "symbols": ["CLUBS", "HEARTS"]}
    avro("unions", record(
        "Unions", maybe=["null", "string"], many=["null", "boolean", "long", "double", "string", "bytes", address, suit, {
            "type": "array", "items": ["int", "string"]}, {"type": "map", "values": ["null", "shop.Address"]}],
        priced=["null", of("bytes", "decimal", precision=5, scale=2), of("long", "timestamp-millis")],
    ), [
        dict(maybe=maybe, many=many, priced=priced) for maybe, many, priced in [
            (None, None, None), ("x", True, decimal.Decimal("1.50")), ("", 2**60, datetime.datetime(2026, 1, 1, tzinfo=utc)),
            (None, 0.25, None), (None, "text", None), (None, b"\1\2", None), (None, [1, "two"], None),
            (None, dict(street="Main", number="4b"), None), (None, {"a": None, "b": dict(street="Side", number=7)}, None),
        ]
    ])
    tree = record("Tree", value="long", children={"type": "array", "items": "Tree"}, next=["null", "Tree"])
    leaf = dict(value=1, children=[], next=None)
    avro("recursion", tree, [dict(value=3, children=[leaf, dict(value=2, children=[leaf], next=leaf)], next=leaf)])
    avro("containers", record(
        "Containers", list={"type": "array", "items": {"type": "array", "items": "int"}},
        map={"type": "map", "values": {"type": "map", "values": "double"}},
        fixed={"type": "fixed", "name": "Four", "size": 4}, again="Four", suit=suit,
    ), [
        dict(list=[[], [1, 2], [3]], map={"a": {}, 'b"': {"c": 0.5}}, fixed=b"abcd", again=b"\0\0\0\0", suit="HEARTS"),
        dict(list=[], map={}, fixed=b"....", again=b"\xff\xfe\xfd\xfc", suit="CLUBS"),
    ])
    avro("a primitive as key", {"type": "string"}, ["key of a record"], key=True)
    avro("a long alone", {"type": "long"}, [7, -1])
    money = record("Money", cents="long", currency={"type": "enum", "name": "Currency", "symbols": ["EUR", "CHF"]})
    avro(
        "references", record("Priced", total="shop.Money", tax=["null", "shop.Money"]),
        [dict(total=dict(cents=5, currency="CHF"), tax=dict(cents=1, currency="EUR"))], [("money", money)],
    )


def all_protobuf():
    with tempfile.TemporaryDirectory() as out:
        files = sorted(str(it.relative_to(HERE / "proto")) for it in (HERE / "proto").rglob("*.proto"))
        if protoc.main(["protoc", f"-I{HERE / 'proto'}", f"-I{pathlib.Path(protoc.__file__).parent / '_proto'}",
                        f"--python_out={out}", *files]):
            sys.exit("protoc failed")
        sys.path.insert(0, out)
        shop = importlib.import_module("shop.order_pb2")
        scalars = importlib.import_module("scalars_pb2")
        old = importlib.import_module("old_pb2")
    protobuf("nothing set", scalars.Scalars())
    protobuf("scalars", scalars.Scalars(
        double=-0.5, single=3.4, i32=-1, i64=2**63 - 1, u32=2**32 - 1, u64=2**64 - 1, s32=-(2**31), s64=-(2**63), f32=7,
        f64=8, sf32=-7, sf64=-8, yes=True, text='ü"\n', raw=b"\0\xff", maybe=0, numbers=[1, 0, -1],
        names={"b": 2, "a": 0}, flags={True: "yes", False: "no"}, by_number={-5: b"x"}, colour=scalars.GREEN,
    ))
    protobuf("not finite", scalars.Scalars(double=math.nan, single=-math.inf))
    order = shop.Order(
        id=7, customer=shop.Customer(name="Ada", address=dict(street="Main", country=dict(code="DE"))),
        lines=[shop.Order.Line(sku="a", parts=[shop.Order.Line.Part(spare=True)]), shop.Order.Line()],
        card=shop.Order.Card(number="1"), state=shop.PAID,
    )
    order.placed_at.FromJsonString("2026-11-30T04:52:55.120Z")
    order.took.FromJsonString("-1.5s")
    order.note.value = ""
    order.count.value = 2**60
    order.extra.update({"a": [1, None, {"b": "c"}], "d": True})
    order.mask.FromJsonString("unitPrice,customer.firstName")
    order.any.Pack(shop.Customer(name="Eve"))
    order.instant.Pack(order.placed_at)
    protobuf("an order", order)
    protobuf("one of", shop.Order(voucher=""))
    protobuf("a nested message", shop.Order.Line(sku="x", parts=[shop.Order.Line.Part()]))
    protobuf("a message nested deeper", shop.Order.Line.Part(spare=True))
    protobuf("the second message", shop.Customer(name="Bob"), key=True)
    protobuf("proto2", old.Old(id=0, state=old.Old.B, inner=old.Old.Inner(deep=1), **{"group": dict(flag=True)}))


def all_json():
    schema = {"title": "Order", "type": "object", "properties": {"id": {"type": "integer"}}}
    json_schema("schema", schema, [{"id": 1, "text": 'ü"\n', "list": [1.5, None, True]}, {"id": 2**60}])


def main():
    # The mock's GUIDs are random; here they are the same on every run.
    with mock.patch("uuid.uuid4", lambda: uuid.uuid5(uuid.NAMESPACE_OID, str(next(COUNTER)))):
        all_avro()
        all_protobuf()
        all_json()
    (HERE / "confluent.json").write_text(json.dumps(CASES, indent=1, ensure_ascii=False) + "\n")
    print(f"{len(CASES)} cases")


if __name__ == "__main__":
    main()
