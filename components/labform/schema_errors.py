"""pydantic's errors in the words of a person who writes a stack file."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from labform.problems import Location, Problem, brief, suggestion
from labform.yaml_tree import Node

_WANTED = {
    "int_type": "expected a whole number",
    "int_from_float": "expected a whole number",
    "int_parsing_size": "expected a whole number",
    "bool_type": "expected true or false",
    "string_type": "expected text",
    "dict_type": "expected a mapping",
    "model_type": "expected a mapping",
    "model_attributes_type": "expected a mapping",
    "tuple_type": "expected a list",
    "date_type": "expected a date such as 2027-03-31",
    "date_parsing": "expected a date such as 2027-03-31",
    "date_from_datetime_parsing": "expected a date such as 2027-03-31",
    "greater_than_equal": "expected {ge} or more",
    "less_than_equal": "expected {le} or less",
    "too_short": "expected {min_length} entry or more",
}
_LOGIN = re.compile(r"(://)[^/\s]*@")
"""The user and password of an address."""


def problems_of(error: ValidationError, model: type[BaseModel], tree: Node) -> list[Problem]:
    """One problem per fault, without the branches of a union that the author did not mean."""
    schema = _schema(model)
    found: dict[Location, Problem] = {}
    for one in error.errors(include_url=False, include_context=True, include_input=False):
        location = _in_file(one["loc"], tree, one["type"])
        if one["type"] == "too_short" and tree.at(location):
            continue  # too short only because a member was refused, which is said by itself
        problem = _problem(one, location, tree, schema)
        if location not in found or _weight(found[location]) < _weight(problem):
            found[location] = problem
    inner = {location[:end] for location in found for end in range(len(location))}
    return [one for location, one in found.items() if one.code != "type" or location not in inner]


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema(by_alias=True)


def _weight(problem: Problem) -> tuple[bool, bool]:
    """Of two faults in one place, which are two branches of a union, the heavier says more."""
    return problem.code != "type", "a mapping, got" not in problem.message


def _in_file(location: Location, tree: Node, kind: str) -> Location:
    """The location without the words that only the schema has, such as a union's branch.

    Such a word may be a key of the file too, as in `service: {kind: command, command: …}`: the reading that ends where
    the fault is, and else the longest, is meant.
    """
    if kind == "missing":
        holders = (one for one in _paths(location[:-1], tree) if isinstance(tree.at(one), dict))
        return (*max(holders, key=len), location[-1])
    return max(_paths(location, tree), key=lambda one: (one[-1:] == location[-1:], len(one)))


def _paths(words: Location, node: Node) -> Iterator[Location]:
    """Every way to go down from a node by some of the words, in their order."""
    if not words:
        yield ()
        return
    if words[0] in node.children:
        yield from ((words[0], *rest) for rest in _paths(words[1:], node.children[words[0]]))
    yield from _paths(words[1:], node)


def _problem(one: ErrorDetails, location: Location, tree: Node, schema: dict[str, Any]) -> Problem:
    kind, context = one["type"], one.get("ctx", {})
    if kind == "labform":
        message = _without_password(context["message"])
        return Problem(location, context["code"], message.rpartition('" ')[2] if _secret(location) else message)
    if kind in {"extra_forbidden", "missing", "union_tag_not_found"}:
        return _key_problem(kind, location, tree, schema)
    if kind in {"union_tag_invalid", "literal_error"}:
        at = (*location, "kind") if kind == "union_tag_invalid" else location
        return Problem(at, "not-one-of", *_not_one_of(context, at, tree))
    given = _given(tree.at(location), location)
    if kind == "string_pattern_mismatch":
        return Problem(location, "value", f"{given} does not fit here", _about(schema, location, tree))
    quote = "; write it in quotes" if kind == "string_type" and "number" in given else ""
    code = "type" if kind.endswith(("_type", "_float")) else "value"
    wanted = _WANTED.get(kind, f"{one['msg'][0].lower()}{one['msg'][1:]}").format(**context)
    return Problem(location, code, f"{wanted}, got {given}{quote}")


def _key_problem(kind: str, location: Location, tree: Node, schema: dict[str, Any]) -> Problem:
    if kind == "extra_forbidden":
        allowed = set(_keys(schema, location[:-1], tree)) - set(tree.at(location[:-1]))
        return Problem(location, "unknown-key", "unknown key", suggestion(location[-1], allowed) if allowed else "")
    if kind == "missing":
        return Problem(location, "missing-key", f'missing key "{location[-1]}"', f"write {location[-1]}: …")
    kinds = f"allowed: {_tags(schema, location, tree)}"
    return Problem((*location, "kind"), "missing-key", 'missing key "kind"', kinds)


def _not_one_of(context: dict[str, Any], location: Location, tree: Node) -> tuple[str, str]:
    words = context.get("expected_tags") or context.get("expected", "")
    allowed = [word.strip(" '") for word in words.replace(" or ", ", ").split(",")]
    given = tree.at(location)
    expected = f"expected {'one of ' if len(allowed) > 1 else ''}{', '.join(allowed)}"
    near = suggestion(given, allowed) if isinstance(given, str) and len(allowed) > 1 else ""
    return f"{expected}, got {_given(given, location)}", near if near.startswith("did") else ""


def _about(schema: dict[str, Any], location: Location, tree: Node) -> str:
    """What a value is, in the words of its documentation, with an example where it has one."""
    said, examples = "", []
    for end in (len(location), len(location) - 1):
        for place in _places(schema, location[:end], tree, unions=True):
            said = said or place.get("description", "").split("\n")[0]
            examples += [one for branch in (place, *place.get("anyOf", ())) for one in branch.get("examples", ())]
        if said:
            break
    return " For example ".join([said, *examples[:1]])


def _secret(location: Location) -> bool:
    """Whether what stands there may be a secret's value, written where only its name belongs."""
    match location:
        case ("projects", _, "env" | "secrets", *_) | ("registry", "password", *_) | ("builder", "secrets", *_):
            return True
        case ("projects" | "bases", _, "environment", "args" | "env", *_):
            return True
    return False


