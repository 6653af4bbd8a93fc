"""Backups: what each schedule covers and for how long, where they go, and that volumes can be snapshotted."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hubops import content
from hubops.model.cron import Fields, parse
from hubops.model.quantity import parse_duration
from hubops.stack import render
from hubops.stack.load import load
from tests.stack.rendered import SITES, STACKS, component, site

Schedule = dict[str, Any]
#: How old the newest backup of each schedule may become, as docs/platform.md promises.
OLDEST = {
    "applications-hourly": timedelta(hours=1),
    "applications-daily": timedelta(days=1),
    "cluster-daily": timedelta(days=1),
    "applications-weekly": timedelta(days=7),
    "applications-monthly": timedelta(days=31),
}
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def schedules(name: str) -> dict[str, Schedule]:
    found = {each["metadata"]["name"]: each for each in component(name, "backup-schedules").objects()}
    assert {each["kind"] for each in found.values()} == {"Schedule"}
    return found


def tier(name: str, wanted: str) -> list[Schedule]:
    return [each for each in schedules(name).values() if each["metadata"]["labels"]["hubops.io/tier"] == wanted]


def times(schedule: Schedule) -> Iterator[datetime]:
    cron = parse(schedule["spec"]["schedule"])
    assert isinstance(cron, Fields)
    following = cron.after(MOMENT)
    while following:
        yield following
        following = cron.after(following)


def covered(found: list[Schedule]) -> set[str]:
    return {namespace for each in found for namespace in each["spec"]["template"]["includedNamespaces"]}


@pytest.mark.parametrize("name", SITES)
def test_a_backup_is_never_older_than_is_promised(name: str) -> None:
    """The longest time between two backups of each schedule; of the monthly one, over more than a year."""
    promised = OLDEST | ({"applications-hourly": timedelta(hours=6)} if name == "none" else {})
    for key, schedule in schedules(name).items():
        due, longest = times(schedule), timedelta()
        last = next(due)
        while last < MOMENT + 13 * promised[key]:
            following = next(due)
            longest, last = max(longest, following - last), following
        assert longest == promised.pop(key)
    assert promised == {}


@pytest.mark.parametrize("name", SITES)
def test_no_two_schedules_begin_together(name: str) -> None:
    """One backup runs at a time: those that begin in the same minute would wait for each other."""
    minutes = [each["spec"]["schedule"].split()[0] for each in schedules(name).values()]
    assert len(set(minutes)) == len(minutes)


@pytest.mark.parametrize("name", SITES)
def test_every_namespace_is_covered(name: str) -> None:
    applications = set(site(name).applications)
    for wanted in ("critical", "standard", "archive"):
        assert covered(tier(name, wanted)) == applications
        assert all(each["spec"]["template"]["snapshotVolumes"] for each in tier(name, wanted))
    [platform] = tier(name, "platform")
    stack = load(content.folder("deploy") / "stack.yaml")
    assert render.namespaces(stack, site(name))
    assert platform["spec"]["template"]["includedNamespaces"] == ["*"]
    assert platform["spec"]["template"]["includeClusterResources"]


@pytest.mark.parametrize("name", SITES)
def test_what_is_taken_less_often_is_kept_longer(name: str) -> None:
    found = schedules(name)
    kept = {key: parse_duration(each["spec"]["template"]["ttl"]) for key, each in found.items()}
    ordered = [kept[key] for key in OLDEST if key.startswith("applications")]
    assert ordered == sorted(set(ordered))
    assert kept["cluster-daily"] == kept["applications-daily"]
    for key, longest in OLDEST.items():
        assert kept[key] >= 4 * longest, f"{key}: at least four are kept"


@pytest.mark.parametrize("name", SITES)
def test_a_duration_is_written_as_velero_writes_it(name: str) -> None:
    """`velero schedule pause` writes all of a Schedule, and would own what it writes otherwise: a conflict."""
    for each in schedules(name).values():
        template = each["spec"]["template"]
        for key in ("ttl", "csiSnapshotTimeout", "itemOperationTimeout"):
            assert re.fullmatch(r"(\d+h)?\d+m\d+s", template[key]), key


@pytest.mark.parametrize("name", SITES)
def test_deleting_a_schedule_deletes_no_backup(name: str) -> None:
    assert not any(each["spec"]["useOwnerReferencesInBackup"] for each in schedules(name).values())


@pytest.mark.parametrize("name", SITES)
def test_backups_go_where_the_schedules_say(name: str) -> None:
    values = component(name, "velero").chart_values()
    [location] = values["configuration"]["backupStorageLocation"]
    assert location["default"]
    wanted = site(name).backup
    assert (location["bucket"], location.get("prefix", "")) == (wanted.bucket, wanted.prefix)
    assert {each["spec"]["template"]["storageLocation"] for each in schedules(name).values()} == {location["name"]}
    snapshots = {each["name"] for each in values["configuration"]["volumeSnapshotLocation"]}
    for each in schedules(name).values():
        assert set(each["spec"]["template"].get("volumeSnapshotLocations", ())) <= snapshots
    assert bool(snapshots) == values["snapshotsEnabled"]


@pytest.mark.parametrize("name", SITES)
def test_access_is_an_identity_or_a_secret_and_never_both(name: str) -> None:
    values, wanted = component(name, "velero").chart_values(), site(name)
    [location] = values["configuration"]["backupStorageLocation"]
    identity = values["serviceAccount"]["server"].get("annotations", {})
    assert bool(identity) != bool(location.get("credential"))
    assert not values["credentials"]["useSecret"]
    if identity:
        assert wanted.identities["velero"] in identity.values()
    workload_label = {"azure.workload.identity/use": "true"} if wanted.cloud == "azure" else None
    assert values.get("podLabels") == workload_label


@pytest.mark.parametrize("name", SITES)
def test_velero_finds_a_snapshot_class_for_each_driver(name: str) -> None:
    """Velero takes the class of the volume's driver that carries its label; two of them would be a matter of luck."""
    objects = list(component(name, "storage").objects())
    classes = [each for each in objects if each["kind"] == "VolumeSnapshotClass"]
    label = "velero.io/csi-volumesnapshot-class"
    labelled = [each["driver"] for each in classes if each["metadata"].get("labels", {}).get(label) == "true"]
    assert len(labelled) == len(set(labelled))
    of_disks = ("fast-ssd", "standard-ssd", "standard-hdd")
    drivers = {
        each["provisioner"]
        for each in objects
        if each["kind"] == "StorageClass" and each["metadata"]["name"] in of_disks
    }
    assert drivers
    assert drivers <= set(labelled)


