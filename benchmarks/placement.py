"""What locking and checking a large lab cost, as ratios measured side by side in one run.

    python -m benchmarks.placement

A lab of 64 hosts with 8 GPUs, half of them in MIG instances, and up to 1,000 projects is placed from nothing (lock),
against its own lock (check) and with one project more (edit). Beside them, in the same process: parsing the YAML of the
same stack file, and as many labs of one host as there are hosts. Every figure is the least of several runs.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from time import process_time
from typing import Any

import yaml
from labform.ledger import plan
from labform.lockfile import Lock, lock_text
from labform.stack_file import LabArgs
from labform.yaml_tree import parse

HOSTS, GPUS = 64, 8
SIZES = (250, 500, 1000)
RUNS = 3
PROFILES = ("3g.20gb", "2g.10gb", "1g.5gb", "1g.5gb")
"""A layout that fits an A100-40GB."""
ASKED: tuple[Any, ...] = (
    {"mig": "1g.5gb"},
    {"memory": ">=10Gi"},
    {"memory": ">=20Gi"},
    {"mig": "2g.10gb"},
    1,
    0,
    {"memory": ">=5Gi", "model": "A100-40GB"},
    0,
)
"""What projects ask for, in turns: about two thirds of all units are held at 1,000 projects."""


def gpu(host: int, place: int) -> dict[str, Any]:
    """One GPU; every other one has instances."""
    mark = f"{host:02}{place}"
    mig = [{"uuid": f"MIG-{mark}{one}", "profile": profile} for one, profile in enumerate(PROFILES)]
    return {"uuid": f"GPU-{mark}", "model": "A100-40GB", **({"mig": mig} if place % 2 else {})}


def lab(projects: int, hosts: int = HOSTS) -> dict[str, Any]:
    """A lab as a stack file says it."""
    servers = {
        f"gpu{host:02}": {
            "address": f"ssh://lab@gpu{host:02}",
            "cpus": 256,
            "memory": "2Ti",
            "gpus": [gpu(host, place) for place in range(GPUS)],
        }
        for host in range(hosts)
    }
    environment = {"kind": "prebuilt", "image": f"python@sha256:{'a' * 64}"}
    asked = {
        f"p{number:04}": {
            "owner": f"o{number % 40:02}",
            "environment": environment,
            "gpus": ASKED[number % len(ASKED)],
            "resources": {"cpus": 4, "memory": "32Gi", "shared_memory": "8Gi"},
            "service": {"kind": "jupyter"},
            **({"mounts": {f"v{number % hosts:02}": "/data"}} if number % 5 == 0 else {}),
        }
        for number in range(projects)
    }
    return {
        "format": 1,
        "lab": "bench",
        "runs_on": {"kind": "docker", "hosts": servers},
        "registry": {"address": "registry.example.org"},
        "people": {f"o{number:02}": {"uid": 10000 + number} for number in range(40)},
        "volumes": {f"v{host:02}": {"owner": "o00", "host": f"gpu{host:02}"} for host in range(hosts)},
        "projects": asked,
    }


def seconds(work: Callable[[], object]) -> float:
    """The least processor time of several runs: what the work costs when nothing disturbs it."""
    best = float("inf")
    for _ in range(RUNS):
        start = process_time()
        work()
        best = min(best, process_time() - start)
    return best


@dataclass(frozen=True)
class Measured:
    """Seconds of one size."""

    lock: float
    check: float
    edit: float
    load: float


def measured(projects: int) -> Measured:
    """A lab of a size: locked, checked, locked again with one project more, and its file parsed."""
    declared = lab(projects)
    text = yaml.safe_dump(json.loads(json.dumps(declared)), sort_keys=False)
    args = _args(declared)
    empty = Lock(lab="bench")
    locked = plan(args, empty, {})
    if locked.problems:
        raise SystemExit(f"the lab does not fit: {locked.problems[0]}")
    less = locked.lock.model_copy(update={"projects": dict(list(locked.lock.projects.items())[:-1])})
    return Measured(
        lock=seconds(lambda: lock_text(plan(args, empty, {}).lock)),
        check=seconds(lambda: plan(args, locked.lock, {})),
        edit=seconds(lambda: plan(args, less, {})),
        load=seconds(lambda: parse(text)),
    )


def _args(declared: dict[str, Any]) -> LabArgs:
    return LabArgs.model_validate_json(json.dumps(declared))


def small_labs(projects: int) -> float:
    """The time of as many labs of one host as there are hosts, each with its share of the projects."""
    one = _args(lab(projects // HOSTS, hosts=1))
    return HOSTS * seconds(lambda: plan(one, Lock(lab="bench"), {}))


def main() -> None:
    """Print the table."""
    by_size = {size: measured(size) for size in SIZES}
    print(
        f"{HOSTS} hosts x {GPUS} GPUs, half of them in MIG instances; times relative to parsing the stack file's YAML"
    )
    print(f"{'projects':>8}  {'lock':>6}  {'check':>6}  {'edit':>6}  {'check/lock':>10}")
    for size, one in by_size.items():
        cells = (one.lock / one.load, one.check / one.load, one.edit / one.load, one.check / one.lock)
        print(f"{size:>8}  {cells[0]:>6.2f}  {cells[1]:>6.2f}  {cells[2]:>6.2f}  {cells[3]:>10.2f}")
    first, last = by_size[SIZES[0]], by_size[SIZES[-1]]
    grown = SIZES[-1] / SIZES[0]
    print(f"growth of the time when projects grow by {grown:g}: lock {last.lock / first.lock:.1f}, ", end="")
    print(f"check {last.check / first.check:.1f}, YAML {last.load / first.load:.1f}")
    print(f"one lab of {SIZES[-1]} projects against {HOSTS} labs of one host: {last.lock / small_labs(SIZES[-1]):.1f}")
    print(f"lock of {SIZES[-1]} projects: {last.lock:.2f} s on this machine")


if __name__ == "__main__":
    main()
