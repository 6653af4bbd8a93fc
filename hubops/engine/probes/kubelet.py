"""What a kubelet says about a pod that it cannot start, in plain words."""

from __future__ import annotations

import re

from hubops.engine.probes.phrases import meaning, phrases
from hubops.model.kube.core import Event

#: Events that say why a pod does not start, the ones that name a cause before those that only say it takes long.
_CAUSES = (
    "FailedAttachVolume",
    "FailedMapVolume",
    "FailedMount",
    "FailedCreatePodSandBox",
    "NetworkNotReady",
    "FailedPrepareDynamicResources",
    "FailedCreatePodContainer",
    "Failed",
)
_VAGUE = "Unable to attach or mount volumes"

#: How they word it that a pod asks for something that is not there.
_MISSING = phrases(
    (r'configmaps? "([^"]+)" not found', r"ConfigMap \1 does not exist"),
    (r'secrets? "([^"]+)" not found', r"Secret \1 does not exist"),
    (r"couldn't find key (\S+) in (ConfigMap|Secret) [^/\s]+/(\S+)", r"\2 \3 has no key \1"),
    (r'failed for volume "([^"]+)" : (?:configmap )?references non-existent (config|secret) key: (\S+)',
     r"volume \1 asks for key \3, which its source lacks"),
    flags=re.IGNORECASE,
)  # fmt: skip

#: What kubelet and volume plugins write (pkg/kubelet, pkg/volume/util/operationexecutor), and what it means.
_WORDS = phrases(
    (r"Multi-Attach error for volume .*?(already used by pod\(s\) .+|already exclusively attached.*)$",
     r"its volume cannot be attached: \1"),
    (r'MountVolume\.\S+ (?:\w+ )?failed for volume "([^"]+)" : mount failed: .*?Mounting arguments: (.*?) /\S+'
     r" Output: (?:mount(?:\.\w+)?: (?:/\S+: )?)?(.+?)\.?(?: dmesg\(1\) .+)?$",
     r"volume \1 cannot be mounted (\2): \3"),
    (r'MountVolume\.\S+ (?:\w+ )?failed for volume "([^"]+)" : (.+)$', r"volume \1 cannot be mounted: \2"),
    # What follows names the pod, which the finding does.
    (r"(container has runAsNonRoot and .+?|container's runAsUser breaks non-root policy) \(pod: .+$", r"\1"),
    (r'AttachVolume\.\S+ failed for volume "([^"]+)" : (.+)$', r"volume \1 cannot be attached: \2"),
    (r"unmounted volumes=\[(.*?)\].*?(timed out waiting for the condition|context deadline exceeded)",
     r"volumes \1 are not mounted in time"),
    (r"failed to (?:setup|set up) network for sandbox \S+ (.+)$", r"its network cannot be set up: \1"),
    (r"Failed to create pod sandbox: (?:rpc error: code = \w+ desc = )?(.+)$",
     r"its sandbox cannot be created: \1"),
    flags=re.IGNORECASE,
)  # fmt: skip


def cause_of(events: tuple[Event, ...]) -> Event | None:
    """The newest of *events* that names why the pod does not start."""
    causes = [event for event in events if event.reason in _CAUSES and not event.message.startswith("Error: ImagePull")]
    return next((event for event in causes if not event.message.startswith(_VAGUE)), causes[0] if causes else None)


def missing(message: str) -> str | None:
    """Which ConfigMap, Secret or key is not there, as a kubelet's *message* says; None where it says nothing of it."""
    return meaning(_MISSING, message)


def explain(message: str) -> str:
    """What a kubelet's *message* means, or the message itself."""
    return meaning(_MISSING + _WORDS, message) or " ".join(message.split())
