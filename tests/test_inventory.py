"""Inventory: the block a host gets in a stack file, and what is said when the host is no longer that."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from labform.captures import Card, Seen, read_captures
from labform.declaration import size
from labform.hosts import LOCAL, Host
from labform.inventory import block, drift, gpus_of, model_word
from labform.problems import LabformError

from tests.labs import hosts, lab

CAPTURES = Path(__file__).parent / "captures"
HOSTS = sorted(one.name for one in CAPTURES.iterdir() if one.is_dir())
SSH = "ssh://labform@gpu1.example.org"


def seen(host: str) -> Seen:
    """All that is captured of a host."""
    return read_captures((one.name, one.read_text()) for one in sorted((CAPTURES / host).iterdir()))


def declared(found: Seen, **other: Any) -> Host:
    """The host that a stack file has after its block was pasted, with some values written otherwise."""
    given = yaml.safe_load(block("gpu1", SSH, found))["gpu1"]
    return lab(runs_on=hosts(gpu1={**given, **other})).hosts["gpu1"]


def said(host: Host, found: Seen) -> list[str]:
    """Each drift with where it stands, below the host."""
    return [f"{'.'.join(map(str, one.location[3:]))}: {one.code}" for one in drift("gpu1", host, found)]


@pytest.mark.parametrize("host", HOSTS)
def test_a_pasted_block_is_a_host_without_drift(host: str) -> None:
    """The block is valid under `hosts:`, and compared with the same captures it has nothing to say."""
    found = seen(host)
    assert drift("gpu1", declared(found), found) == []


def test_the_block_has_all_that_is_known() -> None:
    """Address, CPUs, memory, driver, request form, GPUs with their instances, indented for `runs_on.hosts`."""
    found = seen("h200-mig-on")
    text = block("gpu1", SSH, found)
    assert text.startswith(f"    gpu1:\n      address: {SSH}\n      cpus: 224\n      memory: 2015Gi\n")
    host = yaml.safe_load(text)["gpu1"]
    assert (host["driver"], host["gpu_request"]) == ("580.65.06", "cdi")
    assert [gpu["model"] for gpu in host["gpus"]] == ["H200-141GB", "H200-141GB"]
    assert [one["profile"] for one in host["gpus"][0]["mig"]] == ["3g.71gb", "2g.35gb", "1g.18gb"]
    assert "mig" not in host["gpus"][1]


def test_the_block_leaves_out_what_is_not_known() -> None:
    """From `-L` alone there are only GPUs; the local address is the default and is not written."""
    found = read_captures([("x", "GPU 0: NVIDIA A30 (UUID: GPU-a)\n")])
    assert block("here", LOCAL, found) == "    here:\n      gpus:\n        - {uuid: GPU-a, model: A30-24GB}\n"


def test_memory_is_rounded_down_to_what_a_stack_file_can_say() -> None:
    """Whole GiB, below one whole MiB."""
    assert "memory: 3Gi" in block("h", LOCAL, Seen(cpus=1, memory=4 * 1024**3 - 1))
    assert "memory: 999Mi" in block("h", LOCAL, Seen(cpus=1, memory=999 * 1024**2 + 5))


def test_what_projects_cannot_get_is_left_out_with_a_note() -> None:
    """A GPU with MIG on and nothing made, and a compute instance that is a part of a GPU instance."""
    gpus, notes = gpus_of(seen("a100-mig-on"))
    assert [len(one.mig) for one in gpus] == [0, 4, 7]
    assert [note.partition(": ")[2] for note in notes] == [
        "MIG is on without usable instances; it is left out (see `labform mig`)"
    ]
    card = Card("GPU-a", 0, "NVIDIA A30", mig=True, listed=[("1c.2g.12gb", "MIG-1"), ("1g.6gb", "MIG-2")])
    gpus, notes = gpus_of(Seen(cards={"GPU-a": card}))
    assert [one.uuid for one in gpus[0].mig] == ["MIG-2"]
    assert notes[0].startswith("GPU-a: 1c.2g.12gb (MIG-1) is left out; a stack file names whole GPU instances")


def test_an_id_of_an_old_driver_is_refused() -> None:
    """Before R470 an instance was named by its place; a stack file cannot hold that."""
    listing = "GPU 0: NVIDIA A30 (UUID: GPU-a)\n  MIG 1g.6gb Device 0: (UUID: MIG-GPU-a/1/0)\n"
    with pytest.raises(LabformError, match=r"GPU-a: error.capture. its uuid is not .* drivers before R470"):
        gpus_of(read_captures([("x", listing)]))


@pytest.mark.parametrize(
    ("name", "memory", "word"),
    [
        ("NVIDIA A100-SXM4-40GB", 40960, "A100-40GB"),
        ("NVIDIA A100-PCIE-40GB", 40960, "A100-40GB"),
        ("A100-SXM4-40GB", 40537, "A100-40GB"),
        ("NVIDIA A100 40GB PCIe", None, "A100-40GB"),
        ("NVIDIA A100-SXM4-80GB", 81920, "A100-80GB"),
        ("NVIDIA A100 80GB PCIe", 81920, "A100-80GB"),
        ("NVIDIA H100 80GB HBM3", 81559, "H100-80GB"),
        ("NVIDIA H100 PCIe", 81559, "H100-80GB"),
        ("NVIDIA H100 NVL", 95830, "H100-94GB"),
        ("NVIDIA H200", 143771, "H200-141GB"),
        ("NVIDIA H200 NVL", 143771, "H200-141GB"),
        ("NVIDIA H200", None, "H200-141GB"),
        ("NVIDIA GH200 480GB", 97871, "GH200-96GB"),
        ("NVIDIA B200", 183359, "B200-180GB"),
        ("NVIDIA A30", 24576, "A30-24GB"),
        ("NVIDIA A40", 46068, "A40-48GB"),
        ("NVIDIA L40S", 46068, "L40S-48GB"),
        ("NVIDIA L4", 23034, "L4-24GB"),
        ("Tesla T4", 15360, "T4-16GB"),
        ("Tesla V100-SXM2-32GB", 32768, "V100-32GB"),
        ("NVIDIA GeForce RTX 4090", 24564, "RTX-4090-24GB"),
        ("NVIDIA RTX A6000", 49140, "RTX-A6000-48GB"),
        ("NVIDIA RTX 6000 Ada Generation", 49140, "RTX-6000-Ada-48GB"),
        ("NVIDIA H100 PCIe", None, "H100"),
    ],
)
def test_a_product_name_becomes_the_word_of_stack_files(name: str, memory: int | None, word: str) -> None:
    """Model and memory, whatever brand, form factor and spelling the driver prints."""
    assert model_word(name, memory) == word


@given(st.text(max_size=40), st.none() | st.integers(0, 10**6))
def test_any_name_has_a_word(name: str, memory: int | None) -> None:
    """No product name ends in a traceback, and the word has nothing that YAML would read otherwise."""
    assert set(model_word(name, memory)) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-")


def test_a_swapped_gpu_is_named_with_its_place() -> None:
    """A GPU that is gone and one that is new are one fault: the line to write is the new one's."""
    found = seen("h100-mig-off")
    host = declared(found)
    first = next(iter(found.cards))
    found.cards["GPU-new"] = found.cards.pop(first)
    found.cards["GPU-new"].uuid = "GPU-new"
    (problem,) = drift("gpu1", host.model_copy(update={"gpu_request": "nvidia"}), found)
    assert problem.location == ("runs_on", "hosts", "gpu1", "gpus", 0, "uuid")
    assert problem.code == "drift-swapped"
    assert problem.message == f"{first} is gone, GPU-new (H100-80GB) is there instead: swapped"
    assert problem.hint == "write - {uuid: GPU-new, model: H100-80GB}"


