"""The `labform` command: thin over the library, plain text, Pulumi's exit codes (0 ok, 1 error)."""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from labform.addresses import Addresses
from labform.backends import Kubernetes
from labform.problems import LabformError
from labform.stack_file import LabArgs

StackFileArgument = Annotated[
    Path, typer.Argument(metavar="STACK_FILE", help="The stack file, for example stacks/dev.yaml.")
]
ProjectArgument = Annotated[str, typer.Argument(metavar="PROJECT", help="A project of the lab.")]
LockOption = Annotated[
    Path | None, typer.Option("--lock", metavar="FILE", help="The lock. Default: beside the stack file.")
]
TokensOption = Annotated[
    typer.FileText | None,
    typer.Option(
        "--tokens",
        metavar="FILE",
        help="`pulumi stack output tokens --show-secrets --json`; - for standard input. Shown on a terminal only.",
    ),
]
AddressesOption = Annotated[
    str,
    typer.Option("--addresses", metavar="JSON", help="This deployment's addresses, as JSON: registry, builder, hosts."),
]


class Commands(typer.core.TyperGroup):
    """The commands by what somebody wants to do, each with its whole first sentence."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002  the base class gives it
        """Write them, a section for each topic."""
        for title, names in TOPICS.items():
            rows = [
                (name, self.commands[name].get_short_help_str(limit=200)) for name in names if name in self.commands
            ]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


typer_app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Labs as code: check, lock and look at a lab that is declared in a stack file.",
)


def parsed(addresses: str) -> Addresses:
    """The `--addresses` option; LabformError if it is not a JSON object of addresses."""
    try:
        data = json.loads(addresses)
    except ValueError as error:
        raise LabformError(f"--addresses is not JSON: {error}") from error
    if not isinstance(data, dict):
        raise LabformError("--addresses is not a JSON object")
    return Addresses.given(data)


def refuse_cluster(lab: LabArgs, instead: str) -> None:
    """Raise LabformError for a lab on a cluster, with what to run instead."""
    if isinstance(lab.runs_on, Kubernetes):
        raise LabformError(f"{lab.lab} runs on a cluster; use {instead}")


def print_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A plain table: as wide as the terminal, long cells folded; `-` where there is nothing to say."""
    table = Table(box=None, pad_edge=False)
    for title in titles:
        table.add_column(title.upper(), overflow="fold")
    for row in rows:
        table.add_row(*(cell or "-" for cell in row))
    Console(highlight=False, width=None if sys.stdout.isatty() else 160).print(table)


TOPICS = {
    "Edit a lab": ("new", "check", "lock", "plan", "deploy", "retire", "explain"),
    "Look at what runs": ("status", "gpus", "volumes", "diff", "logs", "shell", "open"),
    "Environments": ("build", "freeze", "devcontainer", "fetch"),
    "Machines": ("inventory", "mig", "render"),
    "Repositories and pipelines": ("ci", "comment", "summary", "schema"),
}
"""The commands as `labform --help` lists them."""
_MODULES = {
    "check": "checking",
    "schema": "checking",
    "ci": "comment",
    "fetch": "fetching",
    "logs": "containers",
    "open": "containers",
    "shell": "containers",
    "lock": "locking",
    "deploy": "lifecycle",
    "retire": "lifecycle",
}
"""The modules of commands that are not called as their command."""
COMMANDS = {name: _MODULES.get(name, name) for names in TOPICS.values() for name in names}
"""The module of this package that has a command."""


def command_line(word: str = "") -> typer.core.TyperGroup:
    """The command line: with the module of the command `word` alone, which is there sooner, else with all."""
    modules = {COMMANDS[word]} if word in COMMANDS else {*COMMANDS.values()}
    for module in sorted(modules):
        import_module(f"labform.cli.{module}")
    return typer.main.get_group(typer_app)


def app() -> None:
    """Run the command; what labform refuses is its text and exit code 1, never a traceback."""
    command = command_line(*sys.argv[1:2])
    try:
        command()
    except LabformError as error:
        print(error, file=sys.stderr)
        if sys.stderr.isatty() and (code := re.search(r"error\[([a-z0-9-]+)\]", str(error))):
            print(f"What it means, and what to write: labform explain {code[1]}", file=sys.stderr)
        sys.exit(1)
