"""What nvidia-smi and Docker print, read: each format, all of them together, and what none of them prints."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labform.captures import Seen, read_captures
from labform.problems import LabformError

CAPTURES = Path(__file__).parent / "captures"
HOSTS = sorted(one.name for one in CAPTURES.iterdir() if one.is_dir())
WHOLE = "GPU 0: NVIDIA A30 (UUID: GPU-a)\n"


def seen(host: str, *files: str) -> Seen:
    """Facts from some captures of a host, each read as a text of its own."""
    return read_captures((name, (CAPTURES / host / name).read_text()) for name in files)


@pytest.mark.parametrize("host", HOSTS)
def test_formats_agree(host: str) -> None:
    """CSV and XML say the same of every GPU, and the order of the captures does not matter."""
    by_csv, by_xml = seen(host, "list.txt", "query.csv"), seen(host, "query.xml", "list.txt")
    assert by_csv.driver == by_xml.driver
    facts = [
        sorted((one.index, one.uuid, one.name, one.memory, one.mig, one.listed) for one in found.cards.values())
        for found in (by_csv, by_xml)
    ]
    assert facts[0] == facts[1]


@pytest.mark.parametrize("host", HOSTS)
def test_one_text_may_hold_several_captures(host: str) -> None:
    """What a shell prints for `nvidia-smi -L && nvidia-smi -q -x` is read as both."""
    text = "".join((CAPTURES / host / name).read_text() for name in ("list.txt", "query.csv", "query.xml"))
    assert read_captures([("all", text)]) == seen(host, "list.txt", "query.csv", "query.xml")


def test_instances_are_named_by_the_listing() -> None:
    """Profiles and UUIDs come from `-L`, in its order; a GPU with MIG on may have none."""
    cards = sorted(seen("a100-mig-on", "query.xml", "list.txt").cards.values(), key=lambda one: one.index or 0)
    assert [one.mig for one in cards] == [False, True, True, True]
    assert [[profile for profile, _ in one.listed or []] for one in cards] == [
        [],
        ["3g.20gb", "2g.10gb", "1g.5gb", "1g.5gb"],
        ["1g.5gb"] * 7,
        [],
    ]


def test_docker_says_what_the_machine_has() -> None:
    """CPUs, bytes, and the CDI names of GPUs where Docker lists them."""
    old, new = seen("a100-mig-on", "docker-info.json"), seen("h200-mig-on", "list.txt", "docker-info.json")
    assert (old.cpus, old.memory, old.cdi) == (128, 1081823850496, None)
    assert new.cdi
    assert set(new.cards) & new.cdi
    assert "all" in new.cdi


@pytest.mark.parametrize("name", ["query.xml", "query.csv"])
def test_unnamed_instances_are_refused(name: str) -> None:
    """A capture that tells of MIG and names no instance needs `-L` beside it."""
    with pytest.raises(LabformError, match="MIG is on, and nothing here names its instances; add what `nvidia-smi -L`"):
        seen("a100-mig-on", name)


def test_instances_without_names_are_refused() -> None:
    """`mig -lgi` alone says nothing of a GPU; beside a CSV it tells that instances are unnamed."""
    assert seen("a100-mig-on", "instances.txt").cards == {}
    with pytest.raises(LabformError, match="add what `nvidia-smi -L` prints"):
        seen("a100-mig-on", "query.csv", "instances.txt")


def test_a_gpu_instance_nobody_can_use_is_noted() -> None:
    """What `mig -lgi` lists and `-L` does not is a GPU instance without a compute instance."""
    assert seen("a100-mig-on", "list.txt", "instances.txt").notes == []
    row = "|   0  MIG 1g.6gb          14        3          0:1     |\n"
    assert read_captures([("x", WHOLE + row)]).notes == [
        "GPU-a: a GPU instance 1g.6gb has no compute instance, so no program can use it"
    ]


def test_no_instances_is_an_answer() -> None:
    """`mig -lgi` on a host without instances is a capture like any other."""
    assert read_captures([("x", "No GPU instances found: Not Found\n")]) == Seen()


def test_newer_drivers_rename_the_version() -> None:
    """`kmd_version` replaces `driver_version` in nvsmi_device_v13; a version that is none is not taken."""
    text = "<nvidia_smi_log><kmd_version>610.57.04</kmd_version></nvidia_smi_log>"
    assert read_captures([("x", text)]).driver == "610.57.04"
    assert read_captures([("x", text.replace("610.57.04", '1"x'))]).driver is None


def test_a_lost_gpu_and_a_pending_mode_are_noted() -> None:
    """A GPU that does not answer is left out and said; so is a MIG mode that waits for a reset."""
    lost = '<gpu id="0:1:0"><product_name>GPU is lost</product_name><uuid>GPU is lost</uuid></gpu>'
    mode = "<mig_mode><current_mig>Disabled</current_mig><pending_mig>Enabled</pending_mig></mig_mode>"
    waiting = f"<gpu><uuid>GPU-b</uuid>{mode}</gpu>"
    found = read_captures([("x", f"<nvidia_smi_log>{lost}{waiting}</nvidia_smi_log>")])
    assert list(found.cards) == ["GPU-b"]
    assert found.notes == [
        "the GPU at 0:1:0 does not answer (GPU is lost); it is left out",
        "GPU-b: a change of its MIG mode waits for a reset",
    ]
    trouble = "Unable to determine the device handle for GPU1: 0000:0F:00.0: Unknown Error"
    assert read_captures([("x", WHOLE + trouble)]).notes == [f"{trouble}; that GPU is left out"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "",
            "neither nvidia-smi (-L, -q -x, CSV with its header, mig -lgi) nor `docker info --format json` prints this",
        ),
        ("0, GPU-a, NVIDIA A30\n", "neither nvidia-smi"),
        (
            "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure it runs.\n",
            "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure it runs.",
        ),
        ("<nvidia_smi_log><gpu>", "the XML is cut short"),
        ("<nvidia_smi_log><gpu></nvidia_smi_log>", "mismatched tag"),
        (
            '<!DOCTYPE x [<!ENTITY a "b">]><nvidia_smi_log><driver_version>&a;</driver_version></nvidia_smi_log>',
            "undefined entity",
        ),
        ('{"NCPU": 0, "MemTotal": 0, "ServerErrors": ["no daemon"]}', "no NCPU and MemTotal of a Docker daemon"),
        ('{"NCPU": 4', "delimiter"),
        ("index, uuid, name\nx\n", "neither nvidia-smi"),
        ("[" * 100_000, "neither nvidia-smi"),
        ('{"a":' * 100_000, "cannot be read"),
        ("x" * (8 * 1024**2 + 1), "larger than 8 MiB"),
    ],
)
def test_what_is_no_capture_is_one_error(text: str, said: str) -> None:
    """Foreign, cut or broken texts are refused on one line that names the file."""
    with pytest.raises(LabformError) as error:
        read_captures([("f.txt", text)])
    assert str(error.value).startswith("f.txt: error[capture] ")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@given(st.sampled_from(HOSTS), st.sampled_from(["list.txt", "query.csv", "query.xml", "docker-info.json"]), st.data())
def test_a_cut_capture_never_ends_in_a_traceback(host: str, name: str, data: st.DataObject) -> None:
    """Any beginning of any capture is read as far as it goes, or refused."""
    text = (CAPTURES / host / name).read_text()
    end = data.draw(st.integers(0, len(text)))
    try:
        read_captures([(name, text[:end])])
    except LabformError as error:
        assert "error[capture]" in str(error)  # noqa: PT017  either end is right


def test_a_default_runtime_that_shows_gpus_is_noted() -> None:
    """An image's own variable then gives a container every GPU, unless it was made by labform."""
    info = json.loads((CAPTURES / "h100-mig-off" / "docker-info.json").read_text())
    assert read_captures([("x", json.dumps(info))]).notes == []
    (note,) = read_captures([("x", json.dumps({**info, "DefaultRuntime": "nvidia"}))]).notes
    assert "default runtime" in note
