"""hubops explain: one check in full."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import click

from hubops.commands.options import CATALOG, Options, with_options
from hubops.config import CheckSettings, Config
from hubops.engine import catalog
from hubops.engine.needs import enabled, needs_of, required
from hubops.engine.parameters import parameter_sets, render
from hubops.engine.probe import Probe
from hubops.engine.probes import PROBES
from hubops.errors import Exit
from hubops.model.check import Check

CONTAINER_LOGS = "container-logs"
#: Evidence as people call it, where its own name does not say enough.
_CALLED = {
    "alerts": "Alertmanager",
    "silences": "silences of Alertmanager",
    "alertmanager-status": "configuration of Alertmanager",
    "rules": "rules of Prometheus",
    "hosts": "hosts of the platform",
    "journal": "journal of backups and drills",
    CONTAINER_LOGS: "logs of troubled containers",
}
_WIDTH = 80

EPILOG = """\b
Examples:
  hubops explain volume-nearly-full
"""


@click.command(epilog=EPILOG)
@click.argument("check", metavar="ID")
@with_options(CATALOG)
def command(check: str, options: Options) -> int:
    """The check ID in full: what decides, its thresholds, the evidence it reads, what explains it."""
    config = options.config()
    found = catalog.load(options.check_folders, config, settings=options.settings_file()).get(check)
    click.echo("\n".join(_lines(found, config)))
    return Exit.OK


def _lines(check: Check, config: Config) -> Iterator[str]:
    yield _wrapped(f"{check.id}: {check.title}", "", "  ")
    yield ""
    facts = {
        "severity": config.checks.get(check.id, CheckSettings()).severity or check.severity,
        "rounds": ", ".join(check.rounds) if enabled(check, config) else "none: it is disabled",
        "file": check.origin,
        "runbook": f"hubops runbook {check.id}",
        "told under": ", ".join(check.symptom_of) and f"{', '.join(check.symptom_of)}, where one of them explains it",
    }
    for name, fact in facts.items():
        if fact:
            yield from _column(name, fact)
    yield ""
    yield from _decides(check, config)
    yield ""
    yield _wrapped(f"Thresholds (hubops.yaml: checks.{check.id}.with, or .namespaces.<namespace>):", "", "")
    for one in parameter_sets(check, config.checks.get(check.id)):
        where = f"   in {', '.join(sorted(one.only))}" if one.only else ""
        yield from (
            (_wrapped(f"{name}: {value}{where}", "  ", "    ") for name, value in one.values.items())
            if one.values
            else ("  none",)
        )
    yield ""
    yield from _evidence(check, config)


def _decides(check: Check, config: Config) -> Iterator[str]:
    """What makes it fire: the probe in words, or the query as it is sent."""
    values = parameter_sets(check, config.checks.get(check.id))[0].values
    if check.probe:
        yield "It fires for:"
        yield from _in_words(PROBES[check.probe], values)
    elif check.cel:
        yield f"It fires for every {check.kind} of which this is true (CEL):"
        yield from (f"  {line}" for line in check.cel.strip().splitlines())
    elif query := check.promql or check.logql:
        yield f"It fires for every series of the answer to this ({'PromQL' if check.promql else 'LogQL'}):"
        yield from (f"  {line}" for line in render(query, values).strip().splitlines())
    else:
        yield "It fires for an ignore in hubops.yaml whose last day (until) is over."


def _in_words(probe: Probe, values: Mapping[str, Any]) -> Iterator[str]:
    """The docstring of *probe*, with the thresholds in place of their names."""
    said = (inspect.getdoc(probe.function) or "").partition(" Raises ")[0]
    for paragraph in said.split("\n\n"):
        text = re.sub(r"\*(\w+)\*", lambda match: str(values.get(match[1])), " ".join(paragraph.split()))
        yield _wrapped(text, "  ", "  ")


def _evidence(check: Check, config: Config) -> Iterator[str]:
    """What it is unknown without, and what only makes its findings say more."""
    needed = required(check, parameter_sets(check, config.checks.get(check.id)), PROBES)
    needs = needs_of((check,), config)
    used = {*needs.kinds, *needs.custom, *({CONTAINER_LOGS} if needs.container_logs else ())}
    used |= {name for name, asked in (("alerts", needs.alerts), ("rules", needs.rules)) if asked}
    used |= {f"promql:{query}" for query in needs.promql} | {f"logql:{query}" for query in needs.logql}
    yield from _column("needs", ", ".join(dict.fromkeys(map(_plainly, needed))) or "nothing of the cluster")
    yield from _column("uses", ", ".join(sorted(_plainly(name) for name in used.difference(needed))) or "nothing else")
    yield "Without what it needs it is unknown; without what it uses its findings say less."


def _plainly(evidence: str) -> str:
    """A piece of evidence as people call it."""
    match evidence.partition(":"):
        case ("promql", _, _):
            return "Prometheus"
        case ("logql", _, _):
            return "Loki"
        case ("raw", _, kind):
            return kind
        case _:
            return _CALLED.get(evidence, evidence)


def _column(name: str, text: str) -> Iterator[str]:
    yield _wrapped(text, f"{name:12}", " " * 12)


def _wrapped(text: str, first: str, others: str) -> str:
    return textwrap.fill(
        text, _WIDTH, initial_indent=first, subsequent_indent=others, break_on_hyphens=False, break_long_words=False
    )
