"""Pages that are written from the code: `python docs/_generate.py` (`make docs`); a test fails when one is stale."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from labform.cli import command_line
from labform.explain import Explanation, explanations
from labform.stack_file import LabArgs

PAGES = Path(__file__).parent / "reference"
_NOTE = "<!-- Written by `make docs` from the code. -->\n\n"
_WORDS = {"integer": "number", "boolean": "true or false", "string": "text"}


def stack_file_page() -> str:
    """Every declaration of a stack file, from the root on, each where it is first needed."""
    schema = LabArgs.model_json_schema(by_alias=True)
    parts = {"LabArgs": schema, **schema["$defs"]}
    body = "\n".join(_declaration(name, parts[name]) for name in _order(parts))
    lead = "One YAML file is one lab. Editors complete and explain it by its schema; this page is the same, to read."
    return f"# The stack file\n\n{_NOTE}{lead}\nA field in bold must be given.\n\n{body}"


def _order(parts: dict[str, Any]) -> Iterator[str]:
    seen, todo = set[str](), ["LabArgs"]
    while todo:
        name = todo.pop(0)
        if name not in seen:
            seen.add(name)
            yield name
            todo += list(_references(parts[name].get("properties", {})))


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"].rsplit("/", 1)[-1]
        for key, one in value.items():
            if key != "discriminator":
                yield from _references(one)
    elif isinstance(value, list):
        for one in value:
            yield from _references(one)


def _declaration(name: str, schema: dict[str, Any]) -> str:
    required = schema.get("required", ())
    rows = "".join(
        f"| {f'**{key}**' if key in required else key} | {_type(field)} | {_cell(field.get('description', ''))} |\n"
        for key, field in schema.get("properties", {}).items()
    )
    return f"## {name}\n\n{schema.get('description', '')}\n\n| field | type | meaning |\n| --- | --- | --- |\n{rows}"


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(dict.fromkeys(_type(one) for one in options if one.get("type") != "null"))
    if "const" in schema or "enum" in schema:
        return " or ".join(f"`{one}`" for one in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if schema.get("type") == "object":
        inner = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
        return f"name: {_type(inner[0])}" if isinstance(inner[0], dict) else "mapping"
    return _WORDS.get(schema.get("type", ""), schema.get("type", "any"))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def commands_page() -> str:
    """Every command as its `--help` has it."""
    root = command_line()
    codes = "Exit codes are 0 for well, 1 for anything that is wrong, 2 for a command line that is not one,\n"
    codes += "7 for changes that were not expected (`plan`, `summary`)."
    parts = [f"# Commands\n\n{_NOTE}{root.help}\n\n{codes}\n"]
    parts += [_command(name, command) for name, command in sorted(_commands(root))]
    return "\n".join(parts)


def _commands(group: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every command with its words, those of groups too."""
    for name, command in getattr(group, "commands", {}).items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{above}{name} ")
        else:
            yield f"{above}{name}", command


def _command(name: str, command: Any) -> str:
    context = typer.Context(command, info_name=f"labform {name}")
    usage = " ".join(command.collect_usage_pieces(context))
    said, _, example = (command.help or "").partition("Example:")
    rows = "".join(
        f"| `{' / '.join([*one.opts, *one.secondary_opts])}` | {_cell(getattr(one, 'help', None) or '')} |\n"
        for one in command.params
        if one.opts[0].startswith("-")
    )
    options = f"\n| option | meaning |\n| --- | --- |\n{rows}" if rows else ""
    shown = f"\n```console\n$ {example.strip()}\n```\n" if example else ""
    return f"## labform {name}\n\n`labform {name} {usage}`\n\n{said.strip()}\n{shown}{options}"


_TOPICS = {
    "file": "The stack file as a text",
    "lab": "People, hosts, volumes, secrets",
    "gpus": "GPUs",
    "environments": "Environments",
    "lock": "The lock",
    "kubernetes": "Labs on Kubernetes",
    "commands": "Commands",
    "policy": "Rules of the policy pack",
}


def errors_page() -> str:
    """Every error code as `labform explain` has it."""
    lead = "An error shows its code in brackets; `labform explain CODE` says the same as this page."
    parts = [f"# Error codes\n\n{_NOTE}{lead}\n"]
    for topic, title in _TOPICS.items():
        parts.append(f"## {title}\n")
        parts += [_explanation(one) for one in explanations().values() if one.topic == topic]
    return "\n".join(parts)


def _explanation(one: Explanation) -> str:
    example = f"\n```text\n# not\n{one.bad}\n# but\n{one.good}\n```\n" if one.bad else ""
    return f"### {one.code}\n\n{one.means} {one.why}\n\nWrite: {one.write}\n{example}"


def write() -> None:
    """Write the pages."""
    PAGES.mkdir(exist_ok=True)
    for name, text in pages().items():
        (PAGES / name).write_text(text, encoding="utf-8")


def pages() -> dict[str, str]:
    """The generated pages by their file's name."""
    return {"stack-file.md": stack_file_page(), "commands.md": commands_page(), "errors.md": errors_page()}


if __name__ == "__main__":
    write()
