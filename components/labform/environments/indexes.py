"""Package indexes that want a login: it comes to a build as a secret, which no image's history shows."""

from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from labform.environments.recipe import Site
from labform.problems import Location, Problem

NETRC = "netrc"
"""The id of the build secret that holds logins as ~/.netrc does: uv, pip and py-rattler read the file that the variable
of this name in capitals names (their documentations: "Authentication")."""
_MOUNT = f"/run/secrets/{NETRC}"
_HINT = f"write builder: {{engine: buildkit, secrets: {{{NETRC}: {{from: …}}}}}}, or serve it without a login"


def login_mount(site: Site) -> str:
    """The option of a RUN by which it has the logins; empty where the builder has none."""
    return f"--mount=type=secret,id={NETRC},required=true \\\n    " if NETRC in site.secrets else ""


def login_variable(site: Site) -> str:
    """The words before a RUN's commands that make them use the logins; empty where the builder has none."""
    return f"export NETRC={_MOUNT} && " if NETRC in site.secrets else ""


def login_problems(at: Location, file: str, addresses: Iterable[tuple[str, bool]], site: Site) -> Iterator[Problem]:
    """A problem for each address that holds a login or, by the second of the pair, always wants one. Shows no value."""
    for address, always in addresses:
        host = host_of(address)
        if has_login(address):
            message = f"{file} holds a login for {host}, which would be in the image's history"
            yield Problem(at, "secret-in-clear", message, _HINT)
        elif always and NETRC not in site.secrets:
            yield Problem(at, "index-login", f"{host} wants a login, and the builder has none", _HINT)


def has_login(address: str) -> bool:
    """Whether an address holds a user, a password, or a variable in their place; `git@host` is a name, no secret."""
    user = urlsplit(address.removeprefix("git+")).netloc.rpartition("@")[0]
    return bool(user) and user != "git"


def host_of(address: str) -> str:
    """The host of an address, without what may be secret."""
    return urlsplit(address.removeprefix("git+")).netloc.rpartition("@")[2] or "an index"
