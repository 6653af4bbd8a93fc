"""Each fault of an object store is seen by a real client as the store's own would be."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import obstore
import pytest
from obstore.exceptions import BaseError
from obstore.store import S3Store

from tests.testbed import store_faults as provoke
from tests.testbed.process import poll
from tests.testbed.store_faults import Act, StoreFaults

PARTS = bytes(range(256)) * 45_000  # two whole parts and one that is smaller


@pytest.fixture
def s3(store_faults: StoreFaults) -> S3Store:
    key = store_faults.store.environment()
    return S3Store(
        store_faults.store.bucket,
        prefix="faults",
        endpoint=store_faults.url,
        access_key_id=key["AWS_ACCESS_KEY_ID"],
        secret_access_key=key["AWS_SECRET_ACCESS_KEY"],
        region=key["AWS_REGION"],
        client_options={"allow_http": True, "timeout": timedelta(seconds=20)},
        retry_config={"max_retries": 0},
    )


def put(s3: S3Store, key: str, content: bytes, *, multipart: bool = False) -> None:
    obstore.put(s3, key, content, use_multipart=multipart, chunk_size=5 * 2**20)


def get(s3: S3Store, key: str) -> bytes:
    return bytes(obstore.get(s3, key).bytes())


def test_without_a_fault_it_is_the_store(store_faults: StoreFaults, s3: S3Store) -> None:
    put(s3, "plain", b"content")
    put(s3, "parts", PARTS, multipart=True)
    assert obstore.head(s3, "parts")["size"] == len(PARTS)
    assert get(s3, "plain") == b"content"
    assert {each["path"] for each in obstore.list(s3).collect()} >= {"plain", "parts"}
    obstore.delete(s3, "plain")
    assert "faults/plain" not in store_faults.store.objects()
    named = {"PutObject", "CreateMultipartUpload", "UploadPart", "CompleteMultipartUpload", "HeadObject", "GetObject"}
    assert named <= {request.operation for request in store_faults.seen}


@pytest.mark.parametrize("act", [provoke.refuse(500, "InternalError"), provoke.reset()])
def test_the_last_part_fails_and_there_is_no_object(store_faults: StoreFaults, s3: S3Store, act: Act) -> None:
    with store_faults.on("UploadPart", act, only=provoke.last_part), pytest.raises(BaseError):
        put(s3, "last-part", PARTS, multipart=True)
    assert "faults/last-part" not in store_faults.store.objects()


@pytest.mark.parametrize("multipart", [False, True])
@pytest.mark.parametrize(
    ("act", "left"),
    [
        (provoke.lose(), None),
        (provoke.alter(), provoke.flipped(PARTS)),
        (provoke.shorten(), provoke.half(PARTS)),
    ],
)
def test_it_says_stored_and_it_is_not(
    store_faults: StoreFaults, s3: S3Store, act: Act, left: bytes | None, multipart: bool
) -> None:
    with store_faults.on("CompleteMultipartUpload" if multipart else "PutObject", act):
        put(s3, "said", PARTS, multipart=multipart)
    path = store_faults.store.folder / "faults/said"
    assert (path.read_bytes() if path.exists() else None) == left


def test_it_gives_what_it_does_not_have(store_faults: StoreFaults, s3: S3Store) -> None:
    put(s3, "given", PARTS)
    with store_faults.on("GetObject", provoke.alter_answer()):
        assert get(s3, "given") == provoke.flipped(PARTS)
    with store_faults.on("GetObject", provoke.shorten_answer()):
        assert get(s3, "given") == provoke.half(PARTS)
    with store_faults.on("GetObject", provoke.cut_answer()), pytest.raises(BaseError):
        get(s3, "given")
    assert get(s3, "given") == PARTS


@pytest.mark.parametrize(
    ("status", "code"), [(403, "AccessDenied"), (503, "SlowDown"), (507, "InsufficientStorage"), (500, "InternalError")]
)
def test_it_refuses_for_a_while(store_faults: StoreFaults, s3: S3Store, status: int, code: str) -> None:
    with store_faults.on("PutObject", provoke.refuse(status, code), times=1):
        with pytest.raises(BaseError, match=code):
            put(s3, "refused", b"x")
        put(s3, "refused", b"x")
    assert get(s3, "refused") == b"x"


def test_it_hangs_until_the_fault_is_over(store_faults: StoreFaults, s3: S3Store) -> None:
    before = len(store_faults.seen)
    with ThreadPoolExecutor(1) as pool:
        with store_faults.on("PutObject", provoke.hang()):
            waiting = pool.submit(put, s3, "hung", b"x")
            poll(lambda: len(store_faults.seen) > before, "asked")
            assert not waiting.done()
        with pytest.raises(BaseError):
            waiting.result(timeout=10)
    assert "faults/hung" not in store_faults.store.objects()
