"""What the API server lets an account do, as soon as it does: roles and bindings come into force a moment after they
are stored, on a busy machine a long one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.testbed.api import Api
from tests.testbed.process import poll

Rule = dict[str, Any]
_AUTHORIZATION = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"


def in_force(api: Api, user: str, rules: Iterable[Rule], *, gone: Iterable[Rule] = (), namespace: str) -> None:
    """Wait until *user* may do in *namespace* what each of *rules* says, and nothing more for what is *gone*."""
    wanted = {_known(rule) for rule in rules if "resources" in rule}
    unwanted = {_known(rule) for rule in gone if "resources" in rule} - wanted

    def settled() -> bool:
        has = {_known(rule) for rule in _rules(api, user, namespace)}
        return wanted <= has and not unwanted & has

    poll(settled, f"the rights of {user} in force", every=0.02)


def _rules(api: Api, user: str, namespace: str) -> list[Rule]:
    """What the API server itself goes by."""
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    }
    answer = api.session.post(api.server + _AUTHORIZATION, json=review, headers={"Impersonate-User": user}, timeout=30)
    answer.raise_for_status()
    found: list[Rule] = answer.json()["status"]["resourceRules"]
    return found


def _known(rule: Rule) -> tuple[tuple[str, ...], ...]:
    keys = ("apiGroups", "resources", "resourceNames", "verbs")
    return tuple(tuple(sorted(rule.get(key) or ())) for key in keys)
