"""python -m tests.testbed.node: bring a testbed with a real node up and down."""

from __future__ import annotations

import argparse
import sys
import time

from tests.testbed import process
from tests.testbed.bed import running
from tests.testbed.errors import TestbedError
from tests.testbed.node import requirements
from tests.testbed.node.bed import NAME, NodeTestbed


def up() -> int:
    if running(NAME):
        bed = NodeTestbed.attach(NAME)
    else:
        down()
        began = time.monotonic()
        bed = NodeTestbed.with_node(NAME, say=print)
        print(f"up in {time.monotonic() - began:.0f} s")
    for name, url in vars(bed.stack.urls).items():
        print(f"{name:20} {url}")
    print(f"{'configuration':20} {bed.config}")
    print(f"export KUBECONFIG={bed.kubeconfig}")
    return 0


def down() -> int:
    process.sweep()
    process.clean(process.state_home() / NAME)
    return 0


def status() -> int:
    directory = process.state_home() / NAME
    if not (directory / process.STATE_FILE).exists():
        print("down")
        for lacking in requirements.missing():
            print(f"missing here: {lacking}")
        return 1
    for each in process.State.load(directory).processes:
        print(f"{each.name:25} {each.pid:>8} {'running' if each.alive() else 'ended'}")
    print(f"export KUBECONFIG={directory / 'kubeconfig'}")
    return 0 if running(NAME) else 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.testbed.node", description=__doc__)
    verbs = {"up": up, "down": down, "status": status}
    parser.add_argument("verb", choices=verbs)
    try:
        return verbs[parser.parse_args().verb]()
    except TestbedError as error:
        print(f"testbed: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
