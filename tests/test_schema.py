"""The schema that editors use: it is the declarations', and says what each field is."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from labform.cli.checking import schema_text
from labform.yaml_tree import YamlError, parse

from tests.test_bad import BAD

ROOT = Path(__file__).parents[1]
SCHEMA = json.loads(schema_text())


def fields(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every field of every declaration, by its dotted name."""
    for name, part in {"LabArgs": schema, **schema["$defs"]}.items():
        for key, field in part.get("properties", {}).items():
            yield f"{name}.{key}", field


def validator() -> jsonschema.Draft202012Validator:
    """The schema, as an editor applies it."""
    return jsonschema.Draft202012Validator(SCHEMA)


def test_the_committed_schema_is_the_declarations() -> None:
    """An edit of a declaration is an edit of the schema: `labform schema -o stacks/schema.json`."""
    assert (ROOT / "stacks" / "schema.json").read_text(encoding="utf-8") == schema_text()


def test_the_schema_is_a_schema() -> None:
    """Of the draft that it names."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize(
    ("name", "field"), sorted(fields(SCHEMA), key=str), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_field_is_documented(name: str, field: dict[str, Any]) -> None:
    """What stands under the field, as a sentence."""
    assert field["description"].rstrip().endswith((".", "`."))


def test_every_declaration_is_documented() -> None:
    """And refuses unknown keys, so that an editor marks them."""
    for name, part in SCHEMA["$defs"].items():
        assert part.get("description"), name
        assert part.get("additionalProperties") is False, name


def test_the_example_is_valid() -> None:
    """stacks/dev.yaml, as an editor sees it."""
    tree = parse((ROOT / "stacks" / "dev.yaml").read_text(encoding="utf-8"))
    assert [one.message for one in validator().iter_errors(tree.value)] == []


@pytest.mark.parametrize("path", sorted(BAD.glob("schema-*.yaml")), ids=lambda path: path.stem)
def test_an_editor_sees_what_loading_refuses(path: Path) -> None:
    """Faults of single fields show up while typing; the few that a schema cannot say are listed."""
    beyond = {"schema-service-and-run", "schema-nothing-to-do", "schema-gpus-two-ways"}
    beyond |= {
        "schema-memory-kib",
        "schema-memory-huge",
        "schema-duration-huge",
        "schema-cpus",
        "schema-date",
        "schema-date-with-time",
    }
    try:
        tree = parse(path.read_text(encoding="utf-8"))
    except YamlError:
        return
    assert path.stem in beyond or not validator().is_valid(tree.value)
