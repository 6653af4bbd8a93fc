"""The steps that restore settings and data of a namespace beside it, to look at them and copy single ones back."""

from __future__ import annotations

from datetime import datetime

from hubops.backup.velero.restore.commands import AFTERWARDS, ON, VOLUMES, asked, create, kubectl
from hubops.backup.velero.restore.namespace import look
from hubops.backup.velero.restore.site import Site
from hubops.model.quantity import human_duration
from hubops.model.restore_plan import Plan, Step

#: What runs nothing, is reached by nobody, and on which no controller acts.
_STILL = ("configmaps", "secrets", *VOLUMES)


def plan(site: Site, now: datetime) -> Plan:
    """The steps, in their order."""
    beside = f"{site.namespace}-{now:%Y%m%d%H%M%S}"
    lost = human_duration(now - site.held.taken_at)
    return Plan(
        title=f"Restore settings and data of {site.namespace} beside it, from Backup {site.held.backup.name}",
        facts=(
            f"The backup is of {site.held.taken_at:%Y-%m-%d %H:%M} UTC, {lost} ago.",
            f"Only ConfigMaps, Secrets and claims are restored, into {beside}: nothing of it runs, and nobody is "
            "disturbed. Who can read namespaces can read its Secrets as before.",
        ),
        steps=(look(site), _restore(site, beside), _objects(site, beside), _files(site, beside), _remove(beside)),
        back=f"Nothing that lives was changed before step 3. kubectl delete namespace {beside} removes what was made; "
        "what was copied back is undone from what step 3 and step 4 kept of it.",
    )


def _restore(site: Site, beside: str) -> Step:
    deny = {
        "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
        "metadata": {"namespace": beside, "name": "closed"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    }  # fmt: skip
    spec = {
        "backupName": site.held.backup.name, "includedNamespaces": [site.namespace],
        "namespaceMapping": {site.namespace: beside}, "includedResources": list(_STILL),
    }  # fmt: skip
    return Step(
        title="Restore beside it",
        on=ON,
        commands=(kubectl(None, "create", "namespace", beside), create(deny),
                  *asked("Restore", site.server, beside, spec),
                  kubectl(beside, "get", "configmaps,secrets,persistentvolumeclaims")),
        check=AFTERWARDS,
    )  # fmt: skip


def _objects(site: Site, beside: str) -> Step:
    stripped = "grep -vE '^  (uid|resourceVersion|creationTimestamp):'"
    renamed = f"sed 's/^  namespace: {beside}$/  namespace: {site.namespace}/'"
    applied = f"kubectl -n {site.namespace} apply --server-side --force-conflicts -f -"
    return Step(
        title="Copy a ConfigMap or a Secret back",
        on=ON,
        why="For each one, with its name for <name>; secret/<name> is the same. The value of a Secret stands on no "
        "command line; of a Secret leave the first command out, whose file would hold it in the clear.",
        commands=(f"kubectl -n {site.namespace} get configmap/<name> -o yaml > <name>.before.yaml",
                  f"kubectl -n {beside} get configmap/<name> -o yaml | {stripped} | {renamed} | {applied}"),
        check="serverside-applied. Pods that read it as a file see it within a minute, others when they start anew: "
        f"kubectl -n {site.namespace} rollout restart deployment/<name>.",
    )  # fmt: skip


def _files(site: Site, beside: str) -> Step:
    claims = site.held.claims(site.namespace)
    if not claims:
        return Step(title="There are no claims", on=ON, commands=(), check="Nothing is to be copied.")
    spec = (
        '{"spec":{"containers":[{"name":"reader","image":"busybox:1.36","command":["sleep","3600"],'
        '"volumeMounts":[{"name":"data","mountPath":"/data"}]}],"volumes":[{"name":"data","persistentVolumeClaim":'
        '{"claimName":"<claim>"}}]}}'
    )
    return Step(
        title="Copy files back",
        on=ON,
        why=f"The claims are {', '.join(claims)}. A pod reads the restored one; <pod> is one that mounts the live one "
        "at <folder>, and nothing should write there meanwhile. Take an image from a registry that is allowed.",
        commands=(f"kubectl -n {beside} run reader --image=busybox:1.36 --restart=Never --overrides='{spec}'",
                  f"kubectl -n {beside} wait --for=condition=Ready pod/reader --timeout=10m",
                  f"kubectl -n {site.namespace} exec <pod> -- tar -C <folder> -cf - <path> > before.tar",
                  f"kubectl -n {beside} exec reader -- tar -C /data -cf - <path> | "
                  f"kubectl -n {site.namespace} exec -i <pod> -- tar -C <folder> -xf -"),
        check="The files are there, with their owners and modes; before.tar holds what was there before.",
    )  # fmt: skip


def _remove(beside: str) -> Step:
    return Step(
        title="Remove what was restored beside it",
        on=ON,
        commands=(kubectl(None, "delete", "namespace", beside),),
        check="It ends by itself, and the volumes in it go with it.",
    )
