"""The tarball of a backup: what is in it is read, and what is wrong with it is said, without a value of a Secret."""

from __future__ import annotations

import base64
import gzip
import io
import secrets
import tarfile
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubops.drill.velero.concealed import Concealer
from hubops.drill.velero.objects import Key
from hubops.drill.velero.tarball import Limits, contents
from hubops.errors import Permanent
from tests.drill.velero.archive import tarball


def config_map(namespace: str, name: str, **data: str) -> tuple[str, dict[str, Any]]:
    return "configmaps", {
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": namespace, "name": name}, "data": data,
    }  # fmt: skip


def secret(value: str, name: str = "db") -> tuple[str, dict[str, Any]]:
    encoded = base64.b64encode(value.encode()).decode()
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": f'{{"stringData":{{"password":"{value}"}}}}'}
    return "secrets", {
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": {"password": encoded},
        "metadata": {"namespace": "shop", "name": name, "annotations": annotations, "labels": {"app": "db"}},
    }  # fmt: skip


def test_objects_of_the_chosen_namespaces_are_read_once_and_others_are_not(tmp_path: Path) -> None:
    deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": "shop", "name": "cart"}}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    items = [
        ("namespaces", namespace),
        config_map("shop", "a"),
        config_map("other", "b"),
        ("deployments.apps", deployment),
    ]
    found = contents(tarball(tmp_path / "backup", items), ["shop"], Concealer())
    assert found == {
        Key("configmaps", "shop", "a"): items[1][1],
        Key("deployments.apps", "shop", "cart"): deployment,
    }


def test_names_of_any_length_and_letter_are_read(tmp_path: Path) -> None:
    names = ["system:controller:bootstrap-signer", "x" * 253, "a" * 99]
    found = contents(tarball(tmp_path / "backup", [config_map("shop", name) for name in names]), ["shop"], Concealer())
    assert sorted(key.name for key in found) == sorted(names)


def test_values_of_secrets_are_nowhere_and_equal_ones_stay_equal(tmp_path: Path) -> None:
    value, other = secrets.token_hex(16), secrets.token_hex(16)
    concealer = Concealer()
    found = contents(
        tarball(tmp_path / "backup", [secret(value), secret(value, "same"), secret(other, "other")]),
        ["shop"],
        concealer,
    )
    said = repr(found)
    encoded = base64.b64encode(value.encode()).decode()
    assert value not in said
    assert encoded not in said
    passwords = {key.name: item["data"]["password"] for key, item in found.items()}
    assert passwords["db"] == passwords["same"] != passwords["other"]
    assert contents(tmp_path / "backup", ["shop"], Concealer()) != found  # another key
    assert found[Key("secrets", "shop", "db")]["metadata"]["labels"] == {"app": "db"}


def test_a_secret_that_calls_itself_something_else_is_one_by_its_folder(tmp_path: Path) -> None:
    value = secrets.token_hex(16)
    item = secret(value)[1] | {"kind": "ConfigMap"}
    assert value not in repr(contents(tarball(tmp_path / "a", [("secrets", item)]), ["shop"], Concealer()))
    assert value not in repr(
        contents(tarball(tmp_path / "b", [("configmaps", secret(value)[1])]), ["shop"], Concealer())
    )


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname, found.size = kind, target, size
    return found


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (entry("../../etc/cron.d/x"), "holds the path '../../etc/cron.d/x'"),
        (entry("/etc/passwd"), "holds the path '/etc/passwd'"),
        (entry("resources/secrets/namespaces/shop/../../x.json"), "holds the path"),
        (entry("resources/pods/namespaces/shop/a.json", tarfile.SYMTYPE, "/etc/shadow"), "something else than files"),
        (entry("x", tarfile.LNKTYPE, "metadata/version"), "something else than files"),
        (entry("x", tarfile.CHRTYPE), "something else than files"),
        (entry("resources/configmaps/namespaces/shop/a.json"), "no object of Kubernetes at configmaps/shop/a"),
    ],
)  # fmt: skip
def test_what_velero_never_writes_is_refused(tmp_path: Path, odd: tarfile.TarInfo, said: str) -> None:
    with pytest.raises(Permanent, match=said):
        contents(tarball(tmp_path / "backup", [config_map("shop", "b")], odd=[odd]), ["shop"], Concealer())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup"]


def test_an_object_is_what_its_path_says(tmp_path: Path) -> None:
    path = tarball(tmp_path / "backup", [config_map("shop", "a")])
    renamed = gzip.compress(gzip.decompress(path.read_bytes()).replace(b'"name": "a"', b'"name": "b"'))
    path.write_bytes(renamed)
    with pytest.raises(Permanent, match="holds another object than the path says at configmaps/shop/a"):
        contents(path, ["shop"], Concealer())


