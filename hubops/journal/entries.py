"""Runs as the journal's ConfigMaps hold them: written small, read with suspicion, never too many. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, get_args

import msgspec

from hubops.model.backup import RUN_SCHEMA, Kind, Recorded, Run, Unreadable
from hubops.model.text import inert

KINDS: tuple[Kind, ...] = get_args(Kind)
NAMESPACE = "hubops"
#: The label of the journal's ConfigMaps; its value is the kind.
LABEL = "hubops.io/journal"
#: Runs of one kind and action that are kept; beside them the newest success, however long ago it was.
KEPT = 40
#: Bytes of one run, and of one ConfigMap, which Kubernetes limits to 1 MiB: a run may name thousands of claims.
RUN_BYTES = 16 * 2**10
MAP_BYTES = 640 * 2**10
_TEXT = 400
_SCHEMA = re.compile(r"hubops\.run/v(\d{1,9})")
_YEARS = range(2000, 9000)


class _Header(msgspec.Struct, frozen=True):
    schema: str = ""


def map_name(kind: Kind) -> str:
    """The name of the ConfigMap of *kind*."""
    return f"journal-{kind}"


def encode(run: Run) -> str:
    """*run* as JSON of about RUN_BYTES at most, its text inert; what is too long is cut."""
    record: dict[str, Any] = _cut(msgspec.to_builtins(run))
    record["volumes"].sort(key=lambda each: not each["error"])
    parts = [each for each in (record["proof"], record["velero"]) if each]
    long = [
        (record, "volumes"),
        *((part, key) for part in parts for key, value in part.items() if isinstance(value, list | dict)),
    ]
    while len(text := msgspec.json.encode(record)) > RUN_BYTES and any(holder[key] for holder, key in long):
        holder, key = max(long, key=lambda each: len(msgspec.json.encode(each[0][each[1]])))
        holder[key] = _half(holder[key])
        record["volumes_left_out"] = run.volumes_left_out + len(run.volumes) - len(record["volumes"])
    return text.decode()


def _cut(value: Any) -> Any:
    """*value* with no text in it that is long, or acts on a terminal."""
    if isinstance(value, str):
        return inert(value, limit=_TEXT)
    if isinstance(value, dict):
        return {_cut(key): _cut(each) for key, each in value.items()}
    return [_cut(each) for each in value] if isinstance(value, list | tuple) else value


def _half(value: Any) -> Any:
    kept = len(value) // 2
    return dict(list(value.items())[:kept]) if isinstance(value, dict) else value[:kept]


def decode(maps: Iterable[Mapping[str, Any]]) -> Recorded:
    """The runs that the journal's ConfigMaps hold, newest first, and what in them is none."""
    runs = []
    unreadable = []
    for item in maps:
        kind = (item.get("metadata", {}).get("labels") or {}).get(LABEL, "")
        for name, text in (item.get("data") or {}).items():
            run = read(text, kind)
            if isinstance(run, Run):
                runs.append(run)
            elif kind in KINDS:
                unreadable.append(Unreadable(kind, inert(name, limit=100), run))
    return Recorded(runs=newest_first(runs), unreadable=tuple(unreadable))


def newest_first(runs: Iterable[Run]) -> tuple[Run, ...]:
    """*runs*, each once, by the API server's clock where it was known."""
    once = {(run.id, run.host): run for run in runs}
    return tuple(sorted(once.values(), key=lambda run: (run.at, run.id), reverse=True))


def read(text: str, kind: str) -> Run | str:
    """The run of *kind* that *text* is, or why it is none."""
    try:
        schema = msgspec.json.decode(text, type=_Header).schema
        if schema != RUN_SCHEMA:
            return _foreign(schema)
        run = msgspec.json.decode(text, type=Run)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        return f"it is no record of a run: {inert(str(error), limit=200)}"
    if run.kind != kind:
        return f"it is a run of {run.kind}"
    moments = [run.started_at, run.finished_at, *([run.copy.taken_at] if run.copy else [])]
    if any(at.year not in _YEARS for at in [*moments, *([run.proof.taken_at] if run.proof else [])]):
        return "it is dated in a year that no clock has"
    return run


def _foreign(schema: str) -> str:
    match = _SCHEMA.fullmatch(schema)
    if match is None:
        return "it is no record of a run"
    age = "a newer" if int(match[1]) > int(RUN_SCHEMA.rpartition("v")[2]) else "another"
    return f"{age} hubops wrote it, as {schema}; this one reads {RUN_SCHEMA}"


def bounded(data: Mapping[str, str], kind: Kind) -> dict[str, str]:
    """*data* without the runs that are too many, or too large together.

    Always there are the newest run of each action, the newest that succeeded, and what this hubops cannot read.
    """
    found = {name: run for name, text in data.items() if isinstance(run := read(text, kind), Run)}
    newest = sorted(found, key=lambda name: (found[name].at, name), reverse=True)
    always = set()
    for outcomes in (("succeeded",), ("succeeded", "partial", "failed")):
        always |= set(
            {found[name].action: name for name in reversed(newest) if found[name].outcome in outcomes}.values()
        )
    counts: Counter[str] = Counter()
    size = sum(len(text.encode()) for name, text in data.items() if name not in found or name in always)
    kept = always.copy()
    for name in newest:
        counts[found[name].action] += 1
        if name not in always and counts[found[name].action] <= KEPT:
            size += len(data[name].encode())
            if size <= MAP_BYTES:
                kept.add(name)
    return {name: text for name, text in data.items() if name not in found or name in kept}
