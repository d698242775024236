"""Renders the chart as `helm template` does. What is asserted on is what a cluster would be given."""

import os
import subprocess
import tempfile
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "charts/kafka-eventhubs-bridge"
TOOLS = Path(os.environ["CHART_TOOLS"])
CI = sorted((CHART / "ci").glob("*-values.yaml"))

# The least that renders.
LEAST = {
    "image": {"repository": "registry.example.com/bridge"},
    "config": '[kafka]\nbrokers = "kafka:9092"\ngroup_id = "orders-bridge"\n\n[[mappings]]\ntopic = "orders"\nhub = "orders"\n',
}


def run(*command, cwd=ROOT, **how):
    """What `command` says; raises what it says when it is not content."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60, cwd=cwd, **how)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def refusal(values, **how):
    """What the chart says to `values`, which it refuses: the line that names the key."""
    code, _, error = template(values, **how)
    assert code != 0, "it was taken"
    return next((line for line in error.splitlines() if line.startswith("`")), error)


def helm(*arguments):
    """What helm says to `arguments`: its exit code, standard output, standard error."""
    done = subprocess.run(["helm", *map(str, arguments)], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def merged(base, over):
    """`over` laid over `base`, key by key; lists are replaced, as helm does."""
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    return {**base, **{key: merged(base.get(key), value) for key, value in over.items()}}


def template(values, *arguments, chart=CHART, release="r"):
    """`helm template` of `values`, a file or a map laid over the least."""
    if isinstance(values, Path):
        return helm("template", release, chart, "--namespace", "shop", "--values", values, *arguments)
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(merged(LEAST, values), file)
        file.flush()
        return helm("template", release, chart, "--namespace", "shop", "--values", file.name, *arguments)


def render(values, *arguments, chart=CHART, release="r"):
    """The objects that `values` make."""
    code, out, error = template(values, *arguments, chart=chart, release=release)
    assert code == 0, error
    return [document for document in yaml.safe_load_all(out) if document]


def one(objects, kind, prefix="r-kafka-eventhubs-bridge"):
    """The one object of `kind` whose name begins with `prefix`."""
    found = [it for it in objects if it["kind"] == kind and it["metadata"]["name"].startswith(prefix)]
    assert len(found) == 1, (kind, [it["metadata"]["name"] for it in objects if it["kind"] == kind])
    return found[0]


def workload(objects, name="r-kafka-eventhubs-bridge"):
    """The Deployment or StatefulSet of the bridge."""
    kinds = ("Deployment", "StatefulSet")
    found = [it for it in objects if it["kind"] in kinds and it["metadata"]["name"] == name]
    assert len(found) == 1
    return found[0]


def container(objects):
    """The bridge's container."""
    return workload(objects)["spec"]["template"]["spec"]["containers"][0]
