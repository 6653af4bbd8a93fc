"""Components that are nothing but objects: the API server has them, as they were applied."""

from __future__ import annotations

from hubops.bootstrap.difference import between
from hubops.bootstrap.gate import Installed, Verdict, passed, waiting
from hubops.bootstrap.record import refs
from hubops.clients.kube.errors import Conflict


def are_served(at: Installed) -> Verdict:
    """Every object is there, and applying it again would change nothing."""
    count = 0
    for item in at.rendered.objects():
        [ref] = refs([item])
        live = at.target.cluster.read(item)
        if live is None:
            return waiting(f"{ref} is missing")
        try:
            wanted = at.target.cluster.apply(item, dry_run=True).object
        except Conflict as error:
            return waiting(f"{ref} was changed since: {error}")
        if changes := between(live, wanted):
            return waiting(f"{ref} was changed since: {changes[0]}")
        count += 1
    return passed(f"{count} objects")
