"""A release: of one version, the same bytes wherever it is built, with all that its pages lead to; and what the workflow does, step by step."""

import os
import re
import tarfile
from pathlib import Path

import pytest
import yaml

from chart import CHART, CI, ROOT, render, run
from project import copied, git, prepared, tools
from registry import Registry

RELEASE = "scripts/release.sh"
NAME = "kafka-eventhubs-bridge"
IN_ROOTS_FOLDER = pytest.mark.skipif(os.geteuid() != 0, reason="a release is built in a folder of root's")


@pytest.fixture
def project(tmp_path):
    return copied(tmp_path / "project")


def test_a_release_is_of_one_version(project):
    """That of the manifest, the chart and the image; anything else stops it."""
    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    assert run(RELEASE, "version", cwd=project).strip() == version
    for file, of in [("Cargo.toml", "9.9.9"), (f"charts/{NAME}/Chart.yaml", "9.9.8"), ("Dockerfile", "the Dockerfile")]:
        text = (project / file).read_text()
        assert version in text
        (project / file).write_text(text.replace(version, of if "9" in of else "9.9.7"))
        with pytest.raises(AssertionError, match=of):
            run(RELEASE, "version", cwd=project)
        (project / file).write_text(text)


def test_what_is_unreleased_becomes_the_version(project):
    was = run(RELEASE, "version", cwd=project).strip()
    changelog = (project / "CHANGELOG.md").read_text()
    unreleased = re.search(r"(?ms)^## \[Unreleased\]\n(.*?)(?=^## |\Z)", changelog)[1].strip()
    with pytest.raises(AssertionError, match="no section"):
        run(RELEASE, "ready", cwd=project)
    run(RELEASE, "prepare", "9.8.7", cwd=project, env={**os.environ, "SOURCE_DATE_EPOCH": "1767225600"})

    assert run(RELEASE, "version", cwd=project).strip() == "9.8.7"
    assert "\n## [Unreleased]\n\n## [9.8.7] - 2026-01-01\n" in (project / "CHANGELOG.md").read_text()
    assert run(RELEASE, "notes", cwd=project).strip() == unreleased
    # Every package of the workspace, and no other: cargo would refuse the lock otherwise.
    packages = re.findall(r'\nname = "([^"]+)"\nversion = "([^"]+)"\n(source)?', (project / "Cargo.lock").read_text())
    own = {name for name, _, source in packages if not source}
    assert {NAME, "eventhubs-local", "bridge-core"} <= own
    assert {name for name, version, _ in packages if version == "9.8.7"} == own
    changed = git(project, "diff", "--name-only").split()
    assert {"Cargo.lock", "Cargo.toml", "CHANGELOG.md", "Dockerfile", f"charts/{NAME}/Chart.yaml"} <= set(changed)
    # What is shown to be typed names it.
    for page in project.rglob("*.md"):
        if page.name not in ("upgrade.md", "benchmarks.md", "walk.md", "CHANGELOG.md"):
            assert not re.search(rf"(?<![\d.]){re.escape(was)}(?!\.?\d)", page.read_text()), page

    # Twice is once too often, and nothing is no release.
    with pytest.raises(AssertionError, match="already"):
        run(RELEASE, "prepare", "9.8.7", cwd=project)
    with pytest.raises(AssertionError, match="nothing under"):
        run(RELEASE, "prepare", "9.8.8", cwd=project)
    with pytest.raises(AssertionError, match="no version"):
        run(RELEASE, "prepare", "v9.8.8", cwd=project)


@pytest.mark.parametrize("page", ["docs/upgrade.md", "docs/benchmarks.md"])
def test_a_release_says_what_to_watch_and_what_it_costs(project, page):
    prepared(project, "9.8.7")
    assert run(RELEASE, "ready", cwd=project).strip() == "9.8.7"
    text = (project / page).read_text()
    (project / page).write_text(text.replace("| 9.8.7 |", "| 9.8.6 |"))
    with pytest.raises(AssertionError, match=f"{page} has no row for 9.8.7"):
        run(RELEASE, "ready", cwd=project)


def unpacked(archive, folder):
    """The one folder that is in an archive."""
    with tarfile.open(archive) as content:
        content.extractall(folder, filter="data")
    [root] = folder.iterdir()
    return root


