"""`labform mig`: whether a GPU can be cut as wanted, and the file that an administrator gives to mig-parted."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import typer

from labform.cli import typer_app
from labform.mig import GEOMETRY, Placed, full_word, largest_part, layout, offered, why_not
from labform.problems import LabformError, brief, suggestion


@typer_app.command("mig")
def mig_command(
    model: Annotated[str, typer.Option("--model", help="The GPU's model, as in a stack file: A100-40GB.")],
    profiles: Annotated[
        list[str] | None, typer.Argument(metavar="PROFILE", help="The wanted instances, for example 3g.20gb.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="The layout's name in the file.")] = "labform",
    devices: Annotated[str, typer.Option("--devices", help="all, or indexes of GPUs: 0,1.")] = "all",
) -> None:
    """Say whether a MIG layout is possible, and print the mig-parted file for it; without profiles, what there is.

    labform changes no layout: give the file to `nvidia-mig-parted apply --config-file FILE --selected-config NAME`.

    Example: labform mig --model A100-40GB 3g.20gb 2g.10gb 1g.5gb
    """
    if not offered(model):
        near = suggestion(model, GEOMETRY)
        raise LabformError(f'error[mig-model] "{brief(model)}" is not a model with MIG that labform knows; {near}')
    if profiles:
        print(parted_file(model, profiles, name, devices), end="")
    else:
        print(_offers(model), end="")


def parted_file(model: str, profiles: Sequence[str], name: str, devices: str) -> str:
    """A mig-parted configuration with one layout, its placement in a comment; LabformError where it is impossible."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", name):
        raise LabformError(f'error[mig-name] "{brief(name)}" is not a name; use letters, digits, ".", "_" and "-"')
    if not re.fullmatch(r"all|\d{1,3}(,\d{1,3})*", devices):
        raise LabformError(f'error[mig-devices] "{brief(devices)}" names no GPUs; write all, or indexes such as 0,1')
    placed = _placed(model, profiles)
    counts = Counter(profiles)
    lines = [
        "# For `nvidia-mig-parted apply`; the GPU must be empty. Written by `labform mig`.",
        f"# {full_word(model)}: {', '.join(_place(one) for one in placed)}",
        "version: v1",
        "mig-configs:",
        f'  "{name}":',
        f"    - devices: {devices if devices == 'all' else f'[{devices}]'}",
        "      mig-enabled: true",
        "      mig-devices:",
        *(f'        "{one.name}": {counts[one.name]}' for one in reversed(offered(model)) if counts[one.name]),
    ]
    return "\n".join(lines) + "\n"


def _placed(model: str, profiles: Sequence[str]) -> tuple[Placed, ...]:
    names = [one.name for one in offered(model)]
    there = f"{full_word(model)} offers {', '.join(f'{one.name} (at most {one.limit})' for one in offered(model))}"
    if unknown := [one for one in profiles if one not in names]:
        given = ", ".join(f'"{brief(one)}"' for one in dict.fromkeys(unknown))
        raise LabformError(f"error[mig-profile] no profile {given}; {there}")
    placed = layout(model, profiles)
    if placed is None:
        fits = " ".join(largest_part(model, profiles))
        wanted = " ".join(profiles)
        reason = why_not(model, profiles)
        raise LabformError(f"error[mig-layout] {wanted} does not fit on one GPU: {reason}; this fits: {fits}; {there}")
    return placed


def _place(one: Placed) -> str:
    last = one.start + one.size - 1
    return f"{one.profile} at {one.start}" + (f"-{last}" if last > one.start else "")


def _offers(model: str) -> str:
    rows = ((one.name, str(one.limit), str(one.equivalent), f"{one.framebuffer} MiB") for one in offered(model))
    head = ("PROFILE", "AT MOST", "GPU", "MEMORY")
    return "".join("  ".join(word.ljust(10) for word in row).rstrip() + "\n" for row in (head, *rows))
