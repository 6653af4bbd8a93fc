"""The protocol of a drill, for an auditor: what was restored, from when, how long it took, what differed, by what."""

from __future__ import annotations

from collections.abc import Callable

from hubops.model.backup import Kind, Run
from hubops.report.document import FORMATS, Document
from hubops.report.protocol import etcd, velero, volumes

_KINDS: dict[Kind, Callable[[Run], Document]] = {
    "etcd": etcd.document, "volumes": volumes.document, "velero": velero.document,
}  # fmt: skip


def protocol(run: Run, form: str = "markdown") -> str:
    """The recorded drill *run* as text in *form*, one of report.document.FORMATS."""
    return FORMATS[form].write(_KINDS[run.kind](run))
