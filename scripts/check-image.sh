#!/usr/bin/env bash
# Builds the Dockerfile as it is and looks at what comes out: a number for a user, a root file system nothing can be written to, no shell, `check` works,
# the size. No container registry is needed: Debian 13 from its own packages stands in for the base images, with the toolchain
# of this machine in it. Slow, since it is a release build: `make check-image`. Needs root (chroots), buildah and mmdebstrap.
#
#   scripts/check-image.sh bridge eventhubs-local sbom     each, or some
set -euo pipefail
cd "$(dirname "$0")/.."

cache=${XDG_CACHE_HOME:-$HOME/.cache}/kafka-eventhubs-bridge/image
work=$(mktemp -d)
mkdir -p "$cache"
# A store of its own: nothing is left behind but the layers in the cache.
mkdir -p "$cache/store" "$work/run"
printf '[storage]\ndriver = "overlay"\nrunroot = "%s"\ngraphroot = "%s"\n' "$work/run" "$cache/store" >"$work/storage.conf"
export CONTAINERS_STORAGE_CONF=$work/storage.conf
finish() {
    buildah rm --all >/dev/null 2>&1 || true
    umount "$cache/store/overlay" 2>/dev/null || true
    rm -rf "$work"
}
trap finish EXIT

# Debian, once, as a file.
debian() { # debian FILE VARIANT PACKAGES HOOK...
    local file=$1 variant=$2 packages=$3
    shift 3
    [[ -e $file ]] && return
    echo "making ${file##*/} of Debian's packages" >&2
    mmdebstrap --quiet --variant="$variant" --mode=root --include="$packages" "$@" trixie "$file.part.tar"
    mv "$file.part.tar" "$file"
}
import() { # import FILE NAME CONFIGURATION...: unless it is there, since layers stand on it
    local container
    buildah inspect --type image "$2" >/dev/null 2>&1 && return
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$1" / >/dev/null
    buildah config "${@:3}" "$container"
    buildah commit --quiet --rm "$container" "$2" >/dev/null
}
debian "$cache/builder.tar" minbase gcc,g++,make,perl,libc6-dev,ca-certificates
# As distroless: no shell, the roots of trust in one file, a user without a name that matters.
# shellcheck disable=SC2016
debian "$cache/runtime.tar" extract base-files,libc6,libgcc-s1,ca-certificates,tzdata,netbase \
    --extract-hook='cat "$1"/usr/share/ca-certificates/mozilla/*.crt > "$1"/etc/ssl/certs/ca-certificates.crt'
certificates=/etc/ssl/certs/ca-certificates.crt
import "$cache/builder.tar" localhost/builder --env PATH=/usr/local/rust/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    --env CARGO_HOME=/usr/local/cargo --env CARGO_HTTP_CAINFO=/run/roots.crt
import "$cache/runtime.tar" localhost/runtime --user 65532:65532

build() { # build TARGET
    # shellcheck disable=SC2046 # one word, or none
    buildah bud --quiet --isolation chroot --network host --pull-never --layers --target "$1" --tag "localhost/$1" \
        --build-arg BUILDER=localhost/builder --build-arg RUNTIME=localhost/runtime \
        --build-arg REVISION="$(git rev-parse --short HEAD)" \
        --volume "$(rustc --print sysroot):/usr/local/rust:ro" --volume "$certificates:/run/roots.crt:ro" \
        --volume "${CARGO_HOME:-$HOME/.cargo}/registry:/usr/local/cargo/registry" . >/dev/null
}
inside() { # inside CONTAINER COMMAND...: what it says, and its exit code
    local container=$1
    shift
    buildah run --isolation chroot "$container" -- "$@"
}
expect() { # expect WHAT COMMAND...
    local what=$1
    shift
    if "$@" >"$work/said" 2>&1; then
        echo "ok: $what"
    else
        echo "FAILED: $what" >&2
        cat "$work/said" >&2
        exit 1
    fi
}

