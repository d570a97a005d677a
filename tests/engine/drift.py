"""What `labform diff` finds on a lab that runs, as data."""

from labform.addresses import Addresses
from labform.cli.diff import lab_drift
from labform.loading import load

from tests.engine.bench import Bench

Facts = dict[str, tuple[str | None, str | None]]
"""What is declared and what runs, by fact."""


def drift(bench: Bench, *projects: str) -> dict[str, Facts | str]:
    """By the name of each thing that is not as declared, both sides of each fact, or what is said of it."""
    deployment = bench.deployment
    addresses = Addresses.given(deployment.addresses)
    stack = load(bench.project / deployment.stack_file, lock=deployment.lock, addresses=addresses)
    meant = projects or sorted(stack.lab.running())
    found, silent, compared = lab_drift(stack, meant, alone=bool(projects))
    assert (silent, compared) == ([], len(meant))
    return {row.name: row.said or {one.what: (one.declared, one.running) for one in row.differences} for row in found}
