"""Volumes: the shape of an entry says what it is."""

from typing import Any

import pytest
from labform.volumes import ClaimVolume, Directory, ManagedVolume, NfsVolume, Volume
from pydantic import TypeAdapter, ValidationError


def read(value: Any) -> Any:
    """An entry of the section `volumes`."""
    return TypeAdapter(Volume).validate_python(value)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ({"owner": "anna"}, ManagedVolume),
        ({"owner": "anna", "host": "gpu1", "size": "200Gi"}, ManagedVolume),
        ({"path": "/data"}, Directory),
        ({"path": "/data", "read_only": True}, Directory),
        ({"nfs": {"server": "nas", "path": "/export"}}, NfsVolume),
        ({"nfs": {"server": "fe80::1", "path": "/export", "options": "ro,soft"}}, NfsVolume),
        ({"claim": "data", "owner": "anna"}, ClaimVolume),
    ],
)
def test_a_key_decides_the_kind(value: dict[str, Any], kind: type) -> None:
    """`path`, `nfs` or `claim`, else a volume that labform makes; what was read is read again as itself."""
    volume = read(value)
    assert type(volume) is kind
    assert read(volume) == volume
    assert read(volume.model_dump(mode="json")) == volume


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"owner": "anna", "size": "big"},
        {"owner": "Anna"},
        {"path": "data"},
        {"path": "/data", "owner": "anna"},
        {"path": "/data", "size": "1Gi"},
        {"path": "/data", "nfs": {"server": "nas", "path": "/x"}},
        {"nfs": {"server": "nas"}},
        {"nfs": {"server": "nas/x", "path": "/x"}},
        {"nfs": {"server": "nas", "path": "/x", "options": "rw, soft"}},
        {"nfs": {"server": "nas", "path": "/x"}, "host": "gpu1"},
        {"claim": "data"},
        None,
        "home",
        [],
    ],
)
def test_what_is_no_volume_or_two_at_once_is_refused(value: object) -> None:
    """Keys of another kind are unknown keys, not silently ignored."""
    with pytest.raises(ValidationError):
        read(value)


def test_nobody_reads_only_by_default() -> None:
    """Writing is what a volume is for; a share of the network has its mount options."""
    assert read({"path": "/data"}).read_only is False
    assert read({"nfs": {"server": "nas", "path": "/x"}}).nfs.options == "rw,nfsvers=4"
