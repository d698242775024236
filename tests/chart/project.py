"""A copy of the project, and stand-ins for the tools that a release is made with: a compiler that writes down what it was told, a container engine and a
GitHub that do, too."""

import os
import shutil
import subprocess
from pathlib import Path

from chart import ROOT, TOOLS, run

# What a release is made of, less the sources: the compiler here does not read them.
LEFT_OUT = ("tests/", "benches/", "src/", "crates/")
KEPT = ("crates/eventhubs-local/README.md",)
# What it makes writes completions and pages, and holds what the compiler was told.
PROGRAM = """#!/bin/sh
case $1 in
    completions) echo "for $2" ;;
    man) mkdir -p "$3" && echo "a page" >"$3/kafka-eventhubs-bridge.1" ;;
esac
exit
"""
# It vendors first; from then on it is nothing to the compiler where the packages came from.
CARGO = """#!/bin/sh
set -e
case $1 in
    vendor)
        for folder; do :; done
        mkdir -p "$folder/one-1.0.0" "$folder/two-2.0.0/c/lib"
        echo "You may." | tee "$folder/one-1.0.0/LICENSE" >"$folder/two-2.0.0/LICENSE-MIT"
        echo "You may, too." >"$folder/two-2.0.0/c/lib/COPYING"
        exit ;;
    tree)
        printf '%s\\n' "kafka-eventhubs-bridge v0.0.0 ($PWD)|Apache-2.0" "one v1.0.0|MIT" "two v2.0.0 (proc-macro)|MIT OR Apache-2.0" "one v1.0.0|MIT (*)"
        exit ;;
    cyclonedx)
        [ "$2" = --version ] && exit
        for package in . crates/eventhubs-local; do
            mkdir -p "$package"
            echo '{"bomFormat": "CycloneDX"}' >"$package/release.json"
        done
        exit ;;
    build) ;;
    *) exit ;;
esac
mkdir -p "$CARGO_TARGET_DIR/release"
for program in kafka-eventhubs-bridge eventhubs-local; do
    { echo "$PROGRAM"; echo "$program $*"; pwd; ls; env | grep -Ev '^(PROGRAM|PATH|HOME|CARGO_HOME|OLDPWD|SHLVL|_|USER|GITHUB_.*|SAID)='; ls ../vendor; } >"$CARGO_TARGET_DIR/release/$program"
    chmod 755 "$CARGO_TARGET_DIR/release/$program"
done
"""
DOCKER = """#!/bin/sh
echo "docker $*" >>"$SAID"
case "$*" in
    login*) cat >/dev/null ;;
    *"imagetools inspect"*) printf '"sha256:%s"\\n' "$(echo "$4" | sha256sum | cut -d ' ' -f 1)" ;;
    *"--target sbom"*) mkdir -p dist && echo '{"bomFormat": "CycloneDX"}' | tee dist/kafka-eventhubs-bridge.cdx.json >dist/eventhubs-local.cdx.json ;;
esac
"""
SPEAKS = """#!/bin/sh
echo "$(basename "$0") $*" >>"$SAID"
"""
HELM = f"""#!/bin/sh
[ "$1" = push ] || exec {TOOLS}/bin/helm "$@"
echo "helm $*" >>"$SAID"
"""


def git(folder, *arguments):
    """Git, as somebody."""
    return run("git", "-c", "user.name=somebody", "-c", "user.email=somebody@example.com", *arguments, cwd=folder)


def copied(folder):
    """The project, in a folder of its own, committed there."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], capture_output=True, text=True, check=True, cwd=ROOT)
    for name in listed.stdout.splitlines():
        if (ROOT / name).is_file() and (name in KEPT or not name.startswith(LEFT_OUT)):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "all of it")
    return folder


def tools(folder):
    """The environment in which the stand-ins are found, and the file in which they write what they were told."""
    (folder / "bin").mkdir(parents=True)
    for name, text in {"cargo": CARGO, "docker": DOCKER, "gh": SPEAKS, "sudo": SPEAKS, "helm": HELM}.items():
        program = folder / "bin" / name
        program.write_text(text)
        program.chmod(0o755)
    said = folder / "said"
    said.write_text("")
    env = {"PROGRAM": "\n".join(PROGRAM.splitlines()), "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "HOME": str(folder), "SAID": str(said)}
    return env, said


def prepared(folder, version):
    """The project, ready to be released as `version`: as CONTRIBUTING says it is made so."""
    run("scripts/release.sh", "prepare", version, cwd=folder)
    for page in ("docs/upgrade.md", "docs/benchmarks.md"):
        with open(folder / page, "a") as text:
            text.write(f"\n| {version} | nothing |\n")
    git(folder, "commit", "-q", "-a", "-m", f"release: {version}")
    return Path(folder)
