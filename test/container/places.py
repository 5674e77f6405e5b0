"""Where things are, for the scripts of this folder, and what they need that Python does not bring."""

import os
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
DOCKER = os.path.join(ROOT, "docker")
sys.path.insert(0, os.path.join(ROOT, "test", "faults"))

import peers  # noqa: E402  (its place is known only now)


def cannot(why):
    """What this machine or this user may not do skips a test in continuous integration as well."""
    print(f"SKIPPED: {why}")
    sys.exit(77)


def yaml():
    """Debian's python3-yaml."""
    try:
        import yaml as module
    except ImportError:
        peers.skip("python3-yaml is not installed for this Python")
    return module
