"""cert-manager issues: its webhook judges, a certificate is really made, and those who sign are ready to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hubops.bootstrap.gate import Installed, Verdict, passed, waiting
from hubops.bootstrap.gates.said import condition, misjudged
from hubops.bootstrap.record import NAMESPACE, refs
from hubops.clients.kube.errors import AlreadyExists
from hubops.clients.kube.writer import KubeWriter
from hubops.clients.retry import Deadline

Manifest = dict[str, Any]
_API = "cert-manager.io/v1"
#: The same in every run, so that the next one finds what a killed one has left.
_NAME = "bootstrap-gate"
_ISSUED_WITHIN = 30.0  # seconds; it takes two


def certificate_issued(at: Installed) -> Verdict:
    """Of issuers: that they can sign. Of cert-manager itself: that it issues."""
    signing = [item for item in at.rendered.objects() if item["apiVersion"].startswith("cert-manager.io/")]
    return _all_ready(at.target.cluster, signing) if signing else _issues(at.target.cluster)


def _all_ready(cluster: KubeWriter, items: list[Manifest]) -> Verdict:
    """Whether issuers and their own certificates are Ready as they are now, with an account where they need one."""
    for item in items:
        [ref] = refs([item])
        live = cluster.read(item)
        if live is None:
            return waiting(f"{ref} is missing")
        status, words = condition(live, "Ready")
        if status != "True":
            return waiting(f"{ref} is not ready: {words}")
        acme = (live.get("status") or {}).get("acme") or {}
        if "acme" in live["spec"] and not acme.get("uri"):
            return waiting(f"{ref} has no account at {live['spec']['acme'].get('server')} yet")
    issuers = sum(item["kind"] == "ClusterIssuer" for item in items)
    return passed(f"{issuers} issuers are ready")


def _issues(cluster: KubeWriter) -> Verdict:
    """Have a certificate issued, look whether its Secret is there, and take everything away again."""
    _clear(cluster)  # what a killed run has left was issued then, and is no proof of now
    nameless = _certificate()
    nameless["spec"].pop("dnsNames")
    if problem := misjudged(cluster, _certificate(), nameless):
        return waiting(problem)
    try:
        cluster.apply(_issuer())
        cluster.create(_certificate())
        return _issued(cluster, Deadline(_ISSUED_WITHIN), cluster.deadline.pause)
    except AlreadyExists:
        return waiting(f"Certificate {NAMESPACE}/{_NAME} is there again: another run looks at this, too")
    finally:
        _clear(cluster)


def _issued(cluster: KubeWriter, deadline: Deadline, pause: Callable[[float], None]) -> Verdict:
    words = ""
    while deadline.remaining():
        live = cluster.read(_certificate()) or {}
        status, words = condition(live, "Ready")
        if status == "True" and cluster.has_secret(NAMESPACE, _NAME):
            return passed("a self-signed certificate was issued, and removed again")
        pause(0.5)
    return waiting(f"a self-signed certificate was not issued within {_ISSUED_WITHIN:.0f} s: {words}")


def _clear(cluster: KubeWriter) -> None:
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"namespace": NAMESPACE, "name": _NAME}}
    for item in (_certificate(), secret, _issuer()):  # cert-manager would make a Secret again for its Certificate
        cluster.delete({key: item[key] for key in ("apiVersion", "kind", "metadata")})


def _issuer() -> Manifest:
    return _named("Issuer", {"selfSigned": {}})


def _certificate() -> Manifest:
    spec = {"secretName": _NAME, "dnsNames": ["bootstrap-gate.hubops.svc"], "duration": "1h", "renewBefore": "10m",
            "privateKey": {"algorithm": "ECDSA", "size": 256},
            "issuerRef": {"group": "cert-manager.io", "kind": "Issuer", "name": _NAME}}  # fmt: skip
    return _named("Certificate", spec)


def _named(kind: str, spec: Manifest) -> Manifest:
    labels = {"app.kubernetes.io/managed-by": "hubops"}
    return {"apiVersion": _API, "kind": kind, "metadata": {"namespace": NAMESPACE, "name": _NAME, "labels": labels},
            "spec": spec}  # fmt: skip
