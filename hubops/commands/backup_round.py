"""What `hubops backup` and `hubops drill` share: runs, one kind after the other, and the round over their journal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import click
import msgspec

from hubops import __version__
from hubops.commands import flow, journaled
from hubops.commands.options import Options
from hubops.config import Config
from hubops.deliver.steps import Steps
from hubops.engine.probes import PROBES
from hubops.errors import ClusterUnreachable, ConfigError, Exit, HubopsError
from hubops.model.backup import Kind, Recorded, Run, VeleroBackupRecord
from hubops.model.check import Check
from hubops.model.quantity import human_duration
from hubops.model.snapshot import Snapshot, Source
from hubops.report.runs import about

if TYPE_CHECKING:
    from hubops.engine.catalog import Catalog
    from hubops.journal.journal import Journal

Name = Literal["backup", "drill"]
#: One run of a kind, as it was recorded.
Take = Callable[[Config, "Journal", Steps], Run]


def run_kinds(name: Name, options: Options, takes: Mapping[Kind, Take], *, others: tuple[Kind, ...] = ()) -> int:
    """Do all of *takes*, deliver one report on their kinds and on the *others*, and return one exit code.

    A kind that cannot even begin (settings, another run at work) keeps no other from its run. What failed, or succeeded
    in part, is critical, whatever the checks of the site say. Raises what kept the only kind from beginning.
    """
    kinds = (*takes, *others)
    prepared = flow.prepare(name, options, lambda catalog: _checks(catalog, name, kinds))
    journal = journaled.journal(prepared.config)
    runs: list[Run] = []
    hindered: dict[Kind, HubopsError] = {}
    with Steps() as steps:
        for kind, take in takes.items():
            try:
                runs.append(take(prepared.config, journal, steps))
            except HubopsError as error:
                hindered[kind] = error
                steps.over(kind, f"not begun: {error}")
                continue
            steps.over(kind, _ended(runs[-1]))
    if hindered and not runs:
        raise next(iter(hindered.values()))
    started = time.monotonic()
    waiting = journal.waiting()
    here = msgspec.structs.replace(waiting, runs=(*runs, *waiting.runs))
    snapshot = _with(_read(prepared), here, prepared.config, kinds)
    report = prepared.judge(snapshot, started)
    flow.deliver(report, prepared.outputs, prepared.runbooks)
    prepared.name_problems()
    for kind, why in hindered.items():
        click.echo(f"hubops: {kind}: {why}", err=True)
    return _code(prepared, prepared.code(report), runs, hindered)


def _code(prepared: flow.Round, judged: Exit, runs: list[Run], hindered: Mapping[Kind, HubopsError]) -> Exit:
    if prepared.options.fail_on == "never":
        return judged
    if judged is Exit.CRITICAL or any(run.outcome != "succeeded" or run.alarm for run in runs):
        return Exit.CRITICAL
    return next((error.exit_code for error in hindered.values()), judged)


def _checks(catalog: Catalog, name: Name, kinds: tuple[Kind, ...]) -> tuple[Check, ...]:
    """The checks of the round; those that look at more than the journal are about volumes."""
    checks = catalog.of_round(name)
    if "volumes" in kinds:
        return checks
    return tuple(check for check in checks if check.probe and PROBES[check.probe].needs == ("journal",))


def _ended(run: Run) -> str:
    took = human_duration(run.finished_at - run.started_at)
    said = run.reason or "; ".join(filter(None, (about(run), *_measured(run))))
    return f"{run.outcome} after {took}" + (f": {said}" if said else "")


def _measured(run: Run) -> Iterator[str]:
    """Where a backup lies, and what a drill found out."""
    if run.proof:
        differing = run.proof.differences_total
        yield f"{differing} differences" if differing else "no difference"
        yield f"RPO {human_duration(timedelta(seconds=run.proof.rpo_s))}"
        yield f"RTO {human_duration(timedelta(seconds=run.proof.rto_s))}"
    elif run.velero:
        yield from _velero(run.velero)
    elif run.copy:
        yield "encrypted" if run.copy.encrypted else "not encrypted"
        yield f"in {run.store}" if run.store else "on this machine only"


def _velero(record: VeleroBackupRecord) -> Iterator[str]:
    if record.expected is not None:
        yield f"{record.expected:,} objects of the cluster compared"
    if record.not_compared:
        yield f"not compared: {', '.join(record.not_compared)}"
    if record.warnings_total:
        yield f"{record.warnings_total} warnings"


def _read(prepared: flow.Round) -> Snapshot:
    """What the round needs of the cluster; nothing but why, where it cannot be reached."""
    try:
        return prepared.read()
    except (ClusterUnreachable, ConfigError) as error:
        return Snapshot(
            hubops_version=__version__,
            cluster=prepared.config.cluster or "unknown",
            taken_at=datetime.now(UTC),
            sources=(Source(name="kubernetes", status="failed", reason=str(error)),),
        )


def _with(snapshot: Snapshot, here: Recorded, config: Config, kinds: tuple[Kind, ...]) -> Snapshot:
    """*snapshot* with the journal of *kinds*, and in it what is known *here*: the runs just made, and those that wait.

    That is there, too, where the cluster's part could not be read: the report is about these runs.
    """
    from hubops.journal.promises import configured

    all_of_it = joined(snapshot.journal, here)
    recorded = Recorded(
        runs=tuple(run for run in all_of_it.runs if run.kind in kinds),
        unreadable=tuple(each for each in all_of_it.unreadable if each.kind in kinds),
        configured={kind: promised for kind, promised in configured(config.backup).items() if kind in kinds},
        excluded=config.backup.volumes.exclude if config.backup.volumes else (),
    )
    read = dict.fromkeys((*snapshot.read, "journal"))
    unread = {name: why for name, why in snapshot.unread.items() if name != "journal"}
    return msgspec.structs.replace(snapshot, journal=recorded, read=tuple(read), unread=unread)


def joined(cluster: Recorded, here: Recorded) -> Recorded:
    """What the *cluster* has recorded, and what this machine knows besides."""
    from hubops.journal.entries import newest_first

    runs = newest_first((*here.runs, *cluster.runs))
    unreadable = (*cluster.unreadable, *here.unreadable)
    return msgspec.structs.replace(cluster, runs=runs, unreadable=unreadable)
