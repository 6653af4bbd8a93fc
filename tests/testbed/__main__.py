"""python -m tests.testbed: bring the testbed up and down, inject faults."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from tests.testbed import build, process, sample, static_state
from tests.testbed.bed import BACKGROUND, Testbed, running
from tests.testbed.errors import TestbedError
from tests.testbed.faults import FAULTS, matching
from tests.testbed.node import requirements

BENCH = "bench"


def node_programs() -> dict[str, Path]:
    """Those of a real node, where one can run; else says what this machine lacks for it."""
    if lacking := requirements.missing():
        print(f"no real node on this machine; missing: {'; '.join(lacking)}")
        return {}
    requirements.provide(print)
    return build.programs(families=("node",))


def up() -> None:
    if running():
        bed = Testbed.attach()
    else:
        process.clean(process.state_home() / BACKGROUND)
        began = time.monotonic()
        bed = Testbed.start(BACKGROUND, say=print)
        print(f"up in {time.monotonic() - began:.0f} s")
    for name, url in vars(bed.stack.urls).items():
        print(f"{name:20} {url}")
    print(f"{'configuration':20} {bed.config}")
    print(f"export KUBECONFIG={bed.kubeconfig}")


def bench_up(nodes: int, pods: int, broken: int) -> None:
    process.clean(process.state_home() / BENCH)
    bed = Testbed.start(BENCH, bare=True, say=print)
    print(static_state.timed(bed, nodes, pods, broken))
    print(f"export KUBECONFIG={bed.kubeconfig}")


def down(name: str) -> None:
    for swept in process.sweep():
        print(f"cleaned up after {swept}")
    process.clean(process.state_home() / name)


def status() -> int:
    directory = process.state_home() / BACKGROUND
    if not (directory / process.STATE_FILE).exists():
        print("down")
        return 1
    state = process.State.load(directory)
    for each in state.processes:
        print(f"{each.name:25} {each.pid:>8} {'running' if each.alive() else 'ended'}")
    print(f"export KUBECONFIG={directory / 'kubeconfig'}")
    if not running():
        return 1
    for problem in sample.problems(Testbed.attach()):
        print(f"not healthy: {problem}")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.testbed", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in ("up", "status", "build"):
        verbs.add_parser(verb)
    verbs.add_parser("down").add_argument("name", nargs="?", default=BACKGROUND, help=f"or {BENCH}")
    bench = verbs.add_parser("bench-up", help="etcd and an API server with a large cluster at rest")
    for option, default in (("--nodes", 1000), ("--pods", 10_000), ("--broken", 0)):
        bench.add_argument(option, type=int, default=default)
    verbs.add_parser("faults", help="list the faults and what hubops must say of each")
    for verb in ("fault", "clear"):
        verbs.add_parser(verb).add_argument("name", help="a fault, or a check for all its variants")
    asked = parser.parse_args()
    try:
        match asked.verb:
            case "build":
                for name, path in (
                    build.programs() | build.programs(families=build.CSI + build.VELERO) | node_programs()
                ).items():
                    print(f"{name:25} {path}")
            case "up":
                up()
            case "down":
                down(asked.name)
            case "bench-up":
                bench_up(asked.nodes, asked.pods, asked.broken)
            case "status":
                return status()
            case "faults":
                for fault in FAULTS.values():
                    where = "/".join(filter(None, (fault.expect.namespace, fault.expect.name)))
                    print(f"{fault.name:42} {fault.expect.kind} {where}")
            case "fault" | "clear":
                bed = Testbed.attach()
                for fault in matching(asked.name):
                    (fault.inject if asked.verb == "fault" else fault.clear)(bed)
                    print(f"{'injected' if asked.verb == 'fault' else 'cleared'} {fault.name}")
    except TestbedError as error:
        print(f"testbed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
