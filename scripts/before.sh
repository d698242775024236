#!/usr/bin/env bash
# The version before this one, which an upgrade comes from and a rollback goes back to, once, in a cache outside the checkout. That is the tag before the
# commit that is checked out. The first release has none; its counterpart is an earlier commit of its own, named here and nowhere else.
#
#   scripts/before.sh name        what it is: the tag, or the commit
#   scripts/before.sh files       the folder with its `chart` and `config`
#   scripts/before.sh program     the same, with the program `kafka-eventhubs-bridge`: built without optimisation, in some minutes of two cores
set -euo pipefail
cd "$(dirname "$0")/.."

# Before values were decoded and shaped, before `effectively_once` and what came with it.
first=7816b45623421f43cc27a607d1040b941619bdd7

name=$(git describe --tags --abbrev=0 --match 'v[0-9]*' --exclude '*-*' HEAD^ 2>/dev/null || echo "${first:0:12}")
before=${XDG_CACHE_HOME:-$HOME/.cache}/kafka-eventhubs-bridge/upgrade/$name

files() {
    [[ -d $before/chart && -d $before/config ]] && return
    if ! git cat-file -e "$name^{commit}" 2>/dev/null; then
        echo "this checkout has no \`$name\`: fetch the whole history with \`git fetch --unshallow --tags\`" >&2
        return 1
    fi
    rm -rf "$before"
    mkdir -p "$before/source"
    git archive "$name" | tar --directory "$before/source" --extract
    cp -r "$before/source/config" "$before/config"
    cp -r "$before/source/charts/kafka-eventhubs-bridge" "$before/chart"
}

program() {
    [[ -x $before/kafka-eventhubs-bridge ]] && return
    echo "building $name to $before: this takes minutes, once" >&2
    (
        cd "$before/source"
        BRIDGE_COMMIT=$name CARGO_TARGET_DIR=$before/target CARGO_INCREMENTAL=0 CARGO_PROFILE_DEV_DEBUG=0 \
            cargo build --locked --package kafka-eventhubs-bridge --bins >&2
    )
    mv "$before/target/debug/kafka-eventhubs-bridge" "$before"
    rm -rf "$before"/{source,target}
}

case ${1-} in
    name) echo "$name" ;;
    files)
        files
        echo "$before"
        ;;
    program)
        files
        program
        echo "$before"
        ;;
    *)
        sed -n '5,7s/^# \{0,1\}//p' "$0" >&2
        exit 64
        ;;
esac
