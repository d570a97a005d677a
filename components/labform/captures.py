"""What nvidia-smi and Docker print, as facts about a host. Pure; which command is whose is told by the text itself.

Read are `nvidia-smi -L`, `--query-gpu=… --format=csv`, `-q -x` (XML), `mig -lgi` and `docker info --format json`, in
any order and also one after the other in one text. `-q -x` names neither profile nor, with most drivers, UUID of a MIG
instance: only `-L` does.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from labform.problems import LabformError, brief

_LARGEST = 8 * 1024**2
_XML = re.compile(r"<nvidia_smi_log>.*?</nvidia_smi_log>", re.DOTALL)
"""The document without its prolog: what declares entities is never parsed."""
_GPU = re.compile(r"GPU +(\d+): (.+?) \(UUID: ([^)]+)\)\s*")
_MIG = re.compile(r"\s*MIG (\S+)\s+Device\s+\d+: \(UUID: ([^)]+)\)\s*")
_INSTANCE = re.compile(r"\|\s+(\d+)\s+MIG (\S+)\s+\d+\s+(\d+)\s+\d+:\d+\s+\|\s*")
_FOREIGN = "neither nvidia-smi (-L, -q -x, CSV with its header, mig -lgi) nor `docker info --format json` prints this"
_TROUBLE = re.compile(r"(NVIDIA-SMI has failed|Failed to initialize NVML|Unable to determine the device handle)\b.*")


@dataclass
class Card:
    """One GPU, as far as the captures say."""

    uuid: str
    index: int | None = None
    name: str = ""
    memory: int | None = None
    """MiB."""
    mig: bool | None = None
    """Whether MIG is on; None where nothing says so."""
    counted: int | None = None
    """How many MIG devices `-q -x` counts."""
    listed: list[tuple[str, str]] | None = None
    """Profile and UUID of each MIG device, where `-L` was seen."""


@dataclass
class Seen:
    """A host, as far as the captures say."""

    cards: dict[str, Card] = field(default_factory=dict)
    driver: str | None = None
    cpus: int | None = None
    memory: int | None = None
    """Bytes."""
    cdi: frozenset[str] | None = None
    """The ids that have a CDI name; None where Docker does not tell."""
    instances: list[tuple[int, str]] = field(default_factory=list)
    """GPU index and profile of each GPU instance that `mig -lgi` lists."""
    notes: list[str] = field(default_factory=list)

    def card(self, uuid: str) -> Card:
        """The GPU of that UUID, new if it was not seen before."""
        return self.cards.setdefault(uuid, Card(uuid))


def read_captures(texts: Iterable[tuple[str, str]]) -> Seen:
    """What named texts say together; LabformError for one that says nothing, is cut short or is not sound."""
    seen = Seen()
    for name, text in texts:
        try:
            found = _read(text, seen)
        except (ValueError, KeyError, RecursionError, ET.ParseError) as error:
            raise LabformError(
                f"{name}: error[capture] cannot be read: {brief(str(error))}; capture it again"
            ) from None
        if not found:
            raise LabformError(f"{name}: error[capture] {_trouble(text) or _FOREIGN}")
    _check_mig(seen)
    return seen


def _trouble(text: str) -> str:
    match = _TROUBLE.search(text)
    return brief(match[0].strip()) if match else ""


def _read(text: str, seen: Seen) -> bool:
    """Add what a text says; False if it says nothing."""
    if len(text) > _LARGEST:
        raise ValueError(f"larger than {_LARGEST // 1024**2} MiB")
    if text.lstrip().startswith("{"):
        _docker(json.loads(text), seen)
        return True
    documents = _XML.findall(text)
    rest = _XML.sub("", text)
    if "<nvidia_smi_log" in rest:
        raise ValueError("the XML is cut short or has a document type of its own")
    found = [_xml(one, seen) for one in documents]
    lines = rest.splitlines()
    return any([*found, _listing(lines, seen), _csv(lines, seen), _instances(lines, seen)])


def _docker(info: dict[str, object], seen: Seen) -> None:
    """Add what `docker info` says; a client without its daemon says 0."""
    cpus, memory = info.get("NCPU"), info.get("MemTotal")
    if not isinstance(cpus, int) or not isinstance(memory, int) or not memory:
        raise ValueError("no NCPU and MemTotal of a Docker daemon")
    seen.cpus, seen.memory = cpus, memory
    if str(info.get("DefaultRuntime", "")).startswith("nvidia"):
        seen.notes.append("Docker's default runtime is NVIDIA's: what others start there may see every GPU")
    devices = info.get("DiscoveredDevices")
    if isinstance(devices, list):
        names = (str(one.get("ID", "")) for one in devices if isinstance(one, dict))
        seen.cdi = frozenset(name.partition("=")[2] for name in names if name.startswith("nvidia.com/gpu="))


def _xml(document: str, seen: Seen) -> bool:
    root = ET.fromstring(document)  # noqa: S314  _XML leaves out what could declare entities
    seen.driver = _version(_said(root, "driver_version") or _said(root, "kmd_version")) or seen.driver
    for index, one in enumerate(root.iterfind("gpu")):
        uuid, name = _said(one, "uuid"), _said(one, "product_name")
        if not uuid.startswith("GPU-"):
            seen.notes.append(
                f"the GPU at {one.get('id', '?')} does not answer ({brief(uuid or name)}); it is left out"
            )
            continue
        card = seen.card(uuid)
        card.index, card.name = index, name or card.name
        card.memory = _mebibytes(_said(one, "fb_memory_usage/total")) or card.memory
        card.mig = _on(_said(one, "mig_mode/current_mig"))
        card.counted = len(one.findall("mig_devices/mig_device"))
        if _said(one, "mig_mode/pending_mig") not in {"", _said(one, "mig_mode/current_mig")}:
            seen.notes.append(f"{uuid}: a change of its MIG mode waits for a reset")
    return True


def _said(element: ET.Element, path: str) -> str:
    return (element.findtext(path) or "").strip()


def _mebibytes(text: str) -> int | None:
    match = re.fullmatch(r"(\d+)(?: MiB)?", text.strip())
    return int(match[1]) if match else None


def _version(text: str) -> str | None:
    return text if re.fullmatch(r"\d+(\.\d+)*", text) else None


def _on(text: str) -> bool | None:
    return {"Enabled": True, "Disabled": False, "N/A": False, "[N/A]": False}.get(text.strip())


def _listing(lines: list[str], seen: Seen) -> bool:
    card = None
    for line in lines:
        if match := _GPU.fullmatch(line):
            card = seen.card(match[3])
            card.index, card.name, card.listed = int(match[1]), match[2], []
        elif card and (match := _MIG.fullmatch(line)):
            card.listed = [*(card.listed or []), (match[1], match[2])]
        elif card and (trouble := _trouble(line)):
            seen.notes.append(f"{trouble}; that GPU is left out")
    return card is not None


def _csv(lines: list[str], seen: Seen) -> bool:
    start = next((at for at, line in enumerate(lines) if re.match(r"index, .*\buuid\b", line)), None)
    if start is None:
        return False
    rows = list(csv.DictReader(_table(lines[start:]), skipinitialspace=True))
    for row in rows:
        card = seen.card(row["uuid"])
        card.index, card.name = int(row["index"]), row.get("name") or card.name
        card.memory = _mebibytes(row.get("memory.total [MiB]") or "") or card.memory
        mode = _on(row.get("mig.mode.current") or "")
        card.mig = card.mig if mode is None else mode
        seen.driver = _version(row.get("driver_version") or "") or seen.driver
    return bool(rows)


def _table(lines: list[str]) -> Iterator[str]:
    """The header and the rows after it."""
    yield lines[0]
    for line in lines[1:]:
        if not re.match(r"\d+, ", line):
            return
        yield line


def _instances(lines: list[str], seen: Seen) -> bool:
    found = [match for line in lines if (match := _INSTANCE.fullmatch(line))]
    seen.instances += [(int(match[1]), match[2]) for match in found]
    return bool(found) or any("No GPU instances found" in line for line in lines)


def _check_mig(seen: Seen) -> None:
    """Refuse captures that tell of MIG instances without naming them; note instances that no program can use."""
    for card in seen.cards.values():
        named = Counter(re.sub(r"^\d+c\.", "", profile) for profile, _ in card.listed or [])
        made = Counter(profile for index, profile in seen.instances if index == card.index)
        unnamed = card.listed is None and (card.counted or made or (card.mig and card.counted is None))
        if unnamed or (card.counted or 0) > named.total():
            raise LabformError(
                f"{card.uuid}: error[capture] MIG is on, and nothing here names its instances; "
                "add what `nvidia-smi -L` prints"
            )
        card.mig = card.mig or bool(named)
        seen.notes += [
            f"{card.uuid}: a GPU instance {profile} has no compute instance, so no program can use it"
            for profile in sorted((made - named).elements())
        ]
