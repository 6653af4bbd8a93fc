"""Loki takes a line and gives it back; the collector brings the lines of pods."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime, timedelta

from hubops.bootstrap.gate import Installed, Verdict, passed, waiting
from hubops.bootstrap.gates.services import PATIENCE, through_api_server, way_to
from hubops.clients.answer import refusal
from hubops.clients.loki import Loki, selector
from hubops.clients.proxied import PostingProxied
from hubops.clients.retry import Deadline

_LABELS = {"job": "hubops-bootstrap"}
_RETURNED_WITHIN = 10.0  # seconds
_LATELY = timedelta(minutes=10)


@through_api_server
def log_line_returned(at: Installed) -> Verdict:
    """Of Loki: that it returns a line that was pushed. Of the collector: that lines of pods arrive."""
    transport = way_to(at, "loki")
    loki = Loki(transport, timeout=PATIENCE, deadline=at.target.cluster.deadline)
    chart = at.rendered.component.chart
    return _returned(at, transport, loki) if chart and chart.name.startswith("loki") else _collected(loki)


def _returned(at: Installed, transport: PostingProxied, loki: Loki) -> Verdict:
    now, token = datetime.now(UTC), uuid.uuid4().hex
    line = f"hubops looks whether Loki returns this line: {token}"
    stream = {"stream": _LABELS, "values": [[str(int(now.timestamp() * 1e9)), line]]}
    answer = transport.post("/loki/api/v1/push", json.dumps({"streams": [stream]}).encode(), PATIENCE)
    if answer.status != 204:
        raise refusal(answer, "Loki")
    deadline = Deadline(_RETURNED_WITHIN)
    while deadline.remaining():
        found = loki.lines(f'{selector(_LABELS)} |= "{token}"', now - _LATELY, now + _LATELY, 1)
        if [each.text for each in found] == [line]:
            return passed("a line was taken and returned")
        at.target.cluster.deadline.pause(0.3)
    return waiting(f"Loki took a line and does not return it within {_RETURNED_WITHIN:.0f} s")


def _collected(loki: Loki) -> Verdict:
    minutes = int(_LATELY.total_seconds() // 60)
    counted = loki.query(f'sum by (node_name) (count_over_time({{namespace=~".+"}}[{minutes}m]))', datetime.now(UTC))
    lines = sum(float(each.value) for each in counted)
    if not lines:
        return waiting(f"no line of any pod has come to Loki in the last {minutes} minutes")
    return passed(f"{lines:.0f} lines of pods on {len(counted)} nodes in the last {minutes} minutes")
