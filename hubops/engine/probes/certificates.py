"""certificate-expires-soon: cert-manager's certificates that are not renewed in time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from hubops.engine.probe import probe
from hubops.engine.probes import evidence
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit, Ref, Value
from hubops.model.kube.meta import Condition, Kube, ObjectMeta, condition
from hubops.model.quantity import human_duration

CERTIFICATES = "certificates.cert-manager.io"
#: The share of the time between due renewal and expiry that a renewal may take: two hours for a certificate of a day.
_LATE = 0.25


class _Issuer(Kube, frozen=True):
    name: str = ""
    kind: str = ""


class _Spec(Kube, frozen=True):
    secret_name: str = ""
    dns_names: tuple[str, ...] = ()
    issuer_ref: _Issuer = _Issuer()


class _Status(Kube, frozen=True):
    not_before: datetime | None = None
    not_after: datetime | None = None
    renewal_time: datetime | None = None
    last_failure_time: datetime | None = None
    failed_issuance_attempts: int = 0
    conditions: tuple[Condition, ...] = ()


class Certificate(Kube, frozen=True):
    """A cert-manager.io/v1 Certificate, trimmed."""

    metadata: ObjectMeta = ObjectMeta()
    spec: _Spec = _Spec()
    status: _Status = _Status()


@probe(
    needs=(CERTIFICATES,),
    fields={
        CERTIFICATES: (
            "spec.secretName",
            "spec.dnsNames",
            "spec.issuerRef",
            "status.notBefore",
            "status.notAfter",
            "status.renewalTime",
            "status.lastFailureTime",
            "status.failedIssuanceAttempts",
            "status.conditions",
        )
    },
)
def certificate_expires_soon(view: View, *, within: timedelta) -> Iterator[Hit]:
    """Certificates that have expired, or expire in less than *within* although their renewal was due.

    The condition Ready is not asked: it can stay True after expiry (cert-manager issue 7895). A certificate that was
    never issued has no date and is not judged here. Raises ValueError for one that is not as cert-manager writes them,
    after all others were judged.
    """
    unreadable: list[msgspec.ValidationError] = []
    for item in view.snapshot.custom.get(CERTIFICATES, ()):
        try:
            certificate = msgspec.convert(item, Certificate)
        except msgspec.ValidationError as error:
            unreadable.append(error)
            continue
        ends = certificate.status.not_after
        if ends is None or certificate.metadata.deletion_timestamp is not None:
            continue
        if ends <= view.now or (ends - view.now < within and _overdue(view.now, certificate.status, ends)):
            yield _hit(view, certificate, ends)
    if unreadable:
        raise ValueError(f"{evidence.counted(len(unreadable), 'Certificate')} cannot be read: {unreadable[0]}")


def _overdue(now: datetime, status: _Status, ends: datetime) -> bool:
    """Whether the renewal is later than a working cert-manager would be."""
    due = status.renewal_time
    return due is None or now >= due + (ends - due) * _LATE


def _hit(view: View, certificate: Certificate, ends: datetime) -> Hit:
    left = ends - view.now
    when = f"expires in {human_duration(left)}" if left > timedelta() else f"expired {human_duration(left)} ago"
    reason = _reason(certificate.status.conditions)
    issuer = certificate.spec.issuer_ref
    return Hit(
        ref=Ref("Certificate", certificate.metadata.name, certificate.metadata.namespace),
        summary=evidence.bounded(when + (f": {reason}" if reason else ", and was not renewed"), 300),
        evidence=tuple(_evidence(certificate)),
        value=Value(left.total_seconds(), "seconds"),
        since=certificate.status.renewal_time or certificate.status.last_failure_time,
        details={"secret": certificate.spec.secret_name, "issuer": f"{issuer.kind or 'Issuer'}/{issuer.name}"},
    )


def _reason(conditions: tuple[Condition, ...]) -> str:
    """Why it is not renewed: what the last attempt failed with, else what the certificate says of itself."""
    issuing = condition(conditions, "Issuing")
    if issuing is not None and issuing.status == "False" and issuing.reason == "Failed":
        return issuing.message
    if issuing is not None and issuing.status == "True":
        return f"renewal has begun and not finished ({issuing.message})"
    state = condition(conditions, "Ready")
    return state.message if state is not None and state.status == "False" else ""


def _evidence(certificate: Certificate) -> Iterator[Evidence]:
    status = certificate.status
    if status.not_after is not None:
        yield evidence.fact(f"notAfter {status.not_after:%Y-%m-%d %H:%M} UTC")
    if status.renewal_time is not None:
        yield evidence.fact("renewal was due", status.renewal_time)
    if status.failed_issuance_attempts:
        yield evidence.fact(f"{status.failed_issuance_attempts} failed attempts to issue it", status.last_failure_time)
    names = ", ".join(certificate.spec.dns_names[:5])
    issuer = certificate.spec.issuer_ref
    yield evidence.fact(f"for {names or 'no DNS name'}, by {issuer.kind or 'Issuer'} {issuer.name}")
    yield from (evidence.from_condition(state) for state in status.conditions if state.type in {"Ready", "Issuing"})
