"""The protocol of a drill of etcd."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hubops.model.backup import Proof, Run
from hubops.report.document import Code, Document, Heading, Line, Paragraph, Part, Span, Table
from hubops.report.document.wording import moment
from hubops.report.protocol import common


def document(run: Run) -> Document:
    """The recorded drill *run* of an etcd."""
    return common.document(run, _facts(run), _proof(run.proof, run) if run.proof else (common.NOTHING,))


def _facts(run: Run) -> Iterator[tuple[str, Line]]:
    if run.store:
        yield "Store", Code(run.store)
    if copy := run.copy:
        yield "Cluster", Code(copy.cluster)
        yield "Copy", (Code(copy.id), f", taken {moment(copy.taken_at)}")
        yield "Size, SHA-256", (f"{copy.size:,} bytes, ", Code(copy.sha256))
        yield "Encrypted for", common.listed(copy.recipients) or "nobody: it lies in the clear"
        state = copy.etcd
        yield "etcd", (
            "cluster ", Code(state.cluster_id), ", version ", Code(state.version), f", revision {state.revision}"
        )  # fmt: skip
    if run.proof and run.proof.versions:
        yield "Restored by", restored_by(run.proof)


def restored_by(proof: Proof) -> Line:
    """The programs that restored it, with their versions."""
    found: list[Span] = []
    for name, version in proof.versions.items():
        found += [f"{', ' if found else ''}{name} ", Code(version)]
    return tuple(found)


def _proof(proof: Proof, run: Run) -> Iterator[Part]:
    yield Heading("Objectives")
    yield common.objectives(proof, run.promised, rpo="age of the newest copy", rto="from the fetch until it answered")
    yield Heading("Steps")
    yield common.steps(proof)
    yield from common.statements(proof)
    yield Heading("Differences")
    if proof.differences_total:
        yield from common.differences(proof)
    else:
        yield Paragraph("None." if proof.live_by_resource else "None was looked for in the live etcd.")
    if proof.changed_since:
        said = ", ".join(f"{count:,} {name}" for name, count in sorted(proof.changed_since.items()))
        yield Paragraph(f"Since the copy was taken, which is no difference: {said}.")
    yield from _counts("Resource", proof.by_resource, proof.live_by_resource)
    yield from _counts("Namespace", proof.by_namespace, proof.live_by_namespace)


def _counts(of: str, restored: Mapping[str, int], live: Mapping[str, int]) -> Iterator[Part]:
    if restored or live:
        yield Heading(f"Keys by {of.lower()}")
        yield Table((of, "Restored", "Live"), tuple(_rows(restored, live)))


def _rows(restored: Mapping[str, int], live: Mapping[str, int]) -> Iterator[tuple[Line, ...]]:
    for name in sorted({*restored, *live}):
        yield Code(name or "(none)"), f"{restored.get(name, 0):,}", f"{live.get(name, 0):,}" if live else "–"
