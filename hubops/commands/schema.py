"""hubops schema: the JSON Schemas of what hubops writes and reads."""

from __future__ import annotations

import json
from typing import Any

import click

from hubops.errors import Exit

EPILOG = """\b
Examples:
  hubops schema report > report.schema.json
  hubops schema bootstrap-plan
"""


@click.command(epilog=EPILOG)
@click.argument("document", type=click.Choice(["report", "bootstrap-plan", "bootstrap-status"]))
def command(document: str) -> int:
    """The JSON Schema of DOCUMENT: 'report' is what '--output json' prints (hubops.report/v1), 'bootstrap-plan' and
    'bootstrap-status' what 'hubops bootstrap plan' and 'status' print with it.
    """
    click.echo(json.dumps(_schema(document), indent=2))
    return Exit.OK


def _schema(document: str) -> dict[str, Any]:
    if document == "report":
        from hubops.report.schema import report_schema

        return report_schema()
    from hubops.bootstrap.show.document import schema

    return schema("plan" if document == "bootstrap-plan" else "status")
