"""The protocol of a drill, as Markdown: what was restored, from when, how long it took, what differed, by what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from hubops.model.backup import Proof, Run
from hubops.report.markdown import code, prose, table

_OUTCOMES = {"succeeded": "succeeded", "partial": "succeeded in part", "failed": "FAILED"}


def protocol(run: Run) -> str:
    """The recorded drill *run* of an etcd."""
    parts = [
        title(run),
        table(("", ""), _facts(run)),
    ]
    if run.reason:
        parts.append(sentence(run.reason))
    if run.proof is None:
        parts.append("Nothing was restored, so nothing is proven.")
    else:
        parts += _proof(run.proof, run)
    return "\n\n".join(parts) + "\n"


def title(run: Run) -> str:
    return f"# Restore drill of {run.kind}, {moment(run.started_at)}: {_OUTCOMES[run.outcome]}"


def about(run: Run) -> Iterator[tuple[str, str]]:
    """What every protocol tells of its run."""
    yield "Record", code(run.id)
    yield "Begun, ended", f"{moment(run.started_at)}, {moment(run.finished_at)}"
    yield "Run on", code(run.host)
    yield "hubops", code(run.hubops_version)


def objectives(*rows: tuple[str, float, float]) -> str:
    """What was measured beside what was promised, in seconds."""
    told = (
        (name, duration(got), duration(promised), "kept" if got <= promised else "**MISSED**")
        for name, got, promised in rows
    )
    return table(("", "Measured", "Promised", ""), told)


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    yield from about(run)
    if run.store:
        yield "Store", code(run.store)
    if copy := run.copy:
        yield "Cluster", code(copy.cluster)
        yield "Copy", f"{code(copy.id)}, taken {moment(copy.taken_at)}"
        yield "Size, SHA-256", f"{copy.size:,} bytes, {code(copy.sha256)}"
        yield "Encrypted for", ", ".join(map(code, copy.recipients)) or "nobody: it lies in the clear"
        state = copy.etcd
        yield "etcd", f"cluster {code(state.cluster_id)}, version {code(state.version)}, revision {state.revision}"
    if run.proof and run.proof.versions:
        yield "Restored by", ", ".join(f"{name} {code(version)}" for name, version in run.proof.versions.items())


def _proof(proof: Proof, run: Run) -> Iterator[str]:
    yield "## Objectives"
    yield objectives(
        ("RPO: age of the newest copy", proof.rpo_s, run.promised.rpo_s),
        ("RTO: from the fetch until it answered", proof.rto_s, run.promised.rto_s),
    )
    yield "## Steps"
    yield table(("Step", "Took"), ((prose(name), duration(took)) for name, took in proof.steps.items()))
    for heading, lines in (("## Proven", proof.proven), ("## Not proven", proof.unproven)):
        if lines:
            yield heading
            yield "\n".join(f"- {sentence(line)}" for line in lines)
    yield from _differences(proof)
    yield from _counts(proof)


def _differences(proof: Proof) -> Iterator[str]:
    yield "## Differences"
    if not proof.differences_total:
        yield "None." if proof.live_by_resource else "None was looked for in the live etcd."
    else:
        more = (
            f", of which {len(proof.differences)} are named" if proof.differences_total > len(proof.differences) else ""
        )
        yield f"{proof.differences_total:,}{more}."
        yield table(("What", "How"), ((code(each.what), prose(each.how)) for each in proof.differences))
    if proof.changed_since:
        said = ", ".join(f"{count:,} {name}" for name, count in sorted(proof.changed_since.items()))
        yield f"Since the copy was taken, which is no difference: {said}."


def _counts(proof: Proof) -> Iterator[str]:
    for heading, restored, live in (
        ("Resource", proof.by_resource, proof.live_by_resource),
        ("Namespace", proof.by_namespace, proof.live_by_namespace),
    ):
        if restored or live:
            yield f"## Keys by {heading.lower()}"
            yield table((heading, "Restored", "Live"), _rows(restored, live))


def _rows(restored: Mapping[str, int], live: Mapping[str, int]) -> Iterator[tuple[str, str, str]]:
    for name in sorted({*restored, *live}):
        yield code(name or "(none)"), f"{restored.get(name, 0):,}", f"{live.get(name, 0):,}" if live else "–"


def duration(seconds: float) -> str:
    """*seconds* as a person reads them: 4.2 s, 3 min 20 s, 6 h 5 min, 2 d 3 h."""
    if seconds < 59.5:
        return f"{seconds:.3g} s"
    whole = timedelta(seconds=round(seconds))
    minutes, secs = divmod(whole.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(whole.days, "d"), (hours, "h"), (minutes, "min"), (secs, "s")]
    first = next(index for index, (number, _) in enumerate(parts) if number)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number)


def moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def sentence(text: str) -> str:
    """*text*, which others wrote, as a sentence of Markdown."""
    return prose(f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') else '.'}")
