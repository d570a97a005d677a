"""What people type every day, on a cluster lab: on a real API server, with the sandbox's kubelet behind it."""

import copy
import json
import os
import pty
import re
import shlex
import subprocess
import sys
import threading
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.client import RbacAuthorizationV1Api

import sandbox.cluster
from tests.engine.bench import until
from tests.engine.cluster_bench import ClusterBench
from tests.engine.cluster_changes import by_name, change_by_hand, changed_by_hand, put_labels_back
from tests.engine.test_cluster_lab import POOLS, a_lab, serving


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory, tools: Any) -> Iterator[ClusterBench]:
    """The lab of the cluster's tests without an ingress, up."""
    root = tmp_path_factory.mktemp("cluster")
    cluster = sandbox.cluster.start(root, pools=POOLS)
    made = ClusterBench(tmp_path_factory.mktemp("lab"), cluster, tools, f"v{uuid.uuid4().hex[:5]}")
    lab = a_lab(made.name)
    del lab["runs_on"]["ingress"]
    made.write(lab)
    made.deployment.prepare()
    made.secret("first", "zebra-one")
    made.up()
    yield made
    made.close()
    sandbox.cluster.remove(root)


def labform(bench: ClusterBench, command: str, *args: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """A labform command on the lab."""
    return bench.deployment.labform(command, *args, check=False, capture=True, **options)


def rows(bench: ClusterBench) -> dict[str, dict[str, Any]]:
    """What `labform status --json` says, by project."""
    return {row["project"]: row for row in json.loads(labform(bench, "status", "--json").stdout)}


def test_status_says_how_each_project_is(bench: ClusterBench) -> None:
    """Healthy by its check, running without one, done; the columns of Docker, and exit code 0."""
    done = labform(bench, "status", "--json")
    assert done.returncode == 0, done.stderr
    found = {row["project"]: row for row in json.loads(done.stdout)}
    states = {name: row["state"] for name, row in found.items()}
    assert states == {
        "idle": "running",
        "nightly": "done",
        "slice": "running",
        "thesis": "healthy",
        "vision": "running",
    }
    assert {*found["thesis"]} == {"project", "owner", "until", "state", "gpus", "image", "url", "data"}
    assert f"{bench.name}-anna/{bench.name}-home at /home/lab" in found["thesis"]["data"]


def test_a_pod_that_waits_quotes_the_scheduler(bench: ClusterBench) -> None:
    """In status and wherever somebody wants to look into it; what is scaled to nothing is stopped."""
    name, namespace = f"{bench.name}-vision", f"{bench.name}-ben"
    limits = {"limits": {"nvidia.com/gpu": "40", "cpu": "1", "memory": "1Gi"}, "requests": {"nvidia.com/gpu": "40"}}
    before = bench.apps.read_namespaced_deployment(name, namespace).spec.template.spec.containers[0].resources
    pod = {"spec": {"template": {"spec": {"containers": [{"name": "vision", "resources": limits}]}}}}
    bench.apps.patch_namespaced_deployment(name, namespace, pod)
    bench.apps.patch_namespaced_deployment_scale(f"{bench.name}-idle", namespace, {"spec": {"replicas": 0}})
    try:
        row = until(lambda: found if (found := rows(bench)["vision"])["state"] == "pending" else None, "no pod waits")
        assert "Insufficient nvidia.com/gpu" in row["cause"]
        assert labform(bench, "status").returncode == 1
        for command in ("logs", "shell", "open"):
            done = labform(bench, command, "vision")
            assert (done.returncode, done.stdout) == (1, "")
            assert re.search("vision does not run: (pending|unhealthy); 0/4 nodes are available", done.stderr)
        assert rows(bench)["idle"]["state"] == "stopped"
        live = labform(bench, "gpus", "--live")
        assert live.returncode == 1
        # Kubernetes calls it unhealthy from the end of its `startup` on.
        assert re.search(rf"{name} waits for 3 nvidia.com/gpu: (pending|unhealthy); 0/4 nodes", live.stderr)
    finally:
        kept = {"limits": before.limits, "requests": before.requests}
        pod["spec"]["template"]["spec"]["containers"][0]["resources"] = kept  # type: ignore[assignment]
        bench.apps.patch_namespaced_deployment(name, namespace, pod)
        bench.apps.patch_namespaced_deployment_scale(f"{bench.name}-idle", namespace, {"spec": {"replicas": 1}})
        until(lambda: rows(bench)["vision"]["state"] == "running", "vision does not come back")


def test_logs_are_what_the_pod_said(bench: ClusterBench) -> None:
    """The last lines, of a run that has ended too."""
    lines = labform(bench, "logs", "thesis", "--tail", "2").stdout.splitlines()
    assert [line.partition(f" of {bench.name}-anna/{bench.name}-thesis-")[0] for line in lines] == ["line 9", "line 10"]
    assert labform(bench, "logs", "nightly", "--tail", "0").stdout == ""


def test_a_command_runs_in_the_pod(bench: ClusterBench) -> None:
    """With its own exit code and standard streams, however much goes through both ways at once."""
    done = labform(bench, "shell", "thesis", "--", "sh", "-c", "echo $POD; echo no >&2; cat; exit 7", input="typed")
    assert done.returncode == 7
    assert done.stdout.startswith(f"{bench.name}-anna/{bench.name}-thesis-")
    assert done.stdout.endswith("typed")
    assert done.stderr == "no\n"
    much = "0123456789abcde\n" * 60_000
    assert labform(bench, "shell", "slice", "--", "cat", input=much).stdout == much


def test_a_shell_has_the_terminal(bench: ClusterBench) -> None:
    """Its size, its keys, its exit code."""
    words = [str(Path(sys.executable).with_name("labform")), "shell", bench.deployment.stack_file, "slice"]
    words += ["--lock", str(bench.deployment.lock), "--", "sh", "-c", "read a; stty size; echo got $a; exit 3"]
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(bench.project)
        os.execve(words[0], words, {**bench.deployment.env, "LINES": "33", "COLUMNS": "99"})
    os.write(terminal, b"word\r")
    said = b""
    try:
        while data := os.read(terminal, 1000):
            said += data
    except OSError:
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 3, said
    assert b"33 99" in said
    assert b"got word" in said


def test_a_service_is_opened_by_a_port_forward(bench: ClusterBench) -> None:
    """The browser is sent to a port of this machine, which leads to the pod, several times at once."""
    env = {**bench.deployment.env, "BROWSER": "echo opened %s"}
    words = [str(Path(sys.executable).with_name("labform")), "open", bench.deployment.stack_file, "vision"]
    words += ["--lock", str(bench.deployment.lock), "--tokens", "tokens.json"]
    (bench.project / "tokens.json").write_text("{}")
    # A run of the tests in the background may ignore Ctrl-C, and what it starts would too.
    words = ["env", "--default-signal=INT", *words]
    with subprocess.Popen(words, cwd=bench.project, env=env, stdout=subprocess.PIPE, text=True) as opened:
        assert opened.stdout is not None
        line = opened.stdout.readline()
        assert line.endswith("/ through port-forward; Ctrl-C closes it\n"), line
        url = line.split()[1]
        answers: list[str] = []

        def ask() -> None:
            with urllib.request.urlopen(url, timeout=30) as answer:
                answers.append(answer.read().decode())

        asking = [threading.Thread(target=ask) for _ in range(4)]
        for one in asking:
            one.start()
        for one in asking:
            one.join()
        opened.send_signal(2)
        assert opened.wait(30) == 0
    assert len(answers) == 4
    assert {one.rpartition("-")[0].rpartition("-")[0] for one in answers} == {f"{bench.name}-ben/{bench.name}-vision"}
    assert all(one.endswith(":8000\n") for one in answers)


def test_live_gpus_name_outsiders(bench: ClusterBench) -> None:
    """Every planned holder has what is planned; a pod from outside that has one is named."""
    done = labform(bench, "gpus", "--live", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    held = [row for row in found["gpus"] if row["holder"]]
    assert len(held) == 8
    assert all(row["live"] == [f"{bench.name}-{row['holder']}"] for row in held)
    limits = {"limits": {"nvidia.com/gpu": "1", "cpu": "1", "memory": "1Gi"}}
    spec = {"containers": [{"name": "a", "image": "sandbox.invalid/keeps-running", "resources": limits}]}
    bench.core.create_namespaced_pod("default", {"metadata": {"name": "outsider"}, "spec": spec})
    try:
        said = until(lambda: labform(bench, "gpus", "--live").stderr, "nobody names the outsider")
        assert "default/outsider (outside the lab) has 1 nvidia.com/gpu" in said
    finally:
        bench.core.delete_namespaced_pod("outsider", "default", grace_period_seconds=0)


def test_volumes_say_what_exists(bench: ClusterBench) -> None:
    """Their claims, with phase, size and class."""
    found = {row["volume"]: row for row in json.loads(labform(bench, "volumes", "--live", "--json").stdout)}
    assert found["home"]["live"] == "Bound, 20Gi of standard"
    assert found["home"]["data"] == f"{bench.name}-anna/{bench.name}-home"


def test_diff_names_what_was_changed_by_hand(bench: ClusterBench) -> None:
    """Nothing right after `up`; then each change with both sides, no value of a secret, and what puts it back."""
    done = labform(bench, "diff", "--check")
    said = "5 projects are as declared, also where `pulumi refresh` does not look\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")
    change_by_hand(bench)
    done = labform(bench, "diff", "--check", "--json")
    assert (done.returncode, done.stderr) == (1, "")
    assert not re.search("zebra|walrus", done.stdout)
    assert by_name(json.loads(done.stdout)["drift"]) == changed_by_hand(bench.name)
    done = labform(bench, "diff")
    bench.apps.delete_namespaced_deployment(f"{bench.name}-idle", f"{bench.name}-ben")
    missing = f"Deployment {bench.name}-idle in {bench.name}-ben is missing; run `pulumi up --refresh`"
    assert labform(bench, "diff", "idle").stdout == f"idle: {missing}\n"
    (command,) = (line for line in done.stdout.splitlines() if line.startswith("to make an object anew"))
    words = shlex.split(command.partition(": pulumi up ")[2])
    bench.core.delete_namespaced_service(f"{bench.name}-stray", f"{bench.name}-anna")
    put_labels_back(bench)
    bench.up("--refresh", *words, lock=False)
    done = labform(bench, "diff", "--check")
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")
    until(lambda: rows(bench)["thesis"]["state"] == "healthy", "thesis does not come back")


def test_inventory_is_the_block_of_the_nodes(bench: ClusterBench) -> None:
    """What it prints is a stack file's; what a stack file has otherwise is named."""
    labform_ = [str(Path(sys.executable).with_name("labform")), "inventory"]
    options: dict[str, Any] = {"cwd": bench.project, "env": bench.deployment.env, "capture_output": True, "text": True}
    block = yaml.safe_load(subprocess.run([*labform_, "--cluster"], check=True, **options).stdout)["nodes"]
    wanted = {"count": 2, "product": "NVIDIA-A100-SXM4-40GB", "model": "A100-40GB", "gpus": 4}
    assert block["a100-40gb"] == {**wanted, "cpus": 64, "memory": "512Gi"}
    check = [*labform_, "--check", bench.deployment.stack_file]
    assert subprocess.run(check, check=True, **options).stdout.endswith("nodes: as declared\n")
    lab = copy.deepcopy(bench.lab)
    lab["runs_on"]["nodes"]["a100"] |= {"count": 3, "cpus": 65}
    (bench.project / "stacks" / "other.yaml").write_text(yaml.safe_dump(lab))
    done = subprocess.run([*labform_, "--check", "stacks/other.yaml"], check=False, **options)
    assert done.returncode == 1
    assert "error[drift-nodes] runs_on.nodes.a100.count: 3 nodes here, the cluster has 2" in done.stderr
    assert "error[drift-cpus] runs_on.nodes.a100.cpus: 65 here, a node has 64; write cpus: 64" in done.stderr


def test_a_person_reaches_their_own_projects(bench: ClusterBench, tmp_path: Path) -> None:
    """By the Role that the lab gives them: logs, commands and ports of their own; the others' are unknown."""
    namespace = f"{bench.name}-anna"
    bench.core.create_namespaced_service_account("default", {"metadata": {"name": "anna"}})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "labform"}
    who = {"kind": "ServiceAccount", "name": "anna", "namespace": "default"}
    binding = {"metadata": {"name": "anna"}, "roleRef": role, "subjects": [who]}
    RbacAuthorizationV1Api(bench.api).create_namespaced_role_binding(namespace, binding)
    token = bench.core.create_namespaced_service_account_token("anna", "default", {"spec": {}}).status.token
    config = yaml.safe_load(Path(bench.deployment.env["KUBECONFIG"]).read_text())
    config["users"][0]["user"] = {"token": token}
    own = tmp_path / "config"
    own.write_text(yaml.safe_dump(config))

    def as_anna(command: str, *args: str) -> subprocess.CompletedProcess[str]:
        words = [str(Path(sys.executable).with_name("labform")), command, bench.deployment.stack_file]
        words += ["--lock", str(bench.deployment.lock), *args]
        env = {**bench.deployment.env, "KUBECONFIG": str(own), "BROWSER": "true"}
        return subprocess.run(words, cwd=bench.project, env=env, capture_output=True, text=True, check=False)

    assert as_anna("shell", "thesis", "--", "echo", "here").stdout == "here\n"
    assert "through port-forward" in as_anna("open", "thesis", "--no-wait").stdout
    assert "line 10" in as_anna("logs", "thesis", "--tail", "1").stdout
    for command in ("logs", "shell", "open"):
        refused = as_anna(command, "vision")
        assert refused.returncode == 1
        assert "the API server says 403: " in refused.stderr
        assert "a person reaches their own projects" in refused.stderr
    partly = as_anna("diff", "thesis")
    assert (partly.returncode, partly.stdout) == (1, "")
    assert partly.stderr.startswith(f"{bench.name}-anna: ConfigMap, Secret not compared; the API server says 403: ")
    found = {row["project"]: row for row in json.loads(as_anna("status", "--json").stdout)}
    states = {name: row["state"] for name, row in found.items()}
    theirs = {"thesis": "healthy", "slice": "running"}
    assert states == {**theirs, "vision": "unknown", "nightly": "unknown", "idle": "unknown"}
    assert found["vision"]["cause"].startswith(f"namespace {bench.name}-ben: the API server says 403")


