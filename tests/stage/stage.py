"""A stage for tests that watch or read from outside: a real Kafka, `eventhubs-local` and the bridge, as processes.

Everything runs in a folder of its own on ports of its own, and ends with it. What the tests do there, and with what beside it, is theirs.
"""

import json
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from ports import free_ports

ROOT = Path(__file__).resolve().parents[2]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug"
BRIDGE = os.environ.get("BRIDGE", TARGET / "kafka-eventhubs-bridge")
EVENTHUBS_LOCAL = os.environ.get("EVENTHUBS_LOCAL", TARGET / "eventhubs-local")
STAGE = TARGET / "stage"
# Longer than anything here takes, on a machine that does much else.
PATIENCE = 90
# Bytes of a record, with all around it.
LARGEST = 4_000_000


def wait_for(what, condition, patience=PATIENCE):
    """Waits until `condition` gives something, and gives it."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.2)
    raise AssertionError(f"waited {patience} s for {what}")


def get(url, data=None, method=None):
    """What `url` answers, or nothing when it does not."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, method=method), timeout=10) as answer:
            return answer.read().decode()
    except (urllib.error.URLError, OSError):
        return None


class Stage:
    """The processes, by name; each can be killed, frozen and started again. `begin`, of who uses it, starts them; they end with the `with`."""

    def __init__(self, folder):
        self.folder, self.running, self.commands = folder, {}, {}
        self.kafka_port, self.controller, self.control, self.admin = free_ports(4)

    def __enter__(self):
        try:
            self.begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for name in reversed(list(self.running)):
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

    def logs(self):
        """The end of what each has said, for a test that failed."""
        for log in self.folder.rglob("*.log"):
            yield f"--- the end of {log.name}\n{log.read_text(errors='replace')[-1500:]}"

    def start_kafka(self, partitions, topics, listeners=None, more=None):
        """Starts a broker and makes its topics; then `kafka` administers it, and `producer` writes to it. `listeners` are protocols and ports by name."""
        options = [f"--port={self.kafka_port}", f"--controller={self.controller}"]
        options += [f"--listener={name}={protocol}:{port}" for name, (protocol, port) in (listeners or {}).items()]
        options += [f"--set={key}={value}" for key, value in {"message.max.bytes": LARGEST, **(more or {})}.items()]
        self.start("kafka", STAGE, "kafka", self.folder / "kafka", *options)
        servers = {"bootstrap.servers": f"127.0.0.1:{self.kafka_port}", "log_level": 0}
        self.kafka = AdminClient(servers)
        wanted = [NewTopic(name, partitions, 1) for name in topics]

        def made():
            futures = self.kafka.create_topics(wanted, operation_timeout=10, request_timeout=10).values()
            return all(future.exception() is None or "TOPIC_ALREADY_EXISTS" in str(future.exception()) for future in futures)

        wait_for("Kafka", made)
        self.producer = Producer({**servers, "message.max.bytes": LARGEST, "queue.buffering.max.kbytes": 64_000})

    def start_hub(self, listen, partitions, hubs, *options):
        """Starts Event Hubs' stand-in; `fault` makes it fail, `stored` says what it has."""
        arguments = [argument for hub in hubs for argument in ("--hub", f"{hub}:{partitions}")]
        control = f"127.0.0.1:{self.control}"
        self.listen = listen
        self.start("hub", EVENTHUBS_LOCAL, "--listen", listen, "--control", control, *arguments, *options)
        wait_for("eventhubs-local", lambda: get(f"http://{control}/counters"))

    def start_bridge(self, configuration):
        """Starts the bridge with this TOML, from that Kafka to that hub."""
        file = self.folder / "bridge.toml"
        file.write_text(configuration)
        secret = f"Endpoint=sb://{self.listen};SharedAccessKeyName=k;SharedAccessKey=s;UseDevelopmentEmulator=true;"
        listen = f"127.0.0.1:{self.admin}"
        environment = {"BRIDGE_ADMIN__LISTEN": listen, "BRIDGE_EVENTHUBS__CONNECTION_STRING": secret}
        self.start("bridge", BRIDGE, "run", "--config", file, **environment)
        self.ready()

    def ready(self):
        wait_for("the bridge", lambda: get(f"http://127.0.0.1:{self.admin}/readyz"))

    def fault(self, **what):
        """Makes a fault of Event Hubs; `mend` ends all."""
        url = f"http://127.0.0.1:{self.control}/faults"
        assert get(url, json.dumps(what).encode()), f"no such fault: {what}"

    def mend(self):
        assert get(f"http://127.0.0.1:{self.control}/faults", method="DELETE") is not None

    def stored(self, hub):
        """How many events the hub has taken."""
        counters = json.loads(get(f"http://127.0.0.1:{self.control}/counters"))
        return next(it["events"] for it in counters if it["name"] == hub)
