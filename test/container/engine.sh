# What the container tests share, sourced by them: an engine that works on this machine, and how a
# script ends. After find_engine, "$engine" is docker or podman.

work=$(mktemp -d)
containers=()
clean_up() {
    local one
    for one in "${containers[@]}"; do "$engine" rm -f -v "$one" >/dev/null 2>&1 || true; done
    rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Missing software skips a test, except in continuous integration.
skip() {
    if [ -n "${CI-}" ]; then echo "$1" && exit 1; fi
    echo "SKIPPED: $1"
    exit 77
}

# A machine on which no container can be started is nobody's fault, and installing something is no help.
cannot_run() {
    echo "SKIPPED: $1"
    exit 77
}

fail() {
    echo "FAILED: $1"
    [ ! -s "${2-}" ] || cat "$2"
    exit 1
}

# expect WHAT COMMAND...: the command succeeds, or its output is shown and the script ends.
expect() {
    local what=$1
    shift
    "$@" >"$work/expected" 2>&1 </dev/null || fail "$what" "$work/expected"
}

# until_true WHAT COMMAND...: waits for a condition that nobody announces.
until_true() {
    local what=$1 end=$((SECONDS + 60))
    shift
    while ! "$@" >"$work/expected" 2>&1 </dev/null; do
        [ $SECONDS -lt $end ] || fail "never came: $what" "$work/expected"
        sleep 0.1
    done
}

base=debian:bookworm-slim

# Without a registry: the base made of Debian's packages, as its makers do. Needs root and a mirror.
make_base() {
    [ "$(id -u)" = 0 ] && command -v debootstrap >/dev/null || return 1
    local mirror
    . "$here/../support/mirror.sh"
    mirror=$(debian_mirror)
    [ -n "$mirror" ] || return 1
    debootstrap --variant=minbase bookworm "$work/base" "$mirror" >"$work/engine" 2>&1 </dev/null || return 1
    rm -rf "$work/base/var/cache/apt/archives"/*.deb
    tar -C "$work/base" -c . | "$engine" import --change 'CMD ["bash"]' - "docker.io/library/$base" \
        >"$work/engine" 2>&1 || return 1
    rm -rf "$work/base"
    echo "no registry: $base is made of Debian's packages"
}

has_base() {
    "$engine" image inspect "$base" >/dev/null 2>&1 && return
    timeout 300 "$engine" pull "docker.io/library/$base" >"$work/engine" 2>&1 </dev/null || make_base
}
starts_one() { "$engine" run --rm "$base" true >"$work/engine" 2>&1 </dev/null; }

# Docker when its daemon answers, otherwise podman. Inside another container or a sandbox podman must
# be told what it cannot have there: systemd's control groups, an overlay of an overlay, limits above
# those of this process (4,096 processes are plenty). BUILDAH_FORMAT, since the OCI format has no health check.
find_engine() {
    export BUILDAH_FORMAT=docker
    if command -v docker >/dev/null && docker info >/dev/null 2>&1; then
        engine=docker
        has_base && starts_one || cannot_run "docker starts no container from $base: $(tail -n 1 "$work/engine")"
        return
    fi
    command -v podman >/dev/null || skip "neither docker nor podman is installed"
    engine=podman
    podman info >/dev/null 2>&1 || export STORAGE_DRIVER=vfs
    has_base || cannot_run "podman gets no $base: $(tail -n 1 "$work/engine")"
    starts_one && return
    local files
    files=$(ulimit -Hn)
    printf '%s\n' '[containers]' "default_ulimits=[\"nofile=$files:$files\", \"nproc=4096:4096\"]" \
        '[engine]' 'cgroup_manager="cgroupfs"' >"$work/containers.conf"
    export CONTAINERS_CONF=$work/containers.conf BUILDAH_ISOLATION=chroot
    starts_one || cannot_run "podman starts no container from $base: $(tail -n 1 "$work/engine")"
}

# Sets `compose`, after find_engine.
find_compose() {
    if [ "$engine" = docker ] && docker compose version >/dev/null 2>&1; then
        compose=(docker compose)
    elif [ "$engine" = podman ] && command -v podman-compose >/dev/null; then
        compose=(podman-compose)
    else
        skip "there is no compose for $engine"
    fi
}

# Of the project NAME, after find_compose: its file in docker/, the image under test, and an end that leaves nothing.
begin_project() { # NAME FILE
    "$engine" image inspect "$test_image" >/dev/null 2>&1 || build_image
    export FINPOST_IMAGE=$test_image
    project=$1-$$
    compose+=(-p "$project" -f "$root/docker/$2")
    trap 'down; clean_up' EXIT
}
down() { "${compose[@]}" down -v >"$work/down" 2>&1 </dev/null || true; }

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# The files as they are under version control, so that nothing else of this machine gets into an image.
clean_copy() {
    mkdir -p "$1"
    if git -C "$root" rev-parse --git-dir >/dev/null 2>&1; then
        git -C "$root" ls-files -z | tar -C "$root" --null --files-from - -cf - | tar -C "$1" -xf -
    else
        tar -C "$root" --exclude ./build -cf - . | tar -C "$1" -xf -
    fi
}

test_image=localhost/finpost-test:image
# Not optimised: the programs are those of the release build, which is tested by itself.
build_stage() {
    "$engine" build --build-arg REVISION="$revision" --build-arg OPTIMISE=-O0 --build-arg QUICK=ON \
        -f "$work/source/docker/Dockerfile" "$@" "$work/source"
}

# From a clean copy. The layers of the build before are used where nothing has changed.
build_image() {
    revision=$(git -C "$root" rev-parse HEAD 2>/dev/null || echo unknown)
    clean_copy "$work/source"
    expect "the image is built" build_stage -t "$test_image"
}
