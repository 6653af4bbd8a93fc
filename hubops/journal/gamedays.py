"""Game days: on this machine while they go on, then in the ConfigMap journal-gamedays of the cluster."""

from __future__ import annotations

from pathlib import Path

import msgspec

from hubops.clients.kube.writer import KubeWriter
from hubops.errors import ClusterUnreachable, SourceError, UsageError
from hubops.journal import config_map
from hubops.journal.entries import KEPT, MAP_BYTES, RUN_BYTES
from hubops.journal.spool import Spool
from hubops.model.gameday import SCHEMA, GameDay, Note
from hubops.model.text import inert

MAP = "journal-gamedays"
_OF = "gamedays"
_NO_SERVER = "there is no API server to ask"
#: Characters of a note in a record that would be too long.
_SHORT = 60
_FEW = 8  # notes of one step there


class GameDays:
    """Those that one cluster knows, and those in *folder* of this machine; *cluster* is None where none is asked."""

    def __init__(self, cluster: KubeWriter | None, folder: Path) -> None:
        self._cluster = cluster
        self._here = Spool(folder)

    def keep(self, day: GameDay) -> None:
        """Write *day* as it is now, whole or not at all. Raises UsageError where the folder cannot be written."""
        try:
            self._here.keep(day.id, msgspec.json.encode(day).decode())
        except OSError as error:
            raise UsageError(f"{self._here.folder} cannot be written ({error.strerror or error}): set backup.directory "
                             "to a folder that can; a game day is kept there step by step") from error  # fmt: skip

    def unfinished(self) -> tuple[GameDay, ...]:
        """Those that can be gone on with, the newest first."""
        return tuple(day for day in self._waiting() if day.finished_at is None)

    def deliver(self) -> str | None:
        """Hand what is finished over to the cluster; None, or why it stays on this machine."""
        over = {day.id: encode(day) for day in self._waiting() if day.finished_at is not None}
        if not over:
            return None
        if self._cluster is None:
            return _NO_SERVER
        try:
            config_map.merge(self._cluster, config_map.named(MAP, _OF), over, bounded)
        except (SourceError, ClusterUnreachable) as error:
            return str(error)
        for name in over:
            self._here.forget(name)
        return None

    def recorded(self) -> tuple[tuple[GameDay, ...], str | None]:
        """All that are known, the newest first, and why the cluster's part of them is missing, if it is."""
        problem = None if self._cluster else _NO_SERVER
        data: dict[str, str] = {}
        try:
            if self._cluster:
                data = (self._cluster.read(config_map.named(MAP, _OF)) or {}).get("data") or {}
        except (SourceError, ClusterUnreachable) as error:
            problem = str(error)
        found = {day.id: day for text in data.values() if (day := read(text))}
        return _newest_first({**found, **{day.id: day for day in self._waiting()}}), problem

    def _waiting(self) -> tuple[GameDay, ...]:
        texts = self._here.texts().values()
        return _newest_first({day.id: day for text in texts if (day := read(text))})


def encode(day: GameDay) -> str:
    """*day* as JSON of about RUN_BYTES at most; notes of one that would be longer are cut."""
    text = msgspec.json.encode(day)
    if len(text) > RUN_BYTES:
        steps = tuple(msgspec.structs.replace(step, notes=_shorter(step.notes)) for step in day.steps)
        actions = tuple(inert(each, limit=_SHORT * 2) for each in day.actions)
        text = msgspec.json.encode(msgspec.structs.replace(day, steps=steps, actions=actions))
    return text.decode()


def _shorter(notes: tuple[Note, ...]) -> tuple[Note, ...]:
    return tuple(Note(note.at, inert(note.text, limit=_SHORT)) for note in notes[:_FEW])


def read(text: str) -> GameDay | None:
    """The game day that *text* is; None for what is none that this hubops can read."""
    try:
        day = msgspec.json.decode(text, type=GameDay)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return day if day.schema == SCHEMA else None


def bounded(data: dict[str, str]) -> dict[str, str]:
    """*data* without the oldest that are too many, or too large together; what cannot be read is left alone."""
    days = {name: day for name, text in data.items() if (day := read(text))}
    size = sum(len(text.encode()) for name, text in data.items() if name not in days)
    kept = {name for name in data if name not in days}
    for name in sorted(days, key=lambda each: days[each].started_at, reverse=True)[:KEPT]:
        size += len(data[name].encode())
        if size <= MAP_BYTES:
            kept.add(name)
    return {name: text for name, text in data.items() if name in kept}


def _newest_first(days: dict[str, GameDay]) -> tuple[GameDay, ...]:
    return tuple(sorted(days.values(), key=lambda day: (day.started_at, day.id), reverse=True))
