"""Measures hubops beside curl, kubectl and the typed client, all at one API server, and prints a table.

Ends with 1 where a target is missed: the whole round in at most 0.8 of the time of one raw JSON list of the pods, with
at most 200 MB; `hubops --help` in at most 0.2 s. On a machine that is busy with something else the times say little.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import yaml
from tabulate import tabulate

from hubops.errors import Exit
from tests.bench.measure import Subject
from tests.bench.storage import store_as_protobuf
from tests.testbed import static_state
from tests.testbed.bed import Testbed

TIME, MEMORY, HELP = 0.8, 200, 0.2
RUNS = 3
TIMEOUT = 600.0
#: Nothing watches this cluster: the checks that query Prometheus, Alertmanager and Loki are skipped.
CONFIG = {name: {"enabled": False} for name in ("prometheus", "alertmanager", "loki")}
TYPED = """
import sys
from kubernetes import client, config
config.load_kube_config(sys.argv[1])
assert client.CoreV1Api().list_pod_for_all_namespaces().items
"""
#: A round did its work whatever it found, or could not look at.
DONE = frozenset({Exit.OK, Exit.WARNING, Exit.CRITICAL, Exit.UNKNOWN})


def hubops(bed: Testbed, folder: Path) -> dict[str, Subject]:
    (folder / "hubops.yaml").write_text(yaml.safe_dump(CONFIG))
    cluster = ["--kubeconfig", str(bed.kubeconfig), "--config", str(folder / "hubops.yaml")]
    cli = [sys.executable, "-m", "hubops.cli"]
    return {
        "daily": Subject("hubops daily: all kinds, all checks", [*cli, "daily", *cluster, "-o", "plain"], DONE),
        "read": Subject("hubops: reading alone", [sys.executable, "-m", "tests.bench.read", str(bed.kubeconfig)]),
        "help": Subject("hubops --help", [*cli, "--help"]),
    }


def raw_lists(bed: Testbed, folder: Path) -> dict[str, Subject]:
    """The pods to a file, by curl; the API server writes JSON indented for curl, as it does for a person."""
    curl = [
        *("curl", "--silent", "--show-error", "--fail", "--output", str(folder / "pods")),
        *("--cacert", str(bed.authority), "--cert", str(bed.admin.certificate), "--key", str(bed.admin.key)),
    ]
    url = f"{bed.server}/api/v1/pods"
    protobuf = ["--header", "Accept: application/vnd.kubernetes.protobuf"]
    return {
        "json": Subject("curl: pods as JSON", [*curl, url]),
        "compact": Subject("curl: pods as JSON without indentation", [*curl, f"{url}?pretty=false"]),
        "protobuf": Subject("curl: pods as protobuf", [*curl, *protobuf, url]),
    }


def peers(bed: Testbed) -> Iterator[Subject]:
    if kubectl := shutil.which("kubectl"):
        get = [kubectl, "--kubeconfig", str(bed.kubeconfig), "get", "pods", "--all-namespaces"]
        yield Subject("kubectl get pods -A", get)
        yield Subject("kubectl get pods -A -o json", [*get, "--output", "json"])
    yield Subject("kubernetes client, typed pods", [sys.executable, "-c", TYPED, str(bed.kubeconfig)])


def measure(bed: Testbed, folder: Path, *, with_peers: bool) -> dict[str, Subject]:
    """Everything; what is compared takes turns, so that all of it has the same weather."""
    subjects = raw_lists(bed, folder) | hubops(bed, folder)
    for _ in range(RUNS):
        for subject in subjects.values():
            subject.run(folder, TIMEOUT)
    for peer in peers(bed) if with_peers else ():
        peer.run(folder, TIMEOUT)
        subjects[peer.name] = peer
    return subjects


def table(subjects: dict[str, Subject]) -> str:
    raw = subjects["json"].time
    rows = [
        (subject.name, f"{subject.time:.2f}", f"{subject.time / raw:.2f}", f"{subject.peak:.0f}")
        for subject in subjects.values()
    ]
    return tabulate(
        rows, ["", "seconds", "x raw JSON", "peak MB"], tablefmt="github", colalign=("left", *["right"] * 3)
    )


def missed(subjects: dict[str, Subject]) -> Iterator[str]:
    daily, raw = subjects["daily"], subjects["json"].time
    if daily.time > TIME * raw:
        yield f"hubops daily takes {daily.time / raw:.2f} of a raw JSON list, not {TIME}"
    if daily.peak > MEMORY:
        yield f"hubops daily takes {daily.peak:.0f} MB, not {MEMORY}"
    if subjects["help"].time > HELP:
        yield f"hubops --help takes {subjects['help'].time:.2f} s, not {HELP}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--pods", type=int, default=10_000)
    parser.add_argument("--no-peers", action="store_true", help="without kubectl and the typed client")
    asked = parser.parse_args()
    bed = Testbed.start(bare=True, say=print)
    try:
        print(static_state.timed(bed, asked.nodes, asked.pods, broken=0))
        store_as_protobuf(bed)
        before = os.getloadavg()[0]
        with tempfile.TemporaryDirectory() as folder:
            subjects = measure(bed, Path(folder), with_peers=not asked.no_peers)
            size = (Path(folder) / "pods").stat().st_size
    finally:
        bed.stop()
    print(
        f"\n{asked.nodes} nodes, {asked.pods} pods ({size / 1e6:.0f} MB as protobuf), {os.cpu_count()} cores, ", end=""
    )
    print(f"load {before:.1f} before; median of {RUNS} runs, peers once\n\n{table(subjects)}\n")
    for problem in (problems := list(missed(subjects))):
        print(f"MISSED: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
