from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import stat
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hubops.collect.snapshot_file import MAX_BYTES, load, save
from hubops.errors import SnapshotError
from hubops.model.kube.core import Pod
from hubops.model.kube.kinds import Objects
from hubops.model.kube.meta import ObjectMeta
from hubops.model.snapshot import SCHEMA, Alert, ContainerLog, LogLine, Sample, Snapshot, Source

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOSTILE = "\x1b[31m\x00\n</script> \u202e [bold] \ud7ff \U0010ffff"

text = st.text(max_size=20)
names = st.dictionaries(text, text, max_size=3)
times = st.datetimes(timezones=st.just(UTC))
leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | text
    | st.floats(allow_nan=False, allow_infinity=False)
)
trees = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3), max_leaves=9
)
samples = st.builds(Sample, names, st.floats().map(str), times)
lines = st.lists(st.builds(LogLine, text, st.none() | times), max_size=3).map(tuple)
snapshots = st.builds(
    Snapshot,
    hubops_version=text,
    cluster=text,
    taken_at=times,
    server_version=st.none() | text,
    objects=st.builds(
        Objects,
        pods=st.lists(st.builds(Pod, metadata=st.builds(ObjectMeta, name=text, labels=names)), max_size=3).map(tuple),
    ),
    custom=st.dictionaries(text, st.lists(st.dictionaries(text, trees, max_size=3), max_size=2).map(tuple), max_size=2),
    metrics=st.dictionaries(text, st.lists(samples, max_size=3).map(tuple), max_size=2),
    log_lines=st.dictionaries(text, lines, max_size=2),
    alerts=st.lists(st.builds(Alert, labels=names, starts_at=times), max_size=2).map(tuple),
    container_logs=st.lists(
        st.builds(
            ContainerLog,
            namespace=text,
            pod=text,
            container=text,
            lines=lines,
            origin=st.sampled_from(["loki", "kubelet"]),
        ),
        max_size=2,
    ).map(tuple),
    sources=st.lists(
        st.builds(Source, name=text, status=st.sampled_from(["ok", "partial", "failed"]), duration_s=st.floats(0, 9)),
        max_size=2,
    ).map(tuple),
    read=st.lists(text, max_size=3).map(tuple),
    unread=names,
)


def example(**fields: Any) -> Snapshot:
    return Snapshot(
        hubops_version="0.1", cluster="prod", taken_at=AT, read=("pods",), unread={"nodes": HOSTILE}, **fields
    )


def pack(body: bytes, **changes: object) -> bytes:
    """A file with this content and a header that fits, but for *changes*."""
    header: dict[str, object] = {
        "schema": SCHEMA,
        "hubops_version": "0.1",
        "size": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
    }
    return gzip.compress(json.dumps({**header, **changes}).encode() + b"\n" + body)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "snapshot.gz"


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(SnapshotError) as caught:
        load(path)
    said = str(caught.value)
    assert said.startswith(f"{path}: ")
    assert said.isprintable()
    assert len(said) < len(str(path)) + 300
    return said


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(snapshot=snapshots)
def test_what_is_saved_is_loaded(path: Path, snapshot: Snapshot) -> None:
    save(snapshot, path)
    assert load(path) == snapshot


def test_a_text_that_looks_like_a_time_is_a_text(path: Path) -> None:
    snapshot = example(custom={"a.b": ({"spec": {"at": "2026-03-01T12:00:00"}},)})
    save(snapshot, path)
    assert load(path) == snapshot


def test_hostile_text_is_kept_as_it_is(path: Path) -> None:
    save(example(), path)
    assert load(path).unread == {"nodes": HOSTILE}


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_refused_or_means_the_same(path: Path, data: st.DataObject) -> None:
    save(example(custom={"a.b": ({"spec": {"x": 1}},)}), path)
    original = load(path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    with contextlib.suppress(SnapshotError):
        assert load(path) == original


def test_a_file_that_is_cut_off_anywhere_is_refused(path: Path) -> None:
    save(example(), path)
    content = path.read_bytes()
    for length in range(len(content)):
        refused(path, content[:length])


def test_what_follows_the_snapshot_is_refused(path: Path) -> None:
    save(example(), path)
    content = path.read_bytes()
    assert "not match its checksum" in refused(path, content + gzip.compress(b"more"))
    assert "damaged" in refused(path, content + b"more")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not a hubops snapshot"),
        (b"\x00" * 100, "not a hubops snapshot, or damaged: Not a gzipped file"),
        (b'{"schema": "hubops.snapshot/v1"}', "not a hubops snapshot, or damaged: Not a gzipped file"),
        (gzip.compress(b""), "not a hubops snapshot"),
        (gzip.compress(b'{"kind": "List", "items": []}'), "not a hubops snapshot"),
        (gzip.compress(b'{"kind":"List"}\n{"items":[]}'), "not a hubops snapshot"),
        (gzip.compress(b"[" * 4000), "not a hubops snapshot"),
        (gzip.compress(b"\xff\xfe\n"), "not a hubops snapshot"),
        (pack(b"{}", schema="hubops.report/v1"), "not a hubops snapshot"),
        (pack(b"{}", schema="hubops.snapshot/v2"), "written in the format hubops.snapshot/v2 by a newer hubops"),
        (pack(b"{}", schema="hubops.snapshot/v0"), "written in the format hubops.snapshot/v0"),
        (pack(b"{}", size=3), "does not match its checksum"),
        (pack(b"{}", size=1), "does not match its checksum"),
        (pack(b"{}", size=-1), "larger than"),
        (pack(b"{}", size=2**62), "larger than 256 MiB"),
        (pack(b"{}", sha256="0" * 64), "does not match its checksum"),
        (pack(b"{}"), "not the content of a snapshot: Object missing required field"),
        (pack(b"[]"), "not the content of a snapshot: Expected `object`, got `array`"),
        (pack(b"{"), "not the content of a snapshot"),
        (pack(b"\xff\xff"), "not the content of a snapshot"),
    ],
    # What is compressed holds the second in which it was: no name by which all workers would know the test.
    ids=lambda value: value if isinstance(value, str) else "content",
)
def test_what_is_no_snapshot_is_refused(path: Path, content: bytes, says: str) -> None:
    assert says in refused(path, content)


