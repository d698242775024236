#!/usr/bin/env bash
# A release of the commit that is checked out, the same bytes wherever it is built with the same toolchain and C compiler:
#
#   scripts/release.sh prepare VERSION   raises the version everywhere, and gives what is unreleased in the changelog its name
#   scripts/release.sh version           its version, which the manifest, the chart and the image must agree on
#   scripts/release.sh ready             the same, when the changelog, docs/upgrade.md and docs/benchmarks.md say something of it, too
#   scripts/release.sh notes             what changed in it, and how to get it
#   scripts/release.sh archive           dist/kafka-eventhubs-bridge-VERSION-linux-ARCH.tar.gz and its SHA-256
#   scripts/release.sh chart             dist/kafka-eventhubs-bridge-VERSION.tgz
#   scripts/release.sh checksums         dist/SHA256SUMS, of all that is in dist
set -euo pipefail
cd "$(dirname "$0")/.."

# Files that people get in an archive, beside the programs: each page, and all that a page leads to.
papers=(LICENSE README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md compose.yaml compose.emulator.yaml config docs charts deploy crates/eventhubs-local/README.md)

version() {
    local version chart
    version=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"$/\1/p' Cargo.toml)
    chart=$(sed -n 's/^\(version\|appVersion\): "*\([^"]*\)"*$/\2/p' charts/kafka-eventhubs-bridge/Chart.yaml | uniq)
    if [[ -z $version || $version != "$chart" ]]; then
        echo "Cargo.toml says version '$version', the chart '${chart/$'\n'/\' and \'}'" >&2
        return 1
    fi
    if grep '^ARG VERSION=' Dockerfile | grep -vqx "ARG VERSION=$version"; then
        echo "Cargo.toml says version '$version', the Dockerfile another" >&2
        return 1
    fi
    echo "$version"
}

prepare() {
    local version=${1-} was today
    if [[ ! $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]]; then
        echo "\`$version\` is no version such as 1.2.3" >&2
        return 64
    fi
    was=$(version)
    if grep -qF "## [$version]" CHANGELOG.md; then
        echo "CHANGELOG.md has a section [$version] already" >&2
        return 1
    fi
    if [[ -z $(section Unreleased) ]]; then
        echo "CHANGELOG.md says nothing under [Unreleased]" >&2
        return 1
    fi
    today=$(date -u -d "@${SOURCE_DATE_EPOCH:-$(date +%s)}" +%F)
    export version was today
    perl -0pi -e 's/^## \[Unreleased\]\n/## [Unreleased]\n\n## [$ENV{version}] - $ENV{today}\n/m' CHANGELOG.md
    perl -0pi -e 's/(\[workspace\.package\]\n(?:.+\n)*?version = ")[^"]+/$1$ENV{version}/' Cargo.toml
    # Packages of the workspace have no source.
    perl -0pi -e 's/(\nname = "[^"]+"\nversion = ")\Q$ENV{was}\E("\n(?!source))/$1$ENV{version}$2/g' Cargo.lock
    perl -pi -e 's/^(version|appVersion): ("?)[^"\n]+("?)$/$1: $2$ENV{version}$3/' charts/kafka-eventhubs-bridge/Chart.yaml
    perl -pi -e 's/^ARG VERSION=.*/ARG VERSION=$ENV{version}/' Dockerfile
    perl -pi -e 's/(?<=\$\{VERSION:-)[^}]+/$ENV{version}/' compose.yaml
    # What is shown to be typed is of this version; what is told of versions stays.
    find README.md docs charts/kafka-eventhubs-bridge -name '*.md' ! -path docs/upgrade.md ! -path docs/benchmarks.md ! -path docs/walk.md -exec \
        perl -pi -e 's/(?<![\d.])\Q$ENV{was}\E(?!\.?\d)/$ENV{version}/g' {} +
    echo "this is $version now; what docs/upgrade.md and docs/benchmarks.md say of it is yours to write, then commit, and push the tag v$version"
}

section() { # what CHANGELOG.md says under a heading
    awk -v heading="## [$1]" 'index($0, "## [") == 1 { inside = index($0, heading) == 1; next } inside' CHANGELOG.md | sed -e '/./,$!d'
}

ready() {
    local version page
    version=$(version)
    if [[ -z $(section "$version") ]]; then
        echo "CHANGELOG.md has no section [$version]: scripts/release.sh prepare makes it of what is unreleased" >&2
        return 1
    fi
    for page in docs/upgrade.md docs/benchmarks.md; do
        if ! grep -qF "| $version |" "$page"; then
            echo "$page has no row for $version" >&2
            return 1
        fi
    done
    echo "$version"
}

