"""coordination.k8s.io/v1 leases and certificates.k8s.io/v1 signing requests: the control plane at work."""

from __future__ import annotations

from datetime import datetime

from hubops.model.kube.meta import Condition, Kube, Object


class LeaseSpec(Kube, frozen=True):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: datetime | None = None
    renew_time: datetime | None = None
    lease_transitions: int | None = None


class Lease(Object, frozen=True):
    spec: LeaseSpec = LeaseSpec()


class CertificateSigningRequestSpec(Kube, frozen=True):
    """Who asks whom; the request itself is not read."""

    signer_name: str = ""
    username: str = ""


class CertificateSigningRequestStatus(Kube, frozen=True):
    conditions: tuple[Condition, ...] = ()


class CertificateSigningRequest(Object, frozen=True):
    spec: CertificateSigningRequestSpec = CertificateSigningRequestSpec()
    status: CertificateSigningRequestStatus = CertificateSigningRequestStatus()
