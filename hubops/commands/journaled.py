"""The journal of backups and drills, as the verbs that write it and show it reach it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hubops.config import Config
from hubops.errors import HubopsError

if TYPE_CHECKING:
    from hubops.backup.journal import Journal

#: Seconds that the longest run may take; each of its steps has its own, shorter time.
_LONGEST = 24 * 3600.0


def journal(config: Config) -> Journal:
    """The journal of the cluster that *config* names; records wait in a folder here where there is no way to it."""
    from hubops.backup.journal import Journal
    from hubops.clients.kube.writer import KubeWriter
    from hubops.clients.retry import Deadline

    try:
        cluster = KubeWriter(config.kubernetes, deadline=Deadline(_LONGEST))
    except HubopsError:
        cluster = None  # no kubeconfig here, or none that can be used: a drill may run where the cluster is unknown
    return Journal(cluster, Path(config.backup.directory) / "spool")
