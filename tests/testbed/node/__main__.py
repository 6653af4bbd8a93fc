"""python -m tests.testbed.node: bring a testbed with a real node up and down, and try hubops on real faults."""

from __future__ import annotations

import argparse
import sys
import time

from tests.testbed import process
from tests.testbed.bed import running
from tests.testbed.errors import TestbedError
from tests.testbed.node import requirements, trial
from tests.testbed.node.bed import NAME, NodeTestbed
from tests.testbed.node.faults import FAULTS, FINE, start


def up(_names: list[str]) -> int:
    if running(NAME):
        bed = NodeTestbed.attach(NAME)
    else:
        down([])
        began = time.monotonic()
        bed = NodeTestbed.with_node(NAME, say=print)
        print(f"up in {time.monotonic() - began:.0f} s")
    for name, url in vars(bed.stack.urls).items():
        print(f"{name:20} {url}")
    print(f"{'configuration':20} {bed.config}")
    print(f"export KUBECONFIG={bed.kubeconfig}")
    return 0


def down(_names: list[str]) -> int:
    process.sweep()
    process.clean(process.state_home() / NAME)
    return 0


def status(_names: list[str]) -> int:
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


def faults(names: list[str]) -> int:
    """Put real faults, and healthy look-alikes, on the node: all, or those named."""
    bed = NodeTestbed.attach(NAME)
    chosen = [each for each in (*FAULTS, *FINE) if not names or each.name in names]
    failed = start(bed, chosen)
    for message in failed:
        print(message)
    return 1 if failed else 0


def judge(_names: list[str]) -> int:
    """Run `hubops daily` and say what it makes of everything that was put on the node."""
    bed = NodeTestbed.attach(NAME)
    there = {item["metadata"]["name"] for item in bed.api.list("Namespace")}
    present = [each for each in (*FAULTS, *FINE) if each.name in there]
    report = trial.run(bed, [each for each in present if each.expect])
    verdicts, rest = trial.judge(report, present)
    for verdict in verdicts:
        print(verdict.line())
    for finding in rest:
        print(f"beside them: {finding['check']} {finding['ref']}: {finding['summary']}")
    good = [verdict for verdict in verdicts if verdict.good]
    print(f"{len(good)} of {len(verdicts)} as they should be, {len(rest)} findings beside them")
    return 0 if len(good) == len(verdicts) and not rest else 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.testbed.node", description=__doc__)
    verbs = {"up": up, "down": down, "status": status, "faults": faults, "judge": judge}
    parser.add_argument("verb", choices=verbs)
    parser.add_argument("names", nargs="*")
    asked = parser.parse_args()
    try:
        return verbs[asked.verb](asked.names)
    except TestbedError as error:
        print(f"testbed: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
