#!/usr/bin/env bash
# Runs a command of this repository where nothing but Debian's base system is installed:
#
#   test/bare_root.sh FOLDER COMMAND [ARGUMENT...]
#   test/bare_root.sh /var/tmp/bare ./server/demo.sh
#
# FOLDER/finpost becomes a clone of what is committed here, or stays the one that is there; FOLDER/root becomes a
# new Debian (debootstrap, minbase), in which the clone is mounted under its own path. The command runs there in the
# clone, as root, with no variable of this machine but those named in BARE_ROOT_KEEP. Afterwards the root is removed
# and the clone stays, with what was built in it. The exit code is the command's. Needs root and debootstrap; packages
# come from where this machine has its own, and FOLDER/packages keeps the base system's for the next root.
set -euo pipefail
source=$(readlink -f "$(dirname "$0")/..")
. "$source/test/support/mirror.sh"
usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"; }
case ${1-} in
-h | --help) usage && exit 0 ;;
esac
[ $# -ge 2 ] || { usage >&2 && exit 2; }

fail() {
    echo "bare_root: $1" >&2
    exit 1
}

# Second part, in namespaces of its own: what is mounted here is seen by nobody else and gone with the last process.
if [ "$1" = --mounted ]; then
    folder=$2
    shift 2
    root=$folder/root
    mkdir -p "$root$folder/finpost"
    mount --bind "$folder/finpost" "$root$folder/finpost"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    keep=()
    for name in ${BARE_ROOT_KEEP-}; do keep+=("$name=${!name-}"); done
    # shellcheck disable=SC2016 # the shell within expands it
    exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        "${keep[@]}" chroot "$root" sh -c 'cd "$0" && exec "$@"' "$folder/finpost" "$@"
fi

[ "$(id -u)" -eq 0 ] || fail "only root can make a root"
command -v debootstrap >/dev/null || fail "debootstrap is not installed: docker/install-deps.sh --test"
mkdir -p "$1"
folder=$(readlink -f "$1")
shift
# The kernel lists mounts with other characters written differently.
[[ $folder =~ ^/[A-Za-z0-9._/+-]+$ ]] || fail "$folder: give a folder whose name has no other characters than A-Za-z0-9._/+-"
root=$folder/root ours=$folder/root.made-by-bare_root

# Only a root that was made here, and never one with something mounted below it.
remove_root() {
    [ -e "$root" ] || return 0
    [ -e "$ours" ] || fail "$root was not made by this script: it is left alone"
    local mounted=0
    grep -qF " $root" /proc/self/mountinfo || mounted=$?
    [ "$mounted" -eq 1 ] || fail "something is mounted below $root: it is left alone"
    rm -rf --one-file-system "$root"
    rm -f "$ours"
}
remove_root
touch "$ours"

[ -e "$folder/finpost" ] || git clone --quiet "$source" "$folder/finpost"
mirror=$(debian_mirror)
mkdir -p "$folder/packages"
# shellcheck disable=SC2086 # a word, or none
debootstrap --variant=minbase --cache-dir="$folder/packages" bookworm "$root" $mirror >"$folder/debootstrap.log" 2>&1 ||
    { tail -n 20 "$folder/debootstrap.log" >&2 && fail "debootstrap failed"; }
# The installer of Debian writes it, debootstrap does not.
printf '127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n' >"$root/etc/hosts"

status=0
unshare --mount --propagation private --pid --fork --kill-child "$source/test/bare_root.sh" --mounted "$folder" "$@" \
    </dev/null || status=$?
remove_root
exit "$status"
