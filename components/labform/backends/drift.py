"""What is not as declared, in facts that the declaration and what runs share: alike for hosts and clusters. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from labform.project import looks_like_token

Fact = tuple[str, str]
"""What it is about, and which one where there may be several: `("memory", "")`, `("env", "HOME")`."""
Facts = Mapping[Fact, str]
SECRET = "a secret"  # noqa: S105  a word
"""What stands for every secret's value."""
UNSHOWN = "a value that is not shown"
"""What stands for the value of a variable that is not declared in clear: it may be a secret, or have been one."""
AS_DECLARED, EDITED = "as declared", "edited"
"""What is said of a file; its content may be anything."""
REFRESH = "run `pulumi up --refresh`"
"""What makes again what is gone."""
LOST_DATA = "is missing; if it held data, restore it under this name before the next `pulumi up`"
"""What is said of a managed volume that is gone."""


@dataclass(frozen=True)
class Difference:
    """A fact that is not as declared; None stands for what one side does not have."""

    what: str
    """`memory`, `env HOME`."""
    declared: str | None
    running: str | None


@dataclass(frozen=True)
class Drift:
    """One thing of a lab that is not as declared: what differs of it, or `said`, where nothing can be compared."""

    subject: str
    """The project, or what kind of thing it is: `network`, `volume`, `person`, a `container` or `object` of none."""
    host: str
    """Where it is: the host, or the namespace in a cluster; empty for what is in no namespace."""
    name: str
    """Its name there, in a cluster after its kind."""
    said: str = ""
    differences: tuple[Difference, ...] = ()
    anew: str = ""
    """What names it to `pulumi up --replace`. Default: it is not meant to be made anew."""


def differences(declared: Facts, running: Facts) -> tuple[Difference, ...]:
    """What differs, in the order of facts."""
    return tuple(
        Difference(" ".join(filter(None, fact)), declared.get(fact), running.get(fact))
        for fact in sorted({*declared, *running})
        if declared.get(fact) != running.get(fact)
    )


def words(what: str, given: Iterable[str]) -> dict[Fact, str]:
    """The fact that has a list of words, if there are any."""
    found = sorted(given)
    return {(what, ""): ", ".join(found)} if found else {}


def told(value: str, declared: str | None) -> str:
    """A variable's value where it is declared in clear and does not look like a token, or what stands for it."""
    if value == declared:
        return value
    return UNSHOWN if declared is None or looks_like_token(value) else value
