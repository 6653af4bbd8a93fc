"""How the stages of a round are wired: read, decide, report, deliver."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import click

from hubops import content
from hubops.commands.options import Options
from hubops.config import Config
from hubops.deliver import files, terminal
from hubops.deliver.files import Output
from hubops.deliver.progress import Progress
from hubops.engine import catalog, runner
from hubops.engine import report as verdict
from hubops.engine.catalog import Catalog
from hubops.engine.needs import needs_of
from hubops.errors import Exit, UsageError
from hubops.model.check import Check
from hubops.model.report import Report
from hubops.model.snapshot import Needs, Snapshot
from hubops.report import FORMATS
from hubops.report import Options as Rendering


def run_round(name: str, options: Options, select: Callable[[Catalog], Sequence[Check]]) -> int:
    """Run the checks that *select* chooses and deliver the report; returns the exit code of the public contract.

    A check file that cannot be used is named on stderr and stands in the report as unknown; everything else is
    reported all the same, and the run ends with 64.
    """
    started = time.monotonic()
    outputs = files.parse_outputs(options.outputs, FORMATS)
    config = options.config()
    found = catalog.load(options.check_folders, config, settings=options.settings_file())
    checks = select(found)
    snapshot = _snapshot(options, config, needs_of(checks, config))
    outcome = runner.run(snapshot, checks, config)
    duration = time.monotonic() - started
    report = verdict.build(name, snapshot, outcome, duration_s=round(duration, 3), problems=found.problems)
    _deliver(report, outputs, content.runbooks(options.check_folders))
    for problem in found.problems:
        click.echo(f"hubops: {problem.message}", err=True)
    if unreachable(snapshot):
        return Exit.UNREACHABLE
    return Exit.USAGE if found.problems else verdict.exit_code(report, options.fail_on)


def _snapshot(options: Options, config: Config, needs: Needs) -> Snapshot:
    if options.snapshot_file is not None:
        from hubops.collect.snapshot_file import load

        return load(options.snapshot_file)
    return read_cluster(config, needs)


def read_cluster(config: Config, needs: Needs) -> Snapshot:
    """What *needs* asks for, read from the live cluster. Raises ClusterUnreachable where nothing can be read."""
    from hubops.clients.kube.client import KubeClient
    from hubops.clients.retry import Deadline
    from hubops.collect.round import collect

    deadline = Deadline(config.deadline.total_seconds())
    client = KubeClient(config.kubernetes, deadline=deadline)
    with Progress() as told:
        return collect(config, needs, client=client, deadline=deadline, progress=told)


def _deliver(report: Report, outputs: Sequence[Output], runbooks: Mapping[str, str]) -> None:
    """Write the files first: a terminal that has gone takes none of them along.

    Raises UsageError for what could not be written, once everything else was.
    """
    problems: list[str] = []
    for output in sorted(outputs, key=lambda output: output.path is None):
        try:
            if output.path is not None:
                files.write(output.path, FORMATS[output.format].render(report, Rendering(runbooks=runbooks)))
            else:
                terminal.write(FORMATS[output.format].render(report, rendering(runbooks)))
        except UsageError as error:
            problems.append(str(error))
    if problems:
        raise UsageError("; ".join(problems))


def rendering(runbooks: Mapping[str, str]) -> Rendering:
    """How text for standard output is to look."""
    screen = terminal.screen()
    return Rendering(width=screen.width, color=screen.color, unicode=screen.unicode, runbooks=runbooks)


def unreachable(snapshot: Snapshot) -> bool:
    """Whether the API server could not be read at all, though other sources could."""
    return any(source.name == "kubernetes" and source.status == "failed" for source in snapshot.sources)