def test_missing_and_new_gpus_are_told_apart() -> None:
    """A GPU that no other replaces is missing; one that nothing declares is new."""
    found, rest = seen("a100-mig-off"), seen("a100-mig-off")
    host = declared(found)
    rest.cards.popitem()
    assert said(host, rest) == ["gpus.3: drift-missing"]
    assert said(declared(rest), found) == ["gpus: drift-new"]


def test_a_gpu_of_another_model_is_said_with_its_model() -> None:
    """The same UUID with another model, which only a wrong stack file has; a short word for the same is none."""
    found = seen("h200-mig-on")
    host = declared(found)
    short = host.model_copy(update={"gpus": tuple(one.model_copy(update={"model": "H200"}) for one in host.gpus)})
    wrong = host.model_copy(update={"gpus": tuple(one.model_copy(update={"model": "H100"}) for one in host.gpus)})
    assert said(short, found) == []
    assert said(wrong, found) == ["gpus.0.model: drift-model", "gpus.1.model: drift-model"]


def test_a_model_without_its_memory_is_not_judged_by_it() -> None:
    """`-L` alone does not tell the memory of `NVIDIA H100 PCIe`."""
    found = read_captures([("x", "GPU 0: NVIDIA H100 PCIe (UUID: GPU-a)\n")])
    host = lab(runs_on=hosts(gpu1={"gpus": [{"uuid": "GPU-a", "model": "H100-80GB"}]})).hosts["gpu1"]
    assert said(host, found) == []


