"""image-pull-failing: containers whose image does not come, with the cause told apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from hubops.engine.probe import probe
from hubops.engine.probes import evidence, pods
from hubops.engine.probes.pods import Slot
from hubops.engine.view import View
from hubops.model.finding import Evidence, Hit
from hubops.model.kube.core import Event, Pod


class Cause(NamedTuple):
    """Why an image does not come: a stable key, and words that follow "image NAME"."""

    key: str
    words: str


_BY_REASON = {
    "InvalidImageName": Cause("invalid-name", " is not a valid image name"),
    "ErrImageNeverPull": Cause("never-pulled", " is not on the node, and its pull policy is Never"),
    "SignatureValidationFailed": Cause("signature", ": the node's policy rejects its signature"),
}
UNKNOWN = Cause("unknown", " cannot be pulled")

#: The first match wins: a rate limit is also a denial, and a registry that hides what exists denies what does not.
_BY_TEXT: tuple[tuple[re.Pattern[str], Cause], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), cause)
    for pattern, cause in (
        (r"toomanyrequests|too many requests|rate.?limit|\b429\b",
         Cause("rate-limited", ": rate limited by the registry")),
        (r"no match for platform|no matching manifest for|no image found in manifest list for architecture",
         Cause("platform", " has no variant for the node's operating system and CPU")),
        (r"no space left on device", Cause("disk-full", " does not fit on the node's disk")),
        (r"invalid reference format|couldn't parse image|invalid image name", _BY_REASON["InvalidImageName"]),
        (r"signature validation failed|signature.* (?:required|rejected)|no valid signatures",
         _BY_REASON["SignatureValidationFailed"]),
        (r"repository does not exist or may require",
         Cause("denied", " does not exist, or the registry wants other credentials")),
        (r"unauthorized|authentication required|no basic auth credentials|authorization failed|\b401\b",
         Cause("denied", ": the registry wants credentials, or rejects those given")),
        (r"\bdenied\b|forbidden|\b403\b|insufficient_scope", Cause("denied", ": access denied by the registry")),
        (r"no such host|server misbehaving|name resolution|name or service not known",
         Cause("dns", ": the registry's host name does not resolve")),
        (r"x509|certificate|tls: ", Cause("tls", ": the registry's certificate is not accepted")),
        (r"http response to https client", Cause("tls", ": the registry speaks HTTP where HTTPS is expected")),
        (r"manifest unknown|name unknown|manifest_unknown|name_unknown|not found|\b404\b",
         Cause("not-found", " not found in the registry")),
        (r"timeout|timed out|deadline exceeded", Cause("unreachable", ": the registry does not answer in time")),
        (r"connection refused|connection reset|no route to host|network is unreachable|\beof\b",
         Cause("unreachable", ": the registry cannot be reached")),
        (r"registry is unavailable|\b50[0-4]\b|bad gateway|service unavailable|internal server error",
         Cause("unreachable", ": the registry answers with an error of its own")),
    )
)  # fmt: skip
#: What may contain any word: quoted names, URLs, lists, image references and digests.
_NAMES = re.compile(
    r"""\\?"[^"]*"|\w+://\S+|\[[^\]]*\]|(?:[\w.-]+(?::\d+)?/)+[\w.-]+(?::[\w.-]*\w)?(?:@sha256:\w+)?|sha256:\w+"""
)


def classify(reason: str, message: str) -> Cause:
    """Why a pull failed, from the waiting *reason* and the *message* of kubelet, runtime and registry.

    The words of names do not count: a repository may be called "denied".
    """
    if reason in _BY_REASON:
        return _BY_REASON[reason]
    text = _NAMES.sub(" ", message)
    return next((cause for pattern, cause in _BY_TEXT if pattern.search(text)), UNKNOWN)


@probe(needs=("pods",), uses=("events", "nodes"))
def image_pull_failing(view: View, *, grace: timedelta) -> Iterator[Hit]:
    """Containers that wait for an image that does not come, in pods older than *grace*."""
    for pod in filter(pods.alive, view.objects.pods):
        for slot in pods.slots(pod):
            waits = slot.waiting in pods.WAITING_FOR_IMAGE
            if waits and pods.longer_than(view, pod.metadata.creation_timestamp, grace):
                yield _hit(view, pod, slot)


def _hit(view: View, pod: Pod, slot: Slot) -> Hit:
    image = slot.spec.image or slot.status.image
    events = pods.about(pods.pod_events(view, pod), slot.name)
    failed = evidence.newest(events, "Failed", "InspectFailed", "ErrImageNeverPull", containing=image)
    said = slot.status.state.waiting.message if slot.status.state.waiting else ""
    cause = classify(slot.waiting, said)
    if cause is UNKNOWN and failed:
        cause = classify(slot.waiting, failed.message)
    return Hit(
        ref=pods.reference(pod),
        summary=f"image {evidence.bounded(image, 120) or '(none)'}{_words(view, pod, cause)}",
        evidence=tuple(_evidence(slot, said, failed, events)),
        since=pods.not_ready_since(pod),
        details=pods.details(pod, slot),
    )


def _words(view: View, pod: Pod, cause: Cause) -> str:
    platform = pods.platform(view, pod) if cause.key == "platform" else ""
    return cause.words + (f", which are {platform}" if platform else "")


def _repeats(event: Event, said: str) -> bool:
    """Whether the container's own words hold all that *event* tells: kubelets carry the error from one to the other."""
    told = event.message.partition('": ')[2] or event.message
    return " ".join(told.split()) in " ".join(said.split())


def _evidence(slot: Slot, said: str, failed: Event | None, events: tuple[Event, ...]) -> Iterator[Evidence]:
    yield evidence.fact(f"{slot.title} waits: {slot.waiting}" + (f": {said}" if said else ""))
    if failed and not _repeats(failed, said):
        yield evidence.from_event(failed)
    if secrets := evidence.newest(events, "FailedToRetrieveImagePullSecret"):
        yield evidence.from_event(secrets)
