"""pydantic's errors in the words of a person who writes a stack file."""

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from labform.problems import Location, Problem, suggestion
from labform.yaml_tree import Node

_SECRET_SECTIONS = frozenset({"env", "secrets", "password"})
_WANTED = {
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "bool_type": "expected true or false",
    "string_type": "expected text",
    "dict_type": "expected a mapping",
    "model_type": "expected a mapping",
    "model_attributes_type": "expected a mapping",
    "tuple_type": "expected a list",
    "date_type": "expected a date such as 2027-03-31",
    "date_from_datetime_parsing": "expected a date such as 2027-03-31",
}
_UNION_NOISE = ("function-", "constrained-", "lax-or-strict", "is-instance")


def problems_of(error: ValidationError, model: type[BaseModel], tree: Node) -> list[Problem]:
    """One problem per fault, without the branches of a union that the author did not mean."""
    schema = model.model_json_schema(by_alias=True)
    found: dict[Location, Problem] = {}
    for one in error.errors(include_url=False, include_context=True, include_input=False):
        location = _in_file(one["loc"], tree, one["type"])
        problem = _problem(one, location, tree, schema)
        if location not in found or len(found[location].message) < len(problem.message):
            found[location] = problem
    return list(found.values())


def _in_file(location: Location, tree: Node, kind: str) -> Location:
    """The location without the words that only the schema has, such as a union's branch."""
    kept: list[str | int] = []
    node = tree
    for place, part in enumerate(location):
        last = place == len(location) - 1
        if part in node.children:
            kept.append(part)
            node = node.children[part]
        elif last and kind == "missing":
            kept.append(part)
    return tuple(kept)


def _problem(one: ErrorDetails, location: Location, tree: Node, schema: dict[str, Any]) -> Problem:
    kind, context = one["type"], one.get("ctx", {})
    if kind == "labform":
        message = context["message"] if not _secret(location) else "is not valid"
        return Problem(location, context["code"], message)
    if kind == "extra_forbidden":
        allowed = set(_keys(schema, location[:-1], tree))
        return Problem(location, "unknown-key", "unknown key", suggestion(location[-1], allowed - set(tree.at(location[:-1]))))
    if kind == "missing":
        return Problem(location, "missing-key", f'missing key "{location[-1]}"', f"write {location[-1]}: …")
    if kind in ("union_tag_invalid", "literal_error"):
        return Problem(location, "not-one-of", *_not_one_of(one, location, tree))
    if kind == "union_tag_not_found":
        return Problem(location, "missing-key", 'missing key "kind"', f"allowed: {_tags(schema, location, tree)}")
    given = _given(tree.at(location), location)
    if kind in _WANTED:
        quote = "; write it in quotes" if kind == "string_type" and "number" in given else ""
        return Problem(location, "type", f"{_WANTED[kind]}, got {given}{quote}")
    return Problem(location, "value", f"{one['msg'][0].lower()}{one['msg'][1:]}, got {given}")


def _not_one_of(one: ErrorDetails, location: Location, tree: Node) -> tuple[str, str]:
    context = one.get("ctx", {})
    words = context.get("expected_tags") or context.get("expected", "")
    allowed = [word.strip(" '") for word in words.replace(" or ", ", ").split(",")]
    given = context.get("tag", tree.at(location))
    near = suggestion(given, allowed)
    every = f"one of {', '.join(allowed)}"
    return f'"{given}" is not {every}', near if near.startswith("did") else ""


def _secret(location: Location) -> bool:
    return not _SECRET_SECTIONS.isdisjoint(map(str, location[:-1])) or (location[-1:] == ("password",))


def _given(value: Any, location: Location) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (dict, list)):
        return "a mapping" if isinstance(value, dict) else "a list"
    kind = "text" if isinstance(value, str) else "the number"
    return kind if _secret(location) else f'text "{value}"' if kind == "text" else f"{kind} {value}"


def _keys(schema: dict[str, Any], location: Location, tree: Node) -> Iterator[str]:
    """The keys that a mapping at a location may have, by the JSON schema."""
    for place in _places(schema, location, tree):
        yield from place.get("properties", {})


def _tags(schema: dict[str, Any], location: Location, tree: Node) -> str:
    tags = {tag for place in _places(schema, location, tree, unions=True) for tag in place.get("discriminator", {}).get("mapping", {})}
    return ", ".join(f"kind: {tag}" for tag in sorted(tags))


def _places(schema: dict[str, Any], location: Location, tree: Node, *, unions: bool = False) -> list[dict[str, Any]]:
    """The schemas that describe a location, unions resolved by the `kind` that the file has."""
    places, node = _resolved(schema, schema, tree), tree
    for part in location:
        node = node.children.get(part, node)
        inner = [one for place in places for one in _below(place, part)]
        places = inner if unions and part == location[-1] else [two for one in inner for two in _resolved(one, schema, node)]
    return places


def _below(place: dict[str, Any], part: str | int) -> list[dict[str, Any]]:
    if isinstance(part, int):
        return [place["items"]] if "items" in place else []
    named = place.get("properties", {}).get(part)
    others = (*place.get("patternProperties", {}).values(), place.get("additionalProperties"))
    return [one for one in ([named] if named else others) if isinstance(one, dict)]


def _resolved(place: dict[str, Any], schema: dict[str, Any], node: Node) -> list[dict[str, Any]]:
    if "$ref" in place:
        return _resolved(schema["$defs"][place["$ref"].rsplit("/", 1)[1]], schema, node)
    mapping = place.get("discriminator", {}).get("mapping", {})
    kind = node.children["kind"].value if "kind" in node.children else None
    if kind in mapping:
        return _resolved({"$ref": mapping[kind]}, schema, node)
    branches = place.get("oneOf", []) + place.get("anyOf", [])
    return [one for branch in branches for one in _resolved(branch, schema, node)] if branches else [place]
