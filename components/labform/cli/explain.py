"""`labform explain`: what an error code means, and what to write."""

import json
from dataclasses import asdict
from textwrap import indent
from typing import Annotated

import typer

from labform.cli import print_table, typer_app
from labform.explain import Explanation, explanations
from labform.problems import LabformError, brief, suggestion


@typer_app.command()
def explain(
    code: Annotated[
        str | None,
        typer.Argument(
            metavar="CODE",
            help="A code, as errors show it. Default: list all.",
            autocompletion=lambda: [*explanations()],
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what an error code means, why labform refuses, and what to write instead.

    Example: labform explain no-gpu
    """
    known = explanations()
    if code is None:
        _list(list(known.values()), as_json=as_json)
        return
    found = known.get(code.removeprefix("error[").removeprefix("warning[").removesuffix("]"))
    if found is None:
        near = suggestion(code, known)
        hint = near if near.startswith("did") else "`labform explain` lists them"
        raise LabformError(f'error[unknown-code] no code "{brief(code)}"; {hint}')
    print(json.dumps(asdict(found), indent=1) if as_json else text_of(found))


def _list(known: list[Explanation], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps([asdict(one) for one in known], indent=1))
    else:
        print_table(("code", "about", "what it means"), [(one.code, one.topic, one.means) for one in known])


def text_of(one: Explanation) -> str:
    """An explanation as a terminal shows it."""
    example = f"\n\nnot:\n\n{indent(one.bad, '  ')}\n\nbut:\n\n{indent(one.good, '  ')}" if one.bad else ""
    return f"{one.code}: {one.means}\n\n  why    {one.why}\n  write  {one.write}{example}"
