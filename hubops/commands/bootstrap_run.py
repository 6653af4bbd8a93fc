"""What the verbs of bootstrap share: which components, on which cluster, and a run over them."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, cast

import click

from hubops.commands.options import ACCESS, CONFIG, STACK, DurationType, Options, with_options
from hubops.config import Duration
from hubops.config.platform import Part
from hubops.errors import Exit, HubopsError, StepFailed, UsageError

if TYPE_CHECKING:
    from hubops.bootstrap.document import Installed, State
    from hubops.bootstrap.install import Installation
    from hubops.bootstrap.planned import ComponentPlan
    from hubops.bootstrap.preflight.finding import Finding
    from hubops.bootstrap.record import Record, Records
    from hubops.bootstrap.target import Target
    from hubops.clients.helm import Release
    from hubops.stack.render import Rendered
    from hubops.stack.site import Site
    from hubops.stack.structure import Stack

#: Components at once; more would only wait for the same nodes to pull their images.
AT_ONCE = 4
#: Seconds that the whole of a run may take; each component has its own, much shorter time.
_LONGEST = 6 * 3600.0

_SELECTION = (
    click.option("--only", "names", multiple=True, metavar="COMPONENT", help="Only this component; repeatable."),
    click.option("--skip", multiple=True, metavar="COMPONENT", help="Not this component; repeatable."),
    click.option("--from", "start", metavar="COMPONENT", help="This component and what follows it."),
    click.option("--with", "parts", multiple=True, metavar="PART", help="An optional part, such as istio; repeatable."),
    click.option("--repo", "repositories", multiple=True, metavar="NAME=URL", help="A mirror, or an oci:// registry."),
    click.option(
        "--pull-timeout", type=DurationType(), default="2m", show_default=True, help="For one chart's download."
    ),
    click.option("--accept", "accepted", multiple=True, metavar="ID", help="Go on in spite of this preflight."),
    click.option("--helm", "program", default="helm", show_default=True, help="The helm program; 3.12 or newer, or 4."),
)


def with_selection(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a verb with the flags that say what it is about; it takes them as `options` and `**flags`."""
    decorated: Any = with_options(CONFIG, STACK, ACCESS)(function)
    for option in reversed(_SELECTION):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Run:
    """All that a verb works with: the chosen components, rendered, in the order of their needs, and the cluster."""

    stack: Stack
    site: Site
    components: Sequence[Rendered]
    target: Target
    records: Records
    accepted: tuple[str, ...]  # ids of preflight findings that are no hindrance


def prepare(
    options: Options, *, names: tuple[str, ...], skip: tuple[str, ...], start: str | None, parts: tuple[str, ...],
    repositories: tuple[str, ...], pull_timeout: Duration, program: str, accepted: tuple[str, ...],
) -> Run:  # fmt: skip
    """Everything that can be wrong without the cluster is said first: settings, names, templates, helm."""
    from hubops.bootstrap.charts import Charts, default_folder
    from hubops.bootstrap.choice import Choice, chosen
    from hubops.bootstrap.record import Records
    from hubops.bootstrap.target import Target
    from hubops.clients.helm import Helm
    from hubops.clients.kube.writer import KubeWriter
    from hubops.clients.retry import Deadline
    from hubops.stack.render import render
    from hubops.stack.site import complete

    stack, folder = options.stack()
    config = options.config()
    site = complete(config, options.settings_file())
    order = chosen(stack, site, Choice(only=names, skip=skip, start=start, parts=parts))
    site = replace(site, parts=(*site.parts, *(cast(Part, part) for part in parts if part not in site.parts)))
    components = [render(stack, folder, site, name) for name in order]
    for each in components:
        list(each.objects())
        each.chart_values()
    helm = Helm(config.kubernetes, program=program, home=default_folder() / "helm")
    helm.version()
    cluster = KubeWriter(config.kubernetes, deadline=Deadline(_LONGEST))
    urls = {**stack.repositories, **_mirrors(repositories, stack.repositories)}
    charts = Charts(helm, urls, default_folder(), timeout=pull_timeout.total_seconds())
    records = Records(cluster)
    records.read()
    return Run(stack, site, components, Target(cluster, helm, charts), records, accepted)


def _mirrors(given: tuple[str, ...], known: Any) -> dict[str, str]:
    mirrors = {}
    for each in given:
        name, equals, url = each.partition("=")
        if not equals or not url.startswith(("https://", "http://", "oci://")):
            raise UsageError(f"--repo {each}: write NAME=URL, the URL with https:// or oci://")
        if name not in known:
            raise UsageError(f"--repo {each}: the stack has no repository {name!r}; it has {', '.join(known)}")
        mirrors[name] = url
    return mirrors


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
    from hubops.bootstrap.plan import plan as planned
    from hubops.bootstrap.planned import settled

    names = [pin.release_name for each in run.components if (pin := each.component.chart)]
    releases = run.target.helm.releases(names) if names else ()

    def one(each: Rendered) -> ComponentPlan:
        return planned(run.target, each, run.records.known.get(each.name), releases)

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="plan") as pool:
        try:
            return settled(list(pool.map(one, run.components)))
        except KeyboardInterrupt:
            run.target.helm.interrupt()  # else a download would be waited for
            raise


def installed(run: Run) -> tuple[Installed, ...]:
    """Each component as it is."""
    from hubops.bootstrap.document import Installed

    releases = {(each.namespace, each.name): each for each in run.target.helm.releases()}

    def one(each: Rendered) -> Installed:
        record, chart = run.records.known.get(each.name), each.component.chart
        release = releases.get((each.component.namespace or "", chart.release_name)) if chart else None
        state: State = "by others" if release else "not installed"
        if record:
            state = "complete" if record.complete else "not finished"
        return Installed(each.name, state, release.chart if release else "", release.status if release else "")

    return tuple(map(one, run.components))


def confirm(run: Run) -> None:
    if not sys.stdin.isatty():
        raise UsageError("nobody can be asked here; add --yes to apply this")
    click.confirm(f"Apply this to {run.site.cluster} ({run.target.cluster.server})?", abort=True)


@contextmanager
def installing(run: Run, timeout: Duration) -> Iterator[Installation]:
    from hubops.bootstrap.gates import GATES
    from hubops.bootstrap.install import Installation
    from hubops.deliver.steps import Steps

    with Steps() as steps:
        yield Installation(run.target, run.site, run.records, GATES, timeout.total_seconds(), steps, steps.over)


def install(run: Run, timeout: Duration, *, rollback: bool) -> int:
    from hubops.bootstrap.graph import run as graph
    from hubops.bootstrap.show import outcome_lines
    from hubops.bootstrap.upgrade import upgrade
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
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        click.echo("Interrupted. What had begun is recorded; run the same command again to go on from here.")
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def remove(run: Run, found: Sequence[tuple[Record, Release | None]], timeout: Duration) -> int:
    """Remove the components of *found*, one after the other."""
    from hubops.bootstrap.remove import Removal
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