def _given(value: Any, location: Location) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool) and not _secret(location):
        return str(value).lower()
    if isinstance(value, (dict, list)):
        return f"{'a' if value else 'an empty'} {'mapping' if isinstance(value, dict) else 'list'}"
    kind = "text" if isinstance(value, str) else "true or false" if isinstance(value, bool) else "the number"
    if _secret(location):
        return kind.replace("the", "a")
    return f'text "{_without_password(brief(value))}"' if kind == "text" else f"{kind} {value}"


def _without_password(text: str) -> str:
    return _LOGIN.sub(r"\1…@", text)


def _keys(schema: dict[str, Any], location: Location, tree: Node) -> Iterator[str]:
    """The keys that a mapping at a location may have, by the JSON schema."""
    for place in _places(schema, location, tree):
        yield from place.get("properties", {})


def _tags(schema: dict[str, Any], location: Location, tree: Node) -> str:
    tags = {
        tag
        for place in _places(schema, location, tree, unions=True)
        for tag in place.get("discriminator", {}).get("mapping", {})
    }
    return ", ".join(f"kind: {tag}" for tag in sorted(tags))


def _places(schema: dict[str, Any], location: Location, tree: Node, *, unions: bool = False) -> list[dict[str, Any]]:
    """The schemas that describe a location, unions resolved by the `kind` that the file has."""
    places, node = _resolved(schema, schema, tree), tree
    for part in location:
        node = node.children.get(part, node)
        inner = [one for place in places for one in _below(place, part)]
        places = (
            inner if unions and part == location[-1] else [two for one in inner for two in _resolved(one, schema, node)]
        )
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
    without = "detect" if node.children.keys() & {"directory", "git"} else None
    kind = node.children["kind"].value if "kind" in node.children else without
    if isinstance(kind, str) and kind in mapping:
        return _resolved({"$ref": mapping[kind]}, schema, node)
    branches = place.get("oneOf", []) + place.get("anyOf", [])
    return [one for branch in branches for one in _resolved(branch, schema, node)] if branches else [place]
