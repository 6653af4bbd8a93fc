"""hubops snapshot: keep what a round reads, to decide on it offline."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from hubops.commands.flow import read_cluster
from hubops.commands.options import CATALOG, CLUSTER, Options, with_options
from hubops.engine import catalog
from hubops.engine.needs import needs_of
from hubops.errors import Exit
from hubops.model.snapshot import SWITCHED_OFF, not_installed
from hubops.model.text import inert

EPILOG = """\b
Examples:
  hubops snapshot save incident.gz
  hubops daily --snapshot incident.gz
"""


@click.group(epilog=EPILOG)
def command() -> None:
    """Save what a round reads, to decide on it offline."""


@command.command(epilog=EPILOG)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@with_options(CLUSTER, CATALOG)
def save(file: Path, options: Options) -> int:
    """Read everything that the checks need and write it to FILE, compressed.

    No Secret is read, environment variables are left out, and what looks like a credential is taken out of log lines.
    Exit code 3 when a part could not be read: the file then says which and why. What the cluster does not have, and
    what is switched off, is no such part.
    """
    from hubops.collect.snapshot_file import save as write

    config = options.config()
    found = catalog.load(options.check_folders, config, settings=options.settings_file())
    snapshot = read_cluster(config, needs_of(found.checks, config))
    write(snapshot, file)
    click.echo(f"{file}: {snapshot.cluster} at {snapshot.taken_at:%Y-%m-%d %H:%M:%S} UTC, {file.stat().st_size} bytes")
    unread = {
        name: reason
        for name, reason in snapshot.unread.items()
        if not (not_installed(name, reason) or reason.startswith(SWITCHED_OFF))
    }
    for line in _unread(unread):
        click.echo(f"hubops: not read: {line}", err=True)
    return Exit.UNKNOWN if unread else Exit.OK


def _unread(reasons: Mapping[str, str]) -> Iterator[str]:
    """A line for each reason, with the first pieces of evidence that are missing because of it."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name, reason in sorted(reasons.items()):
        groups[reason].append(inert(" ".join(name.split()), limit=60))
    for reason, names in groups.items():
        more = f" and {len(names) - 3} more" if names[3:] else ""
        yield f"{', '.join(names[:3])}{more}: {inert(reason)}"
