"""The Dockerfile, as far as it can be judged without building it; `make check-image` builds it."""

import re
import subprocess

import tomllib
import yaml

from chart import CHART, ROOT

TEXT = (ROOT / "Dockerfile").read_text()
STAGES = re.findall(r"(?m)^FROM (\S+)(?: AS (\S+))?$", TEXT)


def stage(name):
    """The text of a stage."""
    return re.search(rf"(?ms)^FROM \S+ AS {name}\n(.*?)(?=^FROM |\Z)", TEXT)[1]


def test_hadolint_finds_nothing():
    done = subprocess.run(["hadolint", ROOT / "Dockerfile"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_shellcheck_finds_nothing():
    done = subprocess.run(["shellcheck", *(ROOT / "scripts").glob("*.sh")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_the_compiler_is_that_of_the_toolchain_file():
    channel = tomllib.loads((ROOT / "rust-toolchain.toml").read_text())["toolchain"]["channel"]
    assert re.search(r"(?m)^ARG BUILDER=\S+/rust:(\S+?)-trixie$", TEXT)[1] == channel
    assert f"RUSTUP_TOOLCHAIN={channel} " in TEXT


def test_base_images_can_be_replaced():
    bases = {base for base, _ in STAGES}
    named = {name for _, name in STAGES}
    assert bases - named == {"${BUILDER}", "${RUNTIME}", "scratch"}


def test_compiler_and_runtime_have_one_libc():
    """A program built against a newer glibc than it finds does not start; an older one than 2.39 is slow."""
    assert re.search(r"(?m)^ARG RUNTIME=\S+/cc-debian13:nonroot$", TEXT), "Debian 13 is trixie"


def test_the_bridge_is_what_comes_out():
    assert STAGES[-1] == ("${RUNTIME}", "bridge")
    assert [name for base, name in STAGES if base == "${RUNTIME}"] == ["eventhubs-local", "bridge"]


def test_images_run_as_the_user_of_the_chart():
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    user = values["podSecurityContext"]["runAsUser"]
    for image in ("bridge", "eventhubs-local"):
        assert f"USER {user}:{user}\n" in stage(image)
        assert re.search(r'(?m)^ENTRYPOINT \["/usr/local/bin/[\w-]+"\]$', stage(image)), "no shell to start it"


def test_version_is_one_everywhere():
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    about = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert about["appVersion"] == version
    assert re.findall(r"(?m)^ARG VERSION=(\S+)$", TEXT) == [version, version]


def test_every_manifest_of_the_workspace_is_in_the_layer_of_dependencies():
    """A crate that is forgotten breaks the build of the image only."""
    manifests = {str(file.relative_to(ROOT)) for file in ROOT.glob("crates/*/Cargo.toml")}
    copied = set(re.findall(r"(?m)^COPY (crates/\S+/Cargo\.toml) ", stage("manifests")))
    assert copied == manifests
    # Cargo refuses a manifest whose targets are not there.
    for manifest in [ROOT / "Cargo.toml", *(ROOT / file for file in manifests)]:
        for bench in tomllib.loads(manifest.read_text()).get("bench", []):
            folder = manifest.parent / "benches"
            file = folder / f"{bench['name']}.rs"
            file = file if file.exists() else folder / bench["name"]
            assert str(file.relative_to(ROOT)) in stage("manifests"), bench
    # What the program holds of other files lies in `src`, which is copied whole.
    sources = ROOT / "src"
    for file in sources.rglob("*.rs"):
        for used in re.findall(r'include_(?:str|bytes)!\("([^"]+)"\)', file.read_text()) if file.name != "tests.rs" else []:
            held = (file.parent / used).resolve()
            assert held.is_file() and held.is_relative_to(sources), f"then the Dockerfile must copy {held}"


def test_what_is_copied_is_sent_to_the_builder():
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    for sources in re.findall(r"(?m)^COPY (?!--from)(.*) \S+$", TEXT):
        for source in sources.split():
            assert (ROOT / source).exists(), source
            assert any(source == it or source.startswith(f"{it}/") for it in kept), source
