"""cert-manager's proof: a certificate that is really asked for, and issuers whose status says that they can sign."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from hubops.bootstrap.gates import certificates
from hubops.bootstrap.gates.certificates import certificate_issued
from tests.bootstrap.gates.conftest import Component, Store, expect
from tests.bootstrap.gates.webhooks import ADMIT, Manifest, Webhooks, deny
from tests.testbed.api import ApiError
from tests.testbed.bed import Testbed

HUBOPS = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "hubops"}}


def condition(status: str, message: str = "") -> Manifest:
    return {"conditions": [{"type": "Ready", "status": status, "reason": "Test", "message": message,
                            "lastTransitionTime": "2026-01-01T00:00:00Z"}]}  # fmt: skip


class CertManager:
    """Does to Certificates of the namespace hubops what cert-manager does: a Secret, and Ready."""

    def __init__(self, bed: Testbed, message: str = "") -> None:
        self._api, self._message, self._stop = bed.api, message, threading.Event()
        self.issued = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(0.05):
            try:
                for each in self._api.list("Certificate", "hubops"):
                    self._issue({"apiVersion": "cert-manager.io/v1", "kind": "Certificate", **each})
            except ApiError as error:
                if error.status not in (404, 429):  # deleted in the meantime; the server has just come to know the kind
                    raise

    def _issue(self, certificate: Manifest) -> None:
        if self._message:
            self._api.set_status(certificate, condition("False", self._message))
        elif "status" not in certificate:
            metadata = {"namespace": "hubops", "name": certificate["spec"]["secretName"]}
            self._api.apply({"apiVersion": "v1", "kind": "Secret", "metadata": metadata})
            self._api.set_status(certificate, condition("True"))
            self.issued += 1

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture
def judged(webhooks: Webhooks, control_plane: Testbed) -> Webhooks:
    """cert-manager's webhook: a certificate has to be for some name."""

    def judge(item: Manifest) -> Manifest:
        return ADMIT if item["spec"].get("dnsNames") else deny("at least one of commonName, dnsNames must be set")

    control_plane.api.apply(HUBOPS)
    webhooks.configure("webhook.cert-manager.io", judge, ("cert-manager.io", "certificates"))
    return webhooks


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(certificates, "_ISSUED_WITHIN", 1.5)


@pytest.fixture
def cert_manager(control_plane: Testbed) -> Iterator[CertManager]:
    running = CertManager(control_plane)
    yield running
    running.stop()


def left(bed: Testbed) -> list[str]:
    """What of the proof is still there."""
    kinds = ("Certificate", "Issuer", "Secret")
    return [kind for kind in kinds if bed.api.get(kind, "hubops", "bootstrap-gate") is not None]


def test_a_certificate_is_issued_and_nothing_is_left(
    judged: Webhooks, cert_manager: CertManager, component: Component, control_plane: Testbed
) -> None:
    expect(certificate_issued, component("cert-manager"), "passed")
    assert cert_manager.issued == 1
    assert left(control_plane) == []


@pytest.mark.usefixtures("judged", "hurried")
def test_what_a_killed_run_left_is_no_proof(component: Component, control_plane: Testbed) -> None:
    """Its certificate was issued; now nobody issues any."""
    old: dict[str, Any] = certificates._certificate() | {"status": condition("True")}
    control_plane.api.apply(old)
    control_plane.api.apply({"apiVersion": "v1", "kind": "Secret", "metadata": old["metadata"]})
    expect(certificate_issued, component("cert-manager"), "waiting", "was not issued within")
    assert left(control_plane) == []


@pytest.mark.usefixtures("judged", "hurried")
def test_why_none_is_issued(component: Component, control_plane: Testbed) -> None:
    refusing = CertManager(control_plane, "the issuer is out of order")
    try:
        expect(certificate_issued, component("cert-manager"), "waiting", "was not issued", "the issuer is out of order")
    finally:
        refusing.stop()
    assert left(control_plane) == []


def test_a_webhook_that_is_not_asked(component: Component, control_plane: Testbed) -> None:
    control_plane.api.apply(HUBOPS)
    expect(certificate_issued, component("cert-manager"), "waiting", "no webhook judges the kind Certificate yet")


def test_a_webhook_that_does_not_answer_yet(webhooks: Webhooks, component: Component) -> None:
    resource = ("cert-manager.io", "*/*")
    webhooks.configure("webhook.cert-manager.io", lambda _: ADMIT, resource, trusted=False)
    expect(certificate_issued, component("cert-manager"), "waiting", "webhook.cert-manager.io has no caBundle yet")
    webhooks.configure("webhook.cert-manager.io", lambda _: ADMIT, resource, silent=True)
    expect(certificate_issued, component("cert-manager"), "waiting", "failed calling webhook", "connection refused")
    webhooks.configure("webhook.cert-manager.io", lambda _: ADMIT, resource)
    expect(certificate_issued, component("cert-manager"), "waiting", "a wrong Certificate in a dry run is accepted")


def signers(component: Component, *, account: bool = True) -> list[Manifest]:
    """The objects of the component issuers, as cert-manager leaves them."""
    items = [dict(item) for item in component("issuers").rendered.objects()]
    for item in items:
        item["status"] = condition("True")
        if "acme" in item["spec"] and account:
            item["status"]["acme"] = {"uri": "https://acme.example.com/acct/1"}
    return items


def test_all_issuers_are_ready(component: Component, store: Store) -> None:
    items = signers(component)
    assert certificate_issued(component("issuers")).words.endswith("is missing")
    for item in items:
        store(item)
    verdict = certificate_issued(component("issuers"))
    assert verdict.state == "passed", verdict
    assert "issuers are ready" in verdict.words


def test_an_issuer_that_is_not_ready(component: Component, store: Store) -> None:
    items = signers(component)
    items[-1]["status"] = condition("False", "the Secret platform-internal-ca is missing")
    for item in items:
        store(item)
    verdict = certificate_issued(component("issuers"))
    assert verdict.state == "waiting"
    name = items[-1]["metadata"]["name"]
    assert verdict.words == f"ClusterIssuer {name} is not ready: the Secret platform-internal-ca is missing"


def test_an_issuer_without_an_account(component: Component, store: Store) -> None:
    acme = [item for item in signers(component, account=False) if "acme" in item["spec"]]
    for item in signers(component, account=False):
        store(item)
    verdict = certificate_issued(component("issuers"))
    assert bool(acme) is (verdict.state == "waiting"), verdict
    assert not acme or "has no account at https://" in verdict.words
