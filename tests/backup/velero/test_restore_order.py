"""In which order things are restored, from which backups, and what is put out of the way before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from hubops.backup.velero.restore import namespace
from hubops.backup.velero.restore.cluster import Cluster, Share, _holding, plan
from hubops.backup.velero.restore.site import Held, Site, Volume
from hubops.model.restore_plan import Plan, Step
from hubops.model.velero import Backup

NOW = datetime(2026, 7, 15, 12, tzinfo=UTC)
_CLAIM = "v1/PersistentVolumeClaim"


def held(name: str, hours: int, names: dict[str, tuple[str, ...]], data: dict[str, str] | None = None) -> Held:
    status = {"phase": "Completed", "startTimestamp": (NOW - timedelta(hours=hours)).isoformat()}
    backup = msgspec.convert({"metadata": {"name": name, "namespace": "velero"}, "status": status}, Backup)
    return Held(backup, names, data)


DATA = held("apps", 10, {_CLAIM: ("shop/db", "data/pg"), "v1/Namespace": ("shop", "data")}, {"shop/db": "CSISnapshot"})
OBJECTS = held("cluster", 2, {_CLAIM: ("shop/db",), "v1/ConfigMap": ("shop/a", "tools/a")}, {})


def step(of: Plan, title: str) -> tuple[int, Step]:
    return next((number, each) for number, each in enumerate(of.steps) if each.title == title)


def test_of_a_namespace_with_claims_the_newest_backup_that_has_their_data_counts() -> None:
    assert _holding([OBJECTS, DATA], "shop") is DATA
    assert _holding([OBJECTS, DATA], "tools") is OBJECTS
    assert _holding([OBJECTS, DATA], "data") is DATA  # nobody has the data of its claim


def test_data_comes_before_what_uses_it_and_what_is_missing_is_told() -> None:
    site = Cluster(
        "velero", schedules=("daily",), objects=OBJECTS, data=(Share(DATA, ("data", "shop")),),
        others=(Share(OBJECTS, ("tools",)),),
    )  # fmt: skip
    found = plan(site, NOW)
    numbers = [
        step(found, title)[0]
        for title in (
            "Install the platform", "Keep the backups safe from the new cluster",
            "Restore the definitions of custom resources", "Restore the cluster-scoped objects",
            "Restore the namespaces that have data", "Restore the other namespaces", "Restore webhooks and APIServices",
        )
    ]  # fmt: skip
    assert numbers == sorted(numbers)
    assert "No backup has the data of data/pg: they come back empty." in found.facts
    assert (
        '"backupName":"apps","includedNamespaces":["data","shop"]'
        in step(found, "Restore the namespaces that have data")[1].commands[0]
    )
    safe, last = step(found, "Keep the backups safe from the new cluster")[1], found.steps[-1]
    assert any('"paused":true' in each for each in safe.commands)
    assert any('"paused":false' in each for each in last.commands)
    assert any('"accessMode":"ReadWrite"' in each for each in last.commands)


def test_without_a_cluster_to_ask_the_plan_ends_with_how_to_go_on() -> None:
    assert plan(Cluster("velero"), NOW).steps[-1].commands == ("hubops restore plan velero --cluster",)


@pytest.mark.parametrize("live", [True, False])
def test_a_volume_that_its_provider_snapshotted_is_made_anew_under_its_own_name(live: bool) -> None:
    """Velero waits in vain for a retained one of that name to go (shouldRestore in its restore.go)."""
    backup = held(
        "apps", 10, {_CLAIM: ("shop/db", "shop/web")}, {"shop/db": "NativeSnapshot", "shop/web": "CSISnapshot"}
    )
    phase = "Bound" if live else "Released"
    volumes = (Volume("pv-db", "db", phase), Volume("pv-web", "web", phase))
    found = namespace.plan(Site("velero", "shop", backup, live, volumes=volumes), NOW)
    commands = [command for each in found.steps for command in each.commands]
    freed = commands.index("kubectl delete persistentvolume pv-db")
    assert not [each for each in commands if "delete persistentvolume pv-web" in each]
    assert any('"Retain"' in each and "pv-db" in each for each in commands[:freed])
    assert any('"kind":"Restore"' in each for each in commands[freed:])
    assert not any('"kind":"Restore"' in each for each in commands[:freed])


def test_volumes_that_were_read_file_by_file_come_back_with_their_pods() -> None:
    backup = held("apps", 10, {_CLAIM: ("shop/db",)}, {"shop/db": "PodVolumeBackup"})
    found = namespace.plan(Site("velero", "shop", backup, True, volumes=(Volume("pv", "db", "Bound"),)), NOW)
    titles = [each.title for each in found.steps]
    assert titles.index("Keep what is there now") < titles.index("Remove the namespace")
    assert titles.index("Remove the namespace") < titles.index("Restore the namespace")
