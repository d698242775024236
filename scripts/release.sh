#!/usr/bin/env bash
# A release of the commit that is checked out, the same bytes wherever it is built with the same toolchain and C compiler:
#
#   scripts/release.sh version     its version, which the manifest, the chart and the changelog must agree on
#   scripts/release.sh notes       what changed in it
#   scripts/release.sh archive     dist/kafka-eventhubs-bridge-VERSION-linux-ARCH.tar.gz and its SHA-256
set -euo pipefail
cd "$(dirname "$0")/.."

version() {
    local version chart
    version=$(sed -n '/^\[workspace.package\]/,/^$/s/^version = "\(.*\)"$/\1/p' Cargo.toml)
    chart=$(sed -n 's/^appVersion: "*\([^"]*\)"*$/\1/p' charts/kafka-eventhubs-bridge/Chart.yaml)
    if [[ -z $version || $version != "$chart" ]]; then
        echo "Cargo.toml says version '$version', the chart appVersion '$chart'" >&2
        return 1
    fi
    echo "$version"
}

notes() {
    local version notes
    version=$(version)
    notes=$(awk -v heading="## [$version]" 'index($0, "## [") == 1 { inside = index($0, heading) == 1; next } inside' CHANGELOG.md)
    if [[ -z ${notes//[[:space:]]/} ]]; then
        echo "CHANGELOG.md has no section [$version]" >&2
        return 1
    fi
    echo "$notes"
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
    rm -rf "$root"/{source,vendor,target}
    mkdir "$root/source"
    git archive HEAD | tar --directory "$root/source" --extract
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
    BRIDGE_COMMIT=$(git rev-parse --short=12 HEAD)
    export SOURCE_DATE_EPOCH BRIDGE_COMMIT TZ=UTC LC_ALL=C
    (
        cd "$root/source"
        unset CFLAGS CXXFLAGS
        cargo vendor --locked --quiet "$root/vendor" >/dev/null
        CARGO_TARGET_DIR=$root/target CARGO_INCREMENTAL=0 CARGO_PROFILE_RELEASE_STRIP=debuginfo RUSTFLAGS="--remap-path-prefix=$root/=" \
            cargo build --release --locked --package kafka-eventhubs-bridge --package eventhubs-local --features kafka-eventhubs-bridge/vendored-openssl \
            --config "source.crates-io.replace-with='vendor'" --config "source.vendor.directory='$root/vendor'"
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
    cp -r "$root"/source/{LICENSE,README.md,CHANGELOG.md,config} "dist/$name"
    tar --directory dist --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" --mode=u=rwX,go=rX --create "$name" |
        gzip --no-name >"dist/$name.tar.gz"
    rm -rf "dist/$name" "$root"/{source,vendor,target}
    (cd dist && sha256sum "$name.tar.gz" | tee "$name.tar.gz.sha256")
}

case ${1-} in
    version | notes | archive) "$1" ;;
    *)
        sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
        exit 64
        ;;
esac
