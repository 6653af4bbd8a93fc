"""hubops schema: the JSON Schemas of what hubops writes and reads."""

from __future__ import annotations

import json

import click

from hubops.errors import Exit

EPILOG = """\b
Examples:
  hubops schema report > report.schema.json
"""


@click.command(epilog=EPILOG)
@click.argument("document", type=click.Choice(["report"]))
def command(document: str) -> int:
    """The JSON Schema of DOCUMENT: 'report' is what '--output json' prints (hubops.report/v1)."""
    from hubops.report.schema import report_schema

    assert document == "report"
    click.echo(json.dumps(report_schema(), indent=2))
    return Exit.OK
