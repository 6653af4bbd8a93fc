"""hubops drill clean: what drills of etcd that were killed left on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from hubops.commands.options import CONFIG, Options, with_options
from hubops.errors import Exit


@click.command(epilog="\b\nExamples:\n  hubops drill clean")
@with_options(CONFIG)
def command(options: Options) -> int:
    """Remove what drills of etcd that were killed left on this machine; the next drill would, too."""
    from hubops.drill.etcd.scratch import clean

    left = clean(Path(options.config().backup.directory))
    click.echo(f"{left} left by killed drills, removed." if left else "Nothing was left by a drill.")
    return Exit.OK
