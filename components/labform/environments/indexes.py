"""Package indexes that want a login: a build by a daemon can give none without leaving it in the image's history."""

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from labform.problems import Location, Problem

_HINT = "serve it without one in the builder's network, or put its wheels into the project's folder"


def login_problems(at: Location, file: str, addresses: Iterable[tuple[str, bool]]) -> Iterator[Problem]:
    """A problem for each address that holds a login or, by the second of the pair, always wants one. Shows no value."""
    for address, always in addresses:
        host = host_of(address)
        if has_login(address):
            message = f"{file} holds a login for {host}, which would be in the image's history"
            yield Problem(at, "secret-in-clear", message, _HINT)
        elif always:
            yield Problem(at, "index-login", f"{host} wants a login, and a build by the daemon has none", _HINT)


def has_login(address: str) -> bool:
    """Whether an address holds a user, a password, or a variable in their place; `git@host` is a name, no secret."""
    user = urlsplit(address.removeprefix("git+")).netloc.rpartition("@")[0]
    return bool(user) and user != "git"


def host_of(address: str) -> str:
    """The host of an address, without what may be secret."""
    return urlsplit(address.removeprefix("git+")).netloc.rpartition("@")[2] or "an index"
