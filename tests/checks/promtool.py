"""PromQL evaluated by the real Prometheus: promtool on series that a fixture writes down."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import yaml

from hubops.model.snapshot import Sample

_STRING = r'"(?:[^"\\]|\\.)*"'
#: One expression of promtool's report whose samples were other than none.
_REPORT = re.compile(rf"^ +expr: ({_STRING}), time: [^,]+,\n +exp: nil\n +got: (.*)$", re.MULTILINE)
_SAMPLE = re.compile(rf"\{{((?:\w+={_STRING}(?:, )?)*)\}} (\S+?)(?:, |$)")
_LABEL = re.compile(rf"(\w+)=({_STRING})")


def evaluate(
    queries: Sequence[str], series: Sequence[dict[str, str]], at: str, time: datetime
) -> dict[str, tuple[Sample, ...]]:
    """What each of *queries* answers at the moment *at* of *series*, which has a value every five minutes.

    promtool only says what it got where it expected something else: every query is said to answer nothing.
    """
    if not queries:
        return {}
    asked = [{"expr": query, "eval_time": at, "exp_samples": []} for query in queries]
    test = {"interval": "5m", "input_series": list(series), "promql_expr_test": asked}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "test.yaml"
        path.write_text(yaml.safe_dump({"evaluation_interval": "1m", "tests": [test]}, width=10**6), encoding="utf-8")
        done = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True, check=False)
    report = done.stdout + done.stderr
    found = {json.loads(expr): tuple(_samples(got, time)) for expr, got in _REPORT.findall(report)}
    assert (done.returncode != 0) == bool(found), f"promtool did not evaluate: {report}"
    assert "err:" not in report, f"promtool refuses a query: {report}"
    return {query: found.get(query, ()) for query in queries}


def _samples(got: str, time: datetime) -> list[Sample]:
    samples = [
        Sample({name: json.loads(value) for name, value in _LABEL.findall(labels)}, number, time)
        for labels, number in _SAMPLE.findall(got)
    ]
    assert samples, f"cannot read promtool's {got!r}"
    return [Sample({k: v for k, v in item.labels.items() if k != "__name__"}, item.value, item.at) for item in samples]
