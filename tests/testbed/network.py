"""A network of the testbed's own.

The API server's service proxy refuses endpoints on loopback. As root the testbed therefore runs as one host in a
network namespace, reached over a veth pair: its programs can keep their usual ports, and cannot meet anyone else's.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import subprocess

from tests.testbed.errors import TestbedError

# Shared address space (RFC 6598): used by neither private networks nor the internet.
_POOL = ipaddress.ip_network("100.64.0.0/16")


def _ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise TestbedError(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def available() -> bool:
    return os.geteuid() == 0 and shutil.which("ip") is not None


def create(key: int) -> tuple[str, str]:
    """Make a namespace; returns its name and the address of the one host in it. *key* keeps testbeds apart."""
    taken = {word.split("/")[0] for word in _ip("-o", "-4", "address").split() if word.startswith("100.64.")}
    free = (i % 65536 for i in range(key * 4, key * 4 + 65536, 4) if str(_POOL[i % 65536 + 1]) not in taken)
    index = next(i for i in free if _named(f"hubops-{i // 4}"))
    outside, inside = str(_POOL[index + 1]), str(_POOL[index + 2])
    name, veth = f"hubops-{index // 4}", f"hubops{index // 4}"
    try:
        _ip("link", "add", veth, "type", "veth", "peer", "name", "eth0", "netns", name)
        _ip("address", "add", f"{outside}/30", "dev", veth)
        _ip("link", "set", veth, "up")
        _ip("-n", name, "address", "add", f"{inside}/30", "dev", "eth0")
        for link in ("lo", "eth0"):
            _ip("-n", name, "link", "set", link, "up")
    except TestbedError:
        delete(name)
        raise
    return name, inside


def _named(name: str) -> bool:
    """Make the namespace *name*; False where another testbed, which starts at the same time, was first."""
    try:
        _ip("netns", "add", name)
    except TestbedError:
        if name not in _ip("netns", "list").split():
            raise
        return False
    return True


def outside(address: str) -> str:
    """This machine's own address on the way to the host at *address*, which `create` gave."""
    return str(ipaddress.ip_address(address) - 1)


def delete(name: str) -> None:
    subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True)
