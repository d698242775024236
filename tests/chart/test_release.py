"""A release: of one version, and the same bytes wherever it is built. The compiler here is one that writes down what it was told."""

import os
import shutil
import tarfile
from pathlib import Path

import pytest
import yaml

from chart import CHART, ROOT, run

NEEDED = ["Cargo.toml", "CHANGELOG.md", "LICENSE", "README.md", "scripts/release.sh", "charts/kafka-eventhubs-bridge/Chart.yaml"]
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
if [ "$1" = vendor ]; then
    for folder; do :; done
    exec mkdir "$folder"
fi
mkdir -p "$CARGO_TARGET_DIR/release"
for program in kafka-eventhubs-bridge eventhubs-local; do
    { echo "$PROGRAM"; echo "$program $*"; pwd; ls; env | grep -Ev '^(PROGRAM|PATH|HOME|CARGO_HOME|OLDPWD|SHLVL|_)='; ls ../vendor; } >"$CARGO_TARGET_DIR/release/$program"
    chmod 755 "$CARGO_TARGET_DIR/release/$program"
done
"""


@pytest.fixture
def project(tmp_path):
    """What a release is made of, in a folder of its own."""
    folder = tmp_path / "project"
    for name in NEEDED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / "config", folder / "config")
    return folder


def test_a_release_is_of_one_version(project):
    """That of the manifest, the chart and the changelog; anything else stops it."""
    release = "scripts/release.sh"
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    assert run(release, "version", cwd=project).strip() == version
    (project / "CHANGELOG.md").write_text(f"# Changelog\n\n## [{version}] - 2026-01-01\n\n- It copies.\n\n## [0.0.1]\n\n- Nothing.\n")
    assert run(release, "notes", cwd=project).strip() == "- It copies."
    (project / "CHANGELOG.md").write_text("# Changelog\n\n## [0.0.1]\n\n- Nothing.\n")
    with pytest.raises(AssertionError, match="no section"):
        run(release, "notes", cwd=project)
    (project / "Cargo.toml").write_text('[workspace.package]\nversion = "9.9.9"\n\n')
    with pytest.raises(AssertionError, match="9.9.9"):
        run(release, "version", cwd=project)


@pytest.mark.skipif(os.geteuid() != 0, reason="a release is built in a folder of root's")
def test_an_archive_is_the_same_wherever_it_is_made(project, tmp_path):
    git = ["git", "-c", "user.name=somebody", "-c", "user.email=somebody@example.com"]
    run(*git, "init", "-q", cwd=project)
    run(*git, "add", ".", cwd=project)
    run(*git, "commit", "-q", "-m", "all of it", cwd=project)
    (project / "README.md").write_text("Not committed.")
    (project / "config/private.toml").write_text("password = 'mine'")
    elsewhere = tmp_path / "another place"
    run("git", "clone", "-q", project, elsewhere, cwd=tmp_path)

    cargo = tmp_path / "bin/cargo"
    cargo.parent.mkdir()
    cargo.write_text(CARGO)
    cargo.chmod(0o755)
    env = {"PROGRAM": "\n".join(PROGRAM.splitlines()), "PATH": f"{cargo.parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    run("scripts/release.sh", "archive", cwd=project, env=env)
    other = env | {"CARGO_HOME": str(tmp_path / "cargo"), "CARGO_TARGET_DIR": str(tmp_path), "CFLAGS": "-g", "TZ": "Asia/Tokyo", "RUSTFLAGS": "-g"}
    run("scripts/release.sh", "archive", cwd=elsewhere, env=other, umask=0o077)

    one, another = (next(folder.glob("dist/*.tar.gz")) for folder in (project, elsewhere))
    assert one.read_bytes() == another.read_bytes()
    with tarfile.open(one) as archive:
        content = {str(Path(*Path(member.name).parts[1:])): member for member in archive}
        readme = archive.extractfile(content["README.md"]).read()
    assert readme == (ROOT / "README.md").read_bytes(), "what is committed, and nothing else"
    assert {"kafka-eventhubs-bridge", "eventhubs-local", "LICENSE", "CHANGELOG.md", "config/bridge.toml"} <= content.keys()
    shells = {"completions/kafka-eventhubs-bridge", "completions/_kafka-eventhubs-bridge", "completions/kafka-eventhubs-bridge.fish"}
    assert shells | {"man/man1/kafka-eventhubs-bridge.1"} <= content.keys()
    assert "config/private.toml" not in content
    assert {(member.uid, member.gid, member.mode & 0o022) for member in content.values()} == {(0, 0, 0)}
    run("sha256sum", "--check", f"{one.name}.sha256", cwd=one.parent)
