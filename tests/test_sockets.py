"""Unit tests talk to nobody: what `conftest.py` closes is closed."""

import socket

import pytest
from pytest_socket import SocketBlockedError

pytestmark = pytest.mark.filterwarnings("ignore:A test tried to use:UserWarning")


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6, socket.AF_UNIX])
def test_no_socket_can_be_opened(family: int) -> None:
    """Neither to the network nor to a daemon of this machine."""
    with pytest.raises(SocketBlockedError):
        socket.socket(family)


def test_no_name_is_looked_up() -> None:
    """A name server would be asked over the network."""
    with pytest.raises(SocketBlockedError):
        socket.getaddrinfo("example.org", 443)
