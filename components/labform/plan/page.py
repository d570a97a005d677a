"""The page that says what a change does: the same data from two stack files and from a real preview."""

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

Action = Literal["removed", "retired", "moved", "replaced", "restarted", "updated", "created", "no effect"]
"""What becomes of a project.

`removed`, `retired`: its container goes. `moved`, `replaced`: a new container, so what runs is stopped and what was
installed at run time is lost. `restarted`: the same, by the cluster. `updated`: in place. `no effect`: the
declaration differs, what is deployed does not.
"""

ORDER: tuple[Action, ...] = (
    *("removed", "retired", "moved", "replaced", "restarted", "updated", "created", "no effect"),
)
"""Most important first: what interrupts people, then what does not."""

QUIET = frozenset({"no effect"})
"""Actions for which `pulumi up` does nothing."""


@dataclass(frozen=True)
class ProjectChange:
    """What happens to one project, and why; `builds` where an image is built for it."""

    name: str
    owner: str
    action: Action
    builds: bool = False
    why: tuple[str, ...] = ()


@dataclass(frozen=True)
class Risk:
    """Data that is lost, left behind or looked for elsewhere, and what becomes of it."""

    subject: str
    message: str


@dataclass(frozen=True)
class GpuMove:
    """A GPU or MIG instance that changes hands; None: free, or not there."""

    host: str
    gpu: str
    model: str
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Quota:
    """What a person's running projects ask for together, and the group's limit; amounts as text, in their unit."""

    person: str
    kind: str
    before: str
    after: str
    limit: str = ""


@dataclass(frozen=True)
class Page:
    """One lab's page.

    `head_error` says why the new side is refused: `pulumi up` then does nothing. `base_error` says why the old side
    cannot be compared with: everything counts as new. `lab` holds effects that belong to no project.
    """

    stack_file: str
    risks: tuple[Risk, ...] = ()
    projects: tuple[ProjectChange, ...] = ()
    gpus: tuple[GpuMove, ...] = ()
    quotas: tuple[Quota, ...] = ()
    lab: tuple[str, ...] = ()
    unchanged: int = 0
    head_error: str = ""
    base_error: str = ""
    notes: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether `pulumi up` would change anything."""
        return bool(self.lab) or any(one.action not in QUIET for one in self.projects)

    @property
    def ordered(self) -> tuple[ProjectChange, ...]:
        """The projects, most important first, by name among equals."""
        return tuple(sorted(self.projects, key=lambda one: (ORDER.index(one.action), one.name)))

    @property
    def counted(self) -> str:
        """How many projects of each kind, in words."""
        said = counted(self.projects, self.unchanged)
        return f"{said}; {len(self.lab)} for the whole lab" if self.lab else said


def counted(projects: tuple[ProjectChange, ...], unchanged: int = 0) -> str:
    """How many projects of each kind: `1 replaced, 2 created, 40 unchanged`."""
    counts = Counter(one.action for one in projects)
    parts = [f"{counts[action]} {action}" for action in ORDER if counts[action]]
    return ", ".join(parts + ([f"{unchanged} unchanged"] if unchanged else [])) or "nothing changes"


def scalar(value: Any) -> str:
    """A single value as a stack file writes it; `none` where there is none."""
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)
