"""The protocol of a drill of volumes, as Markdown: which claims were restored, from when, how long, what is proven."""

from __future__ import annotations

from collections.abc import Iterator

from hubops.model.backup import Promised, Proof, Run, VolumeSnapshotRecord
from hubops.model.quantity import human_bytes
from hubops.report.markdown import code, prose, table
from hubops.report.protocol import duration

_OUTCOMES = {"succeeded": "succeeded", "partial": "succeeded in part", "failed": "FAILED"}


def protocol(run: Run) -> str:
    """The recorded drill *run* of volumes."""
    parts = [
        f"# Restore drill of volumes, {run.started_at:%Y-%m-%d %H:%M:%S} UTC: {_OUTCOMES[run.outcome]}",
        table(("", ""), _facts(run)),
    ]
    if run.reason:
        parts.append(prose(_sentence(run.reason)))
    for record in run.volumes:
        parts += _claim(record, run.promised)
    if not run.volumes:
        parts.append("Nothing was restored, so nothing is proven.")
    return "\n\n".join(parts) + "\n"


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    yield "Record", code(run.id)
    yield "Begun, ended", f"{run.started_at:%Y-%m-%d %H:%M:%S} UTC, {run.finished_at:%Y-%m-%d %H:%M:%S} UTC"
    yield "Run on", code(run.host)
    yield "hubops", code(run.hubops_version)


def _claim(record: VolumeSnapshotRecord, promised: Promised) -> Iterator[str]:
    yield f"## Claim {prose(f'{record.namespace}/{record.claim}')}"
    if record.error:
        yield f"**Failed:** {prose(_sentence(record.error))}"
    proof = record.proof
    if proof is None:
        yield "It was not restored, so nothing is proven of it."
        return
    size = f", {human_bytes(record.size)}" if record.size else ""
    yield f"Snapshot {code(proof.copy)}, taken {proof.taken_at:%Y-%m-%d %H:%M:%S} UTC{size}."
    yield table(("", "Measured", "Promised", ""), _objectives(proof, promised))
    yield table(("Step", "Took"), ((prose(name), duration(took)) for name, took in proof.steps.items()))
    for heading, lines in (("Proven", proof.proven), ("Not proven", proof.unproven)):
        yield f"{heading}:"
        yield "\n".join(f"- {prose(_sentence(line))}" for line in lines) or "- Nothing."
    if proof.sha256:
        yield f"SHA-256 over all of it: {code(proof.sha256)}"
    if proof.differences:
        yield table(("What", "How"), ((prose(each.what), prose(each.how)) for each in proof.differences))


def _objectives(proof: Proof, promised: Promised) -> Iterator[tuple[str, str, str, str]]:
    rows = (
        ("RPO: age of the newest snapshot", proof.rpo_s, promised.rpo_s),
        ("RTO: until a pod had the volume", proof.rto_s, promised.rto_s),
    )
    for name, got, wanted in rows:
        yield name, duration(got), duration(wanted), "kept" if got <= wanted else "**MISSED**"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}"
