"""What the verbs about Velero share: the way to it, and how they print JSON."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from hubops.config import Config

if TYPE_CHECKING:
    from hubops.clients.velero import VeleroClient
    from hubops.config.backup import VeleroBackupConfig

AS = click.option("--output", "-o", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
_LONGEST = 3600.0  # seconds, of what does not wait for backups


def settings(config: Config) -> VeleroBackupConfig:
    """The site's; the defaults, where it has none."""
    from hubops.config.backup import VeleroBackupConfig

    return config.backup.velero or VeleroBackupConfig()


def client(config: Config) -> VeleroClient:
    """The Velero of the cluster that *config* names."""
    from hubops.clients.kube.writer import KubeWriter
    from hubops.clients.retry import Deadline
    from hubops.clients.velero import VeleroClient

    return VeleroClient(KubeWriter(config.kubernetes, deadline=Deadline(_LONGEST)), settings(config).namespace)


def now(velero: VeleroClient) -> datetime:
    """The time by the API server's clock."""
    return datetime.now(UTC) + velero.cluster.clock_offset()


def print_json(found: Any) -> None:
    """*found* as one indented document."""
    import msgspec

    click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
