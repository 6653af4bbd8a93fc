"""What `hubops bootstrap` costs beside the bare helm calls that it stands for: `python -m tests.bootstrap.bench`.

Independent charts are installed on one cluster three ways: by helm one after the other (`upgrade --install`,
which waits for no pods), by hubops one component after the other, and by hubops as it does, until all is ready and
proven. A second round has nothing to change. Ends with 1
where hubops takes more than 2 s per component, and more than 10 %, over the bare calls.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tabulate import tabulate

from tests.bootstrap import stand_ins
from tests.bootstrap.repository import Repository, StandIn, served
from tests.stack.rendered import site_file
from tests.testbed import build, sample
from tests.testbed.bed import Testbed

CHARTS, RUNS = 6, 3
SECONDS, RATIO = 2.0, 0.10
STACK = """
schema: hubops.stack/v1
title: bench
kubernetes: "1.28"
repositories: {{charts: "{url}"}}
namespaces:
  hubops: {{pod_security: restricted, reason: hubops itself}}
  {space}: {{pod_security: restricted, reason: a measurement}}
components:
"""
COMPONENT = """
  {name}:
    title: {name}
    namespace: {space}
    {needs}
    chart: {{repository: charts, name: shop{number}, version: 1.0.0, release: {space}-{number}}}
    gates: [objects-applied]
"""


def charts() -> list[StandIn]:
    return [
        StandIn(f"shop{number}", "1.0.0", stand_ins.SHOP.templates, stand_ins.SHOP.values) for number in range(CHARTS)
    ]


def stack(folder: Path, repository: Repository, space: str, *, chained: bool) -> Path:
    """A stack of all charts, each of which needs the one before where they are *chained*."""
    text = STACK.format(url=repository.url, space=space)
    for number in range(CHARTS):
        needs = f"needs: [c{number - 1}]" if chained and number else ""
        text += COMPONENT.format(name=f"c{number}", number=number, space=space, needs=needs)
    path = folder / f"{space}.yaml"
    path.write_text(text)
    return path


def timed(command: list[str], environment: dict[str, str]) -> float:
    began = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return time.monotonic() - began


def ways(
    bed: Testbed, repository: Repository, helm: Path, folder: Path, run: int
) -> dict[str, tuple[Callable[[], float], str]]:
    """Each way to install everything, and the namespace that it does so in."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "HUBOPS_CONFIG": str(site_file("none"))}

    def bare(space: str) -> float:
        flags = ["--namespace", space, "--repo", repository.url, "--version", "1.0.0"]
        install = [str(helm), "upgrade", "--install", "--kubeconfig", str(bed.kubeconfig), *flags]
        return sum(timed([*install, f"{space}-{each}", f"shop{each}"], environment) for each in range(CHARTS))

    def hubops(space: str, *, chained: bool) -> float:
        flags = ["--stack", str(stack(folder, repository, space, chained=chained)), "--helm", str(helm)]
        apply = [sys.executable, "-m", "hubops.cli", "bootstrap", "apply", "--yes", *flags]
        return timed([*apply, "--kubeconfig", str(bed.kubeconfig)], environment)

    names = {"helm": f"helm-{run}", "chained": f"chained-{run}", "hubops": f"hubops-{run}"}
    return {
        "helm, one after the other": (lambda: bare(names["helm"]), names["helm"]),
        "hubops, one after the other": (lambda: hubops(names["chained"], chained=True), names["chained"]),
        "hubops": (lambda: hubops(names["hubops"], chained=False), names["hubops"]),
    }


def measure(bed: Testbed, repository: Repository, helm: Path, folder: Path) -> dict[str, tuple[float, float]]:
    """The median seconds of each way, from nothing and with nothing to change; the ways take turns."""
    taken: dict[str, list[tuple[float, float]]] = {}
    for run in range(RUNS):
        for name, (install, space) in ways(bed, repository, helm, folder, run).items():
            bed.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}})
            taken.setdefault(name, []).append((install(), install()))
    return {
        name: (statistics.median(first for first, _ in runs), statistics.median(again for _, again in runs))
        for name, runs in taken.items()
    }


def main() -> int:
    programs = build.programs(families=("helm", "helm4"))
    bed = Testbed.start(sample=False)
    try:
        for node in sample.nodes():
            bed.api.apply(node)
        with tempfile.TemporaryDirectory() as folder, served(Path(folder), programs["helm"]) as repository:
            repository.add(*charts())
            taken = measure(bed, repository, programs["helm"], Path(folder))
    finally:
        bed.stop()
    [bare, chained, _] = taken.values()
    rows = []
    for name, (first, again) in taken.items():
        over = (first - bare[0]) / CHARTS
        rows.append((name, f"{first:.1f} s", f"{again:.1f} s", f"{over:+.2f} s", f"{first / bare[0] - 1:+.0%}"))
    headers = (f"{CHARTS} charts", "from nothing", "nothing to change", "per component", "over helm")
    print(tabulate(rows, headers=headers, tablefmt="github", disable_numparse=True))
    return int((chained[0] - bare[0]) / CHARTS > SECONDS and chained[0] / bare[0] - 1 > RATIO)


if __name__ == "__main__":
    sys.exit(main())
