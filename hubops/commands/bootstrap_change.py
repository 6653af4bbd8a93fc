"""What a verb of bootstrap does to a cluster: one run at a time, which can be ended in the middle."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Literal

import click

from hubops import interrupts
from hubops.commands.bootstrap_selection import Run
from hubops.config import Duration
from hubops.errors import Exit, HubopsError, StepFailed, UsageError

if TYPE_CHECKING:
    from hubops.bootstrap.apply.install import Installation
    from hubops.bootstrap.record import Record
    from hubops.clients.helm import Release
    from hubops.stack.render import Rendered

#: Components at once; more would only wait for the same nodes to pull their images.
AT_ONCE = 4


def confirm(run: Run) -> None:
    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked here; add --yes to apply this")
    click.confirm(f"Apply this to {run.site.cluster} ({run.target.cluster.server})?", abort=True)


@contextmanager
def installing(run: Run, timeout: Duration) -> Iterator[Installation]:
    from hubops.bootstrap.apply.install import Installation
    from hubops.bootstrap.gates import GATES
    from hubops.deliver.steps import Steps

    with Steps() as steps:
        yield Installation(run.target, run.site, run.records, GATES, timeout.total_seconds(), steps, steps.over)


def install(run: Run, timeout: Duration, *, rollback: bool) -> int:
    from hubops.bootstrap.apply.graph import run as graph
    from hubops.bootstrap.apply.upgrade import upgrade
    from hubops.bootstrap.show.lines import outcome_lines
    from hubops.clients.kube import lease

    cluster, stop = run.target.cluster, threading.Event()
    lease.make_room(cluster)
    by_name = {each.name: each for each in run.components}
    needs = {name: each.component.needs for name, each in by_name.items()}
    with (
        interruptible(),
        installing(run, timeout) as installation,
        lease.held(cluster, "bootstrap", waiting=_say_waiting, lost=lambda: _lost(stop, installation)),
    ):
        run.records.read()
        step = partial(_told, installation, partial(upgrade, installation) if rollback else installation.install)
        # One at a time where it can go back, so that what failed is the only thing that changed.
        at_once = 1 if rollback else AT_ONCE
        outcome = graph(needs, lambda name: step(by_name[name]), at_once=at_once, stop=stop, cancel=installation.cancel)
    if stop.is_set():
        click.echo("The lock of the cluster was lost: its API server did not answer, or somebody took it over.")
    for line in outcome_lines(outcome, installation.changed):
        click.echo(line)
    untried_lines(installation)
    return Exit.CRITICAL if outcome.failed or outcome.blocked else Exit.OK


def _told(installation: Installation, step: Callable[[Rendered], None], rendered: Rendered) -> None:
    """*step*, whose failure is the last line about its component."""
    try:
        step(rendered)
    except HubopsError as error:
        installation.over(rendered.name, f"failed: {error}")
        raise


def _lost(stop: threading.Event, installation: Installation) -> None:
    stop.set()
    installation.cancel()


@contextmanager
def interruptible() -> Iterator[None]:
    """^C and SIGTERM end what runs so that it is known how far it came, and the user is told how to go on."""
    with interrupts.as_keyboard():
        try:
            yield
        except KeyboardInterrupt:
            click.echo("Interrupted. What had begun is recorded; run the same command again to go on from here.")
            raise


def remove(run: Run, found: Sequence[tuple[Record, Release | None]], timeout: Duration) -> int:
    """Remove the components of *found*, one after the other."""
    from hubops.bootstrap.apply.remove import Removal
    from hubops.clients.kube import lease
    from hubops.deliver.steps import Steps

    stop = threading.Event()
    with (
        interruptible(),
        lease.held(run.target.cluster, "bootstrap", waiting=_say_waiting, lost=stop.set),
        Steps() as steps,
    ):
        removal = Removal(run.target, run.records, timeout.total_seconds(), steps, steps.over)
        for record, release in found:
            if stop.is_set():
                raise StepFailed("the lock of the cluster was lost; run it again to go on")
            removal.remove(record, release)
    for kept in removal.kept:
        click.echo(f"Left: {kept}")
    return Exit.OK


def _say_waiting(holder: str) -> None:
    click.echo(f"{holder} holds the lock; waiting whether it is alive", err=True)


def untried_lines(installation: Installation) -> None:
    """Print what could not be proven."""
    _verdict_lines(installation, "untried", " could not be tried")


def passed_lines(installation: Installation) -> None:
    """Print what was proven, and how."""
    _verdict_lines(installation, "passed", "")


def _verdict_lines(installation: Installation, state: Literal["passed", "untried"], how: str) -> None:
    for name, verdicts in installation.verdicts.items():
        for gate, verdict in verdicts.items():
            if verdict.state == state:
                click.echo(f"{name}: {gate}{how}: {verdict.words}")
