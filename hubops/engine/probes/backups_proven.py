"""restore-unproven, restore-failed, recovery-objective-missed: what drills say about the backups."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, journal
from hubops.engine.probes.evidence import counted
from hubops.engine.probes.journal import Kept, ago, decided, kinds, proofs, told
from hubops.engine.view import View
from hubops.model.backup import Run
from hubops.model.finding import Evidence, Hit, Value
from hubops.model.quantity import human_duration

_SHOWN = 3


@probe(needs=(journal.EVIDENCE,))
def restore_unproven(view: View) -> Iterator[Hit]:
    """Kinds with a good backup, of which no drill has ever restored one, or none for longer than was promised."""
    for kept in decided(kinds(view)):
        proven, promised = kept.newest_good("drill"), timedelta(seconds=kept.promised.proven_every_s)
        if proven is None and kept.newest_good("backup"):
            shown = journal.last_good(kept, "backup")
            yield Hit(ref=kept.ref, summary="was never restored by a drill", evidence=(shown, *_newest(kept)))
        elif proven is not None and view.now - proven.at > promised:
            age = view.now - proven.at
            words = (
                f"was last restored by a drill {human_duration(age)} ago; promised is every {human_duration(promised)}"
            )
            seconds = Value(age.total_seconds(), "seconds")
            yield Hit(
                ref=kept.ref,
                summary=words,
                evidence=(told(proven), *_newest(kept)),
                value=seconds,
                since=proven.at + promised,
            )


def _newest(kept: Kept) -> Iterator[Evidence]:
    """The newest drill where it proved nothing."""
    newest = kept.newest("drill")
    if newest and newest.outcome != "succeeded":
        yield told(newest)


@probe(needs=(journal.EVIDENCE,))
def restore_failed(view: View) -> Iterator[Hit]:
    """Kinds whose newest drill failed, or restored something else than what was there."""
    for kept in decided(kinds(view)):
        newest = kept.newest("drill")
        if newest is None:
            continue
        differing = sum(proof.differences_total or len(proof.differences) for proof in proofs(newest))
        if newest.outcome == "succeeded" and not newest.alarm and not differing:
            continue
        words = f"{counted(differing, 'difference')}; " if differing else ""
        how = "proved only a part" if newest.outcome == "partial" else "failed"
        said = newest.reason or "what was restored is not what was there"
        yield Hit(
            ref=kept.ref,
            summary=evidence.bounded(
                f"could not be restored as it was: the drill {ago(view, newest)} {how}: {words}{said}"
            ),
            evidence=(told(newest), *_differences(newest), journal.last_good(kept, "drill")),
            since=newest.at,
        )


def _differences(run: Run) -> Iterator[Evidence]:
    found = [each for proof in proofs(run) for each in proof.differences]
    yield from (evidence.fact(f"{each.what}: {each.how}") for each in found[:_SHOWN])
    failed = [each for each in run.volumes if each.error]
    yield from (evidence.fact(f"claim {each.namespace}/{each.claim}: {each.error}") for each in failed[:_SHOWN])


@probe(needs=(journal.EVIDENCE,))
def recovery_objective_missed(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """Kinds of which the newest drill that restored something took longer, or would have lost more, than was promised.

    More is lost only where it is more by *grace*: the backup that was due may have been at work.
    """
    for kept in decided(kinds(view)):
        drill = next((run for run in kept.of("drill") if proofs(run)), None)
        if drill and (missed := list(_missed(kept, drill, grace.total_seconds()))):
            words, seconds = zip(*missed, strict=True)
            yield Hit(
                ref=kept.ref,
                summary=f"{'; '.join(words)} (drill {ago(view, drill)})",
                evidence=(told(drill), *_steps(drill)),
                value=Value(seconds[0], "seconds"),
                since=drill.at,
            )


def _missed(kept: Kept, drill: Run, grace: float) -> Iterator[tuple[str, float]]:
    """What was missed, in words, and what was measured instead."""
    rto, rpo = max(each.rto_s for each in proofs(drill)), max(each.rpo_s for each in proofs(drill))
    if rto > kept.promised.rto_s:
        yield f"took {_words(rto)} to restore, promised are {_words(kept.promised.rto_s)}", rto
    if rpo > kept.promised.rpo_s + grace:
        yield f"would have lost {_words(rpo)}, promised are {_words(kept.promised.rpo_s)}", rpo


def _words(seconds: float) -> str:
    return human_duration(timedelta(seconds=seconds))


def _steps(run: Run) -> Iterator[Evidence]:
    """Where the time went, of what took longest."""
    slowest = max(proofs(run), key=lambda proof: proof.rto_s)
    steps = sorted(slowest.steps.items(), key=lambda step: step[1], reverse=True)
    if steps:
        yield evidence.fact(f"{slowest.copy}: " + ", ".join(f"{name} {_words(taken)}" for name, taken in steps[:6]))
