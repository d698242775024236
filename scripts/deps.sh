#!/usr/bin/env bash
# Installs what is missing to build the bridge, and with `test`, `chart` or `image` what its tests, those of the chart, or those of the image
# need too: by apt where that is allowed, else it says what to install and stops. Does nothing, and needs no network, when nothing is missing.
set -euo pipefail

packages=()
need() { # need PACKAGE COMMAND...: PACKAGE is missing unless COMMAND succeeds
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || packages+=("$package")
}

need gcc command -v gcc
need g++ command -v g++
need make command -v make
need libc6-dev sh -c 'echo "#include <stdlib.h>" | gcc -E -'
# OpenSSL, which is built for librdkafka, is configured by a Perl with its usual modules.
need perl perl -MFindBin -MIPC::Cmd -e 1
if [[ ${1-} == test ]]; then
    need default-jre-headless java -version
    need maven mvn --version
elif [[ ${1-} == chart ]]; then
    need python3-venv python3 -c 'import ensurepip, venv'
    # For `promtool`, and for the modules that define custom resources.
    need prometheus command -v promtool
    PATH="$PATH:/usr/local/go/bin" need golang-go command -v go
elif [[ ${1-} == image ]]; then
    need buildah command -v buildah
    need mmdebstrap command -v mmdebstrap
fi

if ((${#packages[@]})); then
    install=(apt-get install -y --no-install-recommends "${packages[@]}")
    if ! command -v apt-get >/dev/null; then
        echo "please install, by the names your system has for them: ${packages[*]}" >&2
        exit 1
    elif ((EUID == 0)); then
        as_root=(env DEBIAN_FRONTEND=noninteractive)
    elif sudo -n true 2>/dev/null; then
        as_root=(sudo env DEBIAN_FRONTEND=noninteractive)
    else
        printf 'please run this, then try again:\n\n    sudo apt-get update && sudo %s\n\n' "${install[*]}" >&2
        exit 1
    fi
    echo "installing ${packages[*]}"
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" "${install[@]}"
fi

if ! command -v cargo >/dev/null; then
    echo "please install Rust with rustup, then try again; the version needed is fetched by itself" >&2
    exit 1
fi
