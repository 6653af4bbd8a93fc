"""The protocols of drills on the machine that made them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hubops.errors import HubopsError

if TYPE_CHECKING:
    from hubops.config import Config
    from hubops.deliver.steps import Steps
    from hubops.model.backup import Run


def with_protocol(run: Run, config: Config, steps: Steps) -> Run:
    """*run*, its protocol written as Markdown and HTML into the folder drills of backup.directory; says where.

    What cannot be written is said, too, and no failure of the drill: the record can be shown again.
    """
    from hubops.deliver import files
    from hubops.report.document import FORMATS
    from hubops.report.protocol import protocol

    folder = Path(config.backup.directory) / "drills"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, form in FORMATS.items():
            files.write(folder / f"{run.id}.{form.suffix}", protocol(run, name))
        steps(run.kind, f"protocol: {folder / run.id}.md and .html")
    except (HubopsError, OSError) as error:
        steps(run.kind, f"its protocol could not be written ({error}); hubops drill show {run.id} prints it")
    return run