@IN_ROOTS_FOLDER
def test_an_archive_is_the_same_wherever_it_is_made(project, tmp_path):
    (project / "README.md").write_text("Not committed.")
    (project / "config/private.toml").write_text("password = 'mine'")
    elsewhere = tmp_path / "another place"
    run("git", "clone", "-q", project, elsewhere, cwd=tmp_path)
    env, _ = tools(tmp_path / "tools")
    run(RELEASE, "archive", cwd=project, env=env)
    other = env | {"CARGO_HOME": str(tmp_path / "cargo"), "CARGO_TARGET_DIR": str(tmp_path), "CFLAGS": "-g", "TZ": "Asia/Tokyo", "RUSTFLAGS": "-g"}
    run(RELEASE, "archive", cwd=elsewhere, env=other, umask=0o077)

    one, another = (next(folder.glob("dist/*.tar.gz")) for folder in (project, elsewhere))
    assert one.read_bytes() == another.read_bytes()
    with tarfile.open(one) as archive:
        assert {(member.uid, member.gid, member.mode & 0o022) for member in archive} == {(0, 0, 0)}
    run("sha256sum", "--check", f"{one.name}.sha256", cwd=one.parent)


@IN_ROOTS_FOLDER
def test_an_archive_holds_all_that_its_pages_lead_to(project, tmp_path):
    (project / "README.md").write_text("Not committed.")
    (project / "config/private.toml").write_text("password = 'mine'")
    env, _ = tools(tmp_path / "tools")
    run(RELEASE, "archive", cwd=project, env=env)
    root = unpacked(next(project.glob("dist/*.tar.gz")), tmp_path / "unpacked")

    assert (root / "README.md").read_text() == (ROOT / "README.md").read_text(), "what is committed, and nothing else"
    assert not (root / "config/private.toml").exists()
    for file in [NAME, "eventhubs-local", "LICENSE", "CHANGELOG.md", "SECURITY.md", "config/bridge.toml", f"completions/{NAME}", f"completions/_{NAME}",
                 f"completions/{NAME}.fish", f"man/man1/{NAME}.1", f"sbom/{NAME}.cdx.json", "sbom/eventhubs-local.cdx.json", f"charts/{NAME}/Chart.yaml"]:
        assert (root / file).stat().st_size > 0, file
    third = (root / "THIRD-PARTY.txt").read_text()
    assert "one 1.0.0: MIT\ntwo 2.0.0: MIT OR Apache-2.0\n" in third
    # Each text once, also that of a library inside a package.
    assert third.count("You may.") == 1 and "two 2.0.0: c/lib/COPYING" in third

    seen = 0
    for page in root.rglob("*.md"):
        for link in re.findall(r'\]\(([^)\s]+)\)|\b(?:src|srcset|href)="([^"]+)"', page.read_text()):
            target = (link[0] or link[1]).split("#")[0]
            if target and "://" not in target:
                assert (page.parent / target).exists(), f"{page.relative_to(root)}: `{target}` is not in the archive"
                seen += 1
    assert seen > 200, seen


def value(text, known):
    """A value of a workflow, each `${{ … }}` of it as GitHub would put it there."""

    def of(expression):
        words = [word.strip() for word in expression.group(1).split("||")]
        found = [word[1:-1] if word.startswith("'") else known.get(word) for word in words]
        assert any(it is not None for it in found), f"what is `{expression.group(1).strip()}`?"
        return next(filter(None, found), "")

    return re.sub(r"\$\{\{(.*?)\}\}", of, str(text))


