"""What gives the platform's pods an identity of the cloud, and the Secrets that they read."""

from __future__ import annotations

from collections.abc import Iterator

from hubops.bootstrap.preflight.finding import Finding, Prospect
from hubops.bootstrap.record import Ref

#: The webhook that gives pods an identity of the cloud, once the cluster was set up for it.
_WEBHOOKS = {"aws": "pod-identity-webhook", "azure": "azure-wi-webhook-mutating-webhook-configuration"}


def identity(at: Prospect) -> Iterator[Finding]:
    """What turns an annotation of a ServiceAccount into credentials of the cloud."""
    cloud = at.site.cloud
    if not at.site.identities:
        return
    if cloud == "gcp":
        ref = Ref("apps/v1", "DaemonSet", "kube-system", "gke-metadata-server")
    else:
        ref = Ref("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "", _WEBHOOKS[cloud])
    if at.cluster.has(ref.item()):
        yield Finding("identity", "ok", f"pods can get identities of {cloud}")
    else:
        yield Finding("identity", "warning", f"{ref} is not there: pods get no identity of {cloud}")


def secrets(at: Prospect) -> Iterator[Finding]:
    """Only whether they are there: of a Secret no more than its metadata is asked for."""
    wanted = [each for each in at.site.secrets if not at.cluster.has_secret(each.namespace, each.name)]
    missing = [f"{each.namespace}/{each.name}" for each in wanted]
    if missing and "external-secrets" in at.site.parts:
        yield Finding("secrets", "ok", f"external-secrets will make {', '.join(missing)}")
    elif missing:
        text = f"to be made before what reads them: Secret {', '.join(missing)} (docs/platform.md lists their keys)"
        yield Finding("secrets", "warning", text)
