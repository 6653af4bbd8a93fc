"""The parsers of other programs' prose: they never fail, and names in the prose never mislead them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hubops.engine.probes import endpoints, kubelet, scheduling
from hubops.engine.probes.deployments import promised
from hubops.engine.probes.exits import explain_exit, start_failure
from hubops.engine.probes.images import UNKNOWN, classify
from hubops.engine.view import View
from hubops.model.kube.core import (
    Container,
    ContainerStateTerminated,
    Node,
    NodeSpec,
    Pod,
    PodSpec,
    ResourceRequirements,
    Taint,
    Toleration,
)
from hubops.model.kube.kinds import Objects
from hubops.model.kube.meta import IntOrString, ObjectMeta
from hubops.model.kube.workloads import Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment
from hubops.model.snapshot import Snapshot

NOW = datetime(2026, 3, 2, 3, tzinfo=UTC)


def view(*nodes: Node) -> View:
    return View(Snapshot(hubops_version="0", cluster="c", taken_at=NOW, objects=Objects(nodes=nodes)))


#: The reasons of kube-scheduler's plugins (1.24 to 1.36), as FitError counts them.
REASONS = [
    "Insufficient cpu",
    "Insufficient memory",
    "Insufficient ephemeral-storage",
    "Insufficient nvidia.com/gpu",
    "Too many pods",
    "node(s) had untolerated taint {dedicated: gpu}",
    "node(s) had untolerated taint {node.kubernetes.io/not-ready: }",
    "node(s) had untolerated taint(s)",
    "node(s) had taint {node-role.kubernetes.io/master: }, that the pod didn't tolerate",
    "node(s) didn't match Pod's node affinity/selector",
    "node(s) didn't match pod affinity rules",
    "node(s) didn't match pod anti-affinity rules",
    "node(s) didn't satisfy existing pods anti-affinity rules",
    "node(s) didn't match pod topology spread constraints",
    "node(s) didn't match pod topology spread constraints (missing required label)",
    "node(s) didn't have free ports for the requested pod ports",
    "node(s) didn't find available persistent volumes to bind",
    "node(s) had volume node affinity conflict",
    "node(s) didn't match PersistentVolume's node affinity",
    "node(s) had no available volume zone",
    "node(s) exceed max volume count",
    "node(s) did not have enough free storage",
    "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod",
    "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)",
    "node(s) didn't satisfy plugin(s) [NodeResourcesFit TaintToleration]",
    "node(s) were unschedulable",
    "node(s) had no available disk",
]
BEFORE_NODES = [
    "pod has unbound immediate PersistentVolumeClaims",
    'persistentvolumeclaim "data.v2" not found',
    'persistentvolumeclaim "data" is being deleted',
]
TAILS = [
    "",
    " preemption: 0/9 nodes are available: 4 No preemption victims found for incoming pod, 5 Insufficient cpu.",
    " no new claims to deallocate, preemption: 0/9 nodes are available: 9 Preemption is not helpful for scheduling.",
    " preemption: not eligible due to preemptionPolicy=Never.",
]


def message(counted: dict[str, int], total: int, tail: str) -> str:
    """As FitError.Error writes it: the counted reasons sorted as text, then what preemption says."""
    return (
        f"0/{total} nodes are available: {', '.join(sorted(f'{n} {reason}' for reason, n in counted.items()))}.{tail}"
    )


counts = st.dictionaries(st.sampled_from(REASONS), st.integers(1, 5000), min_size=1, max_size=6)


@given(counts, st.integers(1, 5000), st.sampled_from(TAILS))
def test_every_reason_of_the_scheduler_is_found_with_its_count(counted: dict[str, int], total: int, tail: str) -> None:
    answer = scheduling.parse(message(counted, total, tail))
    assert answer is not None
    assert answer.total == total
    assert {obstacle.reason: obstacle.nodes for obstacle in answer.obstacles} == counted
    assert len(answer.obstacles) == len(counted)


@given(counts, st.integers(1, 5000), st.sampled_from(TAILS))
def test_the_explanation_counts_every_reason_and_speaks_plainly(counted: dict[str, int], total: int, tail: str) -> None:
    answer = scheduling.parse(message(counted, total, tail))
    assert answer is not None
    words = scheduling.explain(answer, Pod(), view())
    assert words.startswith(f"no node fits: {max(counted.values())} of {total} ")
    assert "node(s)" not in words
    assert all(str(count) in words for count in counted.values())


@pytest.mark.parametrize("reason", BEFORE_NODES)
@pytest.mark.parametrize("tail", TAILS)
def test_a_reason_before_any_node_is_looked_at_has_no_count(reason: str, tail: str) -> None:
    answer = scheduling.parse(f"0/9 nodes are available: {reason}.{tail}")
    assert answer == scheduling.Answer(9, (scheduling.Obstacle(None, reason),))


@given(st.text())
def test_other_text_is_no_answer_and_no_failure(text: str) -> None:
    answer = scheduling.parse(text)
    assert answer is None or "nodes are available" in text
    answer = scheduling.parse(f"0/3 nodes are available: {text}")
    assert answer is not None
    assert scheduling.explain(answer, Pod(), view())


def test_the_request_is_that_of_containers_and_sidecars_or_of_the_largest_init_container() -> None:
    def asks(cpu: str, restart_policy: str = "") -> Container:
        return Container(resources=ResourceRequirements(requests={"cpu": cpu}), restart_policy=restart_policy)

    together = PodSpec(containers=(asks("1500m"), asks("1")), init_containers=(asks("500m", "Always"),))
    assert scheduling.requested(Pod(spec=together), "cpu") == 3.0
    assert scheduling.requested(Pod(spec=PodSpec(containers=(asks("1"),), init_containers=(asks("4"),))), "cpu") == 4.0
    assert scheduling.requested(Pod(spec=PodSpec(containers=(asks("many"),))), "cpu") == 0.0


@pytest.mark.parametrize(
    ("toleration", "tolerated"),
    [
        (Toleration(key="a", operator="Equal", value="1", effect="NoSchedule"), True),
        (Toleration(key="a", value="1"), True),
        (Toleration(key="a", operator="Exists"), True),
        (Toleration(operator="Exists"), True),
        (Toleration(key="a", value="2", effect="NoSchedule"), False),
        (Toleration(key="a", operator="Exists", effect="NoExecute"), False),
        (Toleration(key="b", operator="Exists"), False),
        (Toleration(value="1"), False),
    ],
)
def test_tolerations_are_judged_as_the_scheduler_judges_them(toleration: Toleration, tolerated: bool) -> None:
    taint = Taint(key="a", value="1", effect="NoSchedule")
    soft = Taint(key="c", effect="PreferNoSchedule")
    node = Node(metadata=ObjectMeta(name="n"), spec=NodeSpec(taints=(taint, soft)))
    assert scheduling.untolerated(node, (toleration,)) == (() if tolerated else (taint,))


def test_nodes_explain_a_pending_pod_only_where_nothing_else_does() -> None:
    lost = Node(
        metadata=ObjectMeta(name="lost"),
        spec=NodeSpec(taints=(Taint(key="node.kubernetes.io/unreachable", effect="NoSchedule"),)),
    )
    alone = scheduling.parse("0/1 nodes are available: 1 node(s) had untolerated taint(s).")
    among = scheduling.parse("0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s).")
    assert alone is not None
    assert among is not None
    assert [ref.name for ref in scheduling.troubled_nodes(alone, Pod(), view(lost))] == ["lost"]
    assert scheduling.troubled_nodes(among, Pod(), view(lost)) == ()


#: What containerd, CRI-O, Docker and the kubelet say of an image NAME, and the cause.
PULLS = {
    'rpc error: code = NotFound desc = failed to pull and unpack image "NAME": failed to resolve reference "NAME": '
    "NAME: not found": "not-found",
    "reading manifest v9 in NAME: manifest unknown": "not-found",
    "Error response from daemon: manifest for NAME not found: manifest unknown: manifest unknown": "not-found",
    'failed to resolve reference "NAME": pull access denied, repository does not exist or may require authorization: '
    "server message: insufficient_scope: authorization failed": "denied",
    'failed to resolve reference "NAME": failed to authorize: failed to fetch oauth token: unexpected status from GET '
    "request to https://auth.docker.io/token?scope=x: 401 Unauthorized": "denied",
    "Requesting bearer token: invalid status code from registry 403 (Forbidden)": "denied",
    'failed to copy: httpReadSeeker: failed open: unexpected status code https://r/NAME/manifests/x: 429 Too Many '
    "Requests - Server message: toomanyrequests: You have reached your pull rate limit.": "rate-limited",
    'failed to do request: Head "https://r/v2/": dial tcp: lookup r on 10.96.0.10:53: no such host': "dns",
    'Get "https://r/v2/": dial tcp 10.0.0.1:443: i/o timeout': "unreachable",
    'Get "https://r/v2/": net/http: TLS handshake timeout': "unreachable",
    'Get "https://r/v2/": dial tcp 10.0.0.1:5000: connect: connection refused': "unreachable",
    'failed to do request: Head "https://r/v2/": EOF': "unreachable",
    "unexpected status from HEAD request to https://r/v2/x: 503 Service Unavailable": "unreachable",
    'Get "https://r/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority': "tls",
    'Get "https://r/v2/": http: server gave HTTP response to HTTPS client': "tls",
    'failed to pull and unpack image "NAME": no match for platform in manifest: not found': "platform",
    'failed to extract layer sha256:aa: write /var/lib/x: no space left on device: unknown': "disk-full",
    "couldn't parse image name \"NAME\": invalid reference format": "invalid-name",
}  # fmt: skip
#: Image names made of the very words that the causes are known by.
words = st.sampled_from(
    [
        "denied",
        "unauthorized",
        "not-found",
        "forbidden",
        "timeout",
        "x509",
        "toomanyrequests",
        "429",
        "401",
        "eof",
        "app",
    ]
)
images = st.builds("{}.example.com/{}/{}:{}".format, words, words, words, words)


@given(st.sampled_from(sorted(PULLS)), images)
def test_the_words_of_an_image_name_do_not_change_the_cause(text: str, image: str) -> None:
    said = text.replace("NAME", image)
    assert classify("ErrImagePull", said).key == PULLS[text]
    wrapped = f'Back-off pulling image "{image}": ErrImagePull: {said}'
    assert classify("ImagePullBackOff", wrapped).key == PULLS[text]
    assert classify("ImagePullBackOff", f'Back-off pulling image "{image}"') is UNKNOWN


@given(st.text(), st.text())
def test_any_text_has_a_cause(reason: str, text: str) -> None:
    assert classify(reason, text).words


@given(st.text())
def test_any_message_of_a_kubelet_can_be_explained(text: str) -> None:
    assert len(start_failure(text)) <= 160
    kubelet.explain(text)


@given(st.integers(-1, 300), st.integers(0, 70), st.text())
def test_every_end_of_a_container_has_words(code: int, signal: int, reason: str) -> None:
    words = explain_exit(ContainerStateTerminated(exit_code=code, signal=signal, reason=reason))
    assert str(code) in words or reason in {"StartError", "ContainerCannotRun"}


@pytest.mark.parametrize(
    ("code", "words"),
    [(1, "exits with code 1"), (126, "not executable"), (127, "was not found"), (134, "SIGABRT"), (137, "SIGKILL"),
     (139, "SIGSEGV"), (143, "SIGTERM"), (0, "should keep running"), (200, "exits with code 200")],
)  # fmt: skip
def test_exit_codes_have_the_words_of_their_cause(code: int, words: str) -> None:
    assert words in explain_exit(ContainerStateTerminated(exit_code=code, reason="Error"))


@pytest.mark.parametrize(
    ("replicas", "unavailable", "surge", "expected"),
    [
        (4, "25%", "25%", 3),
        (3, "25%", "25%", 3),  # 0.75 rounds down
        (1, "25%", "25%", 1),
        (10, "25%", 0, 8),
        (3, "10%", 0, 2),  # both come to nothing: one may be unavailable
        (3, 0, 1, 3),
        (2, "100%", 0, 0),
        (2, 5, 0, 0),
        (4, None, None, 3),  # the API's defaults
    ],
)
def test_the_promise_is_that_of_the_deployment_controller(
    replicas: int, unavailable: IntOrString | None, surge: IntOrString | None, expected: int
) -> None:
    rolling = RollingUpdateDeployment(max_unavailable=unavailable, max_surge=surge)
    item = Deployment(spec=DeploymentSpec(replicas=replicas, strategy=DeploymentStrategy(rolling_update=rolling)))
    assert promised(item) == expected


@given(st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=3))
def test_an_empty_selector_of_a_service_selects_nothing(labels: dict[str, str]) -> None:
    assert not endpoints.selects({}, labels)
    assert endpoints.selects(labels, labels) == bool(labels)


def test_known_words_of_the_kubelet_are_explained() -> None:
    assert kubelet.explain('configmap "a" not found') == "ConfigMap a does not exist"
    assert kubelet.explain("couldn't find key k in ConfigMap ns/name") == "ConfigMap name has no key k"
    assert kubelet.explain('MountVolume.SetUp failed for volume "v" : references non-existent secret key: k') == (
        "volume v asks for key k, which its source lacks"
    )
    assert re.match("its sandbox cannot be created", kubelet.explain("Failed to create pod sandbox: x"))
