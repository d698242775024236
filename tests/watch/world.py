"""A world to watch: the stage, records that flow without end, and a real Prometheus that scrapes the bridge within Azure Monitor's limits.

Prometheus' clock cannot be hurried, so the rules are: every minute in them is a second here, and nothing else of them is changed.
"""

import json
import re
import threading
import urllib.parse

import yaml
from confluent_kafka import TopicPartition

from ports import free_ports
from stage import ROOT, Stage, get, wait_for

ALERTS = ROOT / "charts/kafka-eventhubs-bridge/files/alerts.yaml"
TOPICS = {"orders": "halt", "audits": "dead_letter", "payments": "halt", "returns": "halt"}


def hurried(text):
    """Rules in which a minute lasts a second, and the thresholds that are times are as much shorter."""
    text = re.sub(r"\b(\d+)m\b", r"\1s", text)
    return text.replace("> 300\n", "> 5\n").replace("> 120\n", "> 2\n").replace("> 900", "> 15")


class World(Stage):
    """What is on the stage, and who watches."""

    def __init__(self, folder):
        super().__init__(folder)
        self.amqp, self.prometheus = free_ports(2)
        self.stopped = threading.Event()

    def begin(self):
        self.start_kafka(4, [*TOPICS, "letters"])
        self.start_hub(f"127.0.0.1:{self.amqp}", 4, TOPICS)
        self.start_bridge(self._configuration())
        self._prometheus()
        threading.Thread(target=self._produce, daemon=True).start()

    def __exit__(self, *_):
        self.stopped.set()
        super().__exit__()

    def query(self, expression):
        """What Prometheus answers: the series and their values."""
        query = urllib.parse.urlencode({"query": expression})
        answer = get(f"http://127.0.0.1:{self.prometheus}/api/v1/query?{query}")
        answer = json.loads(answer or '{"status": "no answer"}')
        assert answer["status"] == "success", (expression, answer)
        return answer["data"]["result"]

    def firing(self):
        """The alerts that fire now."""
        return {series["metric"]["alertname"] for series in self.query('ALERTS{alertstate="firing"}')}

    def send_large(self, topic):
        """A record over Event Hubs' limit, that Kafka takes."""
        self.producer.produce(topic, b"x" * 1_500_000, key=b"large")
        self.producer.flush(30)

    def delete_records(self, topic):
        """What retention does: everything there is now goes."""
        offsets = [TopicPartition(topic, partition, -1) for partition in range(4)]
        for future in self.kafka.delete_records(offsets).values():
            future.result(30)

    def _configuration(self):
        mappings = "".join(f'[[mappings]]\ntopic = "{name}"\nhub = "{name}"\n[mappings.failure]\npolicy = "{policy}"\n' for name, policy in TOPICS.items())
        # The second broker is nobody: a client has something to complain of.
        return f"""
            [kafka]
            brokers = "127.0.0.1:{self.kafka_port},127.0.0.1:1"
            group_id = "watched"
            commit_interval = "500ms"
            [kafka.client]
            "session.timeout.ms" = 4000
            "heartbeat.interval.ms" = 1000
            # Nobody is there: what is not delivered is counted.
            [otlp]
            endpoint = "http://127.0.0.1:1"
            [failure]
            dead_letter_topic = "letters"
            {mappings}"""

    def _prometheus(self):
        (self.folder / "alerts.yaml").write_text(hurried(ALERTS.read_text()))
        labels = {"cluster": "c", "namespace": "shop", "pod": "bridge-0"}
        job = {
            "job_name": "bridge",
            "static_configs": [{"targets": [f"127.0.0.1:{self.admin}"], "labels": labels}],
            # What the PodMonitor of the chart asks for.
            **{"label_limit": 63, "label_name_length_limit": 511, "label_value_length_limit": 1023},
        }
        times = {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"}
        config = {"global": times, "rule_files": ["alerts.yaml"], "scrape_configs": [job]}
        file = self.folder / "prometheus.yaml"
        file.write_text(yaml.safe_dump(config))
        here = ["--web.listen-address", f"127.0.0.1:{self.prometheus}", "--storage.tsdb.path", self.folder / "series"]
        self.start("prometheus", "prometheus", "--config.file", file, *here)
        wait_for("Prometheus", lambda: get(f"http://127.0.0.1:{self.prometheus}/-/ready"))

    def _produce(self):
        """Some hundred records a second to each topic, for ever."""
        number = 0
        while not self.stopped.wait(0.05):
            for topic in TOPICS:
                for _ in range(20):
                    number += 1
                    try:
                        self.producer.produce(topic, b"x" * 200, key=str(number % 97).encode())
                    except BufferError:
                        pass
            self.producer.poll(0)
