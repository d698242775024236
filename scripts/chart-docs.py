#!/usr/bin/env python3
"""Writes what `values.yaml` says of its keys into the chart's README and schema; with --check, only says whether they are up to date.

A comment `# -- …` above a key describes it; `## …` begins a section. Every key has such a comment, itself or by the key it stands in; the text of
README outside the markers, and all of the schema but `description`, are written by hand.
"""

import json
import re
import sys
from pathlib import Path

import yaml

CHART = Path(__file__).resolve().parent.parent / "charts/kafka-eventhubs-bridge"
BEGIN, END = "<!-- values, by `make chart-docs` -->\n", "<!-- end of values -->\n"


def comment_above(lines, number):
    """The `# --` comment that ends just above line `number`, as one line, or None."""
    block = []
    while number > 0 and lines[number - 1].lstrip().startswith("# "):
        number -= 1
        block.insert(0, lines[number].strip()[2:])
    starts = [index for index, line in enumerate(block) if line.startswith("-- ")]
    return " ".join(block[starts[-1]:])[3:] if starts else None


def sections(lines):
    """Line number → title, for each `## title`."""
    return {number: line[3:].strip() for number, line in enumerate(lines) if line.startswith("## ")}


def described(node, lines, path=()):
    """(line, path, default, description) of every key with a comment; a key without one must hold keys that have."""
    for key, value in node.value:
        here = (*path, key.value)
        text = comment_above(lines, key.start_mark.line)
        if text:
            default = yaml.safe_load(yaml.serialize(value))
            yield key.start_mark.line, here, default, text
        elif isinstance(value, yaml.MappingNode) and value.value:
            yield from described(value, lines, here)
        else:
            sys.exit(f"values.yaml:{key.start_mark.line + 1}: `{'.'.join(here)}` has no `# --` comment")


def table(rows, titles):
    """The rows as Markdown, a table for each section."""
    out, ahead = [], sorted(titles)
    for line, path, default, text in rows:
        if ahead and ahead[0] < line:
            out += [f"### {titles[ahead.pop(0)]}", "", "| key | default | |", "|---|---|---|"]
        shown = json.dumps(default, ensure_ascii=False).replace("|", "\\|")
        shown = "see `values.yaml`" if len(shown) > 60 else f"`{shown}`"
        out.append(f"| `{'.'.join(path)}` | {shown} | {text.replace('|', chr(92) + '|')} |")
    text = "\n".join(out) + "\n"
    return re.sub(r"(?m)^### ", "\n### ", text).lstrip("\n")


def describe(schema, rows):
    """Sets `description` in the schema for each row, or ends when the schema does not know the key."""
    for _, path, _, text in rows:
        node = schema
        for key in path:
            if key not in node.get("properties", {}):
                sys.exit(f"values.schema.json: no property for `{'.'.join(path)}`")
            node = node["properties"][key]
        # First, so that it is read first.
        rest = {name: value for name, value in node.items() if name != "description"}
        node.clear()
        node.update({"description": text, **rest})


def main():
    text = (CHART / "values.yaml").read_text()
    lines = text.splitlines()
    rows = list(described(yaml.compose(text), lines))
    readme_file, schema_file = CHART / "README.md", CHART / "values.schema.json"
    before, _, rest = readme_file.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    readme = before + BEGIN + "\n" + table(rows, sections(lines)) + "\n" + END + after
    schema = json.loads(schema_file.read_text())
    describe(schema, rows)
    stale = False
    for file, new in ((readme_file, readme), (schema_file, json.dumps(schema, indent=2, ensure_ascii=False) + "\n")):
        if file.read_text() == new:
            continue
        stale = True
        if "--check" in sys.argv:
            print(f"{file.name} is not what `values.yaml` says: run `make chart-docs`", file=sys.stderr)
        else:
            file.write_text(new)
    sys.exit(stale and "--check" in sys.argv)


if __name__ == "__main__":
    main()
