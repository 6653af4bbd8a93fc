"""The journal of backups and drills, as the verbs that write it and show it reach it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hubops.config import Config, Duration
from hubops.errors import HubopsError

if TYPE_CHECKING:
    from hubops.clients.kube.writer import KubeWriter
    from hubops.journal.journal import Journal

#: Seconds that the longest run may take; each of its steps has its own, shorter time.
_LONGEST = 24 * 3600.0
_PATIENCE = Duration(seconds=10)  # for one request


def journal(config: Config, longest: float = _LONGEST) -> Journal:
    """The journal of the cluster that *config* names; records wait in a folder here where there is no way to it.

    *longest* is the seconds that all it is asked may take.
    """
    from hubops.journal.journal import Journal

    try:
        writer = cluster(config, longest)
    except HubopsError:
        writer = None  # no kubeconfig here, or none that can be used: a drill may run where the cluster is unknown
    return Journal(writer, Path(config.backup.directory) / "spool")


def cluster(config: Config, longest: float = _LONGEST) -> KubeWriter:
    """The cluster that *config* names, asked as a journal asks it. Raises HubopsError where there is no way to it."""
    from hubops.clients.kube.writer import KubeWriter
    from hubops.clients.retry import Deadline

    timeout = min(config.kubernetes.timeout, _PATIENCE)
    found = KubeWriter(msgspec.structs.replace(config.kubernetes, timeout=timeout), deadline=Deadline(longest))
    found.attempts = 2  # what cannot be delivered waits: a backup does not, least when its cluster is in trouble
    return found