class Walk:
    """The workflow of a release, job by job, with what is written there: only the tools are others."""

    def __init__(self, folder, project):
        self.workflow = yaml.safe_load((ROOT / ".github/workflows/release.yaml").read_text())
        self.project, self.folder = project, folder
        self.env, self.said = tools(folder / "tools")
        self.known = {"github.repository": "Contoso/Bridge", "github.actor": "somebody", "github.token": "secret", "needs.version.outputs.version": "9.8.7"}
        self.attested = []
        # Where the workflow asks for the tools of the chart it gets those that push nothing.
        script = project / "scripts/chart-tools.sh"
        script.write_text(f"#!/bin/sh\necho {folder / 'tools'}\n")

    def job(self, name, **matrix):
        """Runs a job's steps in their order."""
        job = self.workflow["jobs"][name]
        known = {**self.known, **{f"matrix.{key}": it for key, it in matrix.items()}}
        own = {"GITHUB_REPOSITORY": "Contoso/Bridge", "GITHUB_REPOSITORY_OWNER": "Contoso", "GITHUB_REF_NAME": "v9.8.7", "GITHUB_SHA": "c0ffee", "USER": "root"}
        for step in job["steps"]:
            output = self.folder / "output"
            output.write_text("")
            env = {**self.env, **own, "GITHUB_OUTPUT": str(output)}
            for given in (self.workflow["env"], job.get("env", {}), step.get("env", {})):
                env |= {key: value(it, known) for key, it in given.items()}
            if "run" in step:
                run("bash", "-e", "-o", "pipefail", "-c", value(step["run"], known), cwd=self.project, env=env)
                for line in output.read_text().splitlines():
                    known["steps.{}.outputs.{}".format(step["id"], line.split("=")[0])] = line.split("=", 1)[1]
            elif "/attest-" in step["uses"]:
                given = {key: value(it, known) for key, it in step["with"].items()}
                self.attested.append((re.search(r"/attest-([a-z-]+)@", step["uses"])[1], given))
                for key in ("subject-path", "sbom-path"):
                    assert key not in given or list(self.project.glob(given[key])), f"there is no {given[key]}"
        outputs = job.get("outputs", {})
        return {key: value(it, known) for key, it in outputs.items()}

    def told(self, tool):
        """What a tool was told."""
        return [line.removeprefix(f"{tool} ") for line in self.said.read_text().splitlines() if line.startswith(f"{tool} ")]


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("walk")
    walk = Walk(folder, prepared(copied(folder / "project"), "9.8.7"))
    assert walk.job("version") == {"version": "9.8.7"}
    return walk


def platforms(walk, job):
    """What the matrix of a job says of each platform."""
    return [it for it in walk.workflow["jobs"][job]["strategy"]["matrix"]["include"] if "platform" in it]


def test_nothing_is_released_that_was_not_checked(walk):
    jobs = walk.workflow["jobs"]
    assert jobs["check"]["uses"] == "./.github/workflows/check.yaml"
    assert all("check" in jobs[job]["needs"] for job in ("archive", "image"))
    check = yaml.safe_load((ROOT / ".github/workflows/check.yaml").read_text())
    assert "check-upgrade" in check["jobs"]["beside"]["strategy"]["matrix"]["target"]
    # `on` is a truth to YAML.
    assert "workflow_call" in check[True]


def test_the_workflow_pushes_images(walk):
    images = [it for it in walk.workflow["jobs"]["image"]["strategy"]["matrix"]["include"] if "target" in it]
    assert {it["target"] for it in images} == {"bridge", "eventhubs-local"}
    for image in images:
        for platform in platforms(walk, "image"):
            walk.job("image", **image, **platform)
    names = [re.search(r"name=(\S+) \.$", told)[1] for told in walk.told("docker") if "--output type=image,push=true" in told]
    assert sorted(names) == sorted(f"ghcr.io/contoso/bridge{it['suffix']}:9.8.7-{of}" for it in images for of in ("amd64", "arm64"))


