"""ingress-path-conflict: two Ingresses that claim one host and path of one controller."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, ingresses
from hubops.engine.view import View
from hubops.model.finding import Hit
from hubops.model.kube.networking import Ingress, IngressBackend

_CANARY = "nginx.ingress.kubernetes.io/canary"


class _Claim(NamedTuple):
    ingress: Ingress
    backend: IngressBackend

    @property
    def leads_to(self) -> tuple[str, IngressBackend]:
        return self.ingress.namespace, self.backend


class _Lost(NamedTuple):
    """A path that an older Ingress already has."""

    where: str
    claim: _Claim
    winner: _Claim


@probe(needs=("ingresses",), uses=("ingressclasses",))
def ingress_path_conflict(view: View) -> Iterator[Hit]:
    """Ingresses with a host and path that an older one of their class has as well, and another backend for it.

    ingress-nginx gives such a path to the oldest, others to either. Only info where both lead to the same port of the
    same Service. Left out: canaries, and Ingresses that have load balancers of their own.
    """
    lost: dict[tuple[str, str], list[_Lost]] = defaultdict(list)
    for where, claims in _claims(view).items():
        oldest, *others = sorted(claims, key=lambda claim: _age(view, claim.ingress))
        for claim in others:
            if claim.ingress is not oldest.ingress and not _apart(claim.ingress, oldest.ingress):
                lost[claim.ingress.namespace, claim.ingress.name].append(_Lost(_said(where), claim, oldest))
    yield from (_hit(paths) for paths in lost.values())


#: Class, host, path without its last slash, and whether it has to match exactly.
_Where = tuple[str, str, str, bool]


def _claims(view: View) -> dict[_Where, list[_Claim]]:
    found: dict[_Where, list[_Claim]] = defaultdict(list)
    default = ingresses.default_class(view)
    for ingress in ingresses.alive(view):
        if ingress.metadata.annotations.get(_CANARY, "").lower() == "true":
            continue
        name = ingresses.asked_class(ingress) or default
        for rule in ingress.spec.rules:
            for path in rule.http.paths if rule.http else ():
                exact = path.path_type == "Exact"
                text = path.path if exact else path.path.rstrip("/")
                found[name, rule.host.lower(), text, exact].append(_Claim(ingress, path.backend))
    return found


def _said(where: _Where) -> str:
    _, host, path, exact = where
    return f"{host or '*'}{path or '/'}{' (exact)' if exact else ''}"


def _age(view: View, ingress: Ingress) -> tuple[datetime, str, str]:
    return ingress.metadata.creation_timestamp or view.now, ingress.namespace, ingress.name


def _apart(one: Ingress, other: Ingress) -> bool:
    """Whether each has a load balancer of its own, as some cloud controllers make them: then DNS decides, not paths."""
    first, second = set(ingresses.addresses(one)), set(ingresses.addresses(other))
    return bool(first and second) and not first & second


def _hit(paths: list[_Lost]) -> Hit:
    worst = next((item for item in paths if item.claim.leads_to != item.winner.leads_to), paths[0])
    harmless = worst.claim.leads_to == worst.winner.leads_to
    winner = ingresses.reference(worst.winner.ingress)
    more = f" (and {len(paths) - 1} more of its paths)" if len(paths) > 1 else ""
    same = " with the same backend" if harmless else ""
    return Hit(
        ref=ingresses.reference(worst.claim.ingress),
        summary=evidence.bounded(f"{worst.where} belongs to {winner}, which is older{same}{more}", 300),
        evidence=tuple(
            evidence.fact(
                f"{item.where}: here to {_target(item.claim)}, in {ingresses.reference(item.winner.ingress)} "
                f"to {_target(item.winner)}",
                item.claim.ingress.metadata.creation_timestamp,
            )
            for item in paths[:4]
        ),
        since=worst.claim.ingress.metadata.creation_timestamp,
        severity="info" if harmless else None,
        details={"other": winner.name, "other_namespace": winner.namespace or ""},
    )


def _target(claim: _Claim) -> str:
    service = claim.backend.service
    if service is None:
        return "a custom resource"
    return f"Service {claim.ingress.namespace}/{service.name} port {service.port.name or service.port.number}"
