"""Lists of any kind of which the API server sends the metadata alone: what there is, and nothing of what is in it."""

from __future__ import annotations

from datetime import datetime

from hubops.clients.http import Response
from hubops.clients.kube.json_list import decode_list, items_of
from hubops.clients.kube.page import Page
from hubops.model.kube.meta import Kube, OwnerReference

#: Servers of aggregated APIs may not know of it; they send whole objects, of which the rest is not kept.
MEDIA_TYPE = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1, application/json;q=0.9"


class Metadata(Kube, frozen=True):
    """What tells an object from others."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    labels: dict[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None

    @property
    def controlled(self) -> bool:
        """Whether another object makes it, and would make it again."""
        return any(owner.controller for owner in self.owner_references)


class _Item(Kube, frozen=True):
    metadata: Metadata = Metadata()


def metadata_page(plural: str, answer: Response) -> Page[Metadata]:
    """One page of *plural*. Raises Retryable for an answer that is no list, Permanent for one of other types."""
    page = decode_list(answer.body, _Item, None, plural)
    items = [each.metadata for each in items_of(page, plural)]
    return Page(page.metadata.token, items, len(items))