notes() {
    local version changes owner name registry
    version=$(version)
    changes=$(section "$version")
    if [[ -z $changes ]]; then
        echo "CHANGELOG.md has no section [$version]" >&2
        return 1
    fi
    echo "$changes"
    if [[ -n ${GITHUB_REPOSITORY-} ]]; then
        owner=${GITHUB_REPOSITORY%/*} name=${GITHUB_REPOSITORY,,} registry=${REGISTRY:-ghcr.io}
        cat <<NOTES

### Get it

\`\`\`sh
docker pull $registry/$name:$version
helm install bridge oci://$registry/${owner,,}/charts/kafka-eventhubs-bridge --version $version --set image.repository=$registry/$name --values values.yaml
gh release download v$version --repo $GITHUB_REPOSITORY --pattern '*-linux-amd64.tar.gz'
\`\`\`

The archive holds the bridge, \`eventhubs-local\`, the documentation, completions and manual pages, and the licences of all that is in the programs. \`SHA256SUMS\` names every file. Each file and image has a statement of where it came from, signed by GitHub:

\`\`\`sh
gh attestation verify kafka-eventhubs-bridge-$version-linux-amd64.tar.gz --repo $GITHUB_REPOSITORY
gh attestation verify oci://$registry/$name:$version --repo $GITHUB_REPOSITORY
\`\`\`

[How to upgrade and how to go back](https://github.com/$GITHUB_REPOSITORY/blob/v$version/docs/upgrade.md)
NOTES
    fi
}

archive() {
    local version name architecture root
    version=$(version)
    case $(uname -m) in
        x86_64) architecture=amd64 ;;
        aarch64) architecture=arm64 ;;
        *)
            echo "no release is made for $(uname -m)" >&2
            return 1
            ;;
    esac
    # Where something was compiled gets into the program: by the names of functions, and by OpenSSL, which would look for its
    # modules there. So it is the same place everywhere, one in which not everybody can put something, and it holds all
    # that is compiled. Only what is committed is built, and it says nothing of this machine or this minute.
    root=/usr/local/src/kafka-eventhubs-bridge
    if ! mkdir -p "$root" 2>/dev/null || [[ ! -w $root ]]; then
        echo "a release is built in $root; make it yours: sudo install -d -o \"\$USER\" $root" >&2
        return 1
    fi
    if ! cargo cyclonedx --version >/dev/null; then
        echo "the bill of materials needs: cargo install --locked cargo-cyclonedx@0.5.9" >&2
        return 1
    fi
    rm -rf "$root"/{source,vendor,target}
    mkdir "$root/source"
    git archive HEAD | tar --directory "$root/source" --extract
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
    BRIDGE_COMMIT=$(git rev-parse --short=12 HEAD)
    export SOURCE_DATE_EPOCH BRIDGE_COMMIT TZ=UTC LC_ALL=C
    (
        cd "$root/source"
        unset CFLAGS CXXFLAGS
        cargo vendor --locked --quiet --versioned-dirs "$root/vendor" >/dev/null
        CARGO_TARGET_DIR=$root/target CARGO_INCREMENTAL=0 CARGO_PROFILE_RELEASE_STRIP=debuginfo RUSTFLAGS="--remap-path-prefix=$root/=" \
            cargo build --release --locked --package kafka-eventhubs-bridge --package eventhubs-local --features kafka-eventhubs-bridge/vendored-openssl \
            --config "source.crates-io.replace-with='vendor'" --config "source.vendor.directory='$root/vendor'"
        cargo tree --locked --edges normal,build --prefix none --format '{p}|{l}' --package kafka-eventhubs-bridge --package eventhubs-local \
            --config "source.crates-io.replace-with='vendor'" --config "source.vendor.directory='$root/vendor'" >"$root/tree"
        cargo cyclonedx --format json --override-filename release --quiet
    )
    name=kafka-eventhubs-bridge-$version-linux-$architecture
    rm -rf "dist/$name"
    mkdir -p "dist/$name"
    cp "$root"/target/release/{kafka-eventhubs-bridge,eventhubs-local} "dist/$name"
    mkdir "dist/$name/completions"
    local program="dist/$name/kafka-eventhubs-bridge"
    # By the names that each shell looks for.
    "$program" completions bash >"dist/$name/completions/kafka-eventhubs-bridge"
    "$program" completions zsh >"dist/$name/completions/_kafka-eventhubs-bridge"
    "$program" completions fish >"dist/$name/completions/kafka-eventhubs-bridge.fish"
    "$program" man --directory "dist/$name/man/man1"
    (cd "$root/source" && cp -r --parents "${papers[@]}" "$OLDPWD/dist/$name")
    mkdir "dist/$name/sbom"
    cp "$root/source/release.json" "dist/$name/sbom/kafka-eventhubs-bridge.cdx.json"
    cp "$root/source/crates/eventhubs-local/release.json" "dist/$name/sbom/eventhubs-local.cdx.json"
    scripts/third-party.py "$root/tree" "$root/vendor" >"dist/$name/THIRD-PARTY.txt"
    cp "dist/$name/sbom/kafka-eventhubs-bridge.cdx.json" dist
    tar --directory dist --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --mode=u=rwX,go=rX --create "$name" |
        gzip --no-name >"dist/$name.tar.gz"
    rm -rf "dist/$name" "$root"/{source,vendor,target,tree}
    (cd dist && sha256sum "$name.tar.gz" | tee "$name.tar.gz.sha256")
}

chart() {
    version >/dev/null
    "$(scripts/chart-tools.sh)/bin/helm" package charts/kafka-eventhubs-bridge --destination dist
}

checksums() {
    (cd dist && find . -maxdepth 1 -type f ! -name SHA256SUMS ! -name '*.sha256' -printf '%P\n' | sort | xargs sha256sum | tee SHA256SUMS)
}

case ${1-} in
    version | ready | notes | archive | chart | checksums) "$1" ;;
    prepare) prepare "${2-}" ;;
    *)
        sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
        exit 64
        ;;
esac