look() { # look TARGET PROGRAM: what holds for either image
    local container file
    container=$(buildah from --pull-never "localhost/$1")
    file=$(buildah mount "$container")/usr/local/bin/$2
    expect "$1: starts, on the libc it ships with" inside "$container" "/usr/local/bin/$2" --help
    expect "$1: runs as 65532" test "$(buildah inspect --format '{{.OCIv1.Config.User}}' "$container")" = 65532:65532
    expect "$1: has no shell" test ! -e "${file%/usr/local/bin/*}/bin/sh"
    expect "$1: is labelled" test "$(buildah inspect --format '{{index .OCIv1.Config.Labels "org.opencontainers.image.title"}}' "$container")" = "$2"
    local size
    size=$(stat --format %s "$file")
    expect "$1: the program has at most 40 MB" test "$size" -le 40000000
    buildah push --quiet "localhost/$1" "oci:$work/$1:latest"
    echo "size: $2 $((size / 1000)) kB; $1 image $(du -sk "$work/$1" | cut -f1) kB compressed, base and all"
    look=$container
}

bridge() {
    build bridge
    look bridge kafka-eventhubs-bridge
    local container root writable port bridge code
    container=$look
    root=$(buildah mount "$container")
    mkdir -p "$root/etc/bridge"
    cp config/emulator/bridge.toml "$root/etc/bridge/bridge.toml"
    expect "bridge: calls a good configuration good" inside "$container" /usr/local/bin/kafka-eventhubs-bridge check --config /etc/bridge/bridge.toml
    printf '[kafka]\n' >"$root/etc/bridge/bridge.toml"
    inside "$container" /usr/local/bin/kafka-eventhubs-bridge check --config /etc/bridge/bridge.toml >"$work/said" 2>&1 && code=0 || code=$?
    expect "bridge: ends with 78 at a wrong one" test "$code" = 78
    # What the image has, without the devices of the machine and the places Debian leaves open to all.
    writable=$(find "$root" -xdev \( -path "$root/tmp" -o -path "$root/var/tmp" -o -path "$root/var/lock" -o -path "$root/run/lock" \) -prune -o \( -type d -o -type f \) -perm /002 -print | head)
    expect "bridge: owns nothing it could write to" test -z "$writable"

    # `run`, as Kubernetes starts it: the root file system read-only, nobody's user. Neither Kafka nor Event Hubs is there, which it waits for.
    cp config/emulator/bridge.toml "$root/etc/bridge/bridge.toml"
    port=$((20000 + RANDOM % 10000))
    # shellcheck disable=SC2016
    unshare --mount bash -c 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" &&
        exec chroot --userspec=65532:65532 "$0" /usr/local/bin/kafka-eventhubs-bridge run --config /etc/bridge/bridge.toml --set admin.listen="127.0.0.1:$1"' \
        "$root" "$port" >"$work/run.log" 2>&1 &
    bridge=$!
    expect "bridge: runs on a read-only root" curl --silent --fail --retry 30 --retry-delay 1 --retry-connrefused "http://127.0.0.1:$port/livez"
    expect "bridge: is nobody, to the kernel too" test "$(stat --format %u "/proc/$bridge")" = 65532
    kill -TERM "$bridge"
    wait "$bridge" && code=0 || code=$?
    expect "bridge: stops when it is asked to" test "$code" = 0
}

eventhubs-local() {
    build eventhubs-local
    look eventhubs-local eventhubs-local
}

sbom() {
    build sbom
    local container file
    container=$(buildah from --pull-never localhost/sbom)
    file=$(buildah mount "$container")/kafka-eventhubs-bridge.cdx.json
    expect "sbom: is CycloneDX" grep --quiet '"bomFormat": "CycloneDX"' "$file" "${file%/*}/eventhubs-local.cdx.json"
    expect "sbom: names what is C inside" grep --quiet '"name": "rdkafka-sys"' "$file"
    expect "sbom: names no test's dependency" test "$(grep --count '"name": "proptest"' "$file")" = 0
    echo "size: sbom $(grep --count '"bom-ref"' "$file") components"
}

for what in "$@"; do
    case $what in
        bridge | eventhubs-local | sbom) "$what" ;;
        *)
            echo "there is no image \`$what\`: bridge, eventhubs-local or sbom" >&2
            exit 64
            ;;
    esac
done
