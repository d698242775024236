"""The real collector of OpenTelemetry has what the bridge exports; and when it is away or frozen, records flow as before.

One test, in order: everything arrives, the collector goes and comes back, it is frozen and the bridge stops.
"""

import contextlib
import json
import os
import re
import signal
import socket

import pytest

from ports import free_ports
from stage import Stage, get, wait_for

TOPIC = "orders"
RECORDS = 300
TOKEN = "hush-of-the-collector"


def traceparent(number):
    """Every third one is not sampled."""
    return f"00-{(7 << 64) + number:032x}-b7ad6b7169203331-{'00' if number % 3 == 0 else '01'}"


class Scene(Stage):
    def __init__(self, folder):
        super().__init__(folder)
        self.amqp, self.otlp = free_ports(2)
        self.written = 0

    def begin(self):
        self.start_kafka(3, [TOPIC])
        self.start_hub(f"127.0.0.1:{self.amqp}", 4, [TOPIC])
        # A header that the collector wants is the business of an extension; that it is sent, tests/promises show.
        configuration = {
            "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{self.otlp}"}}}},
            "exporters": {"file/traces": {"path": str(self.folder / "traces.json")}, "file/metrics": {"path": str(self.folder / "metrics.json")}},
            "service": {
                "telemetry": {"metrics": {"level": "none"}},
                "pipelines": {
                    "traces": {"receivers": ["otlp"], "exporters": ["file/traces"]},
                    "metrics": {"receivers": ["otlp"], "exporters": ["file/metrics"]},
                },
            },
        }
        # JSON is YAML.
        (self.folder / "collector.yaml").write_text(json.dumps(configuration))
        (self.folder / "headers").write_text(f"authorization: Bearer {TOKEN}\n")
        self.start("collector", os.environ["COLLECTOR"], f"--config=file:{self.folder}/collector.yaml")
        wait_for("the collector", lambda: listens(self.otlp))
        self.start_bridge(f"""
            [kafka]
            brokers = "127.0.0.1:{self.kafka_port}"
            group_id = "exported"
            [[mappings]]
            topic = "{TOPIC}"
            hub = "{TOPIC}"
            [batch]
            linger = "50ms"
            [otlp]
            endpoint = "http://127.0.0.1:{self.otlp}"
            headers_file = "{self.folder}/headers"
            metrics_interval = "1s"
            timeout = "2s"
        """)

    def write(self):
        """So many records more, and waits until the hub has them."""
        for number in range(self.written, self.written + RECORDS):
            headers = [("traceparent", traceparent(number).encode())]
            self.producer.produce(TOPIC, str(number).encode(), key=f"k{number}".encode(), headers=headers)
        self.producer.flush(30)
        self.written += RECORDS
        wait_for("the records", lambda: self.stored(TOPIC) == self.written)

    def exported(self, signal):
        """What the collector has written, a request a line; the last may not be whole yet."""
        file = self.folder / f"{signal}.json"
        lines = file.read_text().split("\n")[:-1] if file.exists() else []
        return [json.loads(line) for line in lines]

    def spans(self):
        for request in self.exported("traces"):
            for resource in request["resourceSpans"]:
                for scope in resource["scopeSpans"]:
                    yield from scope["spans"]

    def linked(self):
        return {f"00-{link['traceId']}-{link['spanId']}-01" for span in self.spans() for link in span.get("links", [])}

    def values(self):
        """The last values of counters and gauges, and the counts of histograms, as `/metrics` names them; zeros are left out of the JSON."""
        found = {}
        for request in self.exported("metrics")[-1:]:
            for metric in (it for resource in request["resourceMetrics"] for scope in resource["scopeMetrics"] for it in scope["metrics"]):
                for kind in ("sum", "gauge", "histogram"):
                    for point in metric.get(kind, {}).get("dataPoints", []):
                        name = metric["name"] + ("_count" if kind == "histogram" else "")
                        value = point.get("count" if kind == "histogram" else "asDouble", 0)
                        found[name, labels(point)] = float(value)
        return found

    def page(self):
        found = {}
        for line in get(f"http://127.0.0.1:{self.admin}/metrics").splitlines():
            if series := re.fullmatch(r"(bridge_\w+)(?:\{(.*)\})? (\S+)", line):
                found[series[1], tuple(sorted(re.findall(r'(\w+)="(.*?)"', series[2] or "")))] = float(series[3])
        return found


def listens(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5):
        return True


def labels(point):
    return tuple(sorted((it["key"], it["value"]["stringValue"]) for it in point.get("attributes", [])))


def attributes(span):
    return {it["key"]: next(iter(it["value"].values())) for it in span["attributes"]}


def sampled(first, last):
    return {traceparent(number) for number in range(first, last) if number % 3}


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    with Scene(tmp_path_factory.mktemp("scene")) as scene:
        yield scene
    # Shown when something failed.
    print(*scene.logs(), sep="\n")


def test_a_real_collector_has_what_is_exported_and_is_not_waited_for(scene):
    scene.write()
    wait_for("every sampled record is linked", lambda: scene.linked() >= sampled(0, RECORDS))
    assert scene.linked() == sampled(0, RECORDS)
    events = 0
    for span in scene.spans():
        said = attributes(span)
        assert (span["name"], span["kind"], span.get("parentSpanId", "")) == (f"send {TOPIC}", 4, "")
        assert said["messaging.system"] == "eventhubs" and said["messaging.destination.name"] == TOPIC
        assert said["messaging.destination.partition.id"] in {"0", "1", "2", "3"}
        events += int(said["messaging.batch.message_count"])
    assert events <= RECORDS
    # What stands still while nothing flows: the counts of what was taken, batched and sent.
    counts = ("bridge_records_received_total", "bridge_events_sent_total", "bridge_batches_sealed_total", "bridge_send_duration_seconds_count", "bridge_position")

    def same():
        exported, page = scene.values(), scene.page()
        wanted = {series: value for series, value in page.items() if series[0] in counts}
        return len(wanted) > 5 and all(exported.get(series) == value for series, value in wanted.items())

    wait_for("the metrics of the page", same)

    # It goes away: records flow, and it is told.
    scene.kill("collector")
    scene.write()
    wait_for("failures", lambda: scene.page()["bridge_otlp_exports_total", (("outcome", "failed"), ("signal", "traces"))] > 0)
    log = scene.folder / "bridge.log"
    wait_for("a word", lambda: "cannot export to the collector" in log.read_text())
    # It comes back: the spans that were tried meanwhile arrive, and metrics go on.
    scene.start("collector")
    wait_for("a word that it is back", lambda: "the collector accepts exports again" in log.read_text())
    before = scene.written
    scene.write()
    wait_for("new spans", lambda: scene.linked() >= sampled(before, scene.written))

    # It is frozen: records flow, and the bridge stops in good order.
    scene.freeze("collector")
    scene.write()
    bridge = scene.running["bridge"]
    bridge.send_signal(signal.SIGTERM)
    assert bridge.wait(60) == 0
    text = log.read_text()
    assert "stopped" in text and TOKEN not in text
    scene.thaw("collector")
