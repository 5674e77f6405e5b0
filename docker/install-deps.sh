#!/usr/bin/env bash
# Installs the system packages finpost needs on Debian 12, in sections:
#
#   docker/install-deps.sh [--list] [--build] [--runtime] [--unit-test] [--test] [--bench] [--fuzz]
#                          [--with-containers]
#
# Without a section: --build. It installs what is missing and nothing else, says nothing when all is
# well, never starts or enables a service, and is safe to run again. sudo is used only when not root.
# --list prints the packages of the sections, one a line, and installs nothing.
set -euo pipefail

# Boost comes in two versions: 1.81 is meant, so the names say so. `libboost-dev` is 1.74, and the two
# cannot be installed together.
build=(g++ cmake ninja-build libboost1.81-dev libboost-url1.81-dev libboost-json1.81-dev
       libboost-log1.81-dev libboost-thread1.81-dev libboost-filesystem1.81-dev libcli11-dev
       libtomlplusplus-dev libssl-dev libsqlite3-dev libpq-dev prometheus-cpp-dev)
runtime=(libtomlplusplus3 libprometheus-cpp-core1.0 libssl3 libsqlite3-0 libpq5 ca-certificates)
unit_test=(libboost-test1.81-dev)
# Software nobody here wrote to test against, what reads units and passes sockets (systemd), what counts instructions, what reads YAML, a host's
# logger, what reads the sources for their lints, and what makes documentation, packages (CPack calls
# `file`) and a Debian to install them in.
test=("${unit_test[@]}" netcat-openbsd ncat socat nginx libnginx-mod-stream haproxy openssl prometheus
      postgresql python3 python3-hl7 python3-yaml valgrind libspdlog-dev git clang-format clang-tidy nodejs
      doxygen dpkg-dev pkgconf file debootstrap lintian systemd)
# What test/bench/run.sh draws, micro-benchmarks and isolates with.
bench=(gnuplot-nox libbenchmark-dev python3 iproute2 util-linux)
# clang with its sanitizers and libFuzzer, and what tells which lines were reached.
fuzz=(clang-14 libclang-rt-14-dev llvm-14)
# An engine, and the hosts, routers and manifests around a container.
engine=(podman runc netavark aardvark-dns iptables uidmap slirp4netns podman-compose debootstrap)
containers=(python3 python3-yaml iproute2 iptables conntrack npm)

# What a machine may have from elsewhere than Debian: installed only where the command is missing.
have() { command -v "$1" >/dev/null 2>&1; }
from_elsewhere() {
    case $1 in
    nodejs) have node ;;
    npm) have npm ;;
    *) false ;;
    esac
}
docker_runs() { have docker && docker info >/dev/null 2>&1; }

list=
if [ "${1-}" = --list ]; then list=1 && shift; fi
[ $# -gt 0 ] || set -- --build
wanted=()
for section in "$@"; do
    case $section in
    --build) wanted+=("${build[@]}") ;;
    --runtime) wanted+=("${runtime[@]}") ;;
    --unit-test) wanted+=("${unit_test[@]}") ;;
    --test) wanted+=("${test[@]}") ;;
    --bench) wanted+=("${bench[@]}") ;;
    --fuzz) wanted+=("${fuzz[@]}") ;;
    --with-containers)
        wanted+=("${containers[@]}")
        [ -z "$list" ] && docker_runs || wanted+=("${engine[@]}")
        ;;
    -h | --help)
        sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
        exit 0
        ;;
    *)
        echo "$0: unknown section $section (see --help)" >&2
        exit 2
        ;;
    esac
done

if [ -n "$list" ]; then
    printf '%s\n' "${wanted[@]}" | sort -u
    exit 0
fi

if ! have dpkg-query || ! have apt-get; then
    echo "$0: no apt-get here. finpost is built on Debian 12; it needs the like of: ${wanted[*]}" >&2
    exit 1
fi

missing=()
for package in "${wanted[@]}"; do
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) || status=
    [ "$status" = installed ] || from_elsewhere "$package" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! have sudo; then
        echo "$0: not root and no sudo. Ask an administrator to install: ${missing[*]}" >&2
        exit 1
    fi
    as_root=(sudo)
fi

# The rest runs as root. Two things keep services from running: while packages are installed, a
# policy-rc.d that forbids starting (where there is none already); afterwards, whatever has been
# enabled for the next start of the machine is disabled again.
install_missing() {
    set -eu
    export DEBIAN_FRONTEND=noninteractive
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'rm -f "$policy"' EXIT
        trap 'exit 1' HUP INT TERM
        printf '#!/bin/sh\nexit 101\n' >"$policy"
        chmod 755 "$policy"
    fi
    enabled() {
        find /etc/systemd/system -path '*.wants/*' -printf 'systemd %f\n' 2>/dev/null || true
        find /etc/rc[2-5].d -name 'S*' -printf 'sysv %f\n' 2>/dev/null | sed 's/ S[0-9]*/ /' || true
    }
    # PostgreSQL's package would make a cluster, for which there is no use.
    case " $* " in *" postgresql "*)
        mkdir -p /etc/postgresql-common
        [ -e /etc/postgresql-common/createcluster.conf ] ||
            printf 'create_main_cluster = false\n' >/etc/postgresql-common/createcluster.conf
        ;;
    esac
    before=$(enabled)
    apt-get -o DPkg::Lock::Timeout=300 update
    # --no-remove: rather fail than take a package away from its owner.
    apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 install -y --no-install-recommends \
        --no-remove "$@"
    enabled | sort -u | while read -r kind name; do
        if printf '%s\n' "$before" | grep -qxF "$kind $name"; then continue; fi
        case $kind in
        systemd) DPKG_MAINTSCRIPT_PACKAGE=finpost deb-systemd-helper disable "$name" ;;
        sysv) update-rc.d "$name" disable ;;
        esac
    done
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! "${as_root[@]}" bash -c "$(declare -f install_missing); install_missing \"\$@\"" install-deps \
    "${missing[@]}" >"$log" 2>&1 </dev/null; then
    cat "$log" >&2
    echo "$0: could not install: ${missing[*]}" >&2
    exit 1
fi
