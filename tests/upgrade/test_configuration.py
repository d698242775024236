"""What people have for the version before means the same now: files, defaults, commands, metrics. What only this version knows is refused there by its name."""

import json
import re
import subprocess

import pytest

from fleet import BEFORE, FOLDER, NOW, Fleet
from stage import ROOT, get

FILES = sorted((FOLDER / "config").rglob("*.toml"))
LEAST = '[kafka]\nbrokers = "kafka:9092"\ngroup_id = "orders-bridge"\n[eventhubs]\nconnection_string_file = "secret"\n'
SECRET = "Endpoint=sb://127.0.0.1;SharedAccessKeyName=k;SharedAccessKey=s;UseDevelopmentEmulator=true;"


def said(program, *arguments):
    """Exit code, standard output and standard error."""
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("file", FILES, ids=[str(it.relative_to(FOLDER / "config")) for it in FILES])
def test_a_configuration_of_before_means_the_same_now(file):
    before, now = (said(program, "check", "--config", file) for program in (BEFORE, NOW))
    assert now[0] == before[0], now[2]
    if before[0] == 0:
        before, now = (shown(program, file) for program in (BEFORE, NOW))
        other = {key: (value, now.get(key)) for key, value in before.items() if now.get(key) != value}
        assert not other, f"(before, now): {other}"


def shown(program, file):
    """key → value, of all that counts in a configuration, given or by default."""
    code, out, error = said(program, "config", "show", "--config", file, "--json")
    assert code == 0, error
    values = {it["key"]: it["value"] for it in json.loads(out)["values"]}
    assert len(values) > 20
    return values


def keys(program):
    """The keys of a configuration, each as a path."""
    schema = json.loads(said(program, "config", "schema")[1])
    definitions, found = schema["$defs"], set()

    def walk(path, it, within):
        if "$ref" in it:
            name = it["$ref"].rsplit("/", 1)[-1]
            if name not in within:
                walk(path, definitions[name], within | {name})
        for inner in (*it.get("anyOf", []), *it.get("oneOf", []), *it.get("allOf", [])):
            walk(path, inner, within)
        if isinstance(it.get("items"), dict):
            walk(path, it["items"], within)
        for key, inner in it.get("properties", {}).items():
            found.add((*path, key))
            walk((*path, key), inner, within)

    walk((), schema, frozenset())
    assert len(found) > 100
    return found


def test_no_key_is_gone_and_new_ones_are_refused_by_name(tmp_path):
    before, now = keys(BEFORE), keys(NOW)
    assert not before - now, f"keys that are gone: {sorted(before - now)}"
    for path in sorted(now - before):
        if path[:-1] not in before and path[:-1]:
            # Its table is new, too.
            continue
        (tmp_path / "secret").write_text(SECRET)
        mapping = path[0] == "mappings"
        line = f"{'.'.join(path[1:] if mapping else path)} = \"x\"\n"
        file = tmp_path / "bridge.toml"
        file.write_text(("" if mapping else line) + LEAST + '[[mappings]]\ntopic = "orders"\nhub = "orders"\n' + (line if mapping else ""))
        code, _, error = said(BEFORE, "check", "--config", file)
        name = ".".join(path).replace("mappings.", "mappings[0].")
        assert code == 78 and f"`{name}`" in error and "\n1 problem;" in error, error


def test_no_command_and_no_flag_is_gone():
    def words(program, *command):
        """The flags and commands that a help names."""
        text = said(program, *command, "--help")[1]
        found = set(re.findall(r"(?m)^ +(?:-\w, )?(--[\w-]+)", text))
        commands = re.search(r"(?ms)^Commands:\n(.*?)(?:^\S|\Z)", text)
        for name in re.findall(r"(?m)^  ([a-z][\w-]*)", commands[1] if commands else ""):
            if name != "help":
                found |= {f"{name} {word}" for word in words(program, *command, name)} | {name}
        return found

    before, now = words(BEFORE), words(NOW)
    assert {"run", "run --config", "offsets set --to"} <= before
    assert not before - now


def test_metrics_keep_their_names_and_labels(tmp_path):
    """Dashboards and alerts of before go on working."""
    kinds = dict(re.findall(r"(?m)^\| `(bridge_\w+)` \| (\w+) \|", (ROOT / "docs/metrics.md").read_text()))

    def series(fleet, name):
        """Family → its labels, of those that have a series; of some there is one only when something happens."""
        text = get(f"http://{fleet.addresses[name]}/metrics")
        for family, kind in re.findall(r"(?m)^# TYPE (bridge_\S+) (\S+)$", text):
            assert kinds.get(family) == kind, f"{family} is a {kind} in {name}"
        found = re.findall(r"(?m)^(bridge_\w+)(?:\{(.*)\})? ", text)
        return {of: set(re.findall(r'([a-z_]+)="', given)) for of, given in found}

    with Fleet(tmp_path) as fleet:
        configuration = fleet.configuration()
        found = {}
        # One after the other, each with every partition.
        for name, program in {"before": BEFORE, "now": NOW}.items():
            fleet.run(name, program, configuration)
            fleet.grows()
            found[name] = series(fleet, name)
            fleet.leave(name)
    both = found["before"].keys() & found["now"].keys()
    assert len(both) > 30
    assert {of: found["before"][of] for of in both} == {of: found["now"][of] for of in both}
    # What people watch by.
    for file in ("alerts.yaml", "dashboard.json"):
        named = set(re.findall(r"\bbridge_[a-z_]+[a-z]\b", (FOLDER / "chart/files" / file).read_text()))
        bare = {re.sub("_(bucket|sum|count)$", "", name) for name in named}
        assert len(bare) > 10 and not bare - kinds.keys(), f"{file}: {bare - kinds.keys()}"
