"""A loopback and mounts that nobody else has, and what can be done there without harm to others."""

import contextlib
import ctypes
import os
import pwd
import subprocess

NEW_NETWORK, NEW_MOUNTS = 0x40000000, 0x00020000


def _run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def enter():
    """From now on this process and what it starts have them. False: it may not."""
    if os.geteuid() != 0 or ctypes.CDLL(None).unshare(NEW_NETWORK | NEW_MOUNTS) != 0:
        return False
    try:
        _run("mount", "--make-rprivate", "/")
        _run("ip", "link", "set", "lo", "up")
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def mount_memory(folder, size, user):
    """A disk of `size` MiB."""
    owner = pwd.getpwnam(user or "root")
    _run("mount", "-t", "tmpfs", "-o", f"size={size}m,mode=0700,uid={owner.pw_uid},gid={owner.pw_gid}", "tmpfs", folder)


def unmount(folder):
    _run("umount", folder)


@contextlib.contextmanager
def full(disk):
    """Not one block is left there."""
    ballast = os.path.join(disk, "ballast")
    try:
        with open(ballast, "wb", buffering=0) as file:
            block = bytes(1 << 20)
            try:
                while True:
                    file.write(block)
            except OSError:
                pass
        yield
    finally:
        os.unlink(ballast)


@contextlib.contextmanager
def cut_off(port):
    """What goes to a port of loopback, or comes from it, is dropped; connections are not closed by that."""
    rules = [["INPUT", "-p", "tcp", side, str(port), "-j", "DROP"] for side in ("--dport", "--sport")]
    for rule in rules:
        _run("iptables", "-A", *rule)
    try:
        yield
    finally:
        for rule in rules:
            _run("iptables", "-D", *rule)
