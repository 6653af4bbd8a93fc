"""hubops list: the checks."""

from __future__ import annotations

import click

from hubops.commands.options import CATALOG, Options, with_options
from hubops.engine import catalog
from hubops.errors import Exit

EPILOG = """\b
Examples:
  hubops list
  hubops list --checks ./my-checks
"""


@click.command(epilog=EPILOG)
@with_options(CATALOG)
def command(options: Options) -> int:
    """The checks: id, severity, what decides, title. Files that cannot be used are named, with exit code 64."""
    from tabulate import tabulate

    found = catalog.load(options.check_folders, options.config(), settings=options.settings_file())
    rows = [
        (check.id, check.severity, ", ".join(check.rounds), check.decides_by, check.title) for check in found.checks
    ]
    click.echo(tabulate(rows, headers=("ID", "SEVERITY", "ROUNDS", "DECIDED BY", "TITLE"), tablefmt="plain"))
    for problem in found.problems:
        click.echo(f"hubops: {problem.message}", err=True)
    return Exit.USAGE if found.problems else Exit.OK
