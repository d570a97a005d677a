"""What runs of a lab, wherever it runs: what the command line asks, which each backend answers in its own way."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from labform.backends import Kubernetes
from labform.lockfile import Lock
from labform.problems import LabformError, suggestion
from labform.stack_file import LabArgs

Row = dict[str, Any]
FINE = frozenset({"healthy", "running", "done", "retired", "starting", "stopped"})
"""States that nobody has to look at."""


@dataclass(frozen=True, order=True)
class Difference:
    """One container or pod, or one that should be there, that is not as planned; `host` is a node in a cluster."""

    host: str
    container: str
    message: str
    """What is so, and what to do."""

    def __str__(self) -> str:
        """One line for a person."""
        return ": ".join(part for part in (self.host, f"{self.container} {self.message}") if part)


@dataclass(frozen=True)
class Way:
    """How a service is reached from this machine, for as long as it is kept."""

    url: str
    """Its address, without a token."""
    tunnel: str = ""
    """What leads there: `ssh`, `port-forward`. Default: it is reached by itself."""
    wait: Callable[[], object] = lambda: None
    """Returns when the tunnel ends."""


class Live(Protocol):
    """A lab as it is now. Every method raises LabformError, with what to do, where nobody answers."""

    def status(self) -> list[Row]:
        """A row for each project in the order of names, and then one for whatever is there and is no project.

        Each has `project`, `state`, `image`, `url`, `data`, and `cause` where the state is not in FINE.
        """

    def logs(self, project: str, *, follow: bool, tail: int) -> AbstractContextManager[Iterator[bytes]]:
        """What a project has said, from its last `tail` lines on; with `follow`, until it ends."""

    def shell(self, project: str, words: Sequence[str], *, terminal: bool) -> int:
        """Run a command where a project runs, on this process's standard streams; the command's exit code."""

    def way(self, project: str) -> AbstractContextManager[Way]:
        """The way to a project's service, open while the block runs."""

    def gpus(self, rows: Sequence[Row]) -> tuple[Sequence[Difference], Sequence[str]]:
        """Add to each row of `gpu_table` as `live` who runs with that GPU, None where nobody knows.

        What is not as planned is returned, and why what could not be asked is not known.
        """

    def volumes(self) -> tuple[Mapping[str, str], Sequence[str]]:
        """What there is of each managed volume that exists, by id; and why what could not be asked is not known."""


def live(args: LabArgs, lock: Lock) -> Live:
    """The lab as it is now; only its own backend's modules are loaded."""
    if isinstance(args.runs_on, Kubernetes):
        from labform.backends.kubernetes.running import InCluster

        return InCluster(args, lock)
    from labform.backends.docker.running import OnHosts

    return OnHosts(args, lock)


def check_running(args: LabArgs, project: str) -> None:
    """Raise LabformError, with the one that was meant, for a project that is unknown or retired."""
    if project not in args.projects:
        raise LabformError(f'error[unknown-project] no project "{project}"; {suggestion(project, args.projects)}')
    if project not in args.running():
        raise LabformError(f"error[retired] {project} is retired: it is declared to have no container")
