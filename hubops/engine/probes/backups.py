"""backup-failed, backup-alarm, backup-too-old: whether there is a backup at all, and of when."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, journal
from hubops.engine.probes.journal import Kept, ago, decided, kinds, told
from hubops.engine.view import View
from hubops.model.backup import Run
from hubops.model.finding import Evidence, Hit, Value
from hubops.model.quantity import human_duration

_SHOWN = 4


@probe(needs=(journal.EVIDENCE,))
def backup_failed(view: View) -> Iterator[Hit]:
    """Kinds whose newest backup failed, or succeeded only in part."""
    for kept in decided(kinds(view)):
        newest = kept.newest("backup")
        if newest and newest.outcome != "succeeded":
            how = "succeeded only in part" if newest.outcome == "partial" else "failed"
            shown = [told(newest), *_volumes(newest), journal.last_good(kept, "backup")]
            yield Hit(
                ref=kept.ref,
                summary=evidence.bounded(f"{how} {ago(view, newest)}: {newest.reason or 'no reason is recorded'}"),
                evidence=tuple(shown),
                since=_first_of_these(kept).at,
            )


def _first_of_these(kept: Kept) -> Run:
    """The first of the failures that have not ended since."""
    first = kept.of("backup")[0]
    for run in kept.of("backup"):
        if run.outcome == "succeeded":
            break
        first = run
    return first


def _volumes(run: Run) -> Iterator[Evidence]:
    """The first claims that failed, in the words of their driver."""
    failed = [each for each in run.volumes if each.error]
    for each in failed[:_SHOWN]:
        yield evidence.fact(f"claim {each.namespace}/{each.claim}: {evidence.innermost(each.error or '')}")


@probe(needs=(journal.EVIDENCE,))
def backup_alarm(view: View) -> Iterator[Hit]:
    """Kinds of which the newest run, backup or verification, met something that must not be taken for a backup."""
    for kept in decided(kinds(view)):
        newest = next(iter(kept.of("backup", "verify")), None)
        if newest and newest.alarm:
            yield Hit(
                ref=kept.ref,
                summary=evidence.bounded(f"is not what it was: {newest.reason or 'no reason is recorded'}"),
                evidence=(told(newest), journal.last_good(kept, "backup")),
                since=newest.at,
            )


@probe(needs=(journal.EVIDENCE,))
def backup_too_old(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """Kinds whose newest good backup is older than was promised, by more than *grace*, or was never taken."""
    for kept in decided(kinds(view)):
        good, promised = kept.newest_good("backup"), timedelta(seconds=kept.promised.rpo_s)
        if good is None and (kept.configured or kept.of("backup")):
            yield _too_old(kept, "has never succeeded", None)
        elif good is not None and view.now - good.at > promised + grace:
            age = view.now - good.at
            words = f"last succeeded {human_duration(age)} ago; at most {human_duration(promised)} may be lost"
            yield _too_old(kept, words, Value(age.total_seconds(), "seconds"), good)


def _too_old(kept: Kept, summary: str, value: Value | None, good: Run | None = None) -> Hit:
    newest = kept.newest("backup")
    asked = "hubops.yaml asks for it" if kept.configured else "hubops.yaml of this machine does not ask for it"
    shown = [told(each) for each in (newest, good) if each]
    return Hit(
        ref=kept.ref,
        summary=summary,
        evidence=(*dict.fromkeys(shown), evidence.fact(asked))
        if shown
        else (evidence.fact(f"{asked}; no run is recorded"),),
        value=value,
        since=good.at if good else None,
    )
