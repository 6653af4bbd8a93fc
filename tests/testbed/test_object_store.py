"""The S3 server that tests of backups stand on does what they take for granted."""

from __future__ import annotations

from pathlib import Path

import obstore
import pytest
import requests
from obstore.exceptions import BaseError, UnauthenticatedError
from obstore.store import S3Store

from tests.testbed.object_store import ObjectStore


def client(store: ObjectStore, **changed: str) -> S3Store:
    key = {name.lower().removeprefix("aws_"): value for name, value in store.environment().items()} | changed
    return S3Store(
        store.bucket,
        endpoint=store.url,
        access_key_id=key["access_key_id"],
        secret_access_key=key["secret_access_key"],
        region=key["region"],
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )


def test_an_object_is_a_file_and_a_changed_file_is_a_changed_object(object_store: ObjectStore) -> None:
    s3 = client(object_store)
    obstore.put(s3, "files/one", b"whole")
    (object_store.folder / "files/one").write_bytes(b"flipped")
    assert bytes(obstore.get(s3, "files/one").bytes()) == b"flipped"
    assert [key for key in object_store.objects() if key.startswith("files/")] == ["files/one"]


def test_an_upload_in_parts_is_one_object(object_store: ObjectStore) -> None:
    content = bytes(range(256)) * 45_000
    obstore.put(client(object_store), "parts/one", content, use_multipart=True, chunk_size=5 * 2**20)
    assert (object_store.folder / "parts/one").read_bytes() == content


def test_a_wrong_key_is_refused(object_store: ObjectStore) -> None:
    with pytest.raises((BaseError, UnauthenticatedError), match="SignatureDoesNotMatch"):
        obstore.put(client(object_store, secret_access_key="another"), "refused/one", b"x")
    assert "refused/one" not in object_store.objects()


def test_with_tls_only_who_trusts_its_authority_is_served(tmp_path: Path) -> None:
    store = ObjectStore.start(tmp_path / "store", tls=True)
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{store.url}/health", timeout=5)
    assert requests.get(f"{store.url}/health", timeout=5, verify=str(store.ca)).status_code == 200
    store.stop()
    assert not (tmp_path / "store").exists()
