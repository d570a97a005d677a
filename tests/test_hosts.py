"""Docker hosts: addresses, ports, and CPUs as the provider spells them."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from labform.hosts import LOCAL, Host, cpus_text
from pydantic import ValidationError


def host(**given: Any) -> Host:
    """A host."""
    return Host.model_validate(given)


def test_a_plain_host_is_the_local_daemon() -> None:
    """Nothing is checked that was not declared, and nothing of the host may be mounted."""
    plain = host()
    assert (plain.address, plain.remote, plain.host_paths, plain.gpus, plain.gpu_request) == (
        LOCAL,
        False,
        (),
        (),
        "nvidia",
    )
    assert (plain.port_range[0], plain.port_range[-1]) == (20000, 20999)


@pytest.mark.parametrize(
    ("address", "remote"),
    [
        ("ssh://lab@gpu1.example.org", True),
        ("ssh://gpu1:2222", True),
        ("tcp://127.0.0.1:2375", True),
        ("unix:///run/x.sock", False),
    ],
)
def test_an_address_names_its_protocol(address: str, remote: bool) -> None:
    """Only a socket is surely on this machine."""
    assert host(address=address).remote is remote


@pytest.mark.parametrize(
    "address", ["gpu1", "local", "http://gpu1", "ssh://", "ssh://gpu1/path", "unix://x", "tcp://a b", ""]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    """The daemon's own forms, and no other."""
    with pytest.raises(ValidationError):
        host(address=address)


@pytest.mark.parametrize("ports", ["20000-20000", "1024-65535"])
def test_a_range_of_ports_has_both_its_ends(ports: str) -> None:
    """First and last are part of it."""
    first, last = ports.split("-")
    assert (host(ports=ports).port_range[0], host(ports=ports).port_range[-1]) == (int(first), int(last))


@pytest.mark.parametrize(
    "ports", ["80-90", "2000-1999", "60000-70000", "a-b", "1024", "1024-2000-3000", "", "-", "٢٠٠٠-٣٠٠٠", "1024-2000\n"]
)
def test_what_is_no_range_of_ports_is_refused_in_words(ports: str) -> None:
    """Never by what Python says about a number."""
    with pytest.raises(ValidationError, match="is not a range of ports within 1024-65535"):
        host(ports=ports)


@pytest.mark.parametrize(
    ("cpus", "text"),
    [
        ("1", "1.0"),
        ("4", "4.0"),
        ("0.5", "0.5"),
        ("1.5", "1.5"),
        ("0.25", "0.25"),
        ("10", "10."),
        ("100", "100."),
        ("10.5", "10.5"),
        ("0.05", "0.0"),
    ],
)
def test_cpus_are_spelled_as_the_provider_reads_them_back(cpus: str, text: str) -> None:
    """Any other spelling would replace the container at every `up`."""
    assert cpus_text(Decimal(cpus)) == text


@given(st.integers(1, 1280))
def test_tenths_of_cpus_keep_their_value(tenths: int) -> None:
    """What the provider reads back as another number has hundredths, and `checks` refuses it; 10 and 10.0 are one."""
    cpus = Decimal(tenths) / 10
    assert Decimal(cpus_text(cpus)) == cpus
    assert cpus_text(cpus.normalize()) == cpus_text(cpus)


@pytest.mark.parametrize(
    "gpus",
    [
        [{"uuid": "0", "model": "A100"}],
        [{"uuid": "GPU-a"}],
        [{"uuid": "GPU-a", "model": "A 100"}],
        [{"uuid": "GPU-a", "model": "A100", "mig": [{"uuid": "MIG-a"}]}],
        [{"uuid": "GPU-a", "model": "A100", "mig": [{"uuid": "MIG-a", "profile": "1g"}]}],
        [{"uuid": "GPU-a", "model": "A100", "index": 0}],
    ],
)
def test_a_gpu_is_an_id_and_a_model(gpus: list[dict[str, Any]]) -> None:
    """An index may change at boot, and a model is one word that projects ask for."""
    with pytest.raises(ValidationError):
        host(gpus=tuple(gpus))


@pytest.mark.parametrize(
    ("driver", "accepted"), [("580.65", True), ("580", True), ("580.65.06", True), ("latest", False), ("580.", False)]
)
def test_a_driver_is_a_version(driver: str, accepted: bool) -> None:
    """Digits and dots."""
    if accepted:
        assert host(driver=driver).driver == driver
    else:
        with pytest.raises(ValidationError):
            host(driver=driver)