@IN_ROOTS_FOLDER
def test_the_workflow_publishes_all_of_it(walk):
    walk.job("archive", **platforms(walk, "archive")[0])
    [made] = walk.project.glob("dist/*.tar.gz")
    # The other platform's comes from its own machine.
    for name in (made.name, f"{made.name}.sha256"):
        other = made.with_name(re.sub("amd64|arm64", lambda it: {"amd64": "arm64", "arm64": "amd64"}[it[0]], name))
        other.write_bytes(made.with_name(name).read_bytes())
    walk.job("publish")

    told = walk.told("docker")
    for image in ("ghcr.io/contoso/bridge", "ghcr.io/contoso/bridge-local"):
        assert f"buildx imagetools create --tag {image}:9.8.7 --tag {image}:latest {image}:9.8.7-amd64 {image}:9.8.7-arm64" in told
    assert walk.told("helm") == [f"push dist/{NAME}-9.8.7.tgz oci://ghcr.io/contoso/charts"]
    with tarfile.open(walk.project / f"dist/{NAME}-9.8.7.tgz") as chart:
        about = yaml.safe_load(chart.extractfile(f"{NAME}/Chart.yaml").read())
    assert (about["version"], about["appVersion"]) == ("9.8.7", "9.8.7")

    # Each that people get is signed for.
    subjects = {(kind, given.get("subject-path") or given["subject-name"]) for kind, given in walk.attested}
    assert subjects == {("build-provenance", "dist/*.tar.gz"), ("sbom", "dist/*.tar.gz"), ("build-provenance", "dist/*.tgz"), ("build-provenance", "ghcr.io/contoso/bridge"),
                        ("sbom", "ghcr.io/contoso/bridge"), ("build-provenance", "ghcr.io/contoso/bridge-local"), ("sbom", "ghcr.io/contoso/bridge-local")}
    assert all(re.fullmatch("sha256:[0-9a-f]{64}", given["subject-digest"]) for _, given in walk.attested if "subject-digest" in given)

    [release] = [told for told in walk.told("gh") if told.startswith("release create")]
    head, _, files = release.partition(" --notes-file notes.md ")
    assert head == "release create v9.8.7 --verify-tag --title 9.8.7"
    archives = {f"{NAME}-9.8.7-linux-{platform}.tar.gz" for platform in ("amd64", "arm64")}
    assert {Path(file).name for file in files.split()} == {*archives, *(f"{it}.sha256" for it in archives), f"{NAME}-9.8.7.tgz", f"{NAME}.cdx.json", "eventhubs-local.cdx.json", "SHA256SUMS"}
    run("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=walk.project / "dist")
    assert len((walk.project / "dist/SHA256SUMS").read_text().splitlines()) == 5


def test_the_chart_goes_through_a_registry(walk, tmp_path):
    """What Helm pushes it pulls: the same bytes, by the line of the notes and of docs/upgrade.md; and it makes of them what it makes of the folder."""
    shown = re.search(r"helm upgrade \S+ (oci://ghcr\.io/OWNER/\S+) --version VERSION ", (ROOT / "docs/upgrade.md").read_text())[1]
    (tmp_path / "dist").mkdir()
    helm = walk.folder / "tools/bin/helm"
    real = run(helm, "package", walk.project / f"charts/{NAME}", "--destination", tmp_path / "dist").strip().rpartition(" ")[2]
    own = {**os.environ, "HOME": str(tmp_path)}
    [push] = [step["run"] for step in walk.workflow["jobs"]["publish"]["steps"] if step.get("name") == "the chart"]
    pushed = re.search(r'"(oci://[^"]*)"', push)[1].replace("${GITHUB_REPOSITORY_OWNER,,}", "contoso")
    with Registry() as registry:
        run("helm", "push", "--plain-http", real, pushed.replace("$REGISTRY", registry.address), env=own)
        chart = shown.replace("ghcr.io/OWNER", f"{registry.address}/contoso")
        run("helm", "pull", "--plain-http", chart, "--version", "9.8.7", "--destination", tmp_path, env=own)
        [pulled] = tmp_path.glob("*.tgz")
        assert pulled.read_bytes() == Path(real).read_bytes()
        minimal = next(file for file in CI if file.name.startswith("minimal"))
        told = run("helm", "template", "r", "--plain-http", chart, "--version", "9.8.7", "--namespace", "shop", "--values", minimal, env=own)
    from_registry = [document for document in yaml.safe_load_all(told) if document]
    assert from_registry == render(minimal, chart=walk.project / f"charts/{NAME}")


def test_the_notes_say_what_changed_and_how_to_get_it(walk):
    env = {**os.environ, "GITHUB_REPOSITORY": "Contoso/Bridge", "REGISTRY": "ghcr.io"}
    notes = run(RELEASE, "notes", cwd=walk.project, env=env)
    assert notes.startswith("### Added\n")
    # GitHub takes so many, and a link that is not whole leads nowhere there.
    assert len(notes) < 125_000
    assert all(link.startswith("https://") for link in re.findall(r"\]\(([^)]*)\)", notes))
    assert "docker pull ghcr.io/contoso/bridge:9.8.7\n" in notes
    assert f"oci://ghcr.io/contoso/charts/{NAME} --version 9.8.7 " in notes
    assert f"gh attestation verify {NAME}-9.8.7-linux-amd64.tar.gz --repo Contoso/Bridge\n" in notes
