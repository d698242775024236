#!/usr/bin/env python3
"""Writes the licences of all that the programs of a release are made of, to standard output.

    scripts/third-party.py TREE VENDOR

TREE is what `cargo tree --prefix none --format '{p}|{l}'` says, VENDOR what `cargo vendor --versioned-dirs` wrote. First comes a line for each package, then each text
once, under the names of those it came with: also that of C libraries which a package brings along, such as librdkafka and OpenSSL.
"""

import re
import sys
from pathlib import Path

TEXT = re.compile(r"(?i)^(?:licen[cs]es?|copying|copyright|notice|unlicense)(?:[-._].*)?$")
# Beside the text, not in it: sources that are called so.
CODE = {".rs", ".c", ".h", ".py", ".sh", ".pl", ".pm", ".js"}
# A library that a package brings along lies at most so deep in it.
DEPTH = 4


def packages(tree):
    """(name, version) → the licence it names, of all that are not of this workspace."""
    found = {}
    for line in tree.splitlines():
        package, _, licence = line.partition("|")
        words = package.split()
        # What is of the workspace has a path; `(*)` is one that was named before, `(proc-macro)` is as any.
        if not words or any("/" in word for word in words[2:]):
            continue
        found[words[0], words[1].removeprefix("v")] = licence.removesuffix("(*)").strip()
    return found


def texts(folder):
    """The licences below `folder`, nearest first."""
    found = [file for file in folder.rglob("*") if TEXT.match(file.name) and file.is_file() and file.suffix not in CODE]
    return sorted((file for file in found if len(file.relative_to(folder).parts) <= DEPTH), key=lambda it: (len(it.parts), it.as_posix()))


def main(tree, vendor):
    said = packages(Path(tree).read_text())
    if not said:
        sys.exit(f"{tree} names no package")
    holders, silent = {}, set()
    for name, version in sorted(said):
        folder = Path(vendor) / f"{name}-{version}"
        if not folder.is_dir():
            sys.exit(f"{folder} is not there")
        found = texts(folder)
        if not found:
            silent.add(name)
        for file in found:
            text = file.read_text(errors="replace").strip().replace("\r\n", "\n")
            holders.setdefault(text, []).append(f"{name} {version}: {file.relative_to(folder)}")
    print("What the programs of this release are made of, and the licence each package names\n")
    for (name, version), licence in sorted(said.items()):
        if not licence:
            sys.exit(f"{name} {version} names no licence")
        print(f"{name} {version}: {licence}{' (the package has no text of it)' if name in silent else ''}")
    for text, those in holders.items():
        print("\n" + "=" * 100, *those, "-" * 100, text, sep="\n")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
