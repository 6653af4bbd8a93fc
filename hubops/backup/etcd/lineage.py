"""Whether a snapshot is of the etcd that earlier copies are of: pure.

Revisions of one etcd only rise. Where they do not, or the cluster id is another, somebody restored it from an older
backup, made it anew, or a wrong endpoint is asked. Such a snapshot must not take the place of good copies.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from hubops.model.backup import Copy, EtcdState

_SAY_SO = "if it was restored or made anew, say so once with --new-history"


def history(earlier: Iterable[Copy], now: datetime) -> str:
    """The history that a new copy belongs to: that of the newest of *earlier*; dates after *now* are wrong."""
    come = [copy for copy in earlier if copy.taken_at <= now]
    return max(come, key=lambda copy: copy.taken_at).history if come else ""


def contradiction(state: EtcdState, earlier: Iterable[Copy], now: datetime) -> str | None:
    """Why *state* cannot follow *earlier*, in one sentence; None where it can."""
    known = tuple(earlier)
    current = history(known, now)
    same = [copy for copy in known if copy.history == current]
    for copy in same:
        if copy.etcd.cluster_id != state.cluster_id:
            return (
                f"this is another etcd: its cluster id is {state.cluster_id}, and that of {copy.id} "
                f"is {copy.etcd.cluster_id}; {_SAY_SO}"
            )
    newest = max(same, key=lambda copy: copy.etcd.revision, default=None)
    if newest and state.revision < newest.etcd.revision:
        return (
            f"etcd went backwards: it is at revision {state.revision}, and {newest.id} is at {newest.etcd.revision}; "
            f"{_SAY_SO}"
        )
    return None
