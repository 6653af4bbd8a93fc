"""Snapshots: the same findings offline, what was unknown stays so, and files that cannot be trusted are refused."""

from __future__ import annotations

import gzip
from pathlib import Path

from tests.end_to_end.program import Program, together
from tests.end_to_end.rights import blind, rules
from tests.testbed.bed import Testbed
from tests.testbed.faults import FAULTS
from tests.testbed.faults.injected import injected


def test_findings_are_the_same_offline(hubops: Program, offline: Program, testbed: Testbed) -> None:
    faults = [FAULTS["pod-crash-looping"], FAULTS["image-pull-failing/denied"], FAULTS["pvc-pending/no-class"]]
    with injected(testbed, *faults):
        live = hubops.json("daily")
        assert hubops("snapshot", "save", "faults.gz").code == 0
    saved = offline.json("daily", "--snapshot", hubops.home / "faults.gz")
    assert live.code == saved.code == 2
    found = [{finding["fingerprint"] for finding in done.report["findings"]} for done in (live, saved)]
    assert found[0] == found[1]
    assert len(found[0]) >= len(faults)
    assert {f.expect.name for f in faults} <= {finding["ref"]["name"] for finding in saved.report["findings"]}
    assert live.report["checks"] == saved.report["checks"]


def test_a_snapshot_with_fewer_rights_keeps_its_unknowns(hubops: Program, offline: Program, testbed: Testbed) -> None:
    account = testbed.service_account("default", "no-nodes", *rules("nodes"))
    done = hubops("snapshot", "save", "partial.gz", kubeconfig=account)
    assert done.code == 3
    assert "hubops: not read: nodes: user system:serviceaccount:default:no-nodes may not list nodes (403)" in done.err
    done = offline.json("daily", "--snapshot", hubops.home / "partial.gz")
    assert (done.code, done.ids("unknown")) == (3, blind("nodes"))
    assert "may not list nodes (403)" in done.check("node-not-ready")["reason"]


def test_files_that_cannot_be_trusted(offline: Program, healthy: Path, tmp_path: Path) -> None:
    good = healthy.read_bytes()
    content = gzip.decompress(good)
    bomb = b'{"schema":"hubops.snapshot/v1","hubops_version":"1","size":SIZE,"sha256":"0"}\n' + b"0" * 300_000_000
    cases = {
        "damaged": (good[:2000] + b"????" + good[2004:], "damaged"),
        "truncated": (good[:5000], "the snapshot is cut off"),
        "text": (b"hello", "not a hubops snapshot"),
        "empty": (b"", "not a hubops snapshot"),
        "foreign": (gzip.compress(b"hello\n"), "not a hubops snapshot"),
        "changed": (gzip.compress(content.replace(b"shop", b"Shop")), "its content does not match its checksum"),
        "future": (
            gzip.compress(content.replace(b"hubops.snapshot/v1", b"hubops.snapshot/v9", 1)),
            "written in the format hubops.snapshot/v9 by a newer hubops",
        ),
        "bomb": (gzip.compress(bomb.replace(b"SIZE", b"200000000"), 1), "the snapshot is damaged"),
        "large": (gzip.compress(bomb.replace(b"SIZE", b"900000000"), 1), "the snapshot is larger than 256 MiB"),
    }
    for name, (data, _) in cases.items():
        (tmp_path / name).write_bytes(data)
    runs = together(lambda name: offline("daily", "--snapshot", tmp_path / name), cases)
    for (name, (_, said)), done in zip(cases.items(), runs, strict=True):
        assert done.code == 64, name
        done.only_says(f"{tmp_path / name}: ")
        assert said in done.err, name
        assert done.seconds < 45, name
    done = offline("daily", "--snapshot", tmp_path / "none")
    assert done.code == 64
    done.only_says("none: No such file or directory")


def test_files_that_cannot_be_written(hubops: Program) -> None:
    for target, said in (("/none/x.gz", "No such file or directory"), ("/dev/full", "No space left on device")):
        done = hubops("snapshot", "save", target)
        assert done.code == 64
        done.only_says(f"{target}: the snapshot cannot be written: {said}")
