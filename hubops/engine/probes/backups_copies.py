"""backup-not-offsite, backup-not-encrypted, backup-size-jumped: what is wrong with copies that were taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, journal
from hubops.engine.probes.journal import Kept, ago, decided, kinds, told
from hubops.engine.view import View
from hubops.model.backup import Run
from hubops.model.finding import Hit, Value
from hubops.model.quantity import human_bytes


@probe(needs=(journal.EVIDENCE,))
def backup_not_offsite(view: View) -> Iterator[Hit]:
    """Backups of etcd that no store holds, or whose copy a verification found missing or differing.

    A volume's snapshot lies where its driver keeps it; there is no copy of it to look for.
    """
    for kept in decided(kinds(view)):
        if kept.kind != "etcd":
            continue
        good, verified = kept.newest_good("backup"), kept.newest("verify")
        if good and good.store is None:
            yield Hit(
                ref=kept.ref,
                summary="lies on the machine that it is to survive: no store is configured",
                evidence=(told(good),),
                severity="warning",
            )
        elif verified and verified.outcome != "succeeded":
            # What was sent since was read back when it was: there is a good copy, and an older one that is not.
            newer = good is not None and good.at > verified.at
            which = "an older copy" if newer else "its copy"
            why = f"{which} could not be verified {ago(view, verified)}: {verified.reason or ''}"
            yield Hit(
                ref=kept.ref,
                summary=evidence.bounded(why),
                evidence=(told(verified), told(good) if good and newer else journal.last_good(kept, "verify")),
                severity="warning" if newer else None,
                since=verified.at,
            )


@probe(needs=(journal.EVIDENCE,))
def backup_not_encrypted(view: View) -> Iterator[Hit]:
    """Copies of etcd, which hold every Secret, that anybody can read who can read the file."""
    for kept in decided(kinds(view)):
        good = kept.newest_good("backup")
        if good and good.copy and not good.copy.encrypted:
            where = f"in {good.store}" if good.store else "on its machine"
            yield Hit(
                ref=kept.ref,
                summary=evidence.bounded(f"holds every Secret in the clear {where}"),
                evidence=(told(good), evidence.fact(f"{good.copy.file}, {human_bytes(good.copy.size)}, no recipients")),
                since=good.at,
            )


@probe(needs=(journal.EVIDENCE,))
def backup_size_jumped(
    view: View,
    *,
    of: int,
    least: int,
    shrunk_to: float,
    grown_to: float,
    min_keys: int,
    min_claims: int,
    min_growth: int,
) -> Iterator[Hit]:
    """Backups that differ much from the median of the *of* good ones before, where there are *least*.

    Much smaller: *shrunk_to* of the keys, and *min_keys* fewer; or of the claims, and *min_claims* fewer. The size of
    the file says nothing then: etcd keeps the room of what was deleted, and gives it back when it is defragmented. Much
    larger: *grown_to* times the size, and *min_growth* bytes more.
    """
    for kept in decided(kinds(view)):
        good = [run for run in kept.of("backup") if run.outcome == "succeeded" and not run.alarm]
        newest, before = good[:1], good[1 : of + 1]
        if not newest or len(before) < least:
            continue
        if shrunk := _less(newest[0], before, shrunk_to, {"keys": min_keys, "claims": min_claims}):
            yield _jumped(kept, newest[0], before, *shrunk)
        elif grown := _more(newest[0], before, grown_to, min_growth):
            yield _jumped(kept, newest[0], before, *grown)


def _counts(run: Run) -> dict[str, int]:
    if run.kind == "etcd":
        return {"keys": run.copy.etcd.keys} if run.copy else {}
    return {"claims": sum(each.ready for each in run.volumes) + run.volumes_left_out}


def _less(newest: Run, before: Sequence[Run], shrunk_to: float, least: dict[str, int]) -> tuple[str, Value] | None:
    for name, number in _counts(newest).items():
        usual = median(_counts(run).get(name, number) for run in before)
        if number < usual * shrunk_to and usual - number >= least[name]:
            return f"has {number:,} {name}, after {usual:,.0f} in those before", Value(number, name)
    return None


def _more(newest: Run, before: Sequence[Run], grown_to: float, least: int) -> tuple[str, Value] | None:
    if newest.copy is None:
        return None
    size = newest.copy.etcd.size
    usual = median(run.copy.etcd.size if run.copy else size for run in before)
    if size > usual * grown_to and size - usual >= least:
        return f"is {human_bytes(size)} large, after {human_bytes(usual)} before", Value(size, "bytes")
    return None


def _jumped(kept: Kept, newest: Run, before: Sequence[Run], summary: str, value: Value) -> Hit:
    return Hit(ref=kept.ref, summary=summary, evidence=(told(newest), told(before[0])), value=value, since=newest.at)
