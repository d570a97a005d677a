"""What a stack file may say of a host with Docker and Podman cannot do, each with what to write instead. Pure."""

from collections.abc import Iterator

from labform.problems import Problem
from labform.stack_file import LabArgs

CODE = "not-on-podman"
"""The code of every refusal of a field that Podman's Docker API does not honour, or does not report."""


def refusals(lab: LabArgs) -> Iterator[Problem]:
    """Every fault of a lab that a host with Podman makes; none for a lab without one."""
    podmans = {name: host for name, host in lab.hosts.items() if host.engine == "podman"}
    for name, host in podmans.items():
        if host.gpus:
            message = (
                "through its Docker API, Podman before 5.4 gives a container no GPU and no error, and later ones do not"
                " say which they gave: `pulumi refresh` would replace the container"
            )
            hint = "leave gpus out of this host, or run Docker there: from 28.2 on it has CDI as well"
            yield Problem(("runs_on", "hosts", name, "gpus"), CODE, message, hint)
        if host.address == lab.builder.daemon:
            message = f"host {name} runs Podman, whose Docker API has no BuildKit and asks no registry for a digest"
            hint = "write builder: {address: …}, a Docker daemon; hosts need none, they pull what it pushes"
            yield Problem(("builder",), CODE, message, hint)
    for name, project in lab.projects.items():
        on = [host for host in sorted(podmans) if project.host in (None, host)]
        if project.capabilities and on:
            message = f"Podman on {on[0]} reports capabilities by other names: every `pulumi up` would replace it"
            other = next((host for host in sorted(lab.hosts) if host not in podmans), None)
            hint = f"write host: {other}, which runs Docker" if other else "leave capabilities out, or run Docker there"
            yield Problem(("projects", name, "capabilities"), CODE, message, hint)
