#!/usr/bin/env bash
# Installs what is missing to build the bridge, and with `test`, `crates`, `chart`, `cluster`, `downstream`, `image` or `instructions` what its tests, the
# look at its crates, the tests of the chart, those on a Kubernetes API, those on Spark (beside `test`), those of the image, or the counting of instructions need too: by apt where that is allowed, else
# it says what to install and stops; for what only some tests need it goes on. Does nothing, and needs no network, when nothing is missing.
set -euo pipefail

packages=()
need() { # need PACKAGE COMMAND...: PACKAGE is missing unless COMMAND succeeds
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || packages+=("$package")
}
wishes=()
wish() { # the same for a PACKAGE without which some tests are skipped
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || wishes+=("$package")
}

need gcc command -v gcc
need g++ command -v g++
need make command -v make
need libc6-dev sh -c 'echo "#include <stdlib.h>" | gcc -E -'
# OpenSSL for librdkafka. With the feature `vendored-openssl` it is built instead, which needs a Perl with its usual modules.
need pkg-config command -v pkg-config
need libssl-dev pkg-config --exists openssl
if [[ ${1-} == test ]]; then
    need default-jre-headless java -version
    need maven mvn --version
    need tinyproxy command -v tinyproxy
    # For the commands of docs/check.md and docs/commands.md.
    need jq command -v jq
    # Shells that complete, and the manual.
    wish zsh command -v zsh
    wish fish command -v fish
    wish man-db command -v man
    # Microsoft's clients in other languages.
    wish python3-venv python3 -c "import venv, ensurepip"
    wish nodejs command -v node
    wish npm command -v npm
    wish default-jdk-headless javac -version
    wish golang-go go version
    # For the status page.
    wish chromium sh -c 'command -v chromium || command -v chromium-browser || command -v google-chrome'
    # Servers of AMQP 1.0: Proton is built where it is used, and RabbitMQ of Debian 12 needs its Erlang.
    wish python3-dev python3 -c "import os, sysconfig; os.stat(sysconfig.get_path('include') + '/Python.h')"
    if apt-cache show --no-all-versions rabbitmq-server 2>/dev/null | grep -q '^Version: 3\.10\.'; then
        wish erlang-base command -v erl
        for library in eldap inets mnesia os_mon parsetools runtime_tools ssl syntax_tools tools xmerl; do
            wish "erlang-${library//_/-}" compgen -G "/usr/lib/erlang/lib/$library-*"
        done
    fi
elif [[ ${1-} == chart || ${1-} == cluster ]]; then
    need python3-venv python3 -c 'import ensurepip, venv'
    # For `promtool`, and for the modules that define custom resources.
    need prometheus command -v promtool
    PATH="$PATH:/usr/local/go/bin" need golang-go command -v go
    if [[ $1 == cluster ]]; then
        need etcd-server command -v etcd
        need openssl command -v openssl
    fi
elif [[ ${1-} == downstream || ${1-} == crates ]]; then
    need python3-venv python3 -c 'import ensurepip, venv'
elif [[ ${1-} == instructions ]]; then
    need valgrind valgrind --version
elif [[ ${1-} == image ]]; then
    need buildah command -v buildah
    need mmdebstrap command -v mmdebstrap
fi

as_root=()
if ((EUID != 0)); then
    as_root=(sudo)
fi
if ! command -v apt-get >/dev/null; then
    apt=missing
elif ((EUID == 0)) || sudo -n true 2>/dev/null; then
    apt=allowed
else
    apt=forbidden
fi
install=(apt-get install -y --no-install-recommends)
updated=
run() { # run PACKAGE...: installs, from lists that are new
    echo "installing $*"
    if [[ -z $updated ]]; then
        "${as_root[@]}" apt-get update -qq
        updated=1
    fi
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive "${install[@]}" "$@"
}

if ((${#packages[@]})); then
    case $apt in
        allowed) run "${packages[@]}" ;;
        missing)
            echo "please install, by the names your system has for them: ${packages[*]}" >&2
            exit 1
            ;;
        forbidden)
            printf 'please run this, then try again:\n\n    sudo apt-get update && sudo %s\n\n' "${install[*]} ${packages[*]}" >&2
            exit 1
            ;;
    esac
fi
# Node brings npm along in some places, where the package of that name then does not go with it: so one by one.
for package in ${wishes[@]+"${wishes[@]}"}; do
    if [[ $package == npm ]] && command -v npm >/dev/null; then
        continue
    fi
    if [[ $apt != allowed ]] || ! run "$package"; then
        echo "some tests will be skipped: they need $package" >&2
    fi
done

if ! command -v cargo >/dev/null; then
    echo "please install Rust with rustup, then try again; the version needed is fetched by itself" >&2
    exit 1
fi