def test_a_changed_mig_layout_shows_both() -> None:
    """Declared and found layout, and the whole line to write."""
    found, cut = seen("a100-mig-off"), seen("a100-mig-off")
    card = next(iter(cut.cards.values()))
    card.mig, card.listed = True, [("3g.20gb", "MIG-1"), ("3g.20gb", "MIG-2")]
    (problem,) = drift("gpu1", declared(found), cut)
    assert problem.location[3:] == ("gpus", 0)
    assert problem.message == f"MIG layout of {card.uuid} is a whole GPU here, the host has 2 x 3g.20gb"
    mig = "{uuid: MIG-1, profile: 3g.20gb}, {uuid: MIG-2, profile: 3g.20gb}"
    assert problem.hint == f"write - {{uuid: {card.uuid}, model: A100-40GB, mig: [{mig}]}}"
    assert said(declared(cut), found) == ["gpus.0.mig: drift-mig"]


def test_instances_made_anew_are_said_to_be_that() -> None:
    """The same layout with other UUIDs is what a reconfiguration leaves."""
    found, anew = seen("h200-mig-on"), seen("h200-mig-on")
    card = next(iter(anew.cards.values()))
    card.listed = [(profile, f"MIG-{n}") for n, (profile, _) in enumerate(card.listed or [])]
    host = declared(found).model_copy(update={"gpu_request": "nvidia"})
    (problem,) = drift("gpu1", host, anew)
    assert problem.message == f"MIG instances of {card.uuid} were made anew: the same layout, other UUIDs"


def test_mig_without_instances_is_said_of_a_declared_gpu() -> None:
    """A GPU whose instances were destroyed is there, and of no use."""
    found, bare = seen("a100-mig-off"), seen("a100-mig-off")
    host = declared(found)
    next(iter(bare.cards.values())).mig = True
    (problem,) = drift("gpu1", host, bare)
    assert (problem.code, problem.location[3:]) == ("drift-mig", ("gpus", 0))
    assert "is on without instances, declared is a whole GPU" in problem.message


@pytest.mark.parametrize(
    ("driver", "found", "expected"),
    [
        ("580.65", "580.65.06", []),
        ("580", "580.65.06", []),
        ("580.65.06", "580.65.06", []),
        ("580.6", "580.65.06", ["driver: drift-driver"]),
        ("580.65.06", "580.65", ["driver: drift-driver"]),
        ("570.133.20", "580.65.06", ["driver: drift-driver"]),
        (None, "580.65.06", []),
        ("580", None, []),
    ],
)
def test_a_driver_is_compared_as_far_as_it_is_written(
    driver: str | None, found: str | None, expected: list[str]
) -> None:
    """`580.65` means any 580.65; an update is drift, an unknown is not."""
    assert said(Host(driver=driver), Seen(driver=found)) == expected


def test_a_host_may_have_more_and_not_less() -> None:
    """CPUs and memory are what projects may use: a smaller host is drift, a larger one is not."""
    host = lab(runs_on=hosts(gpu1={"cpus": 64, "memory": "512Gi"})).hosts["gpu1"]
    assert said(host, Seen(cpus=64, memory=size("512Gi"))) == []
    assert said(host, Seen(cpus=128, memory=size("1Ti"))) == []
    assert said(host, Seen(cpus=32, memory=size("500Gi"))) == ["cpus: drift-cpus", "memory: drift-memory"]
    assert said(host, Seen()) == []


def test_a_missing_cdi_name_is_drift_where_cdi_is_asked_for() -> None:
    """After a MIG change the CDI list is stale, and a container would not start."""
    found = seen("h100-mig-off")
    host = declared(found)
    found.cdi = (found.cdi or frozenset()) - {next(iter(found.cards))}
    (problem,) = drift("gpu1", host, found)
    assert (problem.code, problem.location[-1]) == ("drift-cdi", "gpu_request")
    assert "gpu_request" not in block("gpu1", SSH, found)
    found.cdi = None
    assert said(host, found) == []


@given(st.permutations(range(4)))
def test_the_order_of_gpus_is_no_drift(order: list[int]) -> None:
    """Indexes may change at boot; a GPU is its UUID."""
    found = seen("a100-mig-off")
    host = declared(found)
    for card, index in zip(found.cards.values(), order, strict=True):
        card.index = index
    assert said(host, found) == []
