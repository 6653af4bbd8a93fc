"""hubops on the real node: run it with faults in, and judge what it says of each.

`python -m tests.testbed.node faults` puts them on the node that is up, `judge` says how hubops does with them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from tests.testbed.errors import TestbedError
from tests.testbed.node.faults.base import Trial

if TYPE_CHECKING:
    from tests.testbed.node.bed import NodeTestbed

Report = dict[str, Any]
Finding = dict[str, Any]

# Where a check gives a fault time to pass by itself, that time here; what is healthy is given its usual time.
SOON = {
    "deployment-unavailable": {"grace": "30s"},
    "image-pull-failing": {"grace": "20s"},
    "pod-config-error": {"grace": "20s"},
    "pod-crash-looping": {"grace": "20s"},
    "pod-not-ready": {"grace": "30s"},
    "pod-pending": {"grace": "20s"},
    "pvc-pending": {"grace": "20s"},
    "service-without-endpoints": {"grace": "20s"},
}
# What has no namespace is as young as the trial.
YOUNG = {
    "node-not-ready": {"grace": "0s"},
    "node-pressure": {"grace": "0s"},
    "webhook-without-endpoints": {"grace": "10s"},
}


@dataclass(frozen=True)
class Verdict:
    """What hubops said of one trial.

    found   the expected finding is there, on the right object;  cause  and names the cause
    others  further findings about it: noise, or another sight of the same
    """

    trial: Trial
    found: Finding | None
    cause: bool
    others: tuple[Finding, ...]

    @property
    def good(self) -> bool:
        return (self.cause or self.trial.expect is None) and not self.others

    def line(self) -> str:
        marks = "healthy" if self.trial.expect is None else f"{'found' if self.found else 'MISSED'}"
        cause = "" if self.trial.expect is None else "cause" if self.cause else "NO CAUSE"
        others = "; ".join(f"{f['check']} {_named(f)}: {f['summary']}" for f in self.others)
        return f"{self.trial.name:32} {marks:8} {cause:9} {others}"


def _named(finding: Finding) -> str:
    ref = finding["ref"]
    return f"{ref['kind']}/{ref['name']}"


def run(bed: NodeTestbed, soon: Iterable[Trial] = (), verb: Sequence[str] = ("daily",)) -> Report:
    """hubops' report; the faults of *soon* are given no time to pass."""
    report = bed.directory / "report.json"
    report.unlink(missing_ok=True)
    config = yaml.safe_load(bed.config.read_text())
    names = [trial.name for trial in soon]
    config["checks"] = {check: {"namespaces": dict.fromkeys(names, with_)} for check, with_ in SOON.items()}
    config["checks"] |= {check: {"with": with_} for check, with_ in YOUNG.items()}
    file = bed.directory / "trial.yaml"
    file.write_text(yaml.safe_dump(config))
    argv = [sys.executable, "-m", "hubops.cli", *verb, "--config", str(file), "--output", f"json={report}"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=600)
    if not report.exists():
        raise TestbedError(f"hubops ended with {done.returncode}: {done.stderr[-2000:]}")
    read: Report = json.loads(report.read_text())
    return read


def judge(report: Report, trials: Iterable[Trial]) -> tuple[list[Verdict], list[Finding]]:
    """A verdict for each trial, and the findings that are about none of them."""
    trials = list(trials)
    rest = [f for f in report["findings"] if f["state"] != "resolved"]
    verdicts = []
    for trial in trials:
        own = [f for f in rest if trial.name in (f["ref"].get("namespace"), f["ref"]["name"])]
        rest = [f for f in rest if f not in own]
        found = next((f for f in own if _expected(f, trial)), None)
        others = tuple(f for f in own if f is not found)
        verdicts.append(Verdict(trial, found, found is not None and _says(found, trial), others))
    return verdicts, rest


def _expected(finding: Finding, trial: Trial) -> bool:
    expect, ref = trial.expect, finding["ref"]
    return expect is not None and (expect.check, expect.kind, expect.name) == (
        finding["check"],
        ref["kind"],
        ref["name"],
    )


def _says(finding: Finding, trial: Trial) -> bool:
    texts = [finding["summary"], *(item["text"] for item in finding["evidence"])]
    return trial.expect is not None and any(trial.expect.cause in text for text in texts)
