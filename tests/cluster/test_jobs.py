"""Commands as one-shot Jobs, as `docs/operate.md` makes them: rendered by Helm, stored by a real API, and their containers run.

There is no node. So a test does what one would: it takes command, environment and files from what the API has stored, and starts the program. What is
not shown is what Kubernetes alone does: that a controller makes a pod of a Job, that its image is pulled, that it is removed a day later.
"""

import json
import os
import subprocess

import pytest
import yaml

from chart import CHART
from pod import started
from ports import free_ports
from stage import BRIDGE, PATIENCE, Stage, wait_for

CI = CHART / "ci"
# As the page types them, and more of the same kind.
COMMANDS = ["lag", "offsets,show", "offsets,set,--to,latest,--dry-run", "dead-letters,list", "dead-letters,purge,--before,2026-01-01,--yes",
            "run,--until-caught-up,--set,kafka.group_id=replay-1,--set,kafka.start=2026-01-01T00:00:00Z"]
RECORDS = 500


def made(namespace, arguments, *values):
    """The Job of `arguments`, as the API has stored it."""
    rendered = namespace.cluster.helm("template", "r", CHART, "--namespace", namespace.name, *namespace._values(values),
                                      "--show-only", "templates/job.yaml", "--set", f"job.args={{{arguments}}}")
    stored = namespace.cluster.kubectl("create", "--namespace", namespace.name, "--output", "json", "--filename", "-", given=rendered)
    return json.loads(stored)


@pytest.mark.parametrize("case", ["workload-identity", "sas", "statefulset", "strimzi-tls"])
def test_each_is_stored_and_its_pod_is_let_in(namespace, case):
    values = CI / f"{case}-values.yaml"
    namespace.install(values)
    existing = {kind.lower(): {name for found, name in namespace.everything() if found == kind} for kind in ("ConfigMap", "Secret", "ServiceAccount")}
    # What the case says that somebody else makes.
    given = yaml.safe_load(values.read_text()).get("secrets", {})
    existing["secret"] |= {*given.get("existing", []), *(it["secretName"] for it in given.get("files", []) if "secretName" in it)}
    for arguments in COMMANDS:
        jobs = [made(namespace, arguments, values) for _ in range(2)]
        names = {job["metadata"]["name"] for job in jobs}
        prefix = f"r-kafka-eventhubs-bridge-{arguments.split(',')[0]}-"
        assert len(names) == 2 and all(name.startswith(prefix) for name in names), names
        spec = jobs[0]["spec"]
        assert (spec["backoffLimit"], spec["ttlSecondsAfterFinished"]) == (0, 86400)
        pod = spec["template"]
        [container] = pod["spec"]["containers"]
        assert container["args"] == [*arguments.split(","), "--config", "/etc/bridge/bridge.toml"]
        # Pod Security enforces "restricted" here.
        namespace.pod(pod)
        for volume in pod["spec"]["volumes"]:
            for kind, key in (("configMap", "name"), ("secret", "secretName")):
                if kind in volume:
                    assert volume[kind][key] in existing[kind.lower()], volume
        account = pod["spec"].get("serviceAccountName")
        assert account is None or account in existing["serviceaccount"]
        labels = pod["metadata"]["labels"].items()
        for (kind, name), it in namespace.everything().items():
            selector = it.get("spec", {}).get("selector") or {}
            selector = selector.get("matchLabels", selector)
            if kind in ("Service", "Deployment", "StatefulSet", "PodDisruptionBudget", "PodMonitor"):
                assert not selector.items() <= labels, f"{kind} {name} takes the Job's pod for one of the bridge"


class Place(Stage):
    """A Kafka with records and dead letters, and Event Hubs."""

    def begin(self):
        self.start_kafka(2, ["orders", "orders-refused"])
        self.start_hub(f"127.0.0.1:{self.admin}", 2, ["orders"])
        for number in range(RECORDS):
            self.producer.produce("orders", b"x", key=f"order-{number}".encode(), partition=number % 2)
        headers = [("bridge_reason", "refused"), ("bridge_topic", "orders"), ("bridge_partition", "0"), ("bridge_offset", "7")]
        self.producer.produce("orders-refused", b"y", partition=1, headers=headers)
        assert self.producer.flush(PATIENCE) == 0

    def values(self, port):
        """A release for it."""
        secret = f"Endpoint=sb://{self.listen};SharedAccessKeyName=k;SharedAccessKey=s;UseDevelopmentEmulator=true;"
        config = f"""
            [kafka]
            brokers = "127.0.0.1:{self.kafka_port}"
            group_id = "orders-bridge"
            [[mappings]]
            topic = "orders"
            hub = "orders"
            [failure]
            policy = "dead_letter"
            dead_letter_topic = "orders-refused"
        """
        image = {"repository": "localhost:5000/kafka-eventhubs-bridge", "tag": "test"}
        return {"image": image, "config": config, "secrets": {"env": {"BRIDGE_EVENTHUBS__CONNECTION_STRING": secret}},
                "admin": {"port": port}}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """One for all of these tests."""
    with Place(tmp_path_factory.mktemp("place")) as place:
        yield place


def run(namespace, job, folder):
    """What its container would do: its exit code, what it says, its log."""
    arguments, environment = started(namespace, job["spec"]["template"]["spec"], folder)
    environment["PATH"] = os.environ["PATH"]
    done = subprocess.run([str(BRIDGE), *arguments], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE)
    return done.returncode, done.stdout, done.stderr


def test_what_they_run_is_what_the_command_does(namespace, place, tmp_path):
    [port] = free_ports(1)
    values = place.values(port)
    namespace.install(values)

    def job(arguments, code=0):
        ended, said, log = run(namespace, made(namespace, arguments, values), tmp_path)
        assert ended == code, f"{arguments}: {said}{log}"
        return said

    assert json.loads(job("lag,--json"))["behind"] == RECORDS
    assert "letters: 1 in `orders-refused`" in job("dead-letters,list")
    # Nobody can be asked in a pod.
    job("dead-letters,purge,--before,2020-01-01", code=64)
    assert json.loads(job("dead-letters,purge,--before,2020-01-01,--yes,--json"))["goes"] == 0
    assert "nothing was changed" in job("offsets,set,--to,latest,--dry-run")
    # A replay, in a group of its own.
    job("run,--until-caught-up,--set,kafka.group_id=replay-1,--set,kafka.start=2020-01-01T00:00:00Z")
    wait_for("the replay", lambda: place.stored("orders") >= RECORDS)
    assert json.loads(job("lag,--json"))["behind"] == RECORDS, "the group of the bridge stands where it stood"
    assert json.loads(job("offsets,set,--to,latest,--yes,--json"))["changed"] is True
    assert json.loads(job("lag,--json"))["behind"] == 0
