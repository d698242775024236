"""docs/downstream/spark.md, run: its blocks as they stand, on a real Spark, with what the bridge has written.

For the Kafka endpoint, a Kafka with its login plays, and has what Event Hubs makes of the bridge's events there.
"""

import struct

import pytest
from pyspark.sql import functions as F

from shop import CONNECTION_STRING, LONG, PARTITION, RECORDS, TIME, TOPIC, TRACE, Shop, block, start_spark
from stage import wait_for

OTHER = "of another producer"
# Keys that are not what they are shown as.
SHOWN = {b"\xff\x00\x7f": r"\xff\x00\x7f"}
# What a query may take: on a busy machine, ten times what it takes on an idle one.
PATIENCE = 300
COLUMNS = ["value", "key", "topic", "partition", "offset", "timestamp", "traceparent"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    with Shop(tmp_path_factory.mktemp("shop")) as shop:
        yield shop
        # Shown when something failed.
        print(*shop.logs(), sep="\n")


@pytest.fixture(scope="module")
def spark(shop):
    spark = start_spark(shop)
    # An event that the bridge has not written, of the connector's own.
    address = {"eventhubs.connectionString": spark._jvm.org.apache.spark.eventhubs.EventHubsUtils.encrypt(CONNECTION_STRING)}
    spark.createDataFrame([(OTHER,)], ["body"]).write.format("eventhubs").options(**address).save()
    yield spark
    gateway = spark.sparkContext._gateway
    spark.stop()
    gateway.shutdown()


@pytest.fixture(params=["false", "true"], ids=["lenient", "ansi"])
def ansi(spark, request):
    """Both of Spark's ways with what is missing or malformed; the strict one is the newer default."""
    spark.conf.set("spark.sql.ansi.enabled", request.param)
    yield
    spark.conf.unset("spark.sql.ansi.enabled")


def run(spark, *blocks):
    """Runs blocks of the page, one after another; what they define."""
    scope = {"spark": spark, "connection_string": CONNECTION_STRING}
    for text in blocks:
        exec(compile(text, "spark.md", "exec"), scope)
    return scope


def drained(frame, name):
    """All that a stream has now."""
    query = frame.writeStream.format("memory").queryName(name).trigger(availableNow=True).start()
    assert query.awaitTermination(PATIENCE), query.status
    return frame.sparkSession.table(name)


def rows(frame):
    """Rows in the order of their offsets, those of nobody's first; times as Kafka has them."""
    assert frame.columns == COLUMNS
    found = [row.asDict() for row in frame.withColumn("timestamp", F.unix_millis("timestamp")).collect()]
    return sorted(found, key=lambda row: -1 if row["offset"] is None else row["offset"])


def expected():
    """What the page promises of the records."""
    for offset, (value, key, headers) in enumerate(RECORDS):
        yield {
            "value": None if value is None else value.decode(),
            "key": SHOWN[key] if key in SHOWN else key and key.decode(),
            "topic": TOPIC,
            "partition": PARTITION,
            "offset": offset,
            "timestamp": TIME,
            "traceparent": dict(headers).get("traceparent", b"").decode() or None,
        }


# Of an event that no record became.
STRANGER = {**dict.fromkeys(COLUMNS), "value": OTHER}


def test_the_records_here_are_of_every_kind():
    found = list(expected())
    assert found[0]["traceparent"] == TRACE and found[0]["key"] == "order-17"
    assert [row["value"] for row in found[1:3]] == [None, ""], "a tombstone, and a value that is empty"
    assert found[3]["key"] == r"\xff\x00\x7f" and found[4]["key"] is None and len(found[5]["key"]) == 129


def test_the_connector_reads_every_record(spark, ansi):
    orders = run(spark, block(0))["orders"]
    assert rows(drained(orders, "connector")) == [STRANGER, *expected()]


def test_the_connector_shows_what_the_page_says(spark):
    page = run(spark, block(0))
    everything = drained(page["events"], "everything")
    assert {row[0] for row in everything.select(page["of"]("trace.id")).collect()} == {"a", None}
    events = everything.collect()
    found = {row.properties.get("kafka_offset"): row for row in events}
    first, binary = found["0"], found["3"]
    # The source's own coordinates, which are the hub's.
    assert {row.partition for row in events} <= {"0", "1"} and min(int(row.sequenceNumber) for row in events) == 0
    assert (first.partitionKey, binary.partitionKey) == ("order-17", r"\xff\x00\x7f")
    assert first.systemProperties == {"message-id": f"{TOPIC}/{PARTITION}/0", "x-opt-partition-key": "order-17"}
    # Texts as they are, the rest as JSON; a null header as if its text were `null`.
    texts = {"kafka_topic": TOPIC, "traceparent": TRACE, "trace.id": "a", "quoted": '"q"', "number": "17", "nothing": "null"}
    json = {"kafka_partition": "1", "kafka_offset": "0", "kafka_timestamp": '"2026-11-21T10:00:00.123Z"'}
    assert first.properties == {**texts, **json}
    assert found["1"].properties["kafka_tombstone"] == "true"
    assert binary.properties["checksum"] == r"\x80\x01"
    assert (found["5"].partitionKey[:7], found["5"].properties["kafka_key"]) == ("sha256:", LONG.decode())
    assert found[None].properties == {}


def test_without_a_position_the_connector_waits_for_what_comes(spark):
    lines = [line for line in block(0).splitlines() if "startingPosition" not in line]
    assert drained(run(spark, "\n".join(lines))["orders"], "later").count() == 0


def endpoint_headers(offset, key, headers):
    """What Event Hubs' Kafka endpoint makes of an event of the bridge: AMQP, each value with its type."""

    def text(value):
        return b"\xa1" + bytes([len(value)]) + value

    yield from ((name, b"\x40" if value is None else text(value)) for name, value in headers)
    yield "kafka_topic", text(TOPIC.encode())
    yield "kafka_partition", b"\x54" + bytes([PARTITION])
    yield "kafka_offset", b"\x81" + struct.pack(">q", offset) if offset % 2 else b"\x55" + bytes([offset])
    yield "kafka_timestamp", b"\x83" + struct.pack(">q", TIME)
    if key is not None:
        yield ("x-opt-partition-key", text(b"sha256:")) if key == LONG else ("x-opt-partition-key", text(SHOWN[key].encode() if key in SHOWN else key))
    if key == LONG:
        yield "kafka_key", text(key)


@pytest.fixture(scope="module")
def endpoint(shop):
    """The Kafka endpoint's address, with everything there."""
    shop.publish(OTHER.encode(), [])
    for offset, (value, key, headers) in enumerate(RECORDS):
        tombstone = [("kafka_tombstone", b"\x41")] if value is None else []
        shop.publish(value or b"", [*endpoint_headers(offset, key, headers), *tombstone])
    return f"127.0.0.1:{shop.endpoint}"


def test_the_kafka_endpoint_reads_every_record(endpoint, spark, ansi):
    ours = {"shop-events.servicebus.windows.net:9093": endpoint, "SASL_SSL": "SASL_PLAINTEXT"}
    source = block(1)
    for theirs, our in ours.items():
        assert theirs in source
        source = source.replace(theirs, our)
    orders = run(spark, source)["orders"]
    assert rows(drained(orders, "endpoint")) == [STRANGER, *expected()]


def test_a_duplicate_changes_nothing(shop, spark):
    """Every event comes twice, and all is read twice, as when a checkpoint is lost. The last test, as the hub keeps its duplicates."""
    page = run(spark, block(0))
    again = drained(page["events"], "again").where("properties['kafka_offset'] IS NOT NULL").select("body", "partitionKey", "properties")
    assert again.count() == len(RECORDS)
    again.write.format("eventhubs").options(**page["configuration"]).save()
    assert drained(page["orders"], "duplicates").count() == 2 * len(RECORDS) + 1
    spark.createDataFrame([], page["orders"].schema).write.format("delta").saveAsTable("orders")
    for attempt in ("first", "second"):
        folder = shop.folder / f"checkpoints-{attempt}"
        run(spark, block(0), block(2).replace("/checkpoints", str(folder)))
        (query,) = spark.streams.active
        # One batch takes all there is.
        wait_for("the batch", lambda: query.exception() or (folder / "orders/commits/0").exists(), PATIENCE)
        query.stop()
        assert query.exception() is None
        assert rows(spark.table("orders")) == list(expected()), attempt
