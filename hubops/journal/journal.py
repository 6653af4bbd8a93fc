"""The journal: what became of each backup, verification and drill, in the cluster that it is about.

One ConfigMap for each kind in the namespace hubops, one key for each run. An etcd is backed up also while its API
server is away: such a run waits in a folder, the spool, and a later run delivers it.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from hubops.clients.kube.writer import KubeWriter
from hubops.errors import ClusterUnreachable, SourceError
from hubops.journal import config_map
from hubops.journal.entries import KINDS, bounded, decode, encode, map_name, newest_first
from hubops.journal.spool import Spool
from hubops.model.backup import Kind, Recorded, Run

_AWAY = (SourceError, ClusterUnreachable)
_NO_SERVER = "there is no API server to ask"
_ID = re.compile(r"[-._a-zA-Z0-9]{1,200}")


class Journal:
    """The journal of one cluster; *cluster* is None where its API server is not to be asked. *spool* is a folder of
    this machine.
    """

    def __init__(self, cluster: KubeWriter | None, spool: Path) -> None:
        self._cluster = cluster
        self._spool = Spool(spool)

    def record(self, run: Run) -> str | None:
        """Keep *run*, and deliver what waits; None, or why the run could only be kept in the spool, or not even there.

        A run is delivered once, however often that is tried; a kill at any moment loses none.
        """
        if not _ID.fullmatch(run.id):
            raise ValueError(f"no id of a run: {run.id!r}")
        if self._cluster:
            ahead = -self._cluster.clock_offset().total_seconds()
            run = msgspec.structs.replace(run, clock_ahead_s=round(ahead, 1))
        text, lost = encode(run), ""
        try:
            self._spool.keep(run.id, text)
        except OSError as error:
            lost = f", and it is lost: {self._spool.folder} cannot be written: {error.strerror or error}"
        problem = self._deliver({run.kind: {run.id: text}})
        return f"{problem}{lost}" if problem else None

    def runs(self, kind: Kind | None = None) -> tuple[Run, ...]:
        """All that is known of *kind*, or of all kinds, newest first, with what waits in the spool.

        Where the API server is away that is the spool alone; `recorded` tells.
        """
        recorded, _ = self.recorded()
        return tuple(run for run in recorded.runs if kind in (None, run.kind))

    def recorded(self) -> tuple[Recorded, str | None]:
        """What the journal holds with what waits, and why the cluster's part of it is missing, if it is."""
        found, problem = Recorded(), None if self._cluster else _NO_SERVER
        try:
            if self._cluster:
                found = decode(item for kind in KINDS if (item := self._cluster.read(_map(kind))))
        except _AWAY as error:
            problem = str(error)
        here = self.waiting()
        unreadable = (*found.unreadable, *here.unreadable)
        return Recorded(runs=newest_first((*here.runs, *found.runs)), unreadable=unreadable), problem

    def waiting(self) -> Recorded:
        """What waits on this machine."""
        waiting, unreadable = self._spool.waiting()
        maps = decode({**_map(kind), "data": runs} for kind, runs in waiting.items())
        return Recorded(runs=maps.runs, unreadable=(*maps.unreadable, *unreadable))

    def _deliver(self, new: dict[Kind, dict[str, str]]) -> str | None:
        """Write *new* and what waits; what was written no longer waits. None, or why not all could be written."""
        if self._cluster is None:
            return _NO_SERVER
        waiting, _ = self._spool.waiting()
        problems = []
        for kind in KINDS:
            runs = {**waiting.get(kind, {}), **new.get(kind, {})}
            try:
                if runs:
                    _merge(self._cluster, kind, runs)
            except _AWAY as error:
                problems.append(str(error))
                continue
            for name in runs:
                self._spool.forget(name)
        return "; ".join(dict.fromkeys(problems)) or None


def _merge(cluster: KubeWriter, kind: Kind, runs: dict[str, str]) -> None:
    config_map.merge(cluster, _map(kind), runs, partial(bounded, kind=kind))


def _map(kind: Kind) -> dict[str, Any]:
    return config_map.named(map_name(kind), kind)
