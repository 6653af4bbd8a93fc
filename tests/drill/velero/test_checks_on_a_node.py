"""The site's own checks, of pods that really run: HTTP, TLS, TCP, PostgreSQL and commands, over a real kubelet.

The namespace is closed for all traffic, as those of drills are; no network plugin of the testbed holds to it, but what
is asked here goes through none.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from hubops.clients.kube.writer import KubeWriter
from hubops.clients.retry import Deadline, OutOfTime
from hubops.config import KubernetesConfig
from hubops.config.backup import DrillCheck
from hubops.drill.velero.checks.run import run_checks
from hubops.errors import Permanent, Retryable
from hubops.model.backup import CheckResult
from tests.testbed import build
from tests.testbed.node import images
from tests.testbed.node.bed import NodeTestbed
from tests.testbed.node.runtime import BUSYBOX
from tests.testbed.process import poll

ORIGINAL, SCRATCH = "shop", "hubops-drill-shop-checks"
DATABASE = "docker.io/library/postgres:15"
BRIEF = timedelta(milliseconds=100)  # one attempt


def namespaced(kind: str, name: str, api_version: str = "v1", **fields: Any) -> dict[str, Any]:
    labels = {"app": name}
    metadata = {"namespace": SCRATCH, "name": name, "labels": labels}
    return {"apiVersion": api_version, "kind": kind, "metadata": metadata, **fields}


def pod(name: str, *containers: dict[str, Any], **spec: Any) -> dict[str, Any]:
    tolerations = [{"operator": "Exists"}]
    return namespaced("Pod", name, spec={
        "containers": list(containers), "terminationGracePeriodSeconds": 0, "tolerations": tolerations, **spec,
    })  # fmt: skip


def service(name: str, **ports: int) -> dict[str, Any]:
    listed = [{"name": port, "port": 8000 + number, "targetPort": number} for port, number in ports.items()]
    return namespaced("Service", name, spec={"selector": {"app": name}, "ports": listed})


WEB = {
    "name": "web", "image": BUSYBOX, "command": ["sh", "-c",
        "mkdir -p /tmp/www/cgi-bin && echo all is well > /tmp/www/health && "
        "printf '#!/bin/sh\\nprintf \"Status: 503\\\\r\\\\n\\\\r\\\\nno database\"\\n' > /tmp/www/cgi-bin/ready && "
        "chmod +x /tmp/www/cgi-bin/ready && httpd -p 8080 -h /tmp/www && "
        "exec nc -ll -p 9000 -e cat"],
    "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1},
}  # fmt: skip
#: As the official image: its user, and a database of its own, are said by variables.
POSTGRES = {
    "name": "postgres", "image": DATABASE, "command": ["sh", "-c",
        "initdb --auth-local=scram-sha-256 --username=$POSTGRES_USER --pwfile=/dev/fd/3 -D /data/pg 3<<END\n"
        "$POSTGRES_PASSWORD\nEND\n"
        "echo 'create database orders' | postgres --single -D /data/pg postgres && "
        "exec postgres -D /data/pg -k /tmp -c fsync=off"],
    "env": [{"name": "POSTGRES_USER", "value": "owner"}, {"name": "POSTGRES_DB", "value": "orders"},
            {"name": "PGHOST", "value": "/tmp"}],
    "securityContext": {"runAsUser": 65534},
    "readinessProbe": {"exec": {"command": ["pg_isready", "-h", "/tmp"]}, "periodSeconds": 1},
    "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "usr", "mountPath": "/usr"}],
}  # fmt: skip
MARIADB = {
    "name": "mariadb", "image": DATABASE, "command": ["sh", "-c",
        "mkdir -p /run/mysqld && printf \"create database $MARIADB_DATABASE;\\nalter user root@localhost identified by "
        "'$MARIADB_ROOT_PASSWORD';\\n\" > /data/begin && mariadb-install-db --force --user=root --datadir=/data/own "
        "--auth-root-authentication-method=normal --skip-test-db && "
        "exec mariadbd --user=root --datadir=/data/own --init-file=/data/begin --skip-networking"],
    "readinessProbe": {"exec": {"command": ["test", "-S", "/run/mysqld/mysqld.sock"]}, "periodSeconds": 1},
    "volumeMounts": [{"name": "data", "mountPath": "/data"}, {"name": "usr", "mountPath": "/usr"}],
}  # fmt: skip
#: A server that speaks TLS, with a certificate that nobody knows.
TLS = {
    "name": "tls", "image": DATABASE, "command": ["sh", "-c",
        "cd /tmp && printf '[req]\\ndistinguished_name=n\\n[n]\\n' > config && "
        "openssl req -config config -x509 -newkey rsa:2048 -nodes -subj /CN=db -keyout key -out cert && "
        "exec openssl s_server -www -accept 8443 -key key -cert cert"],
    "volumeMounts": [{"name": "usr", "mountPath": "/usr"}],
}  # fmt: skip


@pytest.fixture(scope="module")
def cluster(node_testbed: NodeTestbed) -> Iterator[KubeWriter]:
    """What was restored: a web server, a database and a pod that is not ready, in a scratch namespace."""
    bed = node_testbed
    build.debian_programs(lambda _: None, ("psql", "mariadbd"))
    database = max(Path("/usr/lib/postgresql").glob("*/bin/postgres")).parent
    links = {name: f"usr/{name}" for name in ("lib", "lib64")}
    users = b"root:x:0:0::/:/bin/sh\npostgres:x:65534:65534::/tmp:/bin/sh\n"
    root = images.layer({"etc/passwd": users}, {**links, "bin": "usr/bin"}, ("tmp", "data"))
    path = f"PATH={database}:/usr/local/bin:/usr/bin:/usr/sbin:/bin"
    bed.runtime.load("postgres", [images.Image((DATABASE,), root, ("/bin/sleep", "infinity"), (path,))])
    scratch = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SCRATCH}}
    bed.api.apply(scratch)
    poll(lambda: bed.api.get("ServiceAccount", SCRATCH, "default") is not None, "the account")
    password = {"name": "POSTGRES_PASSWORD", "value": secrets.token_hex(16)}
    root_password = {"name": "MARIADB_ROOT_PASSWORD", "value": secrets.token_hex(16)}
    orders = {"name": "MARIADB_DATABASE", "value": "orders"}
    volumes = [{"name": "data", "emptyDir": {}}, {"name": "usr", "hostPath": {"path": "/usr"}}]
    for item in (
        pod("web", WEB), service("web", http=8080, echo=9000, nobody=7777),
        pod("db", POSTGRES | {"env": [*POSTGRES["env"], password]}, TLS, volumes=volumes,
            securityContext={"fsGroup": 65534}), service("db", tls=8443),
        pod("maria", MARIADB | {"env": [root_password, orders]}, volumes=volumes),
        pod("slow", {"name": "slow", "image": BUSYBOX, "command": ["sleep", "infinity"],
                     "readinessProbe": {"exec": {"command": ["false"]}}}), service("slow", http=8080),
    ):  # fmt: skip
        bed.api.apply(item)
    poll(lambda: all(ready(bed, name) for name in ("web", "db", "maria")), "web, db and maria ready", 90)
    yield KubeWriter(KubernetesConfig(kubeconfig=str(bed.kubeconfig)), deadline=Deadline(300), environ={})
    bed.api.delete(scratch)


def ready(bed: NodeTestbed, name: str) -> bool:
    found = bed.api.get("Pod", SCRATCH, name)
    conditions = found["status"].get("conditions", []) if found else []
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def checked(cluster: KubeWriter, timeout: timedelta = timedelta(seconds=20), **check: Any) -> CheckResult:
    wanted = DrillCheck(**{"name": "one", "namespace": ORIGINAL, "timeout": timeout, **check})
    [result] = run_checks(cluster, [wanted], {ORIGINAL: SCRATCH}, say=lambda _: None)
    return result


def test_http_of_a_service_is_asked_of_the_pod_behind_it(cluster: KubeWriter) -> None:
    passed = checked(cluster, http="web:16080/health", expect="^all is well$")
    assert passed.passed, passed
    assert passed.said == "all is well"
    assert checked(cluster, http="web:http/health").passed
    failed = checked(cluster, BRIEF, http="web:http/cgi-bin/ready")
    assert (failed.passed, failed.said) == (False, "pod web answered 503: no database")
    assert "answered 404" in checked(cluster, BRIEF, http="web:http/nothing").said
    other = checked(cluster, BRIEF, http="web:http/health", expect="maintenance")
    assert (other.passed, other.said) == (False, "'all is well' came back, where 'maintenance' was expected")
    nobody = checked(cluster, BRIEF, http="web:nobody/")
    assert (nobody.passed, nobody.said) == (False, "nothing takes connections on port 7777")
    assert "no TLS connection" in checked(cluster, BRIEF, http="https://web:http/health").said
    assert checked(cluster, http="https://db:tls/", expect="Ciphers supported").passed
    assert not checked(cluster, BRIEF, http="db:tls/").passed


def test_a_port_takes_connections_or_does_not(cluster: KubeWriter) -> None:
    assert checked(cluster, tcp="web:echo").said == "pod web takes connections on port 9000"
    assert checked(cluster, tcp="web:http").passed  # it says nothing before it is asked
    nobody = checked(cluster, BRIEF, tcp="web:nobody")
    assert (nobody.passed, nobody.said) == (False, "nothing takes connections on port 7777")
    with cluster.port(SCRATCH, "web", 9000, timeout=10) as way:
        way.sendall(b"there and back")
        assert way.recv(100) == b"there and back"


def test_what_is_not_there_is_no_success(cluster: KubeWriter) -> None:
    said: dict[str, dict[str, Any]] = {
        "there is no Service gone": {"tcp": "gone:80"},
        "the Service web has no port 80": {"http": "web:80/"},
        "the Service slow leads to no pod that is ready": {"http": "slow:http/"},
        "there is no pod gone": {"command": ("true",), "pod": "gone"},
        "there is no pod app=gone": {"sql": "select 1", "pod": "app=gone"},
        "no pod app=slow is ready": {"command": ("true",), "pod": "app=slow"},
        "the namespace other was not restored": {"command": ("true",), "pod": "web", "namespace": "other"},
    }
    for words, check in said.items():
        result = checked(cluster, BRIEF, **check)
        assert (result.passed, result.said) == (False, words)


def test_a_command_ends_with_0_and_prints_what_is_expected(cluster: KubeWriter) -> None:
    passed = checked(cluster, command=("sh", "-c", "echo $HOSTNAME; echo aside >&2"), pod="app=web", container="web")
    assert (passed.passed, passed.said) == (True, "web")
    failed = checked(cluster, BRIEF, command=("sh", "-c", "echo broken >&2; exit 7"), pod="web")
    assert (failed.passed, failed.said) == (False, "in pod web it ended with 7: broken")
    assert "came back, where" in checked(cluster, BRIEF, command=("true",), pod="web", expect=".").said
    missing = checked(cluster, BRIEF, command=("/no/such",), pod="web")
    assert not missing.passed
    assert "/no/such" in missing.said
    assert not checked(cluster, BRIEF, command=("true",), pod="web", container="nobody").passed
    hostile = checked(cluster, command=("printf", "\\033[31mred\\nPASSWORD=abcdefgh12345\\n"), pod="web")
    assert (hostile.passed, hostile.said) == (True, "\\x1b[31mred PASSWORD=[redacted]")


def test_output_without_end_and_commands_without_end_are_given_up(cluster: KubeWriter) -> None:
    much = cluster.execute(SCRATCH, "web", ["sh", "-c", "head -c 3000000 /dev/zero | tr '\\0' x"], timeout=30)
    assert (much.exit_code, len(much.stdout), much.stderr) == (0, 2**16, "")
    with pytest.raises(Permanent, match="printed more than 16 MiB"):
        cluster.execute(SCRATCH, "web", ["yes"], timeout=60)
    with pytest.raises(Retryable, match="had not ended after 1 s"):
        cluster.execute(SCRATCH, "web", ["sleep", "100"], timeout=1)


def test_it_is_tried_again_until_it_passes(cluster: KubeWriter) -> None:
    """The first two attempts fail."""
    count = "echo x >> /tmp/tries; test $(wc -l < /tmp/tries) -ge 3"
    result = checked(cluster, command=("sh", "-c", count), pod="web")
    assert result.passed
    assert result.took_s > 1


def test_a_statement_is_run_as_the_owner_whom_the_image_names(cluster: KubeWriter) -> None:
    made = checked(cluster, sql="create table orders (id int); insert into orders values (1), (2)", pod="app=db")
    assert made.passed, made
    passed = checked(cluster, sql="select count(*), current_user, current_database() from orders", pod="db")
    assert (passed.passed, passed.said) == (True, "2|owner|orders")
    few = checked(cluster, BRIEF, sql="select count(*) from orders", pod="db", expect="^[3-9]")
    assert (few.passed, few.said) == (False, "'2' came back, where '^[3-9]' was expected")
    wrong = checked(cluster, BRIEF, sql="select 1 from nothing", pod="app=db", container="postgres")
    assert not wrong.passed
    assert 'relation "nothing" does not exist' in wrong.said
    assert "neither psql nor mysql" in checked(cluster, BRIEF, sql="select 1", pod="web").said


def test_a_statement_is_run_by_mariadb_as_its_root(cluster: KubeWriter) -> None:
    assert checked(cluster, sql="create table orders (id int); insert into orders values (7)", pod="maria").passed
    passed = checked(cluster, sql="select sum(id), database() from orders", pod="maria", expect=r"^7\b")
    assert (passed.passed, passed.said) == (True, "7 orders")
    assert "ERROR 1146" in checked(cluster, BRIEF, sql="select 1 from nothing", pod="maria").said


def test_a_run_that_is_over_has_no_results(node_testbed: NodeTestbed) -> None:
    config = KubernetesConfig(kubeconfig=str(node_testbed.kubeconfig))
    writer = KubeWriter(config, deadline=Deadline(300), environ={})
    writer.deadline.cancel()
    with pytest.raises(OutOfTime):
        checked(writer, tcp="web:http")


def test_who_may_not_run_commands_is_told_so(node_testbed: NodeTestbed, cluster: KubeWriter) -> None:
    config = KubernetesConfig(
        kubeconfig=str(node_testbed.kubeconfig), as_user="anna", as_group=("system:authenticated",)
    )
    anna = KubeWriter(config, deadline=Deadline(60), environ={})
    with pytest.raises(Permanent, match="user anna may not"):
        anna.execute(SCRATCH, "web", ["true"], timeout=10)
    with pytest.raises(Permanent, match="user anna may not"):
        anna.listens(SCRATCH, "web", 8080, timeout=10)
