"""`labform inventory`: what a host has, as the block of a stack file, and what has changed since that was written."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from labform.backends import Kubernetes
from labform.backends.docker.daemon import connected
from labform.backends.kubernetes import api, observed
from labform.captures import Seen, read_captures
from labform.cli import typer_app
from labform.draft import Draft
from labform.hosts import DOCKER_ADDRESS, LOCAL
from labform.inventory import block, drift, gpus_of
from labform.loading import read
from labform.problems import LabformError, brief, suggestion

_ASK = "nvidia-smi -L && nvidia-smi -q -x"
_NOT_FOUND, _SSH_FAILED = 127, 255
"""Exit codes of a shell and of ssh."""


@typer_app.command()
def inventory(
    host: Annotated[str, typer.Option("--host", help="ssh://user@host, or unix://socket. Default: here.")] = "",
    captured: Annotated[
        list[Path] | None, typer.Option("--from", metavar="FILE", help="Captured output instead; - for standard input.")
    ] = None,
    stack_file: Annotated[
        Path | None, typer.Option("--check", metavar="STACK", help="Say what a stack file has otherwise; exit 1.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="The host's name in the stack file.")] = "",
    timeout: Annotated[
        int, typer.Option("--timeout", metavar="SECONDS", min=1, help="Seconds that a host has to answer.")
    ] = 30,
    cluster: Annotated[bool, typer.Option("--cluster", help="The kubeconfig's cluster instead of a host.")] = False,
    context: Annotated[
        str | None, typer.Option("--context", help="The kubeconfig's context. Default: current.")
    ] = None,
) -> None:
    """Print the block of a host for a stack file: GPUs, MIG instances, driver, CPUs, memory; or of a cluster's nodes.

    Asks nvidia-smi, over ssh where the host is remote, and its Docker daemon; or reads what they printed: -L, CSV,
    -q -x, mig -lgi and `docker info --format json`.

    Example: labform inventory --host ssh://labform@gpu1.example.org
    """
    if host and not re.fullmatch(DOCKER_ADDRESS, host):
        raise LabformError(f'error[address] "{brief(host)}" is not an address; write ssh://user@host or unix://socket')
    if name and not re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?", name):
        raise LabformError(f'error[name] "{brief(name)}" is not a name; use up to 40 of a-z, 0-9 and -')
    draft = read(stack_file) if stack_file else None
    if cluster or context or (draft and isinstance(draft.lab.runs_on, Kubernetes)):
        _of_cluster(draft, context, refuse=bool(host or captured or name))
        return
    name = name if draft is None else _declared(draft, name, host)
    address = host or (draft.lab.hosts[name].address if draft else LOCAL)
    seen = read_captures(_files(captured)) if captured else _asked(name, address, timeout)
    for note in gpus_of(seen)[1]:
        print(f"note: {note}", file=sys.stderr)
    if draft is None:
        print(block(name or _short(address), address, seen), end="")
        return
    draft.refuse(drift(name, draft.lab.hosts[name], seen))
    print(f"{draft.path}: host {name}: as declared")


def asked_block() -> str:
    """The lines of the machine one is at, for `runs_on.hosts`; LabformError where it has no nvidia-smi."""
    return block("local", LOCAL, _asked("local", LOCAL, 30))


def _of_cluster(draft: Draft | None, context: str | None, *, refuse: bool) -> None:
    """The block of a cluster's nodes, by product and count, or what the stack file has otherwise."""
    declared = draft.lab.runs_on if draft else None
    if refuse:
        raise LabformError("error[option] --host, --from and --name are for a host; a cluster is asked as a whole")
    if draft and not isinstance(declared, Kubernetes):
        raise LabformError(f"{draft.path}: error[option] --cluster: the lab runs on Docker; leave it out")
    known = declared.context if isinstance(declared, Kubernetes) else None
    with api.connected(context or known) as client:
        nodes = observed.nodes_of(client)
    text, notes = observed.block(nodes)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    if draft is None or not isinstance(declared, Kubernetes):
        print(text, end="")
        return
    draft.refuse(observed.drift(declared, nodes))
    print(f"{draft.path}: nodes: as declared")


def _declared(draft: Draft, name: str, address: str) -> str:
    """Which host of a stack file is meant: the named one, the one at that address, or the only one."""
    hosts = draft.lab.hosts
    if name and name not in hosts:
        raise LabformError(f'{draft.path}: error[unknown-host] no host "{brief(name)}"; {suggestion(name, hosts)}')
    meant = [name] if name else [one for one in sorted(hosts) if not address or hosts[one].address == address]
    if len(meant) != 1:
        raise LabformError(f"{draft.path}: error[which-host] add --name; {suggestion('', hosts)}")
    return meant[0]


def _short(address: str) -> str:
    """A name for the host at an address: `gpu1` for ssh://labform@gpu1.example.org:22."""
    machine = address.rpartition("@")[2].removeprefix("ssh://").lower() if address.startswith("ssh://") else ""
    first = re.match(r"[a-z][a-z0-9-]*[a-z0-9]", machine)
    return first[0][:40] if first else "local"


def _files(paths: list[Path]) -> Iterator[tuple[str, str]]:
    for path in paths:
        try:
            text = sys.stdin.read() if str(path) == "-" else path.read_bytes().decode("utf-8-sig", "replace")
        except OSError as error:
            raise LabformError(f"{path}: error[file] {(error.strerror or 'cannot be read').lower()}") from None
        yield str(path), text


def _asked(name: str, address: str, timeout: int) -> Seen:
    """What a host says now; a Docker daemon that does not answer leaves out CPUs and memory, with a note."""
    # Docker's SDK takes its time, and no other command should wait for it.

    texts = [("nvidia-smi", _nvidia_smi(address, timeout))]
    try:
        with connected(name or _short(address), address, timeout=timeout) as client:
            texts.append(("docker info", json.dumps(client.info())))
    except LabformError as error:
        print(f"note: {error}; CPUs, memory and CDI names are not known", file=sys.stderr)
    return read_captures(texts)


def _nvidia_smi(address: str, timeout: int) -> str:
    """What nvidia-smi prints on a host; LabformError with the reason, on one line, if it does not."""
    if address.startswith("tcp://"):
        raise LabformError(f"{address}: error[address] gives no shell; run nvidia-smi there, and use --from")
    remote = address.startswith("ssh://")
    ssh = ["ssh", "-T", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={timeout}", "--", address]
    where = address if remote else "this machine"
    try:
        done = subprocess.run(
            [*ssh, _ASK] if remote else ["sh", "-c", _ASK],
            capture_output=True, stdin=subprocess.DEVNULL, timeout=timeout, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise LabformError(f"{where}: error[timeout] no answer within {timeout} s; try --timeout") from None
    except FileNotFoundError:
        raise LabformError(f"{where}: error[ssh] there is no ssh here; run nvidia-smi there, and use --from") from None
    out = done.stdout.decode(errors="replace")
    said = _last(done.stderr.decode(errors="replace")) or _last(out)
    if remote and done.returncode == _SSH_FAILED:
        raise LabformError(f"{where}: error[ssh] {said or 'refused'}; `ssh {address}` must work without a password")
    if done.returncode == _NOT_FOUND:
        raise LabformError(f"{where}: error[nvidia-smi] there is no nvidia-smi; install the driver, or use --from")
    if done.returncode:
        raise LabformError(f"{where}: error[nvidia-smi] failed with {done.returncode}: {said}")
    return out


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return brief(lines[-1]) if lines else ""
