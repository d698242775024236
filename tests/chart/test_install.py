"""How pages say that the bridge is installed: by the names under which `release.yaml` publishes it, and by commands that Docker, Helm and Compose take."""

import re
import shlex

import pytest
import tomllib
import yaml

from chart import CHART, ROOT, helm, run

OWNER = "OWNER"
NAME = "kafka-eventhubs-bridge"
README = (ROOT / "README.md").read_text()
RELEASE = yaml.safe_load((ROOT / ".github/workflows/release.yaml").read_text())
VERSION = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
# But for a walk that was done once, with what was there then.
PAGES = [ROOT / "README.md", ROOT / "compose.yaml", *(it for it in (ROOT / "docs").rglob("*.md") if it.name != "walk.md"), CHART / "README.md"]


def filled(text, **values):
    """A text of the workflow with what GitHub puts there for OWNER's repository, and `values`."""
    known = {
        "vars.IMAGE_REGISTRY || 'ghcr.io'": "ghcr.io",
        "github.repository": f"{OWNER}/{NAME}",
        "matrix.suffix": "",
        "needs.version.outputs.version": VERSION,
    }
    text = re.sub(r"\$\{\{ (.+?) \}\}", lambda found: known[found[1]], text)
    shell = {"REGISTRY": "ghcr.io", "GITHUB_REPOSITORY_OWNER": OWNER, "VERSION": VERSION, "version": VERSION, "GITHUB_REF_NAME": f"v{VERSION}", **values}
    # `${NAME,,}` is the lower case of it, which a page leaves to its reader.
    return re.sub(r"\$\{?(\w+)(?:,,)?\}?", lambda found: shell[found[1]], text)


def published():
    """Where a release is: the image, the chart, the archives by their platform."""
    jobs = RELEASE["jobs"]
    image = filled(jobs["publish"]["env"]["IMAGE"])
    assert image == filled(jobs["image"]["env"]["IMAGE"]), "what is built is what is published"
    steps = "\n".join(step.get("run", "") for step in jobs["publish"]["steps"])
    assert '--tag "$name:$VERSION"' in steps and "gh release create \"$GITHUB_REF_NAME\"" in steps
    (charts,) = re.findall(r'helm" push \S+ "(oci://[^"]+)"', steps)
    (archive,) = re.findall(r"(?m)^ *name=(\S+)$", (ROOT / "scripts/release.sh").read_text())
    platforms = [it["platform"] for it in jobs["archive"]["strategy"]["matrix"]["include"]]
    archives = [filled(archive, architecture=platform) for platform in platforms]
    return image, f"{filled(charts)}/{yaml.safe_load((CHART / 'Chart.yaml').read_text())['name']}", archives


def command(start):
    """The words of the README's command that begins so."""
    lines = README.replace("\\\n", " ").splitlines()
    (line,) = [line for line in lines if line.startswith(start)]
    return shlex.split(line)


def test_docker_runs_the_image_that_is_published():
    image, _, _ = published()
    words = command("docker run ")
    assert words[-1] == f"{image}:{VERSION}"
    dockerfile = (ROOT / "Dockerfile").read_text()
    mounted = words[words.index("--volume") + 1].split(":")
    assert f'CMD ["run", "--config", "{mounted[1]}"]' in dockerfile
    port = words[words.index("--publish") + 1].split(":")[1]
    assert re.findall(r"(?m)^EXPOSE (\d+)$", dockerfile)[-1] == port


def test_helm_installs_the_chart_that_is_published(tmp_path):
    image, chart, _ = published()
    words = command("helm install ")
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert words[3] == chart
    assert words[words.index("--version") + 1] == about["version"]
    assert f"image.repository={image}" in words and about["appVersion"] == VERSION
    # The same, with the chart of this checkout and the configuration of the README.
    file = tmp_path / "bridge.toml"
    file.write_text(re.search(r"(?ms)^```toml\n(.*?)^```", README)[1])
    here = [str(CHART) if word == chart else word.replace("bridge.toml", str(file)).replace(OWNER, "owner") for word in words[1:]]
    code, out, error = helm(*here, "--dry-run=client", "--kubeconfig", tmp_path / "none")
    assert code == 0, error
    assert f"{image.replace(OWNER, 'owner')}:{VERSION}" in out and "group_id = \"orders-bridge\"" in out


def test_the_archive_is_the_one_of_a_release():
    _, _, archives = published()
    url = command("curl -LO ")[-1]
    folder, _, file = url.rpartition("/")
    assert folder == f"https://github.com/{OWNER}/{NAME}/releases/download/v{VERSION}"
    assert file.removesuffix(".tar.gz") in archives
    assert command("tar ")[-1] == file
    said = re.search(r"\*\*A release archive\*\*.*", README)[0]
    assert all(f"`{it.rpartition('-')[2]}`" in said for it in archives), "each platform is named"
    assert f"\n{file.removesuffix('.tar.gz')}/{NAME} run " in README


def test_source_is_built_by_the_usual_command():
    assert command("cargo build --release") == ["cargo", "build", "--release"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_page_names_another_place(page):
    """Whatever a page says of a registry or a download is where a release is."""
    image, chart, archives = published()
    text = page.read_text()
    for said in re.findall(r"(?:oci://)?ghcr\.io/[\w./-]*\w", text):
        assert said in (image, f"{image}-local", chart), said
    for said in re.findall(rf"{NAME}-[\d.]+-linux-\w+", text):
        assert said in archives, said
    for said in re.findall(rf"{NAME}(?:-local)?:(\d[\w.-]*\w)", text):
        assert said == VERSION, said


def test_compose_files_are_of_their_schema():
    run("check-jsonschema", "--builtin-schema", "vendor.compose-spec", *sorted(ROOT.glob("compose*.yaml")))
