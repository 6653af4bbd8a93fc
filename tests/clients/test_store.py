"""The store as a client sees it: what was sent is there whole, and what goes wrong is said in one sentence."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hubops.clients.store import Store
from hubops.config import Duration
from hubops.config.backup import StoreConfig
from hubops.errors import ConfigError, Permanent, Retryable, SourceError
from tests.testbed import store_faults as provoke
from tests.testbed.object_store import BUCKET, ObjectStore
from tests.testbed.store_faults import Act, StoreFaults

PARTS = os.urandom(20 * 2**20)  # three parts, of which the last is smaller


def settings(url: str, prefix: str = "store", **changed: object) -> StoreConfig:
    values = {"endpoint": url, "allow_http": True, "timeout": Duration(seconds=1)} | changed
    return StoreConfig(url=f"s3://{BUCKET}/{prefix}", **values)  # type: ignore[arg-type]


@pytest.fixture
def credentials(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in object_store.environment().items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def s3(object_store: ObjectStore, credentials: None) -> Store:
    return Store(settings(object_store.url))


@pytest.fixture
def folder(tmp_path: Path) -> Store:
    (tmp_path / "mounted").mkdir()
    return Store(StoreConfig(url=f"file://{tmp_path}/mounted"))


@pytest.fixture
def faulty(store_faults: StoreFaults, credentials: None) -> Store:
    return Store(settings(store_faults.url))


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    path = tmp_path / "parts"
    path.write_bytes(PARTS)
    return path


@pytest.mark.parametrize("kind", ["s3", "folder"])
def test_what_was_sent_is_there_whole(kind: str, request: pytest.FixtureRequest, tmp_path: Path, parts: Path) -> None:
    store: Store = request.getfixturevalue(kind)
    store.put("a/parts", parts)
    store.put_bytes("a/small", b"record")
    assert [(each.name, each.size) for each in store.list("a")] == [("a/parts", len(PARTS)), ("a/small", 6)]
    assert store.digest("a/parts").sha256 == hashlib.sha256(PARTS).hexdigest()
    assert store.get("a/parts", tmp_path / "back").size == len(PARTS)
    assert (tmp_path / "back").read_bytes() == PARTS
    assert (tmp_path / "back").stat().st_mode & 0o777 == 0o600
    assert store.read_bytes("a/small") == b"record"
    with pytest.raises(Permanent, match="larger than"):
        store.read_bytes("a/parts", limit=1000)
    for name in ("a/parts", "a/small", "a/small"):  # the second time it is gone already
        store.delete(name)
    assert store.list("a") == ()
    with pytest.raises(Permanent, match="it is not there"):
        store.read_bytes("a/small")


@pytest.mark.parametrize(
    ("act", "raised", "said"),
    [
        (provoke.refuse(403, "AccessDenied"), Permanent, "AccessDenied"),
        (provoke.refuse(404, "NoSuchBucket"), Permanent, "NoSuchBucket|not there"),
        (provoke.refuse(500, "InternalError"), Retryable, "InternalError"),
        (provoke.refuse(507, "InsufficientStorage"), Retryable, "InsufficientStorage"),
        (provoke.reset(), Retryable, "error sending request|reset"),
        (provoke.hang(), Retryable, "timed out|timeout|error sending request"),
    ],
)
def test_why_nothing_could_be_written(
    faulty: Store, store_faults: StoreFaults, act: Act, raised: type[SourceError], said: str
) -> None:
    with store_faults.on("PutObject", act), pytest.raises(raised, match=said) as caught:
        faulty.put_bytes("refused", b"x")
    assert "\n" not in str(caught.value)
    assert "<" not in str(caught.value)
    assert str(caught.value).startswith(f"s3://{BUCKET}/store: writing refused: ")
    assert "store/refused" not in store_faults.store.objects()


def test_a_part_that_fails_once_is_sent_again_and_one_that_fails_always_leaves_nothing(
    faulty: Store, store_faults: StoreFaults, parts: Path
) -> None:
    with store_faults.on("UploadPart", provoke.refuse(503, "SlowDown"), only=provoke.last_part, times=1):
        faulty.put("again", parts)
    assert faulty.digest("again").sha256 == hashlib.sha256(PARTS).hexdigest()
    with (
        store_faults.on("UploadPart", provoke.refuse(403, "AccessDenied"), only=provoke.last_part),
        pytest.raises(Permanent, match="AccessDenied"),
    ):
        faulty.put("never", parts)
    assert "store/never" not in store_faults.store.objects()


def test_an_answer_that_is_cut_is_asked_for_again_or_is_an_error(
    faulty: Store, store_faults: StoreFaults, parts: Path
) -> None:
    faulty.put("cut", parts)
    with store_faults.on("GetObject", provoke.cut_answer()), pytest.raises(SourceError):
        faulty.digest("cut")


def test_what_stops_the_reading_of_the_file_stops_the_upload(s3: Store, object_store: ObjectStore, parts: Path) -> None:
    class Interrupted:
        def update(self, data: bytes, /) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        s3.put("interrupted", parts, check=Interrupted())
    assert "store/interrupted" not in object_store.objects()


def test_a_wrong_key_is_refused(object_store: ObjectStore, credentials: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    with pytest.raises(Permanent, match="SignatureDoesNotMatch"):
        Store(settings(object_store.url)).put_bytes("x", b"x")


def test_with_tls_its_authority_has_to_be_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ObjectStore.start(tmp_path / "store", tls=True)
    for name, value in store.environment().items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Retryable, match=r"certificate|error sending request"):
        Store(settings(store.url, allow_http=False)).put_bytes("x", b"x")
    Store(settings(store.url, allow_http=False, ca_file=str(store.ca))).put_bytes("x", b"x")
    assert "store/x" in store.objects()
    store.stop()


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (StoreConfig(url="ftp://somewhere/x"), "is no store"),
        (StoreConfig(url="s3://"), "is no store"),
        (StoreConfig(url="s3://key:secret@bucket/x"), "nothing but where the store is"),
        (StoreConfig(url="s3://bucket", ca_file="/nowhere/ca.pem"), "/nowhere/ca.pem: No such file"),
    ],
)
def test_a_store_that_cannot_be_used_is_named(config: StoreConfig, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        Store(config)
    assert "secret" not in str(caught.value)


def test_a_folder_that_is_not_mounted_is_not_made(tmp_path: Path, parts: Path) -> None:
    store = Store(StoreConfig(url=f"file://{tmp_path}/bare"))
    with pytest.raises(Permanent, match="is no folder; is what it is on mounted"):
        store.put("x", parts)
    assert not (tmp_path / "bare").exists()


_UPLOAD = """
import resource, sys
from pathlib import Path
from hubops.clients.store import Store
from hubops.config.backup import StoreConfig
store = Store(StoreConfig(url=sys.argv[1], endpoint=sys.argv[2], allow_http=True))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
store.put("large", Path(sys.argv[3]))
store.digest("large")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_an_upload_and_a_download_take_little_memory(s3: Store, object_store: ObjectStore, tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        file.truncate(160 * 2**20)
    arguments = [f"s3://{BUCKET}/store", object_store.url, str(large)]
    done = subprocess.run([sys.executable, "-c", _UPLOAD, *arguments], capture_output=True, text=True, check=True)
    assert int(done.stdout) * 1024 < 100 * 2**20
