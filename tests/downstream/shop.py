"""What docs/downstream reads, for real: records in a Kafka, that the bridge has written to a hub; and a Spark, small, to read them with.

The connector's library speaks TLS only, to port 5671 only, whatever its connection string says. So the hub has that port on an address of the loopback
network of its own, and Spark's Java, asked for `localhost`, finds that.
"""

import os
import random
import re
import socket
import subprocess
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from ports import free_ports
from stage import ROOT, Stage, wait_for

PAGE = (ROOT / "docs/downstream/spark.md").read_text()
TOPIC, HUB = "shop.orders", "orders"
CONNECTION_STRING = f"Endpoint=sb://localhost/;SharedAccessKeyName=k;SharedAccessKey=c2VjcmV0;EntityPath={HUB}"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
TIME = 1_795_255_200_123
# A key that no partition key can hold.
LONG = b"k" * 129
# Value, key and headers, all to partition 1: their offsets are their places here.
RECORDS = [
    (b'{"state": "placed"}', b"order-17", [("traceparent", TRACE.encode()), ("trace.id", b"a"), ("quoted", b'"q"'), ("number", b"17"), ("nothing", None)]),
    (None, b"order-17", []),
    (b"", b"order-18", []),
    (b"binary", b"\xff\x00\x7f", [("checksum", b"\x80\x01")]),
    ("naïve".encode(), None, []),
    (b"long", LONG, []),
]
PARTITION = 1


def block(number):
    """A block of Python of the page."""
    return re.findall(r"(?ms)^```python\n(.*?)^```", PAGE)[number]


def loopback():
    """An address of this machine on which nobody has the port."""
    for _ in range(50):
        address = f"127.{random.randrange(1, 255)}.{random.randrange(1, 255)}.{random.randrange(1, 255)}"
        try:
            socket.create_server((address, 5671)).close()
            return address
        except OSError:
            continue
    raise AssertionError("no address of the loopback network has port 5671 free")


class Shop(Stage):
    """Kafka, the bridge, the hub, and a listener of Kafka that wants the login of Event Hubs' own."""

    def begin(self):
        self.authority, self.host = self.folder / "ca.pem", loopback()
        (self.endpoint,) = free_ports(1)
        module = "org.apache.kafka.common.security.plain.PlainLoginModule"
        login = {
            "listener.name.endpoint.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.endpoint.plain.sasl.jaas.config": f'{module} required user_$ConnectionString="{CONNECTION_STRING}";',
        }
        self.start_kafka(2, [TOPIC, HUB], {"ENDPOINT": ("SASL_PLAINTEXT", self.endpoint)}, login)
        self.start_hub(f"{self.host}:5671", 2, [HUB], "--tls-generate", self.authority)
        for value, key, headers in RECORDS:
            self.producer.produce(TOPIC, value, key, PARTITION, headers=headers, timestamp=TIME)
        assert self.producer.flush(30) == 0
        self.start_bridge(
            f"""
            [kafka]
            brokers = "127.0.0.1:{self.kafka_port}"
            group_id = "shop"
            [[mappings]]
            topic = "{TOPIC}"
            hub = "{HUB}"
            """
        )
        wait_for("the records in the hub", lambda: self.stored(HUB) == len(RECORDS))

    def publish(self, value, headers):
        """Writes to the topic that stands for the hub's Kafka endpoint."""
        self.producer.produce(HUB, value, headers=headers)
        assert self.producer.flush(30) == 0


def trust(authority):
    """That certificate, as Java wants it."""
    store = authority.with_suffix(".p12")
    what = ["-alias", "ca", "-file", authority, "-keystore", store, "-storetype", "PKCS12", "-storepass", "changeit"]
    subprocess.run(["keytool", "-importcert", "-noprompt", *what], check=True, capture_output=True, timeout=60)
    return store


def start_spark(shop):
    """A Spark of one thread and a gigabyte that knows the shop."""
    jars = sorted(str(it) for it in (Path(sys.prefix).parent / "jars").glob("*.jar"))
    assert jars, "run by `make check-downstream`, which has the libraries beside its Python"
    hosts = shop.folder / "hosts"
    hosts.write_text(f"{shop.host} localhost\n127.0.0.1 {socket.gethostname()}\n")
    trusted = f"-Djavax.net.ssl.trustStore={trust(shop.authority)} -Djavax.net.ssl.trustStorePassword=changeit"
    os.environ.update({"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable})
    settings = {
        "spark.jars": ",".join(jars),
        "spark.driver.memory": "1g",
        "spark.driver.extraJavaOptions": f"{trusted} -Djdk.net.hosts.file={hosts} -Dderby.system.home={shop.folder}",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.sql.warehouse.dir": str(shop.folder / "warehouse"),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    }
    builder = SparkSession.builder.master("local[1]")
    for key, value in settings.items():
        builder = builder.config(key, value)
    return builder.getOrCreate()