def test_a_project_that_is_gone_is_said(bench: ClusterBench) -> None:
    """Missing where its Deployment was deleted; unplanned where the file has no such project any more."""
    path = bench.project / bench.deployment.stack_file
    before = bench.lab
    fewer = copy.deepcopy(before)
    fewer["projects"]["idle"]["state"] = "retired"
    fewer["projects"]["late"] = serving("ben")
    bench.write(fewer)
    bench.deployment.update_lock()
    try:
        found = rows(bench)
        assert found["late"]["state"] == "missing"
        assert found[f"{bench.name}-idle"]["state"] == "unplanned"
        assert f"kubectl delete deployment {bench.name}-idle" in found[f"{bench.name}-idle"]["cause"]
    finally:
        bench.write(before)
        bench.deployment.update_lock()
    assert path.exists()


@pytest.mark.parametrize("command", ["status", "logs", "shell", "open"])
def test_a_server_that_is_away_is_one_line(bench: ClusterBench, tmp_path: Path, command: str) -> None:
    """And so is a kubeconfig that is none."""
    words = [str(Path(sys.executable).with_name("labform")), command, bench.deployment.stack_file]
    words += ["--lock", str(bench.deployment.lock), *([] if command == "status" else ["thesis"])]
    away = tmp_path / "away"
    config = yaml.safe_load(Path(bench.deployment.env["KUBECONFIG"]).read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    away.write_text(yaml.safe_dump(config))
    for kubeconfig, said in ((away, "does not answer"), (tmp_path / "none", "Invalid kube-config file")):
        env = {**bench.deployment.env, "KUBECONFIG": str(kubeconfig)}
        done = subprocess.run(words, cwd=bench.project, env=env, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"the kubeconfig's current cluster{' ' if kubeconfig == away else ': '}{said}")
        assert done.stderr.count("\n") == 1