def changed(**fields: object) -> bytes:
    return pack(json.dumps({**msgspec.to_builtins(example()), **fields}).encode())


@pytest.mark.parametrize(
    "fields",
    [
        {"taken_at": 5},
        {"taken_at": "yesterday"},
        {"taken_at": "2026-03-01T12:00:00"},
        {"alerts": [{"labels": {}, "starts_at": "2026-03-01 12:00:00.5"}]},
        {"objects": {"pods": [{"metadata": {"creationTimestamp": "2026-03-01T12:00:00"}}]}},
        {"objects": {"pods": {}}},
        {"objects": {"pods": [{"metadata": {"name": 1}}]}},
        {"objects": {"pods": [{"spec": {"containers": [{"ports": [{"containerPort": "80"}]}]}}]}},
        {"custom": {"a": [1]}},
        {"metrics": {"up": [["labels", "1", "2026-03-01T12:00:00Z"]]}},
        {"metrics": {"up": [{"labels": {}, "value": "one", "at": "2026-03-01T12:00:00Z"}]}},
        {"log_metrics": {"up": [{"labels": {}, "value": "", "at": "2026-03-01T12:00:00Z"}]}},
        {"sources": [{"name": "x", "status": "splendid"}]},
        {"unread": {"a": None}},
        {"schema": "hubops.snapshot/v9"},
    ],
)
def test_wrong_types_are_refused(path: Path, fields: dict[str, object]) -> None:
    assert "not the content of a snapshot" in refused(path, changed(**fields))


@pytest.mark.parametrize("depth", [101, 500, 5_000, 1_000_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_deep_nesting_is_refused(path: Path, depth: int, opening: bytes, closing: bytes) -> None:
    nested = opening * depth + b"1" + closing * depth
    body = msgspec.json.encode(example(custom={"a.b": ({"x": 7},)})).replace(b'{"x":7}', b'{"x":' + nested + b"}")
    assert "nested deeper" in refused(path, pack(body))


def test_a_decompression_bomb_is_not_held_in_memory(path: Path) -> None:
    bombs = {
        gzip.compress(b'{"schema":"' + b"x" * 2**26): "not a hubops snapshot",
        pack(b" " * 2**26, size=10): "does not match its checksum",
        pack(b" " * 2**26, size=MAX_BYTES + 1): "larger than 256 MiB",
    }
    for bomb, says in bombs.items():
        tracemalloc.start()
        assert says in refused(path, bomb)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 2**22


def test_only_its_owner_can_read_it_and_nothing_else_is_left(path: Path) -> None:
    save(example(), path)
    save(example(), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_a_failed_write_leaves_what_was_there(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(example(), path)
    before = path.read_bytes()

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SnapshotError, match="cannot be written: No space left on device"):
        save(example(server_version="v1.36"), path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_paths_that_cannot_be_used(tmp_path: Path) -> None:
    for unusable in (tmp_path, tmp_path / "missing" / "x.gz"):
        with pytest.raises(SnapshotError, match=str(unusable)):
            load(unusable)
        with pytest.raises(SnapshotError, match=str(unusable)):
            save(example(), unusable)


def test_a_link_stays_a_link(tmp_path: Path, path: Path) -> None:
    link = tmp_path / "latest.gz"
    save(example(), path)
    link.symlink_to(path)
    save(example(alerts=(Alert(labels={}, starts_at=AT),)), link)
    assert link.is_symlink()
    assert len(load(path).alerts) == 1


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path, path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    save(example(), pipe)
    path.write_bytes(os.read(reader, 2**16))
    os.close(reader)
    assert load(path) == example()
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_the_same_snapshot_is_the_same_file(path: Path) -> None:
    save(example(), path)
    first = path.read_bytes()
    save(example(), path)
    assert path.read_bytes() == first
