"""hubops restore plan velero: what is read for the plan."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from hubops.config.backup import VeleroBackupConfig
from hubops.errors import ClusterUnreachable, ConfigError
from hubops.model.text import inert

if TYPE_CHECKING:
    from hubops.clients.kube.writer import KubeWriter
    from hubops.commands.options import Options
    from hubops.config import Config
    from hubops.model.restore_plan import Plan


def namespace_plan(options: Options, namespace: str, backup: str | None, beside: bool) -> Plan:
    """The plan for *namespace*. Raises UsageError where no backup holds it."""
    from hubops.backup.velero.restore import beside as settings_and_data
    from hubops.backup.velero.restore import namespace as whole
    from hubops.backup.velero.restore.site import read
    from hubops.clients.velero import VeleroClient

    config = options.config()
    cluster = _cluster(config)
    site = read(cluster, VeleroClient(cluster, _server(config)), namespace, backup)
    now = datetime.now(UTC)
    return settings_and_data.plan(site, now) if beside else whole.plan(site, now)


def cluster_plan(options: Options, backup: str | None) -> Plan:
    """The plan for the cluster; without the backups' names where it does not answer, or has no Velero yet."""
    from hubops.backup.velero.restore.cluster import Cluster, plan, read
    from hubops.clients.velero import NotInstalled, VeleroClient

    config = options.config()
    stack, _ = options.stack()
    try:
        found = read(VeleroClient(_cluster(config), _server(config)), backup, stack.namespaces)
    except (ClusterUnreachable, ConfigError, NotInstalled) as error:
        click.echo(f"hubops: which backups there are is not known: {inert(str(error), limit=400)}", err=True)
        found = Cluster(_server(config))
    return plan(found, datetime.now(UTC))


def _server(config: Config) -> str:
    """The namespace of Velero."""
    return (config.backup.velero or VeleroBackupConfig()).namespace


def _cluster(config: Config) -> KubeWriter:
    from hubops.clients.kube.writer import KubeWriter
    from hubops.clients.retry import Deadline

    return KubeWriter(config.kubernetes, deadline=Deadline(config.deadline.total_seconds()))
