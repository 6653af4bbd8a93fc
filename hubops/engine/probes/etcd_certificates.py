"""etcd-certificate-expires: what the newest backup of etcd saw of the certificates between etcd and its clients."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hubops.engine.probe import Absent, probe
from hubops.engine.probes import evidence, journal
from hubops.engine.probes.journal import ago, decided, kinds
from hubops.engine.view import View
from hubops.model.backup import Run
from hubops.model.finding import Hit, Ref, Value
from hubops.model.quantity import human_duration


@probe(needs=(journal.EVIDENCE,))
def etcd_certificate_expires(view: View, *, within: timedelta, critical: timedelta) -> Iterator[Hit]:
    """Certificates of etcd and of its clients that end in less than *within*; in less than *critical*, or in the past,
    they are critical. Those of the newest backup that saw any are judged: no renewal since is known.
    """
    found = [kept for kept in decided(kinds(view)) if kept.kind == "etcd"]
    seen = [run for kept in found for run in kept.of("backup") if run.certificates][:1]
    if not seen:
        raise Absent("no backup of etcd has seen its certificates")
    for run in seen:
        yield from _hits(view, run, within, critical)


def _hits(view: View, run: Run, within: timedelta, critical: timedelta) -> Iterator[Hit]:
    for each in run.certificates:
        left = each.not_after - view.now
        if left >= within:
            continue
        when = f"ends in {human_duration(left)}" if left > timedelta() else f"ended {human_duration(-left)} ago"
        yield Hit(
            ref=Ref("Certificate", each.of),
            summary=evidence.bounded(f"{when}, as the backup {ago(view, run)} saw it"),
            evidence=(evidence.fact(f"notAfter {each.not_after:%Y-%m-%d %H:%M} UTC"), journal.told(run)),
            severity="critical" if left < critical else "warning",
            value=Value(left.total_seconds(), "seconds"),
        )