@pytest.mark.parametrize("name", SITES)
def test_the_plugins_are_those_of_velero_1_12(name: str) -> None:
    values = component(name, "velero").chart_values()
    plugin = {"aws": "aws", "none": "aws", "gcp": "gcp", "azure": "microsoft-azure"}[site(name).cloud]
    assert [each["image"] for each in values["initContainers"]] == [
        f"velero/velero-plugin-for-{plugin}:v1.8.2", "velero/velero-plugin-for-csi:v0.6.3",
    ]  # fmt: skip
    assert "EnableCSI" in values["configuration"]["features"]


def test_without_a_cloud_the_data_of_snapshots_is_moved() -> None:
    moved = {
        name: component(name, "velero").chart_values()["configuration"].get("defaultSnapshotMoveData") for name in SITES
    }
    assert moved == {"aws": None, "gcp": None, "azure": None, "none": True}


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("name", SITES)
def test_the_agents_can_write_the_credentials_of_the_store(name: str, stack: str) -> None:
    """They make /tmp/credentials when they start or end; the chart mounts /tmp for the server alone."""
    agent = component(name, "velero", stack).chart_values()["nodeAgent"]
    assert agent["containerSecurityContext"]["readOnlyRootFilesystem"]
    (mount,) = agent["extraVolumeMounts"]
    assert mount["mountPath"] == "/tmp"
    assert {"name": mount["name"], "emptyDir": {}} in agent["extraVolumes"]


@pytest.mark.parametrize("stack", STACKS)
def test_the_agents_have_the_servers_identity(stack: str) -> None:
    """The chart gave the server's labels to the agents, too, until it had labels for each."""
    values = component("azure", "velero", stack).chart_values()
    labels = values["podLabels"] if stack == "stack.yaml" else values["nodeAgent"]["podLabels"]
    assert labels == values["podLabels"] == {"azure.workload.identity/use": "true"}


@pytest.mark.parametrize("stack", STACKS)
def test_velero_trusts_the_authority_of_a_store(stack: str) -> None:
    """A field of the location, in base64 as the API has bytes; none where anybody trusts the endpoint."""

    def location(name: str) -> dict[str, Any]:
        [found] = component(name, "velero", stack).chart_values()["configuration"]["backupStorageLocation"]
        return dict(found)

    assert base64.b64decode(location("none")["caCert"]).decode() == site("none").backup.ca
    assert not any("caCert" in location(name) for name in ("aws", "gcp", "azure"))
