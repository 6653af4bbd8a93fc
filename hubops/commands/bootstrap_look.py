"""What a verb of bootstrap finds out and writes nothing for: preflight, plans, what is installed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import click

from hubops.commands.bootstrap_selection import Run

if TYPE_CHECKING:
    from hubops.bootstrap.plan.planned import ComponentPlan
    from hubops.bootstrap.preflight.finding import Finding
    from hubops.bootstrap.show.document import Installed, State
    from hubops.stack.render import Rendered

#: Components that are planned at once.
_AT_ONCE = 4


def examined(run: Run) -> list[Finding]:
    """What of the cluster was looked at, before anything is planned."""
    from hubops.bootstrap.preflight.examine import examine
    from hubops.bootstrap.preflight.finding import Prospect

    return examine(Prospect(run.target, run.stack, run.site, run.components))


def hinders(run: Run, finding: Finding) -> bool:
    """Whether *finding* is in the way of the platform."""
    return finding.state == "failed" and finding.id not in run.accepted


def preflight(run: Run) -> bool:
    """Print what of the cluster is in the way of the platform; whether it can be installed."""
    findings = examined(run)
    for each in findings:
        if each.state != "ok":
            how = f" (--accept {each.id} to go on)" if hinders(run, each) else ""
            click.echo(f"preflight {each.id}: {each.text}{how}")
    return not any(hinders(run, each) for each in findings)


def plans(run: Run) -> list[ComponentPlan]:
    from hubops.bootstrap.plan.component import plan as planned
    from hubops.bootstrap.plan.planned import settled

    names = [pin.release_name for each in run.components if (pin := each.component.chart)]
    releases = run.target.helm.releases(names) if names else ()

    def one(each: Rendered) -> ComponentPlan:
        return planned(run.target, each, run.records.known.get(each.name), releases)

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="plan") as pool:
        try:
            return settled(list(pool.map(one, run.components)))
        except KeyboardInterrupt:
            run.target.helm.interrupt()  # else a download would be waited for
            raise


def installed(run: Run) -> tuple[Installed, ...]:
    """Each component as it is."""
    from hubops.bootstrap.show.document import Installed

    releases = {(each.namespace, each.name): each for each in run.target.helm.releases()}

    def one(each: Rendered) -> Installed:
        record, chart = run.records.known.get(each.name), each.component.chart
        release = releases.get((each.component.namespace or "", chart.release_name)) if chart else None
        state: State = "by others" if release else "not installed"
        if record:
            state = "complete" if record.complete else "not finished"
        return Installed(each.name, state, release.chart if release else "", release.status if release else "")

    return tuple(map(one, run.components))
