"""A world to watch: a real Kafka, `eventhubs-local`, the bridge, and a real Prometheus that scrapes it within Azure Monitor's limits.

Everything runs in a folder of its own on ports of its own, and ends with it. Prometheus' clock cannot be hurried, so the rules are: every minute in them is
a second here, and nothing else of them is changed.
"""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import yaml
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"
BRIDGE = os.environ.get("BRIDGE", TARGET / "kafka-eventhubs-bridge")
EVENTHUBS_LOCAL = os.environ.get("EVENTHUBS_LOCAL", TARGET / "eventhubs-local")
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "kafka-eventhubs-bridge"
ALERTS = ROOT / "charts/kafka-eventhubs-bridge/files/alerts.yaml"
TOPICS = {"orders": "halt", "audits": "dead_letter", "payments": "halt", "returns": "halt"}
# Longer than anything here takes, on a machine that does much else.
PATIENCE = 90


def free_ports(count):
    """Ports nobody has; all held at once, so that they differ."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [it.getsockname()[1] for it in sockets]
    for it in sockets:
        it.close()
    return ports


def wait_for(what, condition):
    """Waits until `condition` gives something, and gives it."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.2)
    raise AssertionError(f"waited {PATIENCE} s for {what}")


def get(url, data=None, method=None):
    """What `url` answers, or nothing when it does not."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, method=method), timeout=10) as answer:
            return answer.read().decode()
    except (urllib.error.URLError, OSError):
        return None


def hurried(text):
    """Rules in which a minute lasts a second, and the thresholds that are times are as much shorter."""
    text = re.sub(r"\b(\d+)m\b", r"\1s", text)
    return text.replace("> 300\n", "> 5\n").replace("> 120\n", "> 2\n")


class World:
    """The processes, by name; each can be killed, frozen and started again."""

    def __init__(self, folder):
        self.folder, self.running, self.commands = folder, {}, {}
        ports = free_ports(6)
        self.kafka_port, self.controller, self.amqp, self.control, self.admin, self.prometheus = ports
        self.stopped = threading.Event()

    def __enter__(self):
        self._kafka()
        hubs = [argument for topic in TOPICS for argument in ("--hub", f"{topic}:4")]
        self.start("hub", EVENTHUBS_LOCAL, "--listen", f"127.0.0.1:{self.amqp}", "--control", f"127.0.0.1:{self.control}", *hubs)
        wait_for("eventhubs-local", lambda: get(f"http://127.0.0.1:{self.control}/counters"))
        self._bridge()
        self._prometheus()
        threading.Thread(target=self._produce, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for name in list(self.running):
            self.kill(name)

    def start(self, name, *command, **environment):
        """Starts a process, or again the one that had this name."""
        if command:
            self.commands[name] = command, environment
        command, environment = self.commands[name]
        with open(self.folder / f"{name}.log", "ab") as log:
            self.running[name] = subprocess.Popen(
                [str(word) for word in command], stdout=log, stderr=log, stdin=subprocess.DEVNULL, env={**os.environ, **environment}
            )

    def kill(self, name):
        """Ends a process without warning."""
        process = self.running.pop(name)
        process.kill()
        process.wait(30)

    def freeze(self, name):
        self.running[name].send_signal(signal.SIGSTOP)

    def thaw(self, name):
        self.running[name].send_signal(signal.SIGCONT)

    def fault(self, **what):
        """Makes a fault of Event Hubs; `mend` ends all."""
        url = f"http://127.0.0.1:{self.control}/faults"
        assert get(url, json.dumps(what).encode()), f"no such fault: {what}"

    def mend(self):
        assert get(f"http://127.0.0.1:{self.control}/faults", method="DELETE") is not None

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

    def _kafka(self):
        jars = CACHE / "kafka-4.1.1/libs"
        assert jars.is_dir(), f"{jars} is not there: `make test` fetches it"
        java = ["java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"]
        java += ["-cp", f"{jars}/*"]
        file = self.folder / "node.properties"
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{self.controller}",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.kafka_port},CONTROLLER://127.0.0.1:{self.controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.kafka_port}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": self.folder / "data",
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 1,
            "group.initial.rebalance.delay.ms": 0,
            "group.min.session.timeout.ms": 1000,
            "message.max.bytes": 4_000_000,
        }
        file.write_text("".join(f"{key}={value}\n" for key, value in settings.items()))
        cluster = ["format", "-t", "MkU3OEVBNTcwNTJENDM2Qk", "-c", str(file)]
        subprocess.run([*java, "kafka.tools.StorageTool", *cluster], check=True, capture_output=True, timeout=PATIENCE)
        self.start("kafka", *java, "kafka.Kafka", file)
        servers = {"bootstrap.servers": f"127.0.0.1:{self.kafka_port}", "log_level": 0}
        self.kafka = AdminClient(servers)
        topics = [NewTopic(name, 4, 1) for name in [*TOPICS, "letters"]]

        def made():
            futures = self.kafka.create_topics(topics, operation_timeout=10, request_timeout=10).values()
            return all(future.exception() is None or "TOPIC_ALREADY_EXISTS" in str(future.exception()) for future in futures)

        wait_for("Kafka", made)
        self.producer = Producer({**servers, "message.max.bytes": 4_000_000, "queue.buffering.max.kbytes": 64_000})

    def _bridge(self):
        mappings = "".join(f'[[mappings]]\ntopic = "{name}"\nhub = "{name}"\n[mappings.failure]\npolicy = "{policy}"\n' for name, policy in TOPICS.items())
        file = self.folder / "bridge.toml"
        # The second broker is nobody: a client has something to complain of.
        file.write_text(
            f"""
            [kafka]
            brokers = "127.0.0.1:{self.kafka_port},127.0.0.1:1"
            group_id = "watched"
            commit_interval = "500ms"
            [kafka.client]
            "session.timeout.ms" = 4000
            "heartbeat.interval.ms" = 1000
            [failure]
            dead_letter_topic = "letters"
            {mappings}"""
        )
        secret = f"Endpoint=sb://127.0.0.1:{self.amqp};SharedAccessKeyName=k;SharedAccessKey=s;UseDevelopmentEmulator=true;"
        listen = f"127.0.0.1:{self.admin}"
        environment = {"BRIDGE_ADMIN__LISTEN": listen, "BRIDGE_EVENTHUBS__CONNECTION_STRING": secret}
        self.start("bridge", BRIDGE, "run", "--config", file, **environment)
        self.ready()

    def ready(self):
        wait_for("the bridge", lambda: get(f"http://127.0.0.1:{self.admin}/readyz"))

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
