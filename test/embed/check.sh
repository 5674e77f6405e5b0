#!/usr/bin/env bash
# One of the checks of finpost in somebody else's program (see CMakeLists.txt):
#
#   check.sh installed|headers|subdirectory|packages|clean_root|documentation SOURCE BUILD WORK
#
# The build folder is a finished build. Everything is done in the folder WORK, which is emptied first. CMAKE, CXX,
# FLAGS and LAUNCHER are in the environment. Exit code 77: skipped.
set -euo pipefail
check=$1 source=$2 build=$3 work=$4
: "${CMAKE:=cmake}" "${CXX:=c++}" "${FLAGS=}" "${LAUNCHER=}"
export CXX FLAGS LAUNCHER CMAKE_BUILD_PARALLEL_LEVEL=${CMAKE_BUILD_PARALLEL_LEVEL:-$(nproc)}
rm -rf "$work"
mkdir -p "$work"

fail() {
    echo "$check: $1" >&2
    exit 1
}
# What is missing fails in continuous integration, and is skipped elsewhere.
need() {
    local program
    for program in "$@"; do
        command -v "$program" >/dev/null && continue
        [ -z "${CI-}" ] || fail "$program is not installed"
        echo "SKIPPED: $program is not installed"
        exit 77
    done
}
says_ok() {
    local answer
    answer=$("$@") || fail "$1 ended with $? and said: $answer"
    [ "$answer" = ok ] || fail "$1 said: $answer"
    echo "$1: ok"
}
# build_host FOLDER OPTION...: configures, builds and runs the host.
build_host() {
    local folder=$1
    shift
    "$CMAKE" -S "$source/test/embed/host" -B "$folder" -G Ninja -DCMAKE_BUILD_TYPE=None \
        -DCMAKE_CXX_FLAGS="$FLAGS" -DCMAKE_CXX_COMPILER_LAUNCHER="$LAUNCHER" "$@" >"$folder.log"
    "$CMAKE" --build "$folder" >>"$folder.log" || { cat "$folder.log" && fail "the host does not build"; }
    says_ok "$folder/host"
}
# by_pkg_config BINARY PREFIX: the same by hand.
by_pkg_config() {
    local flags
    PKG_CONFIG_PATH=$(find "$2" -type d -name pkgconfig)
    export PKG_CONFIG_PATH
    flags=$(pkg-config --cflags --libs 'finpost-server >= 1' finpost-client)
    # shellcheck disable=SC2086 # words are meant
    $LAUNCHER "$CXX" -std=c++20 $FLAGS -c "$source/test/embed/host/main.cpp" -o "$1.o" $flags
    # shellcheck disable=SC2086
    "$CXX" $FLAGS "$1.o" -o "$1" $flags -Wl,-rpath,"$(dirname "$PKG_CONFIG_PATH")"
    says_ok "$1"
}

# The static libraries of this build, installed anywhere.
installed() {
    "$CMAKE" --install "$build" --prefix "$work/elsewhere" --component development >/dev/null
    mv "$work/elsewhere" "$work/prefix" # nothing in it knows where it was
    build_host "$work/found" -DCMAKE_PREFIX_PATH="$work/prefix"
    need pkg-config
    by_pkg_config "$work/by_hand" "$work/prefix"
}

