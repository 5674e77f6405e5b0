# shellcheck shell=bash
# Sourced by scripts that make a Debian with debootstrap.

# Prints where this machine has Debian's packages from; nothing when its lists do not say so, and then debootstrap's own
# default is as good as any. Somebody else's list may come first.
debian_mirror() {
    local all
    all=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
        sed -nE 's/^(URIs: *|deb +(\[[^]]*] +)?)(https?:[^ ]+).*/\3/p') || true
    grep -m 1 -E '/debian/?$' <<<"$all" || head -n 1 <<<"$all"
}