def test_a_tarball_of_another_format_or_of_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match=r"it has the format 2\.0\.0"):
        contents(tarball(tmp_path / "backup", [], version="2.0.0"), ["shop"], Concealer())
    with tarfile.open(tmp_path / "none", "w:gz"):
        pass
    with pytest.raises(Permanent, match="says nothing about its format"):
        contents(tmp_path / "none", ["shop"], Concealer())


def test_a_tarball_that_ends_early_is_refused_wherever_it_ends(tmp_path: Path) -> None:
    whole = tarball(tmp_path / "backup", [config_map("shop", str(number)) for number in range(3)]).read_bytes()
    plain = gzip.decompress(whole)
    for length in range(0, len(whole) - 1, 7):
        (tmp_path / "cut").write_bytes(whole[:length])
        with pytest.raises(Permanent, match=r"truncated|cannot be read"):
            contents(tmp_path / "cut", ["shop"], Concealer())
    for length in range(0, len(plain) - 10240, 512):  # compressed anew, so that only the tar itself is cut
        (tmp_path / "cut").write_bytes(gzip.compress(plain[:length]))
        with pytest.raises(Permanent, match="truncated"):
            contents(tmp_path / "cut", ["shop"], Concealer())


def test_a_byte_that_has_changed_is_found(tmp_path: Path) -> None:
    whole = bytearray(tarball(tmp_path / "backup", [config_map("shop", "a", key="value")]).read_bytes())
    whole[-6] ^= 1  # of the checksum at the end, behind all that is read
    (tmp_path / "backup").write_bytes(whole)
    with pytest.raises(Permanent, match="CRC check failed"):
        contents(tmp_path / "backup", ["shop"], Concealer())


def test_a_bomb_takes_neither_memory_nor_all_day(tmp_path: Path) -> None:
    limits = Limits(item=2**20, kept=2**21, total=2**25)
    zeros = bytes(2**20)

    def bomb(header: tarfile.TarInfo) -> Path:
        with gzip.open(tmp_path / "bomb", "wb", compresslevel=1) as file:
            file.write(header.tobuf())
            for _ in range(64):
                file.write(zeros)
        return tmp_path / "bomb"

    tracemalloc.start()
    try:
        large = entry("resources/configmaps/namespaces/shop/a.json", size=2**40)
        with pytest.raises(Permanent, match="holds more than 1 MiB at resources/configmaps"):
            contents(bomb(large), ["shop"], Concealer(), limits)
        with pytest.raises(Permanent, match="holds more than 32 MiB"):
            contents(
                bomb(entry("resources/configmaps/namespaces/other/a.json", size=2**40)), ["shop"], Concealer(), limits
            )
        with pytest.raises(Permanent, match="damaged entry"):
            contents(bomb(entry("x", tarfile.XHDTYPE, size=2**30)), ["shop"], Concealer(), limits)
        many = [config_map("shop", str(number), key="x" * 300_000) for number in range(8)]
        with pytest.raises(Permanent, match="more than 2 MiB of objects"):
            contents(tarball(tmp_path / "many", many), ["shop"], Concealer(), limits)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 2**24


def test_an_object_that_is_nested_without_end_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "backup"
    deep = b"[" * 100_000
    with tarfile.open(path, "w:gz") as tar:
        header = entry("resources/configmaps/namespaces/shop/a.json", size=len(deep))
        tar.addfile(header, io.BytesIO(deep))
    with pytest.raises(Permanent, match="no object of Kubernetes at configmaps/shop/a"):
        contents(path, ["shop"], Concealer())


def test_no_error_has_a_value_in_it(tmp_path: Path) -> None:
    value = secrets.token_hex(16)
    path = tarball(tmp_path / "backup", [secret(value)])
    plain = gzip.decompress(path.read_bytes())
    for broken in (plain.replace(b'"kind"', b'"kind', 1), plain.replace(b'"name": "db"', b'"name": "xx"')):
        path.write_bytes(gzip.compress(broken))
        with pytest.raises(Permanent) as caught:
            contents(path, ["shop"], Concealer())
        error: BaseException | None = caught.value
        while error is not None:
            assert value not in str(error)
            error = error.__cause__  # what a traceback would show


@given(garbage=st.binary(max_size=2000))
def test_garbage_is_refused_and_never_more(garbage: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "garbage"
    for content in (garbage, gzip.compress(garbage), gzip.compress(garbage.ljust(512, b"\0") + bytes(1024))):
        path.write_bytes(content)
        with pytest.raises(Permanent):
            contents(path, ["shop"], Concealer())