# Every installed header by itself: with the flags of pkg-config, and with none, which is too few only for those that
# stand between a host's Asio and the compiled one.
headers() {
    local include="$work/prefix/include" alone="$work/alone" flags header name demanding=""
    "$CMAKE" --install "$build" --prefix "$work/prefix" --component development >/dev/null
    need pkg-config
    PKG_CONFIG_PATH=$(find "$work/prefix" -type d -name pkgconfig)
    export PKG_CONFIG_PATH
    flags=$(pkg-config --cflags finpost-server finpost-client)
    mkdir "$alone"
    for header in "$include"/finpost/*.hpp; do
        name=$(basename "$header" .hpp)
        echo "#include <finpost/$name.hpp>" >"$alone/$name.cpp"
        printf '%s\0' "$name with $flags" "$name bare -I$include"
    done >"$alone/list"
    # The compiler fails where a header does; which of them did is seen from what is there then.
    # shellcheck disable=SC2016 # the shell within expands it
    xargs -0 -a "$alone/list" -P "$CMAKE_BUILD_PARALLEL_LEVEL" -I{} sh -c '
        set -- {}
        source=$0/$1 out=$0/$1.$2
        shift 2
        "$CXX" -std=c++20 -fsyntax-only -Wall -Wextra -Werror "$@" "$source.cpp" 2>"$out.log" && : >"$out.good"
        true' "$alone"
    for header in "$alone"/*.cpp; do
        name=${header%.cpp}
        [ -e "$name.with.good" ] || { cat "$name.with.log" && fail "a header does not compile alone"; }
        [ -e "$name.bare.good" ] && continue
        grep -q '#error.*Compile with the definitions' "$name.bare.log" ||
            { cat "$name.bare.log" && fail "a header needs flags, and does not say so"; }
        demanding+="$(basename "$name") "
    done
    [ "$demanding" = "asio_settings client connection delivery_queue gateway postgres_queue queue_store sqlite_queue " ] || fail "these demand definitions: $demanding"
}

# As a part of the host's build, shared: with the host's flags and warnings, and hidden but for what is public.
subdirectory() {
    local inside="$work/inside" prefix="$work/prefix" library shown
    # Last words count: what is looked at is not how quick it is.
    FLAGS+=" -O0"
    build_host "$inside" -DFINPOST_SOURCE="$source" -DFINPOST_INSTALL=ON -DFINPOST_QUICK_BUILD=ON -DBUILD_SHARED_LIBS=ON
    [ ! -e "$inside/finpost/server/app" ] || fail "a host has got finpostd, which it did not ask for"
    for library in common server client; do
        shown=$(nm -DC --defined-only "$inside/finpost/$library/libfinpost_$library.so")
        grep -q ' T finpost::' <<<"$shown" || fail "libfinpost_$library.so shows nothing"
        # What has a header of its own in include/ is public; names of what has not must not be seen.
        if grep -E ' [TVWBD] finpost::(session|listener|receive|http_forwarder|endpoint_set|admission|buffer_budget|preamble|proxy_parser|tls_layer|client_socket|detail::operation|detail::stream|tls_maker)\b' <<<"$shown"; then
            fail "libfinpost_$library.so shows what is its own business"
        fi
    done
    "$CMAKE" --install "$inside" --prefix "$prefix" >/dev/null
    compgen -G "$prefix/lib*/libfinpost_server.so.1.*" >/dev/null || fail "the shared library has no version"
    build_host "$work/found" -DCMAKE_PREFIX_PATH="$prefix"
    need pkg-config
    by_pkg_config "$work/by_hand" "$prefix"
}

