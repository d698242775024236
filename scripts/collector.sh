#!/usr/bin/env bash
# Builds the collector of OpenTelemetry with the parts that tests/collector needs, once, into a cache outside the checkout, and prints where it is.
# Another version of anything is another folder.
set -euo pipefail
cd "$(dirname "$0")/../tests/collector"
export PATH="$PATH:/usr/local/go/bin"

version=$(cat main.go go.mod go.sum | sha256sum | cut -c1-12)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/kafka-eventhubs-bridge/collector-$version
if [[ -x $folder/collector ]]; then
    echo "$folder/collector"
    exit
fi
echo "building the collector of OpenTelemetry to $folder: this takes a minute" >&2
mkdir -p "$folder"
go build -trimpath -ldflags "-s -w" -o "$folder/collector.new" .
mv "$folder/collector.new" "$folder/collector"
echo "$folder/collector"
