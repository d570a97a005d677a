"""A project's pod and what stands beside it, part by part."""

import copy
from decimal import Decimal
from typing import Any

import pytest
from labform.backends.kubernetes import Ingress
from labform.backends.kubernetes.lab_objects import secrets_needed, workload
from labform.backends.kubernetes.objects import deployment, job, objects, route, secret, service
from labform.backends.kubernetes.pod import Workload, cpu_text, template

from tests.backends.kubernetes.cluster_lab import BASE, LAB, lab


def of(project: str, **fields: Any) -> Workload:
    """A project of the lab with fields given anew."""
    projects = copy.deepcopy(LAB["projects"])
    projects[project] |= fields
    return workload(lab(projects=projects), project)


def pod(one: Workload) -> dict[str, Any]:
    """The specification of its pod."""
    found: dict[str, Any] = template(one, BASE)["spec"]
    return found


def container(one: Workload) -> dict[str, Any]:
    """Its pod's one container."""
    (found,) = pod(one)["containers"]
    return dict(found)


def test_a_pod_has_no_right_and_a_number_for_a_user() -> None:
    """What Pod Security `restricted` asks for, and no token."""
    one = of("thesis")
    security = pod(one)["securityContext"]
    assert (security["runAsUser"], security["runAsGroup"], security["fsGroup"]) == (10042, 10043, 10043)
    assert security["runAsNonRoot"]
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container(one)["securityContext"] == {
        "allowPrivilegeEscalation": False, "privileged": False, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert pod(one)["automountServiceAccountToken"] is False


def test_it_gets_what_it_asks_for_and_no_more() -> None:
    """Requests are limits, GPUs among them; shared memory is part of memory."""
    amounts = {"cpu": "8", "memory": "32Gi", "nvidia.com/gpu": "2"}
    assert container(of("thesis"))["resources"] == {"requests": amounts, "limits": amounts}
    assert pod(of("thesis"))["volumes"][0] == {"name": "shm", "emptyDir": {"medium": "Memory", "sizeLimit": "8Gi"}}


@pytest.mark.parametrize(("cpus", "text"), [("2", "2"), ("0.5", "500m"), ("1.25", "1250m")])
def test_cpus_are_written_as_the_api_server_does(cpus: str, text: str) -> None:
    """Another spelling would be put back by every refresh."""
    assert cpu_text(Decimal(cpus)) == text


def test_a_product_is_a_node_selector() -> None:
    """A model that is asked for; a slice is counted by its own name, and a CPU project goes anywhere."""
    assert pod(of("thesis"))["nodeSelector"] == {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB"}
    assert "nodeSelector" not in pod(of("nightly"))
    assert "tolerations" not in pod(of("web"))


def test_what_looks_like_a_variable_is_not_replaced() -> None:
    """Docker passes `$(HOME)` on; so does the pod."""
    env = {one["name"]: one.get("value") for one in container(of("thesis"))["env"]}
    assert env["LITERAL"] == "$$(HOME)"
    assert container(of("web", service={"kind": "command", "command": ["echo", "$(date)"]}))["args"] == [
        "echo", "$$(date)",
    ]  # fmt: skip


def test_a_cpu_project_sees_no_gpu() -> None:
    """Whatever the image's own variables say."""
    env = {one["name"]: one.get("value") for one in container(of("web"))["env"]}
    assert env["NVIDIA_VISIBLE_DEVICES"] == "void"


def test_secrets_are_files_unless_written_otherwise() -> None:
    """Readable by the owner's group; the one that is asked for as a variable is not among them."""
    one = of("thesis")
    (made,) = [each["secret"] for each in pod(one)["volumes"] if each["name"] == "secrets"]
    assert {item["key"] for item in made["items"]} == {"HF_TOKEN", "jupyter-token"}
    assert made["defaultMode"] == 0o440
    assert container(one)["env"][-1] == {
        "name": "KEY", "valueFrom": {"secretKeyRef": {"name": "unit-thesis", "key": "KEY"}},
    }  # fmt: skip
    values = {"HF_TOKEN": 1, "KEY": 2, "jupyter-token": 3}
    assert secret(one, values)["stringData"] == values


def test_a_changed_secret_or_person_restarts_the_pod() -> None:
    """By an annotation that says nothing of a value."""
    one = of("thesis")
    before, after = (template(one, BASE, mark)["metadata"]["annotations"] for mark in ("uid-1", "uid-2"))
    assert before["labform.secrets"] != after["labform.secrets"]
    assert before["labform.files"] == after["labform.files"]


def test_what_must_be_there_beside_the_files() -> None:
    """Secrets of projects by their keys, and each person's login for the registry."""
    assert secrets_needed(lab()) == {
        ("unit-anna", "labform-registry"): [".dockerconfigjson"],
        ("unit-ben", "labform-registry"): [".dockerconfigjson"],
        ("unit-anna", "unit-thesis"): ["HF_TOKEN", "KEY", "jupyter-token"],
    }


def test_a_service_is_one_pod_at_a_time() -> None:
    """A second one would wait for the first one's GPU; one that may stop has no number that puts it back."""
    spec = deployment(of("thesis"), BASE)["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert "replicas" not in deployment(of("web"), BASE)["spec"]


def test_a_run_ends() -> None:
    """Retries and deadline are the Job's; its pods are not restarted in place."""
    one = job(of("nightly"), BASE)
    assert (one["spec"]["backoffLimit"], one["spec"]["activeDeadlineSeconds"]) == (2, 3600)
    assert one["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert "labform.generation" not in one["metadata"]["labels"]
    assert one["spec"]["template"]["metadata"]["labels"]["labform.generation"] == "3"


def test_a_service_is_asked_whether_it_works() -> None:
    """Until it has started, and then to decide whether it is reached; nothing kills it."""
    found = container(of("web"))
    assert found["startupProbe"]["failureThreshold"] * found["startupProbe"]["periodSeconds"] >= 12
    assert found["readinessProbe"]["exec"] == {"command": ["true"]}
    assert "livenessProbe" not in found


def test_a_service_has_a_name_and_a_port() -> None:
    """The port that is asked for, and the container's behind it."""
    asked = {"kind": "command", "command": ["serve"], "port": 8000, "host_port": 9000}
    (port,) = service(of("web", service=asked))["spec"]["ports"]
    assert (port["port"], port["targetPort"]) == (9000, 8000)
    silent = of("web", service={"kind": "command", "command": ["work"]})
    assert [one["kind"] for one in objects(silent, BASE)] == ["ConfigMap", "Deployment"]


@pytest.mark.parametrize("issuer", [None, "letsencrypt"])
def test_an_address_has_a_certificate(issuer: str | None) -> None:
    """The controller's own, or one that is fetched into a Secret of the project."""
    made = route(of("web"), Ingress(domain="lab.invalid", issuer=issuer))
    (tls,) = made["spec"]["tls"]
    assert tls["hosts"] == ["web.lab.invalid"]
    assert tls.get("secretName") == ("unit-web-tls" if issuer else None)
    assert made["metadata"]["annotations"].get("cert-manager.io/cluster-issuer") == issuer
