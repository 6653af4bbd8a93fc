"""hubops drill show: the protocol of a drill."""

from __future__ import annotations

import click

from hubops.commands.options import ACCESS, CONFIG, Options, with_options
from hubops.errors import Exit, UsageError
from hubops.model.backup import Run

EPILOG = """\b
Examples:
  hubops drill show
  hubops drill show drill-etcd-20260131T120000Z --output html > protocol.html
  hubops drill show --output json
"""
#: In which a protocol is shown.
AS = click.option(
    "--output", "-o", "form", type=click.Choice(["markdown", "html", "json"]), default="markdown", show_default=True
)


@click.command(epilog=EPILOG)
@click.argument("run_id", metavar="[ID]", required=False)
@AS
@with_options(CONFIG, ACCESS)
def command(run_id: str | None, form: str, options: Options) -> int:
    """The protocol of the drill or game day that is recorded as ID, by default of the newest drill.

    The HTML is one file that loads nothing, for the screen and for paper; the JSON is the record itself.
    """
    import msgspec

    from hubops.commands.journaled import journal
    from hubops.report.protocol import protocol

    if run_id and run_id.startswith("gameday-"):
        return _gameday(run_id, form, options)
    recorded, problem = journal(options.config()).recorded()
    run = _found([run for run in recorded.runs if run.action == "drill"], run_id, problem)
    if form == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(run), indent=2).decode())
    else:
        click.echo(protocol(run, form), nl=False)
    return Exit.OK


def _gameday(name: str, form: str, options: Options) -> int:
    """The protocol of a game day."""
    import msgspec

    from hubops.commands.drill.gameday import days
    from hubops.report.protocol.gameday import protocol

    recorded, problem = days(options.config()).recorded()
    day = next((each for each in recorded if each.id == name), None)
    if day is None:
        because = f"; of the cluster's part it is not known: {problem}" if problem else ""
        raise UsageError(f"there is no game day {name} ('hubops drill gameday --list' shows all){because}")
    if form == "json":
        click.echo(msgspec.json.format(msgspec.json.encode(day), indent=2).decode())
    else:
        click.echo(protocol(day, form), nl=False)
    return Exit.OK


def _found(drills: list[Run], run_id: str | None, problem: str | None) -> Run:
    found = next((run for run in drills if run_id in (None, run.id)), None)
    if found is None:
        missing = f"no drill {run_id}" if run_id else "no drill"
        because = f"; of the cluster's part it is not known: {problem}" if problem else ""
        raise UsageError(f"the journal has {missing} ('hubops drill list' shows all){because}")
    return found
