"""What is generated from the values' comments is fresh, and what the chart says elsewhere is so."""

import re
import subprocess
import sys

import yaml

from chart import CHART, LEAST, ROOT, render, template, workload


def test_readme_and_schema_are_what_the_comments_say():
    done = subprocess.run([sys.executable, ROOT / "scripts/chart-docs.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_key_of_the_schema_has_a_default():
    """A key the values do not have is one nobody finds."""
    import json

    def keys(schema, values, path=""):
        for name, node in schema["properties"].items():
            yield f"{path}{name}", name in values
            inner = values.get(name)
            if "properties" in node and isinstance(inner, dict) and inner:
                yield from keys(node, inner, f"{path}{name}.")

    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())
    missing = [key for key, there in keys(schema, values) if not there]
    optional = {"resources.claims", "keda.behavior.scaleUp", "hpa.behavior.scaleUp"}
    optional |= {f"probes.{probe}.{key}" for probe in ("startup", "liveness", "readiness") for key in ("initialDelaySeconds", "successThreshold")}
    assert set(missing) == optional


def test_the_schema_is_strict_everywhere():
    """Maps the chart itself reads refuse unknown keys, at every level."""
    import json

    def loose(node, path):
        if isinstance(node, dict):
            if "properties" in node and node.get("additionalProperties") is not False:
                yield path
            for key, value in node.items():
                yield from loose(value, f"{path}/{key}")

    assert not list(loose(json.loads((CHART / "values.schema.json").read_text()), ""))


def test_the_readme_shows_values_that_render():
    readme = (CHART / "README.md").read_text()
    values = yaml.safe_load(re.search(r"```yaml\n(.*?)```", readme, re.S)[1])
    assert workload(render(values))
    assert len([line for line in re.search(r"```yaml\n(.*?)```", readme, re.S)[1].splitlines() if line]) <= 20


def test_a_connection_string_is_in_no_object_but_the_secret():
    secret = "Endpoint=sb://x;SharedAccessKey=TOPSECRET"
    objects = render({"secrets": {"env": {"BRIDGE_EVENTHUBS__CONNECTION_STRING": secret}}})
    assert [it["kind"] for it in objects if "TOPSECRET" in yaml.safe_dump(it)] == ["Secret"]


def test_long_names_are_cut_where_kubernetes_would_refuse():
    name = "x" * 53
    code, out, error = template({**LEAST, "fullnameOverride": name, "kind": "StatefulSet"})
    assert code == 0, error
    longest = max(len(it["metadata"]["name"]) for it in yaml.safe_load_all(out) if it)
    # A StatefulSet's pods carry a label of its name, a hyphen and a hash of ten.
    assert longest <= 63 and f"name: {'x' * 52}\n" in out
