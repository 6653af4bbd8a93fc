"""Pods of applications that are shown to the API server in a dry run: it judges them as it would, and runs none."""

from __future__ import annotations

from typing import Any

from hubops.stack.site import Site

Manifest = dict[str, Any]


def correct(site: Site) -> Manifest:
    """One that Pod Security and every policy of the platform admit, in the first application's namespace."""
    labels = {"app.kubernetes.io/name": "bootstrap-gate", site.team_label: site.applications[site.application].team}
    container = {
        "name": "main",
        "image": "registry.k8s.io/pause:3.9",
        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "16Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
    }
    security = {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": site.application, "name": "bootstrap-gate", "labels": labels},
        "spec": {"containers": [container], "securityContext": security},
    }


def wrong(site: Site) -> Manifest:
    """One that Pod Security admits, too, and that breaks rules of the platform: an image without a version."""
    pod = correct(site)
    pod["spec"]["containers"][0]["image"] = "registry.k8s.io/pause:latest"
    return pod
