"""Where what stands in a cluster is not what `up` applies there: every object of a lab. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from labform.backends.drift import LOST_DATA, REFRESH, SECRET, Drift, Fact, differences
from labform.backends.kubernetes.facts import as_files, facts
from labform.backends.kubernetes.found import Found, Key, Object, key_of
from labform.backends.kubernetes.manifest import KEPT, Manifest
from labform.backends.kubernetes.pods import to_remove
from labform.naming import LAB_LABEL, OWNER_LABEL, PROJECT_LABEL, VOLUME_LABEL

UNKNOWN = "sha256:…"
"""What stands for the digest of an image that the lock does not know."""
_IMAGE, _MARK = ("image", ""), ("secrets", "")
_MAPS = ("f:data", "f:stringData")
"""Where the API server keeps who wrote a Secret's values."""


def drift(manifests: Sequence[Manifest], found: Found, *, alone: bool = False) -> Iterator[Drift]:
    """What differs of these objects, in their order, and, unless they are meant `alone`, what is there beside them.

    Of a Secret the values are not compared: what its manifest has in `stringData` counts by its keys.
    """
    for one in manifests:
        key = key_of(one["kind"], one["metadata"])
        if key[:2] not in found.closed:
            there = found.objects.get(key)
            yield from _missing(one) if there is None else _compared(one, there, found.objects)
    if not alone:
        yield from _others({key_of(one["kind"], one["metadata"]) for one in manifests}, found.objects)


def _drift(one: Object, kind: str, **more: Any) -> Drift:
    metadata = one["metadata"]
    labels = metadata.get("labels") or {}
    subject = labels.get(PROJECT_LABEL) or next((word for key, word in _SUBJECTS.items() if key in labels), "object")
    return Drift(subject, metadata.get("namespace", ""), f"{kind} {metadata['name']}", **more)


_SUBJECTS = {VOLUME_LABEL: "volume", OWNER_LABEL: "person"}


def _missing(one: Manifest) -> Iterator[Drift]:
    # A claim that names its volume is a handle on an export, whose server has the data.
    lost = one["kind"] == "PersistentVolumeClaim" and "volumeName" not in one["spec"]
    yield _drift(one, one["kind"], said=LOST_DATA if lost else f"is missing; {REFRESH}")


def _compared(one: Manifest, there: Object, objects: Mapping[Key, Object]) -> Iterator[Drift]:
    kind, metadata = one["kind"], one["metadata"]
    own, has = metadata["labels"], there["metadata"].get("labels") or {}
    if not own.items() & has.items() and kind not in KEPT:
        said = f"is not of lab {own[LAB_LABEL]}; remove or rename it, then {REFRESH}"
        yield _drift(one, kind, said=said)
    elif there["metadata"].get("deletionTimestamp"):
        yield _drift(one, kind, said=f"is being deleted; see who asked for that, and once it is gone {REFRESH}")
    else:
        wanted = facts(kind, one)
        running = facts(kind, there, wanted)
        if kind == "Secret":
            wanted, running = _secret_wanted(one, wanted), _secret_running(there, running)
        _settle_image(wanted, running)
        _settle_mark(wanted, running, objects.get(key_of("Secret", metadata)))
        if found := differences(*as_files(wanted, running)):
            yield _drift(one, kind, differences=found, anew="" if kind in KEPT else f"**{kind}::{_called(metadata)}")


def _called(metadata: Mapping[str, Any]) -> str:
    """An object's name in the program: what is of no project has its namespace in front."""
    of_project = PROJECT_LABEL in metadata["labels"]
    return str(metadata["name"]) if of_project else f"{metadata['namespace']}-{metadata['name']}"


def _settle_mark(wanted: dict[Fact, str], running: dict[Fact, str], secret: Object | None) -> None:
    """The mark of the Secret that pods were started with says something only beside the Secret."""
    mark = running.pop(_MARK, None)
    if mark and secret:
        wanted[_MARK] = "of their Secret"
        running[_MARK] = wanted[_MARK] if mark == secret["metadata"]["uid"] else "of one that is gone"


def _settle_image(wanted: dict[Fact, str], running: dict[Fact, str]) -> None:
    """Where the digest is not known any one of the image is as declared."""
    name, at, _ = wanted.get(_IMAGE, "").rpartition(UNKNOWN)
    if at and running[_IMAGE].startswith(f"{name}sha256:"):
        running[_IMAGE] = wanted[_IMAGE]


def _secret_wanted(one: Manifest, wanted: Mapping[Fact, str]) -> dict[Fact, str]:
    keys = one["stringData"]
    kept = {("secret", key): SECRET for key in keys}
    return {**wanted, **kept, ("type", ""): one.get("type", "Opaque"), ("keys", ""): str(len(keys))}


def _secret_running(there: Object, running: Mapping[Fact, str]) -> dict[Fact, str]:
    """What may be known of a Secret without its values: how many there are, and who else than `up` wrote which."""
    managers = there["metadata"].get("managedFields") or []
    ours = {one["manager"] for one in managers if f"f:{LAB_LABEL}" in _part(one, "f:metadata", "f:labels")}
    kept = {("secret", key): SECRET for one in managers if one["manager"] in ours for key in _written(one)}
    edited = {
        ("secret", key): f"another value, written by {one['manager']} at {one.get('time', 'a time that is not known')}"
        for one in managers
        if one["manager"] not in ours
        for key in _written(one)
    }
    return {**running, **kept, **edited, ("type", ""): str(there["type"]), ("keys", ""): str(there["keys"])}


def _written(manager: Mapping[str, Any]) -> Iterable[str]:
    return [key.removeprefix("f:") for part in _MAPS for key in _part(manager, part) if key != "."]


def _part(manager: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = manager.get("fieldsV1") or {}
    for step in path:
        found = found.get(step) or {}
    return found


def _others(known: set[Key], objects: Mapping[Key, Object]) -> Iterator[Drift]:
    """What has the lab's label and is not declared, but for what data hangs on, and for what belongs to another."""
    for key, one in sorted(objects.items()):
        kind, namespace, name = key
        if key not in known and kind not in KEPT and not one["metadata"].get("ownerReferences"):
            said = f"is there, and no project of the lock is it; {to_remove(kind, namespace, name)}"
            yield Drift("object", namespace, f"{kind} {name}", said)
