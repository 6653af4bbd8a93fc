"""hubops list: the checks."""

from __future__ import annotations

from typing import get_args

import click

from hubops.commands.options import CATALOG, Options, with_options
from hubops.engine import catalog
from hubops.errors import Exit
from hubops.model.check import Round

EPILOG = """\b
Examples:
  hubops list
  hubops list --round weekly
  hubops list --checks ./my-checks
"""


@click.command(epilog=EPILOG)
@click.option("--round", "of_round", type=click.Choice(get_args(Round)), help="Only the checks of this round.")
@with_options(CATALOG)
def command(of_round: Round | None, options: Options) -> int:
    """The checks: id, severity, rounds, what decides, title. Files that cannot be used are named, with exit code 64."""
    from tabulate import tabulate

    found = catalog.load(options.check_folders, options.config(), settings=options.settings_file())
    checks = found.of_round(of_round) if of_round else found.checks
    rows = [(check.id, check.severity, ", ".join(check.rounds), check.decides_by, check.title) for check in checks]
    click.echo(tabulate(rows, headers=("ID", "SEVERITY", "ROUNDS", "DECIDED BY", "TITLE"), tablefmt="plain"))
    for problem in found.problems:
        click.echo(f"hubops: {problem.message}", err=True)
    return Exit.USAGE if found.problems else Exit.OK
