"""What is decided before anything is made: names, what closes a namespace, and how volumes come back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from hubops.config.backup import VeleroDrillConfig
from hubops.drill.velero import place
from hubops.drill.velero.objects import Key
from hubops.drill.velero.restore import asked
from hubops.drill.velero.scope import Scope
from hubops.drill.velero.scratch import MARK, Scratch, checked, name_of
from hubops.drill.velero.volumes import volumes
from hubops.errors import ConfigError, Locked, Permanent
from hubops.model.velero import VolumeInfo

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def test_names_of_scratch_namespaces_are_labels_and_tell_long_ones_apart() -> None:
    assert name_of("hubops-drill", "shop", "0a1b2c3d") == "hubops-drill-shop-0a1b2c3d"
    long = [f"{'team-of-everything-that-is-' * 2}-{each}"[:63] for each in ("x" * 40, "y" * 40)]
    long += ["a" * 40 + "-" * 2 + "b" * 21, "a" * 40 + "-" * 2 + "c" * 21]
    names = {name_of("p" * 30, each, "0a1b2c3d") for each in long}
    assert len(names) == len(set(long))
    assert all(len(each) <= 63 and _LABEL.fullmatch(each) for each in names)


@pytest.mark.parametrize("prefix", ["", "-drill", "drill-", "Drill", "drill.x", "d" * 31])
def test_a_prefix_that_begins_no_name_is_refused(prefix: str) -> None:
    with pytest.raises(ConfigError, match=r"drill\.velero\.prefix"):
        checked(VeleroDrillConfig(prefix=prefix))
    checked(VeleroDrillConfig(prefix="d" * 30))


def test_pods_reach_those_of_their_drill_and_the_dns_and_nobody_else() -> None:
    spec = Scratch("0a1b2c3d", {"shop": "drill-shop"}).closed("drill-shop")["spec"]
    inside = [{"namespaceSelector": {"matchLabels": {MARK: "0a1b2c3d"}}}]
    assert (spec["podSelector"], spec["policyTypes"]) == ({}, ["Ingress", "Egress"])
    assert spec["ingress"] == [{"from": inside}]
    own, dns = spec["egress"]
    assert own == {"to": inside}
    assert {port["port"] for port in dns["ports"]} == {53, 5353}
    assert [sorted(each) for each in dns["to"]] == [["namespaceSelector"], ["ipBlock"]]


def planned(*claims: tuple[str, str], pods: dict[str, Any] | None = None, **settings: Any) -> Any:
    """What is planned for claims, each with how it was backed up: "" is not at all, "failed" that it was tried."""
    original: dict[Key, dict[str, Any]] = {
        Key("persistentvolumeclaims", "shop", name): {"metadata": {"name": name}} for name, _ in claims
    }
    original |= {Key("pods", "shop", name): {"metadata": item} for name, item in (pods or {}).items()}
    infos = [
        VolumeInfo(pvc_namespace="shop", pvc_name=name, backup_method=how.removesuffix(" failed"), skipped=not how,
                   result="failed" if how.endswith("failed") else "succeeded")
        for name, how in claims
    ]  # fmt: skip
    return volumes(original, infos, VeleroDrillConfig(**settings))


def test_volumes_come_back_by_what_the_backup_has_of_them() -> None:
    driver = planned(("a", "CSISnapshot"))
    assert (driver.scope.snapshots, driver.scope.volumes, driver.scope.pods, driver.empty) == (True, False, False, {})
    files = planned(("a", "PodVolumeBackup"))
    assert (files.scope.pods, files.empty) == (True, {})
    native = planned(("a", "NativeSnapshot"))
    assert (native.scope.volumes, native.bound, native.empty) == (True, {("shop", "a")}, {})


def test_a_volume_that_is_the_originals_own_is_never_brought_along() -> None:
    """Velero restores the PersistentVolume of a claim without a snapshot, if it is retained, as it was."""
    for other in ("", "NativeSnapshot failed"):
        beside = planned(("a", "NativeSnapshot"), ("b", other))
        assert (beside.scope.volumes, beside.bound) == (False, set())
        assert beside.empty["shop", "b"] == "the backup does not hold its volume"
        assert "as the originals' own" in beside.empty["shop", "a"]


def test_claims_that_come_back_empty_are_named() -> None:
    assert planned(("a", "CSISnapshot"), volumes=False).empty == {("shop", "a"): "drill.velero.volumes is false"}
    assert planned(("a", "")).empty == {("shop", "a"): "the backup does not hold its volume"}
    files = planned(("a", "PodVolumeBackup"), workloads=False)
    assert (files.scope.pods, "in a pod only" in files.empty["shop", "a"]) == (False, True)


def test_a_restore_names_its_kinds_and_namespaces_and_is_never_of_everything() -> None:
    scratch = Scratch("0a1b2c3d", {"shop": "drill-shop"})
    spec = asked("daily-1", scratch, Scope(), ["secrets", "pods", "ingresses.networking.k8s.io"], VeleroDrillConfig())
    assert spec["includedResources"] == ["secrets"]
    assert (spec["includedNamespaces"], spec["namespaceMapping"]) == (["shop"], {"shop": "drill-shop"})
    assert (spec["includeClusterResources"], spec["existingResourcePolicy"]) == (False, "none")
    assert spec["resourceModifier"] == {"kind": "ConfigMap", "name": "hubops-velero-drill-0a1b2c3d"}
    for scope in (Scope(), Scope(snapshots=True)):
        with pytest.raises(Permanent, match="holds nothing in these namespaces that a drill restores"):
            asked("daily-1", scratch, scope, ["pods"], VeleroDrillConfig())


def test_pods_come_back_where_hooks_of_a_restore_run_in_them() -> None:
    hook = {"annotations": {"post.hook.restore.velero.io/command": '["/load"]'}}
    assert planned(pods={"db-0": hook}).scope.pods
    assert not planned(pods={"db-0": {}}).scope.pods
    assert not planned(pods={"db-0": hook}, workloads=False).scope.pods


def test_the_folder_of_a_tarball_is_nobody_elses_and_goes_away(tmp_path: Path) -> None:
    with place.place(tmp_path) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        assert folder.parent.stat().st_mode & 0o777 == 0o700
        (folder / "backup.tar.gz").write_bytes(b"secret")
        with pytest.raises(Locked), place.place(tmp_path):
            pass
        with pytest.raises(Locked):
            place.clean(tmp_path)
    assert not folder.exists()


def test_what_a_killed_drill_left_here_is_removed_by_the_next(tmp_path: Path) -> None:
    assert place.clean(tmp_path) == 0
    left = tmp_path / "drill-velero" / "run-killed"
    left.mkdir(parents=True)
    (left / "backup.tar.gz").write_bytes(b"secret")
    with place.place(tmp_path):
        assert not left.exists()
    left.mkdir()
    assert (place.clean(tmp_path), left.exists()) == (1, False)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "drill-velero").write_text("a file")
    with (
        pytest.raises(ConfigError, match=r"cannot be used for a drill: .* \(backup\.directory\)"),
        place.place(tmp_path),
    ):
        pass