# make_packages FOLDER: both .deb files.
make_packages() {
    local cpack
    cpack=$(dirname "$CMAKE")/cpack
    need dpkg-deb dpkg-shlibdeps
    (cd "$build" && "$cpack" -G DEB -B "$1") >"$1.log" 2>&1 || { cat "$1.log" && fail "cpack failed"; }
}
# the_exchange_works [COMMAND...] FOLDER: the programs in the folder, run by that command.
the_exchange_works() {
    local gateway address answer folder=${!#} by=("${@:1:$#-1}")
    "${by[@]}" "$folder/finpostd" --demo --listen 127.0.0.1:0 --admin off --log-format json 2>"$work/log" &
    gateway=$!
    # shellcheck disable=SC2064 # now
    trap "kill -KILL $gateway 2>/dev/null || true" EXIT
    # shellcheck disable=SC2016 # the shell within expands it
    timeout 20 sh -c 'until grep -q "\"ready\"" "$0"; do sleep 0.05; done' "$work/log" ||
        { cat "$work/log" && fail "finpostd is not ready"; }
    address=$(grep -oE -m 1 '127\.0\.0\.1:[0-9]+' "$work/log" | head -n 1)
    answer=$(printf hello | "${by[@]}" "$folder/finpost" send "$address")
    kill -TERM "$gateway"
    wait "$gateway" || fail "finpostd ended with $?"
    [ "$answer" = hello ] || fail "the answer was: $answer"
    echo "$folder/finpostd, $folder/finpost: ok"
}

# The Debian packages: what they say, and what is in them, unpacked into an empty folder.
packages() {
    local debs="$work/debs" root="$work/root" deb file
    make_packages "$debs"
    for deb in "$debs"/*.deb; do
        dpkg-deb --info "$deb"
        dpkg-deb --fsys-tarfile "$deb" | tar -t |
            grep -vE '^\./(usr(/(bin|include|lib|share)(/.*)?)?/?|etc/((default|logrotate\.d)/(finpost)?|finpost/(finpost\.toml)?)?)?$' &&
            fail "$deb has files where it should not"
        dpkg-deb -x "$deb" "$root"
    done
    need lintian
    lintian --allow-root --fail-on error "$debs"/*.deb || fail "lintian has something to say"
    deb=$(echo "$debs"/finpost_*.deb)
    dpkg-deb -f "$deb" Depends | grep -q libssl3 || fail "finpost does not say what it needs"
    deb=$(echo "$debs"/libfinpost-dev_*.deb)
    dpkg-deb -f "$deb" Depends | grep -q libboost1.81-dev || fail "libfinpost-dev does not say what it needs"
    for unit in systemd/system/finpost.service systemd/system/finpost.socket sysusers.d/finpost.conf; do
        [ -s "$root/usr/lib/$unit" ] || fail "finpost has no $unit"
    done
    for deb in finpost libfinpost-dev; do
        [ -s "$root/usr/share/doc/$deb/copyright" ] || fail "$deb has no copyright file"
    done
    for file in man/man8/finpostd.8.gz man/man1/finpost.1.gz bash-completion/completions/finpostd \
        bash-completion/completions/finpost zsh/vendor-completions/_finpostd fish/vendor_completions.d/finpost.fish; do
        [ -s "$root/usr/share/$file" ] || fail "finpost has no $file"
    done
    "$root/usr/bin/finpostd" --config "$root/etc/finpost/finpost.toml" --check || fail "its own file is not good"
    the_exchange_works "$root/usr/bin"
    build_host "$work/found" -DCMAKE_PREFIX_PATH="$root/usr"
    need pkg-config
    by_pkg_config "$work/by_hand" "$root/usr"
}

# What an administrator has changed stays when a package is upgraded or removed, and payloads stay in any case.
life_of_package() {
    local root=$1
    by_dpkg() {
        env -i PATH="$PATH" chroot "$root" dpkg "$@" >>"$work/dpkg.log" 2>&1 ||
            { tail -n 20 "$work/dpkg.log" && fail "dpkg $*"; }
    }
    echo '# mine' >>"$root/etc/finpost/finpost.toml"
    mkdir -p "$root/var/lib/finpost/queue"
    by_dpkg --install "/host/$(basename "$work"/debs/finpost_*.deb)"
    by_dpkg --remove finpost
    grep -q '# mine' "$root/etc/finpost/finpost.toml" || fail "a removal took the configuration"
    by_dpkg --purge finpost
    [ ! -e "$root/etc/finpost" ] || fail "a purge left the configuration"
    [ -d "$root/var/lib/finpost/queue" ] || fail "a purge took payloads"
    echo "upgrade, remove, purge: ok"
}

# The same as an administrator does it, in a Debian that has nothing but itself: apt-get finds what the packages need.
# It downloads some 200 MB, and so happens only in continuous integration and when asked for.
clean_root() {
    local root="$work/root" mirror
    if [ -z "${CI-}${TEST_CLEAN_ROOT-}" ]; then
        echo "SKIPPED: it downloads a Debian; TEST_CLEAN_ROOT=1 runs it, as root"
        exit 77
    fi
    if [ "$(id -u)" -ne 0 ]; then
        echo "SKIPPED: only root can make a clean root"
        exit 77
    fi
    need debootstrap
    make_packages "$work/debs"
    . "$source/test/support/mirror.sh"
    mirror=$(debian_mirror)
    # shellcheck disable=SC2086 # a word, or none
    debootstrap --variant=minbase bookworm "$root" $mirror >"$work/debootstrap.log" 2>&1 ||
        { tail "$work/debootstrap.log" && fail "debootstrap failed"; }
    mkdir "$root/host"
    cp "$work"/debs/*.deb "$source/test/embed/host/"* "$root/host"
    # Nothing of this machine's environment, such as a compiler launcher, belongs in there.
    # shellcheck disable=SC2016
    env -i PATH="$PATH" HOME=/root chroot "$root" sh -ec 'export DEBIAN_FRONTEND=noninteractive
        apt-get update
        apt-get install -y --no-install-recommends /host/finpost_*.deb
        finpostd --version
        getent passwd finpost
        apt-get install -y --no-install-recommends /host/libfinpost-dev_*.deb g++ cmake make pkg-config
        cmake -S /host -B /host/build
        cmake --build /host/build
        c++ -std=c++20 /host/main.cpp -o /host/by_hand $(pkg-config --cflags --libs finpost-server finpost-client)' \
        >"$work/chroot.log" 2>&1 </dev/null || { tail -n 50 "$work/chroot.log" && fail "it does not work in a clean root"; }
    for program in host/build/host host/by_hand; do says_ok chroot "$root" "/$program"; done
    the_exchange_works chroot "$root" /usr/bin
    life_of_package "$root"
    ! grep -qF " $root" /proc/self/mountinfo || fail "something is mounted below $root"
    rm -rf --one-file-system "$root"
}

# Every public header, and the start page with what it quotes of the examples, without a warning.
documentation() {
    need doxygen
    (cd "$source" && FINPOST_DOCS=$work doxygen server/docs/Doxyfile) || fail "doxygen has something to say"
    grep -q 'co_return' "$work/html/index.html" || fail "the start page quotes nothing"
}

"$check"
