"""How the stages of a round are wired: read, decide, report, deliver."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

import click

from hubops import content
from hubops.commands.options import Options
from hubops.config import Config
from hubops.deliver import files, terminal
from hubops.deliver.files import Output
from hubops.deliver.progress import Progress
from hubops.engine import catalog, filters, runner
from hubops.engine import report as verdict
from hubops.engine.catalog import Catalog
from hubops.engine.needs import needs_of
from hubops.errors import Exit, UsageError
from hubops.model.check import Check
from hubops.model.check import Round as RoundName
from hubops.model.report import Filter, Report
from hubops.model.snapshot import Needs, Snapshot
from hubops.report import FORMATS
from hubops.report import Options as Rendering


@dataclass(frozen=True, kw_only=True)
class Round:
    """A round that is ready to be run, once or again and again."""

    name: str
    options: Options
    outputs: tuple[Output, ...]
    config: Config
    catalog: Catalog
    checks: tuple[Check, ...]
    narrowed: Filter | None
    runbooks: Mapping[str, str]

    def run(self) -> tuple[Report, Exit]:
        """The report, and the exit code of the public contract that belongs to it. Raises as `read_cluster` does."""
        started = time.monotonic()
        snapshot = self.read()
        report = self.judge(snapshot, started)
        if unreachable(snapshot):
            return report, Exit.UNREACHABLE
        return report, self.code(report)

    def read(self) -> Snapshot:
        """What the checks need: from the live cluster, or from the file that the options name."""
        return _snapshot(self.options, self.config, needs_of(self.checks, self.config))

    def judge(self, snapshot: Snapshot, started: float) -> Report:
        """The report on *snapshot* of a round that *started* at this time of the monotonic clock."""
        if self.narrowed:
            filters.verify(self.narrowed, snapshot, self.config.team_label)
        outcome = runner.run(snapshot, self.checks, self.config)
        outcome, narrowed = filters.narrow(outcome, self.narrowed, snapshot, self.config.team_label)
        duration, problems = round(time.monotonic() - started, 3), self.catalog.problems
        return verdict.build(self.name, snapshot, outcome, duration_s=duration, problems=problems, narrowed=narrowed)

    def code(self, report: Report) -> Exit:
        """The exit code of the public contract for *report*; a check that cannot be used is wrong usage."""
        return Exit.USAGE if self.catalog.problems else verdict.exit_code(report, self.options.fail_on)

    def name_problems(self) -> None:
        """Name the check files and settings that cannot be used on standard error."""
        for problem in self.catalog.problems:
            click.echo(f"hubops: {problem.message}", err=True)


def prepare(name: str, options: Options, select: Callable[[Catalog], Sequence[Check]]) -> Round:
    """The round of the checks that *select* and the filters of *options* choose. Raises UsageError and ConfigError."""
    narrowed = options.filter()
    outputs = files.parse_outputs(options.outputs, FORMATS)
    config = options.config()
    found = catalog.load(options.check_folders, config, settings=options.settings_file())
    return Round(
        name=name,
        options=options,
        outputs=outputs,
        config=config,
        catalog=found,
        checks=filters.chosen(select(found), options.only, found.problems),
        narrowed=narrowed,
        runbooks=content.runbooks(options.check_folders),
    )


def run_calendar_round(name: RoundName, options: Options) -> int:
    """Run the checks whose files say that they belong to the round *name*; returns as `run_round` does."""
    return run_round(name, options, lambda catalog: catalog.of_round(name))


def run_round(name: str, options: Options, select: Callable[[Catalog], Sequence[Check]]) -> int:
    """Run the checks that *select* chooses and deliver the report; returns the exit code of the public contract.

    A check file that cannot be used is named on stderr and stands in the report as unknown; everything else is
    reported all the same, and the run ends with 64.
    """
    prepared = prepare(name, options, select)
    if options.watch:
        from hubops.commands.watch import watch

        return watch(prepared, options.watch.total_seconds())
    report, code = prepared.run()
    deliver(report, prepared.outputs, prepared.runbooks)
    prepared.name_problems()
    return code


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


def deliver(report: Report, outputs: Sequence[Output], runbooks: Mapping[str, str]) -> None:
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


def rendering(runbooks: Mapping[str, str], stream: TextIO | None = None) -> Rendering:
    """How text for *stream*, standard output by default, is to look."""
    screen = terminal.screen(stream)
    return Rendering(width=screen.width, color=screen.color, unicode=screen.unicode, runbooks=runbooks)


def unreachable(snapshot: Snapshot) -> bool:
    """Whether the API server could not be read at all, though other sources could."""
    return any(source.name == "kubernetes" and source.status == "failed" for source in snapshot.sources)
