"""Every recorded call of the official kubernetes plugin gets the same answer from the stand-in."""

import threading
from typing import Any

import pytest

from tests.toolchain.fake_kubernetes import FakeKubernetes
from tests.toolchain.recorded import AbortedError, Call, ask, calls, cleaned, properties_of
from toolchain.kubernetes_plugin import VERSION, waiting, writing
from toolchain.kubernetes_plugin.operations import Cluster
from toolchain.kubernetes_plugin.provider import KubernetesProvider
from toolchain.kubernetes_plugin.server import Servicer
from toolchain.kubernetes_plugin.settings import Settings

SKIPPED = {
    1543: "the official plugin took the old ReplicaSet for the new one, whose pod was still to come; we wait for it",
}
"""Recorded calls that are not replayed, by number, each with the reason."""

PURE = ("CheckConfig", "DiffConfig", "Check", "Diff")
"""Calls that ask the server for no more than where a kind lives."""


@pytest.fixture
def fake() -> FakeKubernetes:
    """An API server in memory."""
    return FakeKubernetes()


@pytest.fixture
def servicer(fake: FakeKubernetes, monkeypatch: pytest.MonkeyPatch) -> Servicer:
    """The stand-in on that server, without delays."""
    monkeypatch.setattr(waiting, "EVERY", 0)
    monkeypatch.setattr(waiting, "LIMIT", 1)
    provider = KubernetesProvider(lambda urn, line: None)
    provider.use(Cluster(Settings(), fake, "", threading.Event()))
    return Servicer([], VERSION, provider, "")


def of(*methods: str, failing: bool | None = None) -> list[Any]:
    """Return the recorded calls of some methods as parameters."""
    return [
        pytest.param(call, id=str(call))
        for call in calls("kubernetes-plugin-4.32.0")
        if call.method in methods and call.number not in SKIPPED
        if failing is None or bool(call.error) == failing
    ]


def live_of(state: dict[str, Any]) -> dict[str, Any]:
    """Return the live object in a recorded state, secrets plain."""
    return {name: plain(value) for name, value in state.items() if not name.startswith("__")}


def plain(value: Any) -> Any:
    """Return a recorded value without the marks of secrets, numbers as the server writes them."""
    if isinstance(value, dict):
        return plain(value["value"]) if len(value) == 2 and SECRET in value else {k: plain(v) for k, v in value.items()}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return [plain(item) for item in value] if isinstance(value, list) else value


SECRET = "4dabf18193072939515e22adb298388d"
"""The key that marks a secret (SDK: `_special_sig_key`)."""


@pytest.mark.parametrize("call", of(*PURE))
def test_pure(call: Call, servicer: Servicer) -> None:
    """Checks and diffs are answered as recorded; what replaces has no order there."""
    answer, recorded = ask(servicer, call.method, call.request), cleaned(call.response)
    assert sorted(answer.pop("replaces", [])) == sorted(recorded.pop("replaces", []))
    assert answer == recorded


@pytest.mark.parametrize("call", of("Configure"))
def test_configure(call: Call) -> None:
    """A configuration is answered as recorded, though there is no such kubeconfig here."""
    servicer = Servicer([], VERSION, KubernetesProvider(lambda urn, line: None), "")
    assert ask(servicer, "Configure", call.request) == cleaned(call.response)


@pytest.mark.parametrize("call", of("Create", failing=False))
def test_create(call: Call, servicer: Servicer, fake: FakeKubernetes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Creates and their previews send the inputs and leave the recorded state."""
    state = call.response["properties"]
    fake.becomes = live_of(state)
    fake.refusal = "" if "__inputs" in state else "already exists"
    monkeypatch.setattr(writing, "new_manager", lambda: state.get("__fieldManager"))
    assert ask(servicer, "Create", call.request) == cleaned(call.response)
    [sent] = [body for method, _, body, _ in fake.calls if method == "POST"] or [None]
    if sent is not None:
        assert sent == plain(call.request["properties"])


@pytest.mark.parametrize("call", of("Read"))
def test_read(call: Call, servicer: Servicer, fake: FakeKubernetes) -> None:
    """Reads find the recorded state and inputs, and nothing where the object is gone."""
    if call.response.get("properties"):
        fake.live = live_of(call.response["properties"])
    assert ask(servicer, "Read", call.request) == cleaned(call.response)


@pytest.mark.parametrize("call", of("Update", failing=False))
def test_update(call: Call, servicer: Servicer, fake: FakeKubernetes) -> None:
    """Updates and their previews apply the inputs as the object's own manager, and leave the recorded state."""
    fake.live = live_of(call.request["olds"])
    fake.becomes = live_of(call.response["properties"])
    fake.refusal = "" if "__inputs" in call.response["properties"] else "forbidden"
    assert ask(servicer, "Update", call.request) == cleaned(call.response)
    *_, (_, _, body, query) = [sent for sent in fake.calls if sent[0] == "PATCH"]
    assert query["fieldManager"] == call.request["olds"]["__fieldManager"]
    assert body["metadata"] == plain(call.request["news"])["metadata"]
    for _, _, operations, _ in (sent for sent in fake.calls if isinstance(sent[2], list)):
        assert managers(operations[0]["value"]) == managers(fake.becomes["metadata"]["managedFields"])


def managers(fields: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Return who manages an object's fields."""
    return sorted((entry["manager"], entry["operation"], entry.get("subresource", "")) for entry in fields)


@pytest.mark.parametrize("call", of("Delete"))
def test_delete(call: Call, servicer: Servicer, fake: FakeKubernetes) -> None:
    """Deletes remove the object and what belongs to it first."""
    fake.live = live_of(call.request["properties"])
    assert ask(servicer, "Delete", call.request) == cleaned(call.response)
    assert fake.live is None
    assert fake.calls[0][2] == {"propagationPolicy": "Foreground"}


@pytest.mark.parametrize("call", of("Create", "Update", failing=True))
def test_failure(call: Call, servicer: Servicer, fake: FakeKubernetes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Failures are reported in the recorded words; what was written all the same is kept with the new inputs."""
    if call.method == "Update":
        fake.live = live_of(call.request["olds"])
        fake.becomes = {**live_of(call.request["olds"]), "status": {}}
    if "timed out" in call.error:
        fake.ready = False
        monkeypatch.setattr(waiting, "limit_of", lambda inputs, timeout: 0)
    else:
        fake.refusal = (
            call.error.partition("become live: ")[2] or call.error.partition("API server: ")[2].split("\n")[0]
        )
    with pytest.raises(AbortedError) as aborted:
        ask(servicer, call.method, call.request)
    assert aborted.value.message == call.error
    failure = aborted.value.init_failed()
    assert (failure is None) == (call.method == "Create")
    if failure is not None:
        assert properties_of(failure.properties)["__inputs"]["metadata"] == call.request["news"]["metadata"]


def test_all_calls_are_accounted_for() -> None:
    """Each recorded call is replayed by one test here or skipped with a reason."""
    replayed = of(*PURE, "Configure", "Create", "Read", "Update", "Delete")
    numbers = {param.values[0].number for param in replayed}
    assert len(calls("kubernetes-plugin-4.32.0")) == 1857
    assert numbers | SKIPPED.keys() == {call.number for call in calls("kubernetes-plugin-4.32.0")}
    assert all(reason.strip() for reason in SKIPPED.values())
