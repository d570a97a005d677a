"""Who has the GPUs of a cluster, beside what the lab plans. Pure: what the cluster says is given."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from labform import naming
from labform.backends.kubernetes import devices
from labform.backends.kubernetes.api import Holder, amounts
from labform.backends.kubernetes.lab_objects import workload
from labform.backends.kubernetes.namespaces import cluster_of
from labform.backends.kubernetes.nodes import GPU_PREFIX
from labform.backends.kubernetes.observed import Observed
from labform.backends.kubernetes.pod import resources
from labform.backends.live import Difference, Row
from labform.gpus import gpu_request
from labform.stack_file import LabArgs


def planned(args: LabArgs, project: str) -> dict[str, int]:
    """The GPUs of a running project, by the resource that the scheduler counts."""
    if gpu_request(args.projects[project].gpus) is None:
        return {}
    return {key: int(count) for key, count in resources(workload(args, project)).items() if key.startswith(GPU_PREFIX)}


def shared_out(args: LabArgs, rows: Sequence[Row], nodes: Iterable[Observed], holders: Iterable[Holder]) -> None:
    """Put into each row, as `live`, who has such a device: its planned holder if that has one, else anybody."""
    models = {pool.product: pool.model or pool.product for pool in cluster_of(args).nodes.values()}
    product = {one.name: models.get(one.product) for one in nodes}
    queues: dict[tuple[str, str | None], list[str]] = {}
    for one in holders:
        for resource, count in one.gpus.items():
            queues.setdefault((resource, product.get(one.node)), []).extend([_name(one)] * count)
    for row in rows:
        row["live"] = []
    # Who asks for a model is matched before whoever takes any, and a plan before what is there without one.
    for row in sorted(rows, key=lambda row: row["model"] == devices.ANY):
        wanted = naming.container(args.lab, row["holder"] or "")
        if queue := next((one for one in _queues(queues, row) if wanted in one), None):
            queue.remove(wanted)
            row["live"] = [wanted]
    for row in rows:
        if not row["live"] and (queue := next((one for one in _queues(queues, row) if one), None)):
            row["live"] = [queue.pop(0)]


def _queues(queues: Mapping[tuple[str, str | None], list[str]], row: Row) -> list[list[str]]:
    return [
        found
        for (resource, model), found in queues.items()
        if resource == row["gpu"] and row["model"] in (model, devices.ANY)
    ]


def _name(one: Holder) -> str:
    return naming.container(one.lab, one.project) if one.lab and one.project else one.pod


def differences(args: LabArgs, holders: Iterable[Holder], states: Mapping[str, Row]) -> Iterator[Difference]:
    """Where GPUs are not used as planned: by others, by too many, by none."""
    running, held = args.running(), set()
    for one in holders:
        if one.lab != args.lab:
            whose = f"lab {one.lab}" if one.lab else "outside the lab"
            yield Difference(one.node, one.pod, f"({whose}) has {amounts(one.gpus)}")
        elif one.project not in running:
            yield Difference(one.node, one.pod, f"has {amounts(one.gpus)}, and no project is it; run `pulumi up`")
        else:
            held.add(one.project)
            if one.gpus != (wanted := planned(args, one.project)):
                said = f"has {amounts(one.gpus)}, planned: {amounts(wanted) or 'none'}; run `pulumi up`"
                yield Difference(one.node, one.pod, said)
    for name in sorted({*running} - held):
        wanted, state = planned(args, name), states[name]
        idle = state["state"] == "stopped" and not running[name].must_run
        if wanted and state["state"] not in {"done", "starting"} and not idle:
            said = f"waits for {amounts(wanted)}: {state['state']}; {state.get('cause', '')}"
            yield Difference("", naming.container(args.lab, name), said)
