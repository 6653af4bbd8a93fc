"""The hosts of the platform: which are looked at, what is known of them, and when this machine is to blame."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from hubops.clients.kube.client import KubeClient
from hubops.clients.retry import Deadline
from hubops.collect.hosts import EVIDENCE, host_names, judged, read_hosts
from hubops.collect.round import collect
from hubops.collect.snapshot_file import load, save
from hubops.config import Config, Duration, KubernetesConfig, PlatformConfig
from hubops.model.hosts import Host
from hubops.model.kube.kinds import Objects
from hubops.model.kube.networking import Ingress
from hubops.model.snapshot import SWITCHED_OFF, Needs
from tests.clients.chains import issue, serving
from tests.clients.proxy import Proxy
from tests.clients.server import Server, reply
from tests.testbed.bed import Testbed

INGRESS = {
    "metadata": {"name": "shop"},
    "spec": {"tls": [{"hosts": ["Shop.example.com", "*.example.com"]}], "rules": [{"host": "plain.example.com"}]},
}
OBJECTS = Objects(ingresses=(msgspec.convert(INGRESS, Ingress),))
NOTHING = {"failed": "connect", "reason": "no answer in time", "unknown": "no answer in time"}


def quietly(source: str, done: int, total: int) -> None:
    """Nobody watches."""


def test_which_hosts_are_looked_at() -> None:
    config = PlatformConfig(domain="example.com")
    assert host_names(config, OBJECTS) == (
        "example.com",
        "grafana.example.com",
        "prometheus.example.com",
        "alertmanager.example.com",
        "loki.example.com",
        "api.example.com",
    )
    assert host_names(PlatformConfig(), OBJECTS) == ()
    assert host_names(PlatformConfig(hosts=("api", "status.example.org.")), OBJECTS) == ("status.example.org",)
    assert host_names(PlatformConfig(ingress_hosts=True), OBJECTS) == ("shop.example.com",)


def test_without_a_domain_it_is_switched_off() -> None:
    read = read_hosts(PlatformConfig(), OBJECTS, deadline=Deadline(5), progress=quietly)
    assert read.source is None
    assert read.part.unread[EVIDENCE].startswith(SWITCHED_OFF)


def host(name: str, **seen: object) -> Host:
    return msgspec.convert({"name": name, **seen}, Host)


def test_silence_is_unknown_only_where_nothing_is_heard() -> None:
    silent = host("api.example.com", addresses=["203.0.113.10"], **NOTHING)
    assert judged([silent, silent]) == (silent, silent)
    for heard in ({"status": 503}, {"failed": "connect", "reason": "connection refused"}):
        seen = judged([silent, host("example.com", addresses=["203.0.113.10"], **heard)])
        assert seen is not None
        assert (seen[0].failed, seen[0].reason, seen[0].unknown) == ("connect", "no answer in time", None)


def test_what_a_proxy_says_stays_unknown() -> None:
    refused = host("api.example.com", proxied=True, **NOTHING)
    assert judged([refused, host("example.com", proxied=True, status=200)]) == (
        refused,
        host("example.com", proxied=True, status=200),
    )


def test_a_resolver_without_a_way_out_is_this_machines_fault() -> None:
    """It is mute, or says of all names that there are none: it does not know the top-level domain either."""
    mute = host("api.invalid", failed="resolve", reason="temporary failure", unknown="temporary failure")
    denied = host("api.invalid", failed="resolve", reason="name or service not known")
    assert judged([mute, mute]) is None
    assert judged([denied, mute]) is None
    seen = judged([mute, host("example.com", addresses=["203.0.113.10"], status=200)])
    assert seen is not None
    assert (seen[0].failed, seen[0].unknown) == ("resolve", None)


def test_a_name_that_is_missing_where_the_resolver_works_is_known() -> None:
    mute = host("api.example.com", failed="resolve", reason="temporary failure", unknown="temporary failure")
    denied = host("grafana.example.com", failed="resolve", reason="name or service not known")
    seen = judged([mute, denied], knows="api.example.com".__eq__)
    assert seen is not None
    assert [item.unknown for item in seen] == [None, None]


def test_what_was_seen_is_kept_in_a_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a proxy, which makes names and port 443 those of a server on loopback."""
    root = issue("Test Root", ca=True)
    (tmp_path / "ca.pem").write_bytes(root.pem)
    context = serving(tmp_path, issue("", root, hosts=("*.example.invalid",)), root)
    config = PlatformConfig(domain="example.invalid", hosts=("grafana", "@"), ca_file=str(tmp_path / "ca.pem"))
    told: list[tuple[str, int, int]] = []
    with Server(reply(302, "", Location="/login"), context) as server, Proxy(server.port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        read = read_hosts(config, Objects(), deadline=Deadline(30), progress=lambda *said: told.append(said))
    assert read.source is not None
    assert (read.source.name, read.source.status, read.part.read) == (EVIDENCE, "ok", (EVIDENCE,))
    assert told[-1] == (EVIDENCE, 2, 2)
    good, apex = read.part.hosts
    assert (good.name, good.status, good.failed) == ("grafana.example.invalid", 302, None)
    assert (apex.name, apex.failed, apex.reason) == (
        "example.invalid",
        "verify",
        "is for *.example.invalid, and not for example.invalid",
    )


def test_a_round_reads_them_beside_the_cluster(testbed: Testbed, tmp_path: Path) -> None:
    kubernetes = KubernetesConfig(kubeconfig=str(testbed.kubeconfig))
    platform = PlatformConfig(hosts=("127.0.0.1",), timeout=Duration(seconds=5))
    config, deadline = Config(kubernetes=kubernetes, platform=platform), Deadline(60)
    needs = Needs(kinds=frozenset({"services", "ingresses"}), hosts=True)
    snapshot = collect(config, needs, client=KubeClient(kubernetes, deadline=deadline), deadline=deadline)
    save(snapshot, tmp_path / "hosts.gz")
    assert load(tmp_path / "hosts.gz").hosts == snapshot.hosts
    (seen,) = snapshot.hosts
    assert (seen.name, seen.addresses) == ("127.0.0.1", ("127.0.0.1",))
    assert EVIDENCE in snapshot.read
    assert [source.name for source in snapshot.sources] == ["kubernetes", EVIDENCE]
